"""PostAnswers: each POST gets what the corridor says, whole or as the last event of a stream.

An answer becomes a stream when it takes long, when something is said or asked beside it, and in a session for who names
streams first of what it accepts. Hanging up cancels the call;
save where the agent was told that it can come back for the rest (a stream with event ids, MCP 2025-11-25): then the call
runs on, and what it brings is kept for a while. What else a reply wants done is done here: sessions, levels,
subscriptions, and streams that listen.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup

from mediator.edge.asgi import Exchange
from mediator.edge.at_the_door import SESSION_HEADER, AtTheDoor, overloaded, stopping, turned_away
from mediator.edge.callers import HttpCaller, accepts_stream, prefers_stream
from mediator.edge.calls import find_notice
from mediator.edge.door import Door
from mediator.edge.event_stream import EventStream
from mediator.edge.http_facts import HttpFacts
from mediator.edge.places import Places
from mediator.edge.sessions import OpenSession, Sessions, is_resumable
from mediator.edge.standing_streams import hold_open
from mediator.mediation.message import acknowledged_message
from mediator.mediation.reply import Listening, OpenedSession, Reply, Subscription
from mediator.refusal import Refused
from mediator.wire.arrival import Arrival
from mediator.wire.methods import LogLevel

_ATTEND_AFTER_SECONDS: Final = 0.02  # so much later at most is it noticed that an agent has hung up
_IN_ALL: Final = 1024  # as connections
_LISTENING_FOR_EACH: Final = 256
_OUTLIVING_FOR_EACH: Final = 16


@dataclass(slots=True, eq=False)
class _Answering:
    """One POST that is being answered."""

    exchange: Exchange
    arrival: Arrival
    opened: OpenSession | None
    stream: EventStream


class PostAnswers:
    """Answers POSTs. `is_ending`: nobody listens any more; `is_stopping`: what is cancelled now is told so."""

    def __init__(self, door: Door, sessions: Sessions, facts: HttpFacts) -> None:
        self._door = door
        self._sessions = sessions
        self._facts = facts
        self._listening = Places("streams that listen", _IN_ALL, _LISTENING_FOR_EACH)
        self._outliving = Places("calls without a connection", _IN_ALL, _OUTLIVING_FOR_EACH)
        self.is_ending = self.is_stopping = False

    async def answer(self, exchange: Exchange, arrival: Arrival, opened: OpenSession | None) -> None:
        """Ask the corridor, and send what it says; hanging up, or a cancellation in the session, cancels the call.

        Nobody attends to a call that is answered at once: that would cost more than everything else here.
        """
        if opened is None:
            stream, questions = EventStream(exchange, None), None
        else:
            self._take_notice(arrival, opened)
            stream = EventStream(exchange, opened.events, is_primed=is_resumable(opened.session))
            questions = opened.questions
        answering = _Answering(exchange, arrival, opened, stream)
        let_go = partial(self._let_go, answering)
        caller = HttpCaller(exchange.head, stream, questions, let_go, self._door.answer_seconds)
        reply: Reply | None = None
        async with anyio.create_task_group() as attending:
            call = exchange.scope = attending.cancel_scope
            due = asyncio.get_running_loop().call_later(_ATTEND_AFTER_SECONDS, self._attend_to, answering, attending)
            try:
                with nullcontext() if opened is None else opened.calls.answering(arrival, call):
                    reply = await self._door.answers.answer(arrival, caller)
            finally:
                due.cancel()
            if exchange.is_attended:
                call.cancel()
        await self._end(answering, reply)

    def _take_notice(self, arrival: Arrival, opened: OpenSession) -> None:
        """Do what a notice is for: cancel a call, or give an answer to who asked. It is answered like any other message."""
        notice = find_notice(arrival, self._door.json_limits, has_asked=bool(opened.questions))
        if notice is None:
            return
        if notice.cancels is not None:
            opened.calls.cancel(notice.cancels, self._door.json_limits)
        if notice.answer is not None:
            opened.questions.give(notice.answer)

    def _attend_to(self, answering: _Answering, attending: TaskGroup) -> None:
        answering.exchange.is_attended = True
        attending.start_soon(self._attend, answering, attending.cancel_scope)

    async def _attend(self, answering: _Answering, call: anyio.CancelScope) -> None:
        """Cancel the call when the agent hangs up for good; turn the answer into a stream when it takes long."""
        exchange, stream, facts = answering.exchange, answering.stream, self._facts
        with anyio.move_on_after(max(0.0, facts.sse_after_seconds - _ATTEND_AFTER_SECONDS)):
            await exchange.until_disconnected()
        if not exchange.is_gone and accepts_stream(exchange.head):
            await stream.begin()
        while not exchange.is_gone:
            with anyio.move_on_after(facts.sse_keep_alive_seconds):
                await exchange.until_disconnected()
            if not exchange.is_gone:
                await stream.keep_alive()
        if self._may_outlive(answering):
            await self._outlive(answering)
        call.cancel()

    async def _let_go(self, answering: _Answering) -> None:
        """End the connection and not the call, where the agent knows that it can come back for the answer."""
        opened = answering.opened
        if opened is not None and is_resumable(opened.session) and accepts_stream(answering.exchange.head):
            await answering.stream.begin()
            if self._may_outlive(answering):
                await answering.stream.pause()

    def _may_outlive(self, answering: _Answering) -> bool:
        """Tell whether the call can go on although its connection does not."""
        opened = answering.opened
        return opened is not None and answering.stream.is_resumable and self._outliving.has_room(opened.session.id)

    async def _outlive(self, answering: _Answering) -> None:
        """Let the call go on without its connection, for as long as it takes."""
        assert answering.opened is not None
        answering.stream.leave(answering.exchange)
        with self._outliving.taking(answering.opened.session.id):
            await anyio.sleep_forever()

    async def _end(self, answering: _Answering, reply: Reply | None) -> None:
        if reply is not None:
            try:
                await self._send(answering, reply)
            except AtTheDoor as at:
                await self._turn_away(answering, at)
        elif self.is_stopping:
            await self._turn_away(answering, stopping())
        elif answering.stream.is_begun or not answering.exchange.is_gone:
            # MCP: a cancelled request gets no response; what is left to say is that nothing follows.
            await answering.stream.end(202, (), None)

    async def _turn_away(self, answering: _Answering, at: AtTheDoor) -> None:
        reply = turned_away(self._door, answering.arrival, at)
        await answering.stream.end(reply.status, reply.headers, reply.body)

    async def _send(self, answering: _Answering, reply: Reply) -> None:
        """Do what the reply wants done, and send it."""
        headers, opened = reply.headers, answering.opened
        match reply.effect:
            case OpenedSession() if not answering.stream.is_begun:  # else its id cannot travel in a header any more
                try:
                    session = self._sessions.open(reply.effect)
                except Refused as stop:
                    raise overloaded(stop.detail) from stop
                headers = (*headers, (SESSION_HEADER, session.id))
            case LogLevel() if opened is not None:
                opened.session = replace(opened.session, log_level=reply.effect)
            case Subscription() if opened is not None:
                self._door.updates.take(reply.effect, opened.outbox)
            case Listening() if accepts_stream(answering.exchange.head):
                await self._listen(answering, reply.effect)
            case _:
                if opened is not None and reply.body is not None and prefers_stream(answering.exchange.head):
                    await answering.stream.begin()
        await answering.stream.end(reply.status, headers, reply.body)

    async def _listen(self, answering: _Answering, listening: Listening) -> None:
        """Tell what was asked to be told, until the agent hangs up, its credential or task ends, or the mediator stops."""
        arrival, stream, answers = answering.arrival, answering.stream, self._door.answers

        def is_live() -> bool:
            try:
                answers.listener_of(arrival)
            except Refused:
                return False
            return not self.is_ending

        try:
            with self._listening.taking(answers.holder_of(arrival)):
                outbox = self._door.new_outbox(listening.lists, listening.request_id)
                try:
                    for subscription in listening.subscriptions:
                        self._door.updates.take(subscription, outbox)
                    uris = [subscription.uri for subscription in listening.subscriptions]
                    await stream.send(acknowledged_message(listening.request_id, listening.lists, uris).body)
                    await hold_open(stream, answering.exchange, outbox, self._facts.sse_keep_alive_seconds, is_live)
                finally:
                    outbox.close()
        except Refused as stop:
            raise overloaded(stop.detail) from stop
