"""People: what becomes of a call that a person must approve, seen from the agent's side of it.

The denial is on record before anybody is asked. Then the request is kept, and the agent is told of it in one of two ways:

- a client that can send somebody to a page (MCP 2026-07-28, elicitation by URL) gets `input_required`, with a handle. When
  it comes back with that, its call waits for the decision, a while, and is then decided anew as whoever's;
- any other gets the refusal, which names the request and can be read.

A handle says which request to wait for, and no more: it permits nothing, and the call that shows it is judged by its hash.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.inspection.asking import answer_action
from mediator.mediation.approval import approval_claimed
from mediator.mediation.ports import Approvals, Clock, Handles, Ledger
from mediator.mediation.record import Committed
from mediator.mediation.reply import APPROVAL_KEY, ApprovalQuestion
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call, without_answers
from mediator.wire.methods import AskMethod, Era

WAIT_SECONDS: Final = 25.0  # for one retry: below the 30 s at which common proxies give up
ROUNDS_MAX: Final = 8  # then the refusal that can be read
_URL_MODE: Final = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class Come:
    """A call as it is to be decided, and how often its agent was sent to the page before."""

    call: Call
    rounds: int = 0


@dataclass(slots=True, kw_only=True)
class People:
    """Asks for approvals, and waits for them."""

    approvals: Approvals
    handles: Handles
    ledger: Ledger
    clock: Clock
    wait_seconds: float = WAIT_SECONDS

    def is_ours(self, call: Call) -> bool:
        """Tell whether this call may show a handle of ours."""
        return call.state is not None and call.era is Era.MODERN and call.has_rounds

    async def wait(self, call: Call, grant: str) -> Come:
        """Return the call without the handle that it shows, once the request was decided, or the while is over.

        A handle that is not ours, or not for this grant, is left for whose it is.
        """
        content = None if call.state is None else self.handles.open(call.state, grant)
        shown = _read_handle(content)
        if shown is None:
            return Come(call=call)
        approval_id, rounds = shown
        if answer_action((call.answers or {}).get(APPROVAL_KEY)) not in {None, "accept"}:
            rounds = ROUNDS_MAX  # whoever sits there will not be sent again
        else:
            with anyio.move_on_after(self.wait_seconds):
                await self.approvals.until_decided(approval_id)
        return Come(call=without_answers(call), rounds=rounds)

    def ask(self, committed: Committed, rounds: int) -> ApprovalQuestion | None:
        """Return where a person is to be sent to approve a call; nothing, where it was not denied for want of that.

        Raises the `Refused` that the agent reads: `APPROVAL_REQUIRED` with the request's id where it cannot send anybody,
        or did so often enough.
        """
        judged = committed.deliberation
        if judged.stop is None or judged.stop.reason is not Reason.APPROVAL_REQUIRED:
            return None
        approval_id = self.approvals.request(committed)
        if approval_id is None:
            raise _too_many(judged.stop, judged.ids.decision_id)
        call = judged.call
        can_be_sent = call.receiver.capabilities.can_be_asked(AskMethod.ELICIT, _URL_MODE)
        is_plain = call.has_rounds and call.state is None and call.answers is None
        if call.era is not Era.MODERN or not can_be_sent or not is_plain or rounds >= ROUNDS_MAX:
            raise _told(judged.stop, approval_id, judged.ids.decision_id)
        assert judged.chain is not None  # policy was asked
        handle = self.handles.seal(_handle_content(approval_id, rounds + 1), judged.chain.presented.id)
        return ApprovalQuestion(url=self.approvals.url(approval_id), approval_id=approval_id, handle=handle)

    def note_use(self, committed: Committed) -> None:
        """Put on record that a call took an approval. That it did stands in its decision, which was written before."""
        deliberation = committed.deliberation
        approval_id = approval_claimed(claim.key for claim in deliberation.claims)
        if approval_id is None:
            return
        approval = next(one for one in deliberation.circumstances.approvals if one.id == approval_id)
        noted: JsonObject = {
            "approval": approval_id,
            "decision": deliberation.ids.decision_id,
            "request_hash": approval.request_hash,
            "approvers": [one.who for one in approval.approvers],
        }
        with suppress(Refused):
            self.ledger.note("approval.used", noted, self.clock.now_ms())


def _handle_content(approval_id: str, rounds: int) -> bytes:
    return canonical_bytes({"p": approval_id, "c": rounds})


def _read_handle(content: bytes | None) -> tuple[str, int] | None:
    """Return which request a handle is of, and how often it was given; None for what is no such handle of ours."""
    if content is None:
        return None
    try:
        form = parse_object(content)
    except Refused:
        return None
    match form:
        case {"p": str(approval_id), "c": int(rounds), **rest} if not rest:
            return approval_id, rounds
        case _:
            return None


def _told(stop: Refused, approval_id: str, decision_id: str) -> Refused:
    return Refused(
        stop.reason,
        stop.detail,
        sentence=stop.sentence,
        remedy=f"have a person approve `{approval_id}` (`mediator approvals approve {approval_id}`), then send exactly this "
        "call again",
        data={"approval": approval_id},
        decision_id=decision_id,
    )


def _too_many(stop: Refused, decision_id: str) -> Refused:
    return Refused(
        stop.reason,
        stop.detail,
        sentence="as many requests of this task as may wait for an approval wait already",
        remedy="wait until a person has decided one of them (`mediator approvals list`), or it has run out",
        decision_id=decision_id,
    )
