"""What is asked for in `authorization_details`: read whole, or refused by its place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.because import Author, Because
from mediator.canonical import Json, JsonObject
from mediator.delegation.authority import Entry
from mediator.delegation.constraint import OneOf, PathBelow, Prefix
from mediator.delegation.details import (
    CONSTRAINTS_MAX,
    TYPE,
    GrantDetails,
    HeldGrant,
    parse_arguments,
    parse_details,
    refused_details,
)
from mediator.effect import Effect
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from tests.promises import promise

READ = frozenset({Effect.READ})


def asked(**members: Json) -> JsonObject:
    return {"type": TYPE, "tools": ["files/read_*"], "effects": ["read"], **members}


def read(*objects: Json) -> GrantDetails | HeldGrant:
    return parse_details(json.dumps(objects))


def stop_of(text: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as stop:
        parse_details(text)
    assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.MALFORMED)
    return stop.value


def test_what_is_not_said_is_none() -> None:
    """Ours: and is then no more than the one before has."""
    assert read(asked()) == GrantDetails(
        entries=(Entry(pattern="files/read_*", effects=READ),),
        purpose=None,
        expires_in=None,
        max_calls=None,
        max_depth=None,
        locations=None,
        may_act=None,
    )


def test_all_that_can_be_said_is_read() -> None:
    """RFC 9396 §2: several objects of one type add up; what holds for the whole stands in one of them."""
    first = asked(arguments={"/path": {"path_below": "/data"}, "/a~1b": {"exact": 1}}, purpose="the reports")
    second: JsonObject = {
        "type": TYPE,
        "tools": ["mail/send", "*"],
        "effects": ["send", "read", "send"],
        "expires_in": 300,
        "max_calls": 20,
        "max_depth": 0,
        "locations": ["https://m/servers/files/mcp"],
        "may_act": ["worker", "gateway"],
    }
    both = frozenset({Effect.SEND, Effect.READ})
    assert read(first, second) == GrantDetails(
        entries=(
            Entry(
                pattern="files/read_*",
                effects=READ,
                arguments={"/path": PathBelow("/data"), "/a~1b": OneOf(frozenset({b"1"}))},
            ),
            Entry(pattern="mail/send", effects=both),
            Entry(pattern="*/*", effects=both),
        ),
        purpose="the reports",
        expires_in=300,
        max_calls=20,
        max_depth=0,
        locations=("https://m/servers/files/mcp",),
        may_act=("gateway", "worker"),
    )


def test_each_line_may_say_why_and_whoever_asks_here_is_an_agent() -> None:
    """Issue 7: a member of the lines; who wrote it is told, for an agent may be under injection."""
    details = read(asked(because="the reports are due"), asked())
    assert isinstance(details, GrantDetails)
    assert [entry.because for entry in details.entries] == [Because(text="the reports are due", by=Author.AGENT), None]


@pytest.mark.parametrize("because", [None, "", " ", "two\nlines", "x" * 501, ["x"], {"text": "x", "by": "owner"}])
def test_a_justification_that_nobody_could_read_is_refused_by_its_place(because: Json) -> None:
    """Ours: nor does anybody say whose words they are."""
    with pytest.raises(TokenRefused, match="authorization_details/0/because"):
        read(asked(because=because))


def test_nobody_may_be_who_may_act() -> None:
    """RFC 8693 §4.4, ours: empty is nobody."""
    details = read(asked(may_act=[]))
    assert isinstance(details, GrantDetails)
    assert details.may_act == ()


def test_a_held_grant_is_named_alone() -> None:
    """Ours: a fresh token of it, of which nothing else can be said."""
    assert read({"type": TYPE, "grant": "task-1"}) == HeldGrant("task-1")


PLACES: dict[str, tuple[Any, str]] = {
    "no list": ({}, ": expected a list of 1 to 16 objects"),
    "nothing": ([], ": expected a list of 1 to 16 objects"),
    "too many": ([asked()] * 17, ": expected a list of 1 to 16 objects"),
    "no object": ([asked(), "x"], "/1/type: expected `mcp_tool_grant`"),
    "no type": ([{"tools": ["a/b"], "effects": ["read"]}], "/0/type: expected `mcp_tool_grant`"),
    "another type": ([asked(), asked(type="payment_initiation")], "/1/type: expected `mcp_tool_grant`"),
    "no tools": ([{"type": TYPE, "effects": ["read"]}], "/0/tools: expected a list of 1 to 64"),
    "empty tools": ([asked(tools=[])], "/0/tools: expected a list of 1 to 64"),
    "tools that are a text": ([asked(tools="a/b")], "/0/tools: expected a list of 1 to 64"),
    "a tool that is a number": ([asked(tools=["a/b", 1])], "/0/tools/1: expected a tool pattern"),
    "too many tools": ([asked(tools=["a/b"] * 65)], "/0/tools: expected a list of 1 to 64"),
    "too many tools in all": (
        [asked(tools=["a/b"] * 64), asked()],
        ": expected at most 64 tool patterns in all",
    ),
    "no effects": ([{"type": TYPE, "tools": ["a/b"]}], "/0/effects: expected a list of 1 to 5"),
    "empty effects": ([asked(effects=[])], "/0/effects: expected a list of 1 to 5"),
    "an effect that is none": ([asked(effects=["admin"])], "/0/effects: expected of read, write, delete, send, exec"),
    "an effect in a list": ([asked(effects=[["read"]])], "/0/effects: expected of read, write, delete, send, exec"),
    "arguments that are a list": (
        [asked(arguments=[])],
        "/0/arguments: expected an object of at most 32 constraints by JSON pointer",
    ),
    "arguments that are null": (
        [asked(arguments=None)],
        "/0/arguments: expected an object of at most 32 constraints by JSON pointer",
    ),
    "too many arguments": (
        [asked(arguments={f"/{number}": {"exact": 1} for number in range(33)})],
        "/0/arguments: expected an object of at most 32 constraints by JSON pointer",
    ),
    "constraints times patterns": (
        [asked(tools=["a/b"] * 33, arguments={f"/{number}": {"exact": 1} for number in range(8)})],
        f": expected at most {CONSTRAINTS_MAX} constraints in all, counted for each tool pattern",
    ),
    "a purpose of blanks": ([asked(purpose=" ")], "/0/purpose: expected what it is for, in at most 2000 characters"),
    "a purpose that is none": ([asked(purpose=1)], "/0/purpose: expected what it is for, in at most 2000 characters"),
    "a novel": ([asked(purpose="x" * 2001)], "/0/purpose: expected what it is for, in at most 2000 characters"),
    "no time": ([asked(expires_in=0)], "/0/expires_in: expected a whole number from 1 to 28800"),
    "a time that is a truth": ([asked(expires_in=True)], "/0/expires_in: expected a whole number from 1 to 28800"),
    "half a second": ([asked(expires_in=1.5)], "/0/expires_in: expected a whole number from 1 to 28800"),
    "too long a time": ([asked(expires_in=28801)], "/0/expires_in: expected a whole number from 1 to 28800"),
    "no calls": ([asked(max_calls=0)], "/0/max_calls: expected a whole number from 1 to 1000000"),
    "calls without end": ([asked(max_calls=None)], "/0/max_calls: expected a whole number from 1 to 1000000"),
    "a depth below none": ([asked(max_depth=-1)], "/0/max_depth: expected a whole number from 0 to 8"),
    "too deep": ([asked(max_depth=9)], "/0/max_depth: expected a whole number from 0 to 8"),
    "nowhere": ([asked(locations=[])], "/0/locations: expected a list of 1 to 32"),
    "everywhere": ([asked(locations=None)], "/0/locations: expected a list of 1 to 32"),
    "an empty place": ([asked(locations=[""])], "/0/locations: expected names of at most 256 characters, each once"),
    "a name twice": ([asked(may_act=["a", "a"])], "/0/may_act: expected names of at most 256 characters, each once"),
    "a name that is none": ([asked(may_act=["a", 1])], "/0/may_act: expected names of at most 256 characters, each once"),
    "a long name": ([asked(may_act=["a" * 257])], "/0/may_act: expected names of at most 256 characters, each once"),
    "a name that is a text for readers": (
        [asked(may_act=["a secret\x1b[2J"])],
        "/0/may_act: expected names of agents: 1 to 64 letters, digits, `.`, `_`, `-`, a letter or digit first",
    ),
    "names that are a text": ([asked(may_act="a")], "/0/may_act: expected a list of 0 to 32"),
    "an unknown member": ([asked(scope="all")], "/0/scope: expected no such member here, or in one object alone"),
    "a member of RFC 9396": ([asked(actions=[])], "/0/actions: expected no such member here, or in one object alone"),
    "the whole said twice": (
        [asked(max_calls=1), asked(max_calls=1)],
        "/1/max_calls: expected no such member here, or in one object alone",
    ),
    "a held grant and more": ([{"type": TYPE, "grant": "g", "max_calls": 1}], "/0/effects: expected a list of 1 to 5"),
    "two held grants": ([{"type": TYPE, "grant": "g"}] * 2, "/0/effects: expected a list of 1 to 5"),
    "a held grant without a name": ([{"type": TYPE, "grant": ""}], "/0/effects: expected a list of 1 to 5"),
    "a held grant that is a number": ([{"type": TYPE, "grant": 1}], "/0/effects: expected a list of 1 to 5"),
    "tools and a held grant": (
        [asked(grant="g")],
        "/0/grant: expected no such member here, or in one object alone",
    ),
}  # fmt: skip


@promise("P7")
@pytest.mark.parametrize("case", PLACES)
def test_what_does_not_fit_is_refused_by_its_place(case: str) -> None:
    """RFC 9396 §5: an unknown type or field, a wrong one, a missing one. Empty is never all."""
    form, place = PLACES[case]
    stop = stop_of(json.dumps(form))
    assert (stop.detail, stop.sentence) == (f"authorization_details{place}",) * 2


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"path": {"exact": 1}}, "`/0/arguments`"),
        ({"": {"exact": 1}}, "`/0/arguments`"),
        ({"/a~2": {"exact": 1}}, "`/0/arguments`"),
        ({"/a\n": {"exact": 1}}, "`/0/arguments`"),
        ({"/a\x1b[1m": {"exact": 1}}, "`/0/arguments`"),
        ({"/" + "a" * 256: {"exact": 1}}, "`/0/arguments`"),
        ({"/a": {"one_of": []}}, "`/0/arguments/~1a/one_of`"),
        ({"/a~1b/c": {"all": [{"exact": 1}, {"some": 1}]}}, "`/0/arguments/~1a~01b~1c/all/1`"),
    ],
)
def test_a_constraint_that_is_none_is_refused_by_a_pointer_to_it(arguments: JsonObject, place: str) -> None:
    """RFC 6901 §3: the pointer's own `~` and `/` are escaped."""
    assert stop_of(json.dumps([asked(arguments=arguments)])).detail.startswith(f"{place}: expected ")


