"""Conversation: MCP with one process. It shakes hands, learns what is offered, and then is called, many calls at once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from mediator.adapters.tool_servers_stdio.calls import Calls, Leg
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.link import Link
from mediator.adapters.tool_servers_stdio.subscriptions import Subscriptions
from mediator.evidence import Secret
from mediator.inspection.result import Came
from mediator.mediation.freshness import Freshness
from mediator.mediation.ports import Aside, Inspectors
from mediator.refusal import Reason, Refused
from mediator.wire import speech
from mediator.wire.hearing import (
    Answer,
    Introduction,
    is_worth_another_discover,
    nonsense,
    read_discover,
    read_initialize,
)
from mediator.wire.jsonrpc import Notification
from mediator.wire.listing import OfferReading
from mediator.wire.methods import LIST_CHANGES, CallMethod, Era
from mediator.wire.speech import Forwarded


def _nobody_subscribed(uri: str) -> None:
    """Tell nobody."""


class Conversation:
    """One process, and what is said with it.

    `over` is called when it is of no more use, `gone` when the process is no more, `updated` when a resource has changed
    to which somebody has subscribed. `freshness` is for whoever compares its offer: here it is told when the server says
    that its lists have changed. `is_one_tasks`: no other task has calls here.
    """

    def __init__(
        self,
        limits: StdioLimits,
        client_version: str,
        over: Callable[[Conversation], None],
        gone: Callable[[Conversation], None],
        freshness: Freshness,
        updated: Callable[[str], None] = _nobody_subscribed,
        *,
        is_one_tasks: bool = True,
        inspectors: Inspectors | None = None,
    ) -> None:
        self.freshness: Final = freshness
        self.began: Final = freshness.mark()
        self._limits, self._client_version = limits, client_version
        self._link = Link(
            limits,
            over=lambda: over(self),
            gone=lambda: gone(self),
            notified=self._notified,
            is_one_tasks=is_one_tasks,
            inspectors=inspectors,
        )
        self._updated = updated
        self._introduction: Introduction | None = None
        self._calls: Calls | None = None
        self._subscriptions: Subscriptions | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the handshake is done, and it can still be spoken to."""
        return self._introduction is not None and not self._link.is_over

    @property
    def last_words(self) -> str:
        """The end of the process's stderr."""
        return self._link.last_words

    # --- what its user does

    async def begin(
        self,
        command: Sequence[str],
        environment: Mapping[str, Secret | str],
        cwd: str | None,
        era: Era | None,
        started: Callable[[], None] = lambda: None,
    ) -> Introduction:
        """Start the process and shake hands; where the era is not given, the older way is tried first.

        A server of the legacy era may end at the first thing that it does not know; a modern one says so. `started` is
        asked before a word is said, and a refusal of it ends the process at once.
        """
        await self._link.start(command, environment, cwd)
        try:
            started()
        except Refused as stop:
            self._link.break_off(stop)
            raise
        introduction: Introduction | None = None
        if era is not Era.MODERN:
            request_id = self._link.in_flight.next_id()
            line = speech.initialize_message(request_id, self._client_version)
            answer = await self._link.ask(request_id, line)
            if answer.error is None or era is Era.LEGACY:
                introduction = read_initialize(answer, self._client_version)
                self._link.in_flight.hears_asks = True
                self._link.write(speech.initialized_message())
        if introduction is None:
            introduction = await self._discover()
        whole = await self._read_offer(introduction)
        self._introduction = introduction
        self._calls = Calls(self._link, introduction)
        self._subscriptions = Subscriptions(self._link, self._calls, introduction.tongue, self._updated)
        if introduction.says_changes:
            self._subscriptions.begin()
        return whole

    async def introduce(self) -> Introduction:
        """Return what the process offers now; a legacy server gives its instructions once, in the handshake."""
        if self._introduction is None:
            raise Refused(Reason.INTERNAL, "a question before the handshake")
        is_modern = self._introduction.tongue.era is Era.MODERN
        return await self._read_offer(await self._discover() if is_modern else self._introduction)

    def call(self, forwarded: Forwarded, leg: Leg, aside: Aside, task: str = "") -> Awaitable[Came]:
        """Make a call; what is awaited is its answer, or what is asked in its course."""
        if self._calls is None or self._subscriptions is None:
            raise Refused(Reason.INTERNAL, "a call before the handshake")
        if forwarded.method is CallMethod.SUBSCRIBE:
            return self._subscriptions.subscribe(forwarded, leg, aside, task)
        if forwarded.method is CallMethod.UNSUBSCRIBE:
            return self._subscriptions.unsubscribe(forwarded, leg, aside, task)
        return self._calls.call(forwarded, leg, aside)

    def refuse_if_over(self) -> None:
        """Refuse, for the reason that ended it, what can be said no more."""
        self._link.refuse_if_over()

    def forget_task(self, task: str) -> None:
        """Take note that this task hears of no resource any more."""
        if self._subscriptions is not None:
            self._subscriptions.forget(task)

    async def end(self) -> None:
        """End the process; when this returns it is gone."""
        await self._link.end()

    # --- the handshake

    async def _discover(self) -> Introduction:
        answer = await self._ask_discover()
        if is_worth_another_discover(answer):
            answer = await self._ask_discover()
        introduction = read_discover(answer, self._client_version)
        if introduction is None:
            raise nonsense("it answers neither `initialize` nor `server/discover` as MCP says")
        return introduction

    async def _ask_discover(self) -> Answer:
        request_id = self._link.in_flight.next_id()
        return await self._link.ask(request_id, speech.discover_message(request_id, self._client_version))

    async def _read_offer(self, introduction: Introduction) -> Introduction:
        reading = OfferReading(introduction, self._limits.hearing)
        while (question := reading.question) is not None:
            request_id = self._link.in_flight.next_id()
            line = speech.list_message(introduction.tongue, request_id, question.method, question.cursor)
            reading.take(await self._link.ask(request_id, line))
        return reading.whole()

    # --- what is said of itself

    def _notified(self, notification: Notification) -> bool:
        """Hear what belongs to no call; tell whether it was of use."""
        if notification.method in LIST_CHANGES:
            self.freshness.said_changed()
            return False
        return self._subscriptions is not None and self._subscriptions.hears(notification)
