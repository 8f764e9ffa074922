"""Rounds: what a tool server asks of the client in the course of a call, and with what the call then goes on.

Whether a server may ask is a decision, with Cedar actions of its own; it is noted in the ledger. What the agent answers
reaches the server only as part of another decision, which refers to the first (P1). A question is put in one of two ways:

- to an agent that waits on an open line (the legacy era), as a request;
- to any other, as the answer to its call (`input_required`), with a handle that is sealed for its grant and this request.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.inspection.asking import (
    ALONE,
    Asking,
    ReleasedAsk,
    ask_alone,
    asked_by,
    is_answer,
    read_answer,
    release_ask,
    release_asking,
)
from mediator.inspection.notices import release_notice
from mediator.inspection.release import Released, inspect_mcp_task
from mediator.inspection.result import Ask, ToolResult, Waiting
from mediator.mediation.decide import decide
from mediator.mediation.handles import (
    handle_content,
    mcp_task_handle_content,
    read_handle,
    read_mcp_task_handle,
    resumption_of,
)
from mediator.mediation.message import notice_message
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Caller, Clock, Handles, Ledger
from mediator.mediation.question import ask_question
from mediator.mediation.resumption import Resumption
from mediator.mediation.waiting_room import Place, WaitingRoom
from mediator.policy.decision import Verdict
from mediator.policy.request import AskFacts
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call, of_item, with_answers
from mediator.wire.jsonrpc import METHOD_NOT_FOUND, Notification
from mediator.wire.methods import CallMethod, Era

_MS: Final = 1000
_UNKNOWN_METHOD: Final[JsonObject] = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
_REJECTED: Final[JsonObject] = {"code": -1, "message": "the client's policy does not allow this request"}
"""MCP 2025-11-25, `client/sampling`: the code with which a client answers where its user rejects a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A call that goes on once the agent has answered: what is asked, and the call that its server holds open for it."""

    permit: Permit
    asking: Asking
    waiting: Waiting | None


@dataclass(slots=True, kw_only=True)
class Rounds:
    """Decides what may be asked, and remembers with what a call goes on."""

    clock: Clock
    ledger: Ledger
    handles: Handles
    abandon: Callable[[str, Waiting], None]
    _room: WaitingRoom = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._room = WaitingRoom(self.abandon)

    def held(self, permit: Permit, result: ToolResult, caller: Caller) -> Held:
        """Return what a modern server asks; raises `Refused` where any of it may not be asked, or nobody can be."""
        asking = release_asking(result)
        call = permit.committed.deliberation.call
        if not call.has_rounds:  # MCP 2026-07-28, MRTR
            raise Refused(Reason.TOOL_SERVER_INVALID, f"it asks back about `{call.method}`")
        if call.era is Era.LEGACY and not caller.can_be_asked:
            sentence = "the tool server asks for more, and the client cannot be asked on this connection"
            raise Refused(Reason.RESULT_WITHHELD, "no open line to the client", sentence=sentence)
        for ask in asking.asks.values():
            self._decide(permit, ask)
        return Held(permit=permit, asking=asking, waiting=None)

    def held_open(self, permit: Permit, waiting: Waiting) -> Held:
        """Return what a legacy server asks; whether it may was decided when it asked (`judge`)."""
        asking = ask_alone(release_ask(waiting.ask), ALONE, waiting.ask.size_bytes)
        return Held(permit=permit, asking=asking, waiting=waiting)

    def judge(self, permit: Permit, ask: Ask) -> None:
        """Decide whether a legacy server may ask this; raises `Refused`."""
        self._decide(permit, release_ask(ask))

    def resumption(self, held: Held) -> Resumption:
        """Return with what the call goes on."""
        permit, now_ms = held.permit, self.clock.now_ms()
        expires_ms = now_ms + round(permit.input_seconds * _MS)
        place_id: str | None = None
        if held.waiting is not None:
            place_id = permit.decision_id
            place = Place(server=permit.item.server, grant=permit.grant, expires_ms=expires_ms, waiting=held.waiting)
            self._room.put(place_id, place, now_ms)
        asked = {key: ask.method for key, ask in held.asking.asks.items()}
        return resumption_of(permit, expires_ms, asked, state=held.asking.state, waiting=place_id)

    def handle(self, held: Held) -> str:
        """Return the handle that an agent shows to go on."""
        return self.handles.seal(handle_content(self.resumption(held)), held.permit.grant)

    def open(self, call: Call, grant: str) -> tuple[Call, Resumption | None]:
        """Return with what this call goes on, by the handle that it shows; None for one that was not given to this grant.

        What is asked of an mcp task comes back as a call of the item that its handle names.
        """
        content = None if call.state is None else self.handles.open(call.state, grant)
        if not call.is_of_mcp_task:
            return call, read_handle(content)
        opened = read_mcp_task_handle(content)
        if opened is None:
            return call, None
        resumes, arguments = opened
        call = of_item(call, resumes.name, arguments)
        if call.answers is not None:  # SEP-2663: what answers nothing is ignored; here, before it is anywhere
            call = with_answers(call, {key: answer for key, answer in call.answers.items() if asked_by(answer)})
        return call, resumes

    def released_mcp_task(self, permit: Permit, result: ToolResult) -> Released:
        """Return an mcp task as it may leave; raises `Refused` where it may not, or asks what may not be asked."""
        polled = permit.forwarded.name if permit.forwarded.method is CallMethod.TASK_GET else None
        released = inspect_mcp_task(result, permit.item, polled, permit.result_bytes_max)
        for ask in () if released.mcp_task is None else released.mcp_task.asks:
            self._decide(permit, ask)
        return released

    def mcp_task_handle(self, permit: Permit, released: Released) -> str | None:
        """Return by what the agent knows the mcp task in this result: of one that it asked for, the handle that it has."""
        if released.mcp_task is None:
            return None
        call = permit.committed.deliberation.call
        if call.is_of_mcp_task:
            return call.state
        return self.handles.seal(mcp_task_handle_content(permit, released.mcp_task.task_id), permit.grant)

    def take(self, permit: Permit) -> Waiting | None:
        """Return the call that is held open for this one, if it goes on with any; nobody else can take it.

        Raises `Refused`: `TOOL_SERVER_UNAVAILABLE` where it is held no longer, `ARGUMENTS_INVALID` for what is no answer.
        """
        resumes = permit.committed.deliberation.resumes
        if resumes is None or resumes.waiting is None:
            return None
        waiting = self._room.find(resumes.waiting, permit.grant)
        if waiting is None:
            sentence = "the call that this answers is not held open any more"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, f"decision `{resumes.decision_id}`", sentence=sentence)
        answers = permit.committed.deliberation.call.answers
        answer = None if answers is None else answers.get(ALONE)
        if answers is not None and (not isinstance(answer, dict) or not is_answer(waiting.ask.method, answer)):
            where = f"/inputResponses/{ALONE}: expected an answer to `{waiting.ask.method}`"
            raise Refused(Reason.ARGUMENTS_INVALID, where, sentence=where)
        self._room.take(resumes.waiting)
        return waiting

    def let_go(self, resumes: Resumption | None) -> None:
        """End the call that is held open for an agent that waits, where it does not go on."""
        if resumes is not None and resumes.waiting is not None:
            self._room.end(resumes.waiting)

    async def ask(self, held: Held, call: Call, caller: Caller) -> tuple[Call, Resumption]:
        """Put every question to an agent that waits for it; return the call as it goes on, and with what.

        Raises `Refused(RESULT_WITHHELD)` where a modern server cannot be told that the agent does not answer. Whatever
        ends this, the call is held open no longer.
        """
        try:
            answered = await self._ask(held, call, caller)
        except BaseException:
            if held.waiting is not None:
                self.abandon(held.permit.item.server, held.waiting)
            raise
        return answered, self.resumption(held)

    async def _ask(self, held: Held, call: Call, caller: Caller) -> Call:
        answers: dict[str, Json] = {}
        for key, ask in held.asking.asks.items():
            response = await caller.ask(ask.to_legacy(f"{held.permit.decision_id}/{key}"))
            answer = None if response is None else read_answer(ask, response)
            if answer is not None:
                answers[key] = answer
            elif held.waiting is None:
                sentence = "the client did not answer what the tool server asked of it"
                raise Refused(Reason.RESULT_WITHHELD, f"no answer to `{ask.method}`", sentence=sentence)
        return with_answers(call, answers or None)  # of an earlier question nothing is said again

    def _decide(self, permit: Permit, ask: ReleasedAsk) -> None:
        deliberation = permit.committed.deliberation
        chain, hashed = deliberation.chain, deliberation.request_hash
        assert chain is not None  # a permit is made of an allow
        assert hashed is not None
        if not deliberation.call.receiver.capabilities.can_be_asked(ask.method, ask.mode):
            raise Refused(
                Reason.TOOL_SERVER_INVALID,
                f"it asks `{ask.method}` {ask.mode} of a client that did not declare it",
                code=METHOD_NOT_FOUND,
            )
        now_ms = self.clock.now_ms()
        question = ask_question(
            ask.method,
            AskFacts(mode=ask.mode, url=ask.url),
            deliberation.call,
            deliberation.identity,
            deliberation.circumstances,
            chain,
            permit.item,
            hashed,
            now_ms,
        )
        decision = decide(deliberation.snapshot.policies.evaluate, question, chain)
        is_allowed = decision.verdict is Verdict.ALLOW
        self.ledger.note("ask", _ask_entry(permit, ask, decision.determining, is_allowed=is_allowed), now_ms)
        if not is_allowed:
            raise Refused(
                decision.reason or Reason.DENIED_BY_POLICY,
                f"`{ask.method}` by `{permit.item.server}`: policies {', '.join(decision.determining) or 'none'}",
                sentence=decision.sentence or f"the tool server asks for `{ask.method}`, which no policy permits",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a tool server says while it works on a call: released, and sent to the agent that waits."""

    rounds: Rounds
    permit: Permit
    caller: Caller

    async def tell(self, notification: Notification) -> None:
        """Send what may leave; the rest is dropped."""
        call = self.permit.committed.deliberation.call
        notice = release_notice(notification, call.receiver, is_asked_for=call.era is Era.MODERN)
        if notice is not None:
            await self.caller.tell(notice_message(notice))

    async def pause(self) -> None:
        """Let the agent go for a while, as the tool server lets us."""
        await self.caller.pause()

    def judge(self, ask: Ask) -> JsonObject | None:
        """Decide what a legacy server asks: the error to answer it with, or nothing where the agent is to be asked."""
        call = self.permit.committed.deliberation.call
        if not (self.caller.can_be_asked if call.era is Era.LEGACY else call.has_rounds):
            return _UNKNOWN_METHOD
        try:
            self.rounds.judge(self.permit, ask)
        except Refused as stop:
            return _UNKNOWN_METHOD if stop.code == METHOD_NOT_FOUND else _REJECTED
        return None


def _ask_entry(permit: Permit, ask: ReleasedAsk, policies: tuple[str, ...], *, is_allowed: bool) -> JsonObject:
    item: Mapping[str, Json] = {"server": permit.item.server, "kind": str(permit.item.kind), "name": permit.item.name}
    return {
        "decision": permit.decision_id,
        "item": {**item},
        "method": str(ask.method),
        "mode": ask.mode or None,
        "verdict": str(Verdict.ALLOW if is_allowed else Verdict.DENY),
        "policies": [*policies],
    }