def test_a_pattern_that_is_none_is_refused() -> None:
    """Ours."""
    assert stop_of(json.dumps([asked(tools=["files"])])).detail.startswith("tool pattern `files` is not ")


@pytest.mark.parametrize(
    "text",
    ["", "[", "[{}", '[{"type":"mcp_tool_grant","type":"mcp_tool_grant"}]', "[NaN]", '["\ud800"]', " " * 16385,
     "[" * 17 + "]" * 17],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    """RFC 9396 §5; duplicate members have two readings."""
    assert stop_of(text).detail.startswith("authorization_details: expected ")


def test_constraints_are_counted_once_for_each_pattern() -> None:
    """Ours: just as many as are compared in no time."""
    arguments: JsonObject = {f"/{number}": {"any": [{"exact": 1}]} for number in range(4)}
    details = read(asked(tools=["a/b"] * 8, arguments=arguments))
    assert isinstance(details, GrantDetails)
    assert len(details.entries) == 8
    stop_of(json.dumps([asked(tools=["a/b"] * 8, arguments={**arguments, "/x": {"exact": 1}})]))


def test_arguments_are_read_by_pointer() -> None:
    """Ours: of a statement too."""
    assert parse_arguments({"/a": {"prefix": "x"}}, "/arguments") == {"/a": Prefix("x")}
    with pytest.raises(Refused) as stop:
        parse_arguments({"/a": {}}, "/arguments")
    assert stop.value.detail.startswith("`/arguments/~1a`: expected ")


def test_a_place_stands_in_the_refusal() -> None:
    """RFC 9396 §5."""
    stop = refused_details("/0/x", "less")
    assert (stop.error, stop.sentence) == (
        OAuthError.INVALID_AUTHORIZATION_DETAILS,
        "authorization_details/0/x: expected less",
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10) | st.sampled_from([TYPE, "read", "a/b", "/a", "exact", "", "*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "tools",
                    "effects",
                    "arguments",
                    "/a",
                    "exact",
                    "any",
                    "range",
                    "max_calls",
                    "grant",
                    "may_act",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@promise("P7")
@given(st.lists(VALUES | st.builds(lambda more: asked(**more), st.dictionaries(st.sampled_from(
    ["arguments", "tools", "effects", "purpose", "max_depth", "locations", "x"]), VALUES, max_size=2)), max_size=3)
)  # fmt: skip
def test_any_details_are_read_or_refused(objects: list[Json]) -> None:
    """House style 4: `parse_*` raises `Refused`, and nothing else; and what is read has at least one entry."""
    try:
        details = read(*objects)
    except TokenRefused as stop:
        assert stop.error is OAuthError.INVALID_AUTHORIZATION_DETAILS
    else:
        assert isinstance(details, HeldGrant) or all(entry.effects for entry in details.entries)
        assert isinstance(details, HeldGrant) or details.entries


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """House style 4."""
    with pytest.raises(TokenRefused):
        parse_details(text)
