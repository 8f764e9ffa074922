"""Rules that freeze: what they look like, what they look for, and when they hold.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Digest
from mediator.kind import ItemKind
from mediator.mediation import freeze_rules
from mediator.mediation.freeze import parse_frozen
from mediator.mediation.freeze_rules import (
    FreezeRule,
    Happening,
    Tripped,
    Tripwires,
    happening_of,
    happening_of_drift,
    parse_freeze_rule,
)
from mediator.mediation.quarantine import Quarantined, QuarantineKey
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.grants import a_grant
from tests.simulated.ids import ids_of
from tests.simulated.judged import a_tool, denied

TWENTY = "denials > 20 in 60s of agent"


def test_a_rule_says_what_how_often_and_who() -> None:
    """Issue 7: by deny rate, drift, loop, budget."""
    assert parse_freeze_rule(TWENTY) == FreezeRule(
        text=TWENTY, what="denials", more_than=20, within_ms=60_000, whom="agent"
    )
    once = parse_freeze_rule("budget mails of owner")
    assert (once.what, once.more_than, once.whom) == ("budget mails", 0, "owner")


@pytest.mark.parametrize(
    "rule",
    [
        "loop of task",
        "loop > 3 in 600s of key",
        "drift of server",
        "drift of tool",
        "drift > 2 in 3600s of everything",
        "denials > 0 in 1s of everything",
        "denials > 1000 in 86400s of class",
    ],
)
def test_every_part_of_the_grammar_is_taken(rule: str) -> None:
    """Ours."""
    assert parse_freeze_rule(rule).text == rule


@promise("P7")
@pytest.mark.parametrize(
    "rule",
    [
        "",
        "denials of agent",
        "denials > 20 of agent",
        "denials > 20 in 60 of agent",
        "denials > -1 in 60s of agent",
        "denials > 020 in 60s of agent",
        "denials > 1001 in 60s of agent",
        "denials > 2 in 86401s of agent",
        "denials >= 20 in 60s of agent",
        "denials > 20 in 60s of planner",
        "drift of agent",
        "budget of owner",
        "budget Mails of owner",
        "loop of task\n",
        " loop of task",
        "loop of task or server",
    ],
)
def test_what_is_no_rule_is_refused_and_told_what_one_looks_like(rule: str) -> None:
    """Bad input: who mistypes does not believe that somebody will be stopped."""
    with pytest.raises(Refused) as stop:
        parse_freeze_rule(rule)
    assert stop.value.reason is Reason.MALFORMED
    assert "drift of server" in str(stop.value.remedy)


def test_a_denial_is_of_whoever_acted_and_of_what_was_asked_for() -> None:
    """Ours: each name is one that can be frozen."""
    found = happening_of(denied(7, reason=Reason.DENIED_BY_POLICY, tool=a_tool()))
    assert found is not None
    assert found.names == {
        "everything": "everything",
        "agent": "agent:planner",
        "class": "class:assistant",
        "owner": "owner:alice@example.com",
        "task": "task:g-1",
        "server": "server:clock",
        "tool": "tool:clock/now",
    }
    assert all(parse_frozen(name) for name in found.names.values())
    assert (found.whats, found.evidence) == (frozenset({"denials"}), ids_of(7).decision_id)


def test_who_acted_with_a_key_of_its_own_can_be_stopped_by_it() -> None:
    """Ours: the last link's."""
    links = (a_grant(), a_grant(id="g-2", parent="g-1", root="g-1", agent="worker", keyid="k-1", depth=1))
    found = happening_of(denied(ended=links, reason=Reason.NOT_COVERED))
    assert found is not None
    assert (found.names["key"], found.names["agent"], found.names["task"]) == ("key:k-1", "agent:worker", "task:g-1")
    assert "tool" not in found.names


def refused_for(reason: Reason, detail: str = "") -> Happening | None:
    made = denied(reason=reason)
    object.__setattr__(made, "stop", Refused(reason, detail))
    return happening_of(made)


@pytest.mark.parametrize(
    ("reason", "detail", "whats"),
    [
        (Reason.LOOP_DETECTED, "`loop:x`", {"denials", "loop"}),
        (Reason.BUDGET_SPENT, "`budget:mails:a:3600/7`: 1 are not left of 3", {"denials", "budget mails"}),
        (Reason.BUDGET_SPENT, "`calls:g-1`: all 3 are used", {"denials"}),
        (Reason.BUDGET_SPENT, "", {"denials"}),
        (Reason.UNKNOWN_TOOL, "", {"denials"}),
    ],
)
def test_a_denial_says_what_it_was(reason: Reason, detail: str, whats: set[str]) -> None:
    """Ours."""
    found = refused_for(reason, detail)
    assert found is not None
    assert found.whats == whats


