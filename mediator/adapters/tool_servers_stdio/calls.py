"""Calls over one link: forwarded once, told what is said meanwhile, held open while the agent is asked, gone on with.

A call has legs: each begins with a permit that springs in the loop turn of its first byte, and ends with the answer, or
with a question for the agent. Between two legs nobody waits here; the call ends by itself when its time for that is over.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio

from mediator.adapters.tool_servers_stdio.exchange import Asked, Exchange
from mediator.adapters.tool_servers_stdio.in_flight import UNANSWERED
from mediator.adapters.tool_servers_stdio.link import Link
from mediator.canonical import JsonObject
from mediator.inspection.result import Came, LargeResult, ToolResult, Waiting
from mediator.mediation.ports import Aside
from mediator.refusal import Reason, Refused
from mediator.wire import speech
from mediator.wire.hearing import Answer, Introduction, nonsense, unavailable
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import Era, LogLevel
from mediator.wire.speech import Forwarded, Tongue

_LATE: Final = Refused(Reason.DEADLINE_PASSED, "no answer within the call's deadline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What a permit gives one leg of a call; `check` is its fence without the latch, for what is said again later."""

    spring: Callable[[], None]
    check: Callable[[], None]
    result_bytes_max: int
    within_seconds: float
    input_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hold:
    """A call that is held open, and what is asked in it."""

    calls: Calls
    exchange: Exchange
    asked: Asked

    @property
    def is_held(self) -> bool:
        """Whether it still waits for this answer."""
        return self.exchange.held is self.asked and not self.calls.link.is_over


class Calls:
    """Every call of one process."""

    def __init__(self, link: Link, introduction: Introduction) -> None:
        self.link: Final = link
        self._tongue: Final[Tongue] = introduction.tongue
        self._has_levels: Final = self._tongue.era is Era.LEGACY and "logging" in introduction.capabilities
        self._level: LogLevel | None = None

    async def call(self, forwarded: Forwarded, leg: Leg, aside: Aside) -> Came:
        """Make a call, and return its answer or what is asked in its course."""
        level = forwarded.receiver.log_level
        if level is not None and level is not self._level and self._has_levels:
            await self._set_level(level, leg.within_seconds)
        in_flight = self.link.in_flight
        request_id = in_flight.next_id()
        line = speech.forward_message(self._tongue, request_id, forwarded)
        self.link.refuse_if_over()
        self.link.refuse_if_deaf()
        leg.spring()  # nothing is awaited from here to the first byte
        exchange = in_flight.open(
            request_id,
            leg.result_bytes_max,
            is_call=True,
            shows_progress=forwarded.receiver.progress_token is not None,
        )
        self.link.write(line)
        return await self._follow(exchange, leg, aside)

    async def resume(self, hold: Hold, answer: JsonObject | None, leg: Leg, aside: Aside) -> Came:
        """Answer what was asked (with an error where there is no answer), and go on."""
        if not hold.is_held:
            raise unavailable("the call is not held open any more")
        exchange, asked = hold.exchange, hold.asked
        try:
            self.link.refuse_if_deaf()
            leg.spring()  # nothing is awaited from here to the first byte
        except BaseException:
            self.let_go(hold)
            raise
        exchange.stop_timer()
        exchange.held, exchange.result_bytes_max = None, leg.result_bytes_max
        self.link.write(
            speech.error_message(asked.id, UNANSWERED) if answer is None else speech.answer_message(asked.id, answer)
        )
        return await self._follow(exchange, leg, aside)

    def let_go(self, hold: Hold) -> None:
        """End a call that is held open: the process is told, and nothing is left of it."""
        if hold.is_held:
            self.link.in_flight.close(hold.exchange)
            hold.exchange.drop_answer()

    async def _follow(self, exchange: Exchange, leg: Leg, aside: Aside) -> Came:
        """Hear the call out, up to its answer or to something that the agent is to be asked."""
        exchange.timer = asyncio.get_running_loop().call_later(leg.within_seconds, self._give_up, exchange)
        rejected = 0
        try:
            while True:
                said = await exchange.next()
                if isinstance(said, Answer):
                    exchange.stop_timer()  # nothing else is left of it: what was said before it was told
                    return self._result(said)
                if isinstance(said, Notification):
                    await aside.tell(said)
                elif self.link.is_over:
                    continue  # nobody would hear the answer
                elif (error := aside.judge(said.ask)) is None:
                    return self._hold(exchange, said, leg.input_seconds)
                else:
                    rejected += 1
                    self._reject(said, error, rejected)
        except BaseException:
            self.link.in_flight.close(exchange)
            raise

    def _hold(self, exchange: Exchange, asked: Asked, input_seconds: float) -> Waiting:
        exchange.stop_timer()
        hold = Hold(calls=self, exchange=exchange, asked=asked)
        exchange.held = asked
        exchange.timer = asyncio.get_running_loop().call_later(input_seconds, self.let_go, hold)
        self.link.in_flight.make_room(exchange)
        return Waiting(ask=asked.ask, hold=hold)

    def _reject(self, asked: Asked, error: JsonObject, rejected: int) -> None:
        """Answer what may not be asked; that counts as what is dropped, or it could be asked for ever.

        Each was a decision, too, and stands in the ledger: raises `Refused(TOOL_SERVER_INVALID)` for too many of one leg.
        """
        self.link.write(speech.error_message(asked.id, error))
        try:
            self.link.in_flight.drop(asked.ask.size_bytes)
        except Refused as stop:
            self.link.break_off(stop)
        if rejected > self.link.limits.refusals_max:
            raise nonsense("it asks and asks")

    def _give_up(self, exchange: Exchange) -> None:
        self.link.in_flight.close(exchange)
        exchange.end(_LATE)

    def _result(self, answer: Answer) -> ToolResult | LargeResult:
        noise = self.link.in_flight.take_noise()
        if answer.raw is not None:
            return LargeResult(raw=answer.raw, is_error=answer.is_error, noise=noise)
        return ToolResult(result=answer.result, error=answer.error, size_bytes=answer.size_bytes, noise=noise)

    async def _set_level(self, level: LogLevel, within_seconds: float) -> None:
        """Ask for log messages of this level from now on; a server that cannot is asked no more."""
        with anyio.move_on_after(within_seconds):
            request_id = self.link.in_flight.next_id()
            await self.link.ask(request_id, speech.set_level_message(request_id, level))
            self._level = level
            return
        raise Refused(_LATE.reason, _LATE.detail)
