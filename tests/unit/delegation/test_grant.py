"""Grants as they are stored: one form, whole, or nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.because import Author, Because
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.delegation.grant import Grant, GrantState, grant_form, parse_grant
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import without
from tests.simulated.grants import a_grant, authority

FORM = grant_form(a_grant())
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.just(1.5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def reason_of(form: JsonObject) -> Reason:
    with pytest.raises(Refused) as stop:
        parse_grant(form)
    return stop.value.reason


@pytest.mark.parametrize(
    "grant",
    [
        a_grant(),
        a_grant(idle_ms=1_800_000, max_calls=3, state=GrantState.REVOKED),
        a_grant(parent="g-0", depth=1, max_depth=2),
        a_grant(rights=authority("a/* read,write", "b/c exec", pin_serial=0), purpose="tell\n\x00 ünï"),
        a_grant(keyid="ab" * 32, is_connector=True, may_act=("gateway",)),
        a_grant(rights=authority("b/c exec", because=Because(text="the owner asks", by=Author.OWNER))),
    ],
)
def test_a_grant_comes_back_from_its_form(grant: Grant) -> None:
    """Ours: through bytes, as the store keeps it."""
    assert parse_grant(parse_object(canonical_bytes(grant_form(grant)))) == grant


@pytest.mark.parametrize("name", sorted(FORM))
def test_a_grant_that_lacks_a_member_gives_nothing(name: str) -> None:
    """A grant that cannot be read gives nothing."""
    assert reason_of(without(FORM, name)) is Reason.CHAIN_INVALID


@promise("P7")
def test_a_member_that_we_do_not_know_might_have_narrowed_it() -> None:
    """Ours: what a newer version restricts, an older one must not give freely."""
    assert reason_of(FORM | {"arguments": {"city": "Oslo"}}) is Reason.CHAIN_INVALID
    entry: JsonObject = {"pattern": "clock/*", "effects": ["read"], "only": "mornings"}
    assert reason_of(FORM | {"entries": [entry]}) is Reason.CHAIN_INVALID


BECAUSES: tuple[Json, ...] = (
    None, "x", {"text": "x"}, {"text": "", "by": "owner"}, {"text": "x", "by": "nobody"}, {"text": "x", "by": 1},
)  # fmt: skip
WRONG: dict[str, JsonObject] = {
    **{f"`{name}` is a number": FORM | {name: 7} for name, value in FORM.items() if isinstance(value, str)},
    **{f"`{name}` is text": FORM | {name: "7"} for name, value in FORM.items() if isinstance(value, int)},
    **{f"`{name}` is a boolean": FORM | {name: True} for name, value in FORM.items() if type(value) is int},
    "`parent` is a number": FORM | {"parent": 1},
    "`idle_ms` is text": FORM | {"idle_ms": "1"},
    "`max_calls` is a boolean": FORM | {"max_calls": False},
    "`state` is unknown": FORM | {"state": "paused"},
    "`entries` is an object": FORM | {"entries": {}},
    "an entry is text": FORM | {"entries": ["clock/* read"]},
    "a connector is a number": FORM | {"is_connector": 1},
    "`keyid` is a number": FORM | {"keyid": 1},
    "`may_act` is text": FORM | {"may_act": "worker"},
    "`may_act` holds a number": FORM | {"may_act": [1]},
    "constraints that are a list": FORM | {"entries": [{"pattern": "clock/*", "effects": ["read"], "arguments": []}]},
    "an unknown constraint": FORM
    | {"entries": [{"pattern": "clock/*", "effects": ["read"], "arguments": {"/a": {"matches": ".*"}}}]},
    "a pointer that is none": FORM
    | {"entries": [{"pattern": "clock/*", "effects": ["read"], "arguments": {"a": {"exact": 1}}}]},
    "an entry without effects": FORM | {"entries": [{"pattern": "clock/*"}]},
    "an unknown effect": FORM | {"entries": [{"pattern": "clock/*", "effects": ["borrow"], "arguments": {}}]},
    "effects that are no list": FORM | {"entries": [{"pattern": "clock/*", "effects": "read", "arguments": {}}]},
    **{
        f"a justification that is {because!r}": FORM
        | {"entries": [{"pattern": "clock/*", "effects": ["read"], "arguments": {}, "because": because}]}
        for because in BECAUSES
    },
    "a pattern that is none": FORM | {"entries": [{"pattern": "clock", "effects": ["read"], "arguments": {}}]},
    "a pattern that is a list": FORM | {"entries": [{"pattern": ["clock/*"], "effects": ["read"], "arguments": {}}]},
}


@pytest.mark.parametrize("form", WRONG.values(), ids=WRONG)
def test_a_grant_of_another_form_gives_nothing(form: JsonObject) -> None:
    """Ours: whatever wrote it there."""
    assert reason_of(form) is Reason.CHAIN_INVALID


@given(st.sampled_from(sorted(FORM)), JSON_VALUES)
def test_any_form_is_read_or_refused_and_nothing_else_happens(name: str, value: Json) -> None:
    """House style, section 4."""
    try:
        grant = parse_grant(FORM | {name: value})
    except Refused as stop:
        assert stop.reason is Reason.CHAIN_INVALID
    else:
        assert grant_form(grant) == FORM | {name: value}
