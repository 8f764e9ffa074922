"""Tests of the base context.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.effect import Effect
from mediator.policy.context import (
    BASE,
    DELEGATION,
    approval_of_this_request,
    context_of_ask,
    context_of_call,
    opaque_with_targets,
    read_delegation,
    reader_of_ask,
    reader_of_base,
)
from mediator.policy.request import Action, AskFacts, JustificationFacts, TargetFacts
from mediator.policy.types import EVERYTHING, Leaf, Paths, text_of
from tests.promises import promise
from tests.unit.policy.facts import approved, base, delegation, tool

CALENDAR = '{ "weekday": Long, "day": Long, "month": Long, "year": Long, "hour": Long, "minute": Long }'
FULL = base(
    approval=approved(),
    destination=frozenset({"b", "a"}),
    targets=TargetFacts(hosts=frozenset({"c.b"}), paths=frozenset({"/x/y"})),
    justified=True,
    justification=JustificationFacts(by="agent", size_bytes=7),
    task=replace(base().task, labels=frozenset({"untrusted"})),
)


def test_every_attribute_of_the_design_is_there_with_its_type() -> None:
    """Ours (design 5.5): booleans, longs, strings and small sets of strings, no entities and no extension values."""
    assert text_of(BASE) == (
        '{ "approval"?: { "approver": String, "at": Long, "request_hash": String }, '
        f'"calendar": {{ "utc": {CALENDAR}, "local": {CALENDAR} }}, '
        '"chain": { "depth": Long, "root": String, "members": Set<String>, "connectors": Set<String> }, '
        '"destination": Set<String>, '
        '"grant": { "id": String, "covers": Bool, "purpose": String, "expires": Long }, '
        '"justification"?: { "by": String, "bytes": Long }, "justified": Bool, "method": String, "now": Long, "nulls": Set<String>, "opaque": Set<String>, "pin": String, '
        '"proof": String, "protocol": String, "provenance": Set<String>, "request_hash": String, '
        '"secrets": Set<String>, '
        '"targets": { "domains": Set<String>, "paths": Set<String>, "folders": Set<String> }, '
        '"task": { "id": String, "labels": Set<String>, "calls": Long, "denials": Long, "age": Long, "novel": Set<String> } }'
    )


def test_a_tools_own_action_adds_its_arguments_and_a_group_has_none() -> None:
    """Ours (design 5.5): `context.args` exists only where a policy names the tool."""
    assert "args" not in BASE.members
    assert context_of_call(Leaf.OPAQUE).members["args"].type is Leaf.OPAQUE


@pytest.mark.parametrize("action", [Action.ELICIT, Action.SAMPLE, Action.LIST_ROOTS])
def test_what_a_server_asks_has_no_arguments_and_nothing_of_them(action: Action) -> None:
    """Ours: an attribute that would always be empty looks like a guard. How the human is asked is there, if one is."""
    members = context_of_ask(action).members
    assert BASE.members.keys() - members.keys() == {"opaque", "nulls", "pin", "secrets"}
    assert members.keys() - BASE.members.keys() == ({"ask"} if action is Action.ELICIT else set())


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (EVERYTHING, {"mode": "url", "url": "https://a.example"}),
        (frozenset({("ask",)}), {"mode": "url", "url": "https://a.example"}),
        (frozenset({("ask", "mode")}), {"mode": "url"}),
        (frozenset({("ask", "url")}), {"url": "https://a.example"}),
        (frozenset({("now",)}), {}),
    ],
)
def test_of_how_a_server_asks_only_what_is_wanted_is_read(wanted: Paths, seen: dict[str, str]) -> None:
    """Ours: a form has no address, and then there is none."""
    assert reader_of_ask(wanted)(AskFacts(mode="url", url="https://a.example")) == seen
    assert "url" not in reader_of_ask(wanted)(AskFacts(mode="form"))


def test_the_whole_of_the_facts_is_read() -> None:
    """Ours: sets in order, so that equal facts are equal questions."""
    assert reader_of_base(EVERYTHING)(FULL) == {
        "chain": {"depth": 0, "root": "planner-1", "members": ["planner-1"], "connectors": []},
        "grant": {"id": "grant-1", "covers": True, "purpose": "tests", "expires": 2_000},
        "task": {"id": "task-1", "labels": ["untrusted"], "calls": 0, "denials": 0, "age": 10, "novel": []},
        "destination": ["a", "b", "c.b"],
        "targets": {"domains": ["a", "b", "c.b"], "paths": ["/x/y"], "folders": ["/x", "/x/y"]},
        "proof": "bearer",
        "justified": True,
        "justification": {"by": "agent", "bytes": 7},
        "calendar": {
            "utc": {"weekday": 4, "day": 1, "month": 1, "year": 1970, "hour": 0, "minute": 0},
            "local": {"weekday": 4, "day": 1, "month": 1, "year": 1970, "hour": 1, "minute": 0},
        },
        "now": 1_000,
        "protocol": "2026-07-28",
        "method": "tools/call",
        "request_hash": "sha256:this",
        "provenance": [],
        "approval": {"approver": "bob@example.com", "at": 900, "request_hash": "sha256:this"},
    }


def test_only_what_is_wanted_is_read() -> None:
    """Ours: a question holds what the slice names and nothing else."""
    wanted = frozenset({("grant", "covers"), ("proof",), ("approval", "at"), ("task",), ("nope", "x")})
    assert reader_of_base(wanted)(FULL) == {
        "grant": {"covers": True},
        "proof": "bearer",
        "approval": {"at": 900},
        "task": {"id": "task-1", "labels": ["untrusted"], "calls": 0, "denials": 0, "age": 10, "novel": []},
    }
    assert reader_of_base(frozenset())(FULL) == {}


def test_of_the_calendar_and_a_justification_only_what_is_wanted_is_read() -> None:
    """Ours: a policy of office hours makes a question new once an hour, not once a millisecond."""
    wanted = frozenset({("calendar", "local", "hour"), ("justification", "by")})
    assert reader_of_base(wanted)(FULL) == {"calendar": {"local": {"hour": 1}}, "justification": {"by": "agent"}}
    assert reader_of_base(wanted)(base()) == {"calendar": {"local": {"hour": 1}}}


@promise("P6")
def test_an_approval_of_another_request_is_none() -> None:
    """Ours: no policy has to compare hashes, so none can forget to."""
    other = base(approval=approved("sha256:other"))
    assert approval_of_this_request(other) is None
    assert "approval" not in reader_of_base(EVERYTHING)(other)
    assert approval_of_this_request(base()) is None
    assert approval_of_this_request(FULL) == approved()


@pytest.mark.parametrize(
    ("opaque", "targets", "expected"),
    [
        pytest.param(["/a"], ["/a"], {"/a"}, id="the target itself"),
        pytest.param(["/a"], ["/a/to"], {"/a", "/a/to"}, id="the target lies within"),
        pytest.param(["/a/0/x"], ["/a"], {"/a/0/x", "/a"}, id="the target holds it"),
        pytest.param([""], ["/a"], {"", "/a"}, id="everything is opaque"),
        pytest.param(["/ab"], ["/a"], {"/ab"}, id="a name that only begins alike"),
        pytest.param([], ["/a"], set(), id="nothing is opaque"),
    ],
)
def test_a_target_that_policy_cannot_see_is_opaque_itself(
    opaque: list[str], targets: list[str], expected: set[str]
) -> None:
    """Ours: `context.opaque.containsAny(resource.targets)` is the whole of what a policy has to ask."""
    assert opaque_with_targets(opaque, tool(targets=tuple(targets))) == expected


def test_a_delegation_has_a_context_of_its_own_with_its_types() -> None:
    """Ours: plain values; of the grant nothing that only a call has, such as what it covers."""
    assert text_of(DELEGATION) == (
        '{ "chain": { "depth": Long, "root": String, "members": Set<String>, "connectors": Set<String> }, '
        '"delegated": { "effects": Set<String>, "servers": Set<String>, "depth": Long, "max_depth": Long, '
        '"minutes": Long, "max_calls"?: Long, "is_connector": Bool }, '
        '"grant": { "id": String, "purpose": String, "expires": Long }, "now": Long, "proof": String }'
    )


def test_a_delegation_is_read_as_its_type_declares() -> None:
    """Ours: no bound of calls is an attribute that is absent, not a number that could be compared."""
    request = delegation(effects=frozenset({Effect.WRITE, Effect.READ}), servers=frozenset({"b", "a"}), max_calls=0)
    assert read_delegation(request) == {
        "chain": {"depth": 0, "root": "planner-1", "members": ["planner-1"], "connectors": []},
        "grant": {"id": "grant-1", "purpose": "tests", "expires": 2_000},
        "delegated": {
            "effects": ["read", "write"],
            "servers": ["a", "b"],
            "depth": 1,
            "max_depth": 2,
            "minutes": 5,
            "max_calls": 0,
            "is_connector": False,
        },
        "now": 1_000,
        "proof": "bearer",
    }
    assert read_delegation(delegation())["delegated"] == {
        "effects": ["read"],
        "servers": ["files"],
        "depth": 1,
        "max_depth": 2,
        "minutes": 5,
        "is_connector": False,
    }
