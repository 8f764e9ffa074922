"""Circumstances: what is written of them is read back whole, or not at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.mediation.approval import Approval, Approver, Denial
from mediator.mediation.circumstances import UNKNOWN, circumstances_form, parse_circumstances
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.grants import a_grant
from tests.simulated.judged import circumstances_of

SOME = replace(
    circumstances_of(a_grant(), a_grant(id="g-2"), epoch=7),
    calls=3,
    last_used_ms=12,
    spent=frozenset({"calls:g-1"}),
    labels=frozenset({"untrusted", "confidential:hr"}),
    frozen=frozenset({"agent:planner"}),
)
APPROVER = Approver(who="bob", keyid="k", roles=frozenset({"operator", "owner"}), at_ms=5, statement="sha256:s")
OPEN = Approval(id="approval-1", grant="g-2", request_hash="sha256:h", expires_ms=9, approvers=(APPROVER,))
DENIED = replace(OPEN, id="approval-2", denial=Denial(who="eve", at_ms=6, reason="no", statement="sha256:t"))


LACKING = replace(SOME, denials=2).without(frozenset({"budget:b:g-1"}), {"rate:r:g-1": 1000})


@promise("P8")
@pytest.mark.parametrize("circumstances", [SOME, UNKNOWN, LACKING, replace(SOME, approvals=(OPEN, DENIED))])
def test_what_a_record_keeps_is_read_back_the_same(circumstances: object) -> None:
    """Ours: replay is made of this."""
    assert isinstance(circumstances, type(UNKNOWN))
    form = parse_object(canonical_bytes(circumstances_form(circumstances)))
    assert parse_circumstances(form) == circumstances


@promise("P7")
def test_where_nothing_is_known_nothing_is_granted() -> None:
    """Ours: no grant, so no chain, so no allow."""
    assert UNKNOWN.grants == ()


def test_what_a_call_could_not_take_stands_beside_what_is_spent() -> None:
    """Ours: and what is empty leaves no member, so that older records are read, and replayed, as they were."""
    assert (LACKING.spent, LACKING.exhausted) == (SOME.spent | {"budget:b:g-1"}, {"rate:r:g-1": 1000})
    assert circumstances_form(LACKING).keys() - circumstances_form(SOME).keys() == {"exhausted", "denials"}


WRONG: dict[str, JsonObject] = {
    "a grant that is none": {"grants": ["g-1"]},
    "a label that is no string": {"labels": [1]},
    "a label twice": {"labels": ["untrusted", "untrusted"]},
    "something spent that is no string": {"spent": [None]},
    "something frozen that is no string": {"frozen": [{}]},
    "an epoch that is no number": {"epoch": "7"},
    "a time that is no number": {"last_used_ms": "yesterday"},
    "nothing exhausted": {"exhausted": {}},
    "something exhausted for no time": {"exhausted": {"rate:r": 0}},
    "something exhausted for a time that is none": {"exhausted": {"rate:r": "1000"}},
    "exhausted things that are a list": {"exhausted": ["rate:r"]},
    "denials that are none": {"denials": 0},
    "denials that are no number": {"denials": True},
    "a member that we do not know": {"reviews": []},
    "approvals that are none": {"approvals": []},
    "approvals that are no list": {"approvals": {}},
    "an approval that is none": {"approvals": [{}]},
}


@promise("P7")
@pytest.mark.parametrize("case", WRONG)
def test_what_was_not_written_like_that_is_refused(case: str) -> None:
    """Ours: half-read circumstances would be other circumstances."""
    with pytest.raises(Refused) as stop:
        parse_circumstances(circumstances_form(SOME) | WRONG[case])
    assert stop.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("name", list(circumstances_form(UNKNOWN)))
def test_a_member_that_is_missing_is_refused(name: str) -> None:
    """Ours: empty is never permission, and neither is absent."""
    form: dict[str, Json] = circumstances_form(SOME)
    del form[name]
    with pytest.raises(Refused) as stop:
        parse_circumstances(form)
    assert stop.value.reason is Reason.MALFORMED