@promise("P11")
@pytest.mark.parametrize(
    "reason", [Reason.FROZEN, Reason.APPROVAL_REQUIRED, Reason.TRY_AGAIN, Reason.STORE_UNAVAILABLE, Reason.INTERNAL]
)
def test_what_is_not_the_agents_doing_is_no_denial_of_it(reason: Reason) -> None:
    """Ours: who is frozen, and asks on, does not have its owner frozen too."""
    assert refused_for(reason) is None


def test_a_denial_of_a_grant_that_is_not_stored_is_nobodys() -> None:
    """Ours: there is nobody to stop."""
    assert happening_of(denied(known=False)) is None


def test_drift_is_of_a_server_and_of_what_drifted() -> None:
    """Issue 7."""
    key = QuarantineKey(server="clock", kind=ItemKind.PROMPT, name="greet", statement_digest=Digest("sha256:s"))
    held = Quarantined(key=key, since_ms=7, found={})
    found = happening_of_drift(held, "sha256:d")
    assert found.names == {
        "everything": "everything",
        "server": "server:clock",
        "tool": "prompt:clock/greet",
    }
    assert (found.whats, found.evidence, found.at_ms) == (frozenset({"drift"}), "sha256:d", held.since_ms)


def denial(number: int, at_ms: int, agent: str = "a") -> Happening:
    names = {"agent": f"agent:{agent}", "everything": "everything"}
    return Happening(whats=frozenset({"denials"}), names=names, evidence=f"d{number}", at_ms=at_ms)


def wired(*rules: str) -> Tripwires:
    wires = Tripwires()
    wires.put(map(parse_freeze_rule, rules))
    return wires


def test_more_than_so_many_in_so_long_trips_the_rule_and_is_the_evidence() -> None:
    """Issue 7: it says which evidence tripped it; then it counts anew."""
    wires = wired("denials > 2 in 10s of agent")
    told = [wires.observe(denial(number, at_ms=number * 5000)) for number in range(4)]
    assert told[:2] == [(), ()]
    assert [one.evidence for one in told[2]] == [("d0", "d1", "d2")]
    assert told[3] == ()


def test_what_is_spread_over_longer_trips_nothing() -> None:
    """Ours: the window moves with each."""
    wires = wired("denials > 2 in 10s of agent")
    assert [wires.observe(denial(number, at_ms=number * 5001)) for number in range(50)] == [()] * 50


def test_each_is_counted_apart() -> None:
    """Ours: and each rule for itself, each that holds is told."""
    wires = wired(
        "denials > 1 in 10s of agent", "denials > 2 in 10s of everything", "loop of agent", "denials > 0 in 1s of task"
    )
    assert wires.observe(denial(0, 0, "a")) == ()
    assert wires.observe(denial(1, 0, "b")) == ()
    tripped = wires.observe(denial(2, 0, "a"))
    assert [(one.name, one.evidence) for one in tripped] == [
        ("agent:a", ("d0", "d2")),
        ("everything", ("d0", "d1", "d2")),
    ]


def test_rules_that_stay_keep_what_they_have_seen() -> None:
    """Ours: another rule that comes or goes gives nobody a fresh start."""
    wires = wired("denials > 1 in 10s of agent")
    wires.observe(denial(0, 0))
    wires.put(map(parse_freeze_rule, ["denials > 1 in 10s of agent", "denials > 0 in 1s of everything"]))
    assert [one.name for one in wires.observe(denial(1, 0))] == ["agent:a", "everything"]
    wires.put(())
    assert wires.observe(denial(2, 0)) == ()


def test_room_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: the latest evidence, and whoever was seen last."""
    monkeypatch.setattr(freeze_rules, "WATCHED_MAX", 10)
    wires = wired("denials > 40 in 10s of agent")
    for number in range(40):
        wires.observe(denial(number, 0))
    for number in range(9):
        wires.observe(denial(number, 0, f"other-{number}"))
    (tripped,) = wires.observe(denial(40, 0))
    assert isinstance(tripped, Tripped)
    assert tripped.evidence == tuple(f"d{number}" for number in range(9, 41))
    for number in range(10):
        wires.observe(denial(number, 0, f"more-{number}"))
    assert len(wires._seen) == 10
