"""Records: what is written of a decision and of its outcome, and what is kept apart from it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.because import Author, Because
from mediator.canonical import canonical_bytes
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import PathBelow
from mediator.delegation.grant import GrantState
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.mediation.deliberate import _SEAL as DELIBERATION_SEAL
from mediator.mediation.deliberate import Claim
from mediator.mediation.record import (
    Committed,
    DecisionRecord,
    Outcome,
    Receipt,
    committed,
    decision_entry,
    decision_values,
    outcome_entry,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.grants import a_grant
from tests.simulated.judged import a_call, a_release, allowed, chain_of, circumstances_of, denied

RECEIPT = Receipt(stream="s", index=4, digest="sha256:4")


def record_of() -> DecisionRecord:
    deliberation = allowed()
    return DecisionRecord(entry=decision_entry(deliberation), values=decision_values(deliberation), receipt=RECEIPT)


def member(entry: Any, *path: str) -> Any:
    for step in path:
        entry = entry[step]
    return entry


@promise("P9")
def test_a_record_names_agent_chain_task_and_owner() -> None:
    """Ours: there is no anonymous authority."""
    entry = decision_entry(allowed())
    assert (entry["agent"], entry["chain"], entry["task"]) == ("planner", ["planner"], "g-1")
    assert (entry["owner"], entry["tenant"]) == ("alice@example.com", "default")


@promise("P9")
def test_a_call_that_stops_at_its_chain_names_the_whole_of_it() -> None:
    """Ours: a chain that has ended is not proven, and who is refused by it stands on record with all that stood above."""
    links = (
        a_grant(id="g-1", agent="planner", state=GrantState.COMPLETED),
        a_grant(id="g-2", agent="gateway", parent="g-1", root="g-1", depth=1, is_connector=True),
        a_grant(id="g-3", agent="worker", parent="g-2", root="g-1", depth=2),
    )
    entry = decision_entry(denied(known=False, reason=Reason.TASK_COMPLETED, ended=links))
    assert (entry["agent"], entry["chain"], entry["connectors"]) == (
        "worker",
        ["planner", "gateway", "worker"],
        ["gateway"],
    )
    assert (entry["owner"], entry["task"]) == ("alice@example.com", "g-1")


@promise("P8", "P9")
def test_an_allow_says_which_tool_and_which_policies_and_what_was_claimed() -> None:
    """Design 5.8."""
    spent = Claim(key="budget:b:g-1", limit=90, amount=40)
    deliberation = allowed(claims=[Claim(key="calls:g-1", limit=3), spent])
    entry = decision_entry(deliberation)
    assert (entry["kind"], entry["verdict"], entry["step"], entry["reason"]) == ("decision", "allow", "decide", None)
    assert (member(entry, "item", "kind"), member(entry, "item", "name")) == ("tool", "now")
    assert member(entry, "policies", "determining") == ["reads"]
    assert entry["claims"] == [
        {"key": "calls:g-1", "limit": 3},
        {"key": "budget:b:g-1", "limit": 90, "amount": 40},
    ]
    assert entry["trust"] == deliberation.snapshot.digests()


def test_a_denial_says_why_and_leaves_out_what_was_not_reached() -> None:
    """Ours."""
    entry = decision_entry(denied(known=False, reason=Reason.GRANT_UNKNOWN))
    assert (entry["verdict"], entry["reason"], entry["detail"]) == ("deny", "GRANT_UNKNOWN", "as the test wants it")
    left_out = ("agent", "owner", "task", "item", "policies", "request_hash", "resumes")
    assert [entry[name] for name in left_out] == [None] * len(left_out)
    assert entry["chain"] == []


@promise("P10")
def test_values_are_kept_apart_and_can_be_erased_one_by_one() -> None:
    """Design 5.8: arguments, purpose and salt live beside the stream; the entry holds digests."""
    below = {"/path": PathBelow("/frobozz")}
    rights = Rights(
        entries=(
            Entry(
                pattern="clock/*",
                effects=frozenset({Effect.READ}),
                arguments=below,
                because=Because(text="of the maze", by=Author.OWNER),
            ),
        ),
        pin_serial=7,
    )
    call = a_call({"secret": "xyzzy"}, None, "of the lamp")
    grant = a_grant(purpose="find the plugh", salt="5a17" * 8, rights=rights)
    deliberation = allowed(call=call, grant=grant)
    written = canonical_bytes(decision_entry(deliberation))
    for value in (b"xyzzy", b"plugh", b"5a175a17", b"frobozz", b"maze", b"lamp"):
        assert value not in written
    assert b'"because":"owner"' in written  # who wrote it
    assert decision_values(deliberation) == {
        "id": deliberation.ids.decision_id,
        "arguments": {"secret": "xyzzy"},
        "answers": None,
        "justification": "of the lamp",
        "grants": {
            "g-1": {
                "purpose": "find the plugh",
                "salt": "5a17" * 8,
                "entries": [
                    {
                        "pattern": "clock/*",
                        "effects": ["read"],
                        "arguments": {"/path": {"path_below": "/frobozz"}},
                        "because": {"text": "of the maze", "by": "owner"},
                    }
                ],
            }
        },
    }


@promise("P5")
def test_no_token_is_written_only_its_digest() -> None:
    """Ours."""
    deliberation = allowed()
    entry = decision_entry(deliberation)
    assert member(entry, "identity", "credential") == deliberation.identity.claims.credential_digest
    assert b"eyJ" not in canonical_bytes(entry)


OUTCOMES: dict[str, tuple[Any, tuple[str, str | None, str | None]]] = {
    "released": (a_release(), ("RELEASED", None, None)),
    "refused": (Refused(Reason.TOOL_SERVER_INVALID, "no list"), ("REFUSED", "TOOL_SERVER_INVALID", "no list")),
    "too late": (Refused(Reason.DEADLINE_PASSED, "60 s"), ("DEADLINE_PASSED", "DEADLINE_PASSED", "60 s")),
    "hung up": (Outcome.ABANDONED, ("ABANDONED", None, None)),
    "our bug": (Outcome.FAILED, ("FAILED", None, None)),
}


@promise("P10")
@pytest.mark.parametrize("case", OUTCOMES)
@pytest.mark.parametrize("forwarded", [True, False])
def test_an_outcome_says_what_became_of_the_call_and_points_at_its_decision(case: str, forwarded: bool) -> None:
    """Design 5.8: one outcome record after, joined by the decision id."""
    ending, (outcome, reason, detail) = OUTCOMES[case]
    record = record_of()
    assert outcome_entry(record, ending, 17, forwarded=forwarded) == {
        "kind": "outcome",
        "id": record.entry["id"],
        "at": 17,
        "decision": {"stream": "s", "index": 4},
        "outcome": outcome,
        "forwarded": forwarded,
        "reason": reason,
        "detail": detail,
        "result": a_release().facts() if case == "released" else None,
    }


@promise("P1")
def test_the_proof_that_a_record_is_written_is_made_nowhere_else() -> None:
    """House style: evidence."""
    deliberation, record = allowed(), record_of()
    proof = committed(deliberation, record)
    assert (proof.deliberation, proof.record) == (deliberation, record)
    with pytest.raises(TypeError):
        Committed(deliberation=deliberation, record=record, seal=Seal("mine"))


@promise("P9")
def test_a_record_names_who_stands_in_between() -> None:
    """Issue 5: connectors, whichever links they are; the whole chain, root first."""
    links = (
        a_grant(),
        a_grant(id="g-1a", parent="g-1", root="g-1", depth=1, agent="plugin", is_connector=True),
        a_grant(id="g-1b", parent="g-1a", root="g-1", depth=2, agent="gateway", is_connector=True),
        a_grant(id="g-1c", parent="g-1b", root="g-1", depth=3, agent="worker"),
    )
    deliberation = replace(
        allowed(), circumstances=circumstances_of(*links), chain=chain_of(*links), seal=DELIBERATION_SEAL
    )
    entry = decision_entry(deliberation)
    assert entry["chain"] == ["planner", "plugin", "gateway", "worker"]
    assert entry["connectors"] == ["gateway", "plugin"]
    assert decision_entry(denied(known=False))["connectors"] == []


def test_of_constraints_a_record_keeps_where_they_stand() -> None:
    """Ours: which arguments were constrained is told, and not to what."""
    below = {"/path": PathBelow("/frobozz"), "/a~1b": PathBelow("/plugh")}
    rights = Rights(
        entries=(
            Entry(pattern="clock/*", effects=frozenset({Effect.READ}), arguments=below),
            Entry(pattern="mail/*", effects=frozenset({Effect.READ})),
        ),
        pin_serial=7,
    )
    entry = decision_entry(allowed(grant=a_grant(rights=rights)))
    (grant,) = member(entry, "circumstances", "grants")
    assert [line["arguments"] for line in grant["entries"]] == [["/a~1b", "/path"], []]
    assert "salt" not in grant
    assert "purpose" not in grant
