"""What a person is told of a request: all of it, and who wrote what; a list tells no argument.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

from mediator.assembly.approval_facts import WRITTEN_BY, approval_facts, listed_facts
from mediator.because import Author, Because
from mediator.canonical import canonical_bytes
from mediator.mediation.approval import Approver, Denial
from mediator.mediation.approval_request import request_form
from tests.promises import promise
from tests.unit.mediation.test_approval_acts import NOW_MS, REQUEST

BOB = Approver(who="bob", keyid="k", roles=frozenset({"operator"}), at_ms=NOW_MS, statement="sha256:s")
ASKED = replace(REQUEST, arguments={"to": "x"}, answers={"a": 1}, sentence="look", policies=("p",))


@promise("P6")
def test_nothing_of_a_request_is_kept_from_its_approver() -> None:
    """Issue 7: every member that was stored is told; of those that others wrote it is said who."""
    told = approval_facts(ASKED, "open", "https://m.example/approve/approval-1")
    renamed = {"approval": "approval", "expires": "expires_ms", "requested": "requested_ms", "tenant": None}
    for name in request_form(ASKED):
        shown = renamed.get(name, name)
        assert shown is None or shown in told, name
    assert told["written_by"] == WRITTEN_BY
    assert set(WRITTEN_BY) <= set(told)
    assert told["because"] is None
    why = approval_facts(replace(ASKED, because=Because(text="look", by=Author.AGENT)), "open", "x")
    assert (why["because"], why["written_by"]) == ("look", WRITTEN_BY | {"because": "the agent"})
    assert (told["state"], told["url"]) == ("open", "https://m.example/approve/approval-1")


def test_a_list_tells_how_much_there_is_to_read_and_who_decided() -> None:
    """Ours: no argument."""
    denied = Denial(who="eve", at_ms=NOW_MS, reason="no", statement="sha256:d")
    told = listed_facts(replace(ASKED, approval=replace(ASKED.approval, approvers=(BOB,), denial=denied)), "denied")
    assert told["arguments_bytes"] == len(canonical_bytes(ASKED.arguments))
    assert told["approvers"] == [{"who": "bob", "at_ms": NOW_MS}]
    assert told["denied"] == {"who": "eve", "at_ms": NOW_MS, "reason": "no"}
    assert "arguments" not in told
    assert listed_facts(ASKED, "open")["denied"] is None
