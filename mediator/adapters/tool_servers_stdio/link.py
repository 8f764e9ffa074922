"""Link: one process, what is written to it, and what is heard of it, line by line.

What is no message at all is dropped and counted; a process that talks nonsense, or too much, or reads nothing, is ended,
and whatever waited for it is refused. A large line is looked at apart, if anybody does that, and the pipe is not read
meanwhile: whose it is, is not known before. While a call has more than its caller takes, the pipe is not read: its other calls
wait, too (that is the pipe's nature), no other process does, and what stands in our memory is bounded.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import anyio

from mediator.adapters.tool_servers_stdio.child import Child, start
from mediator.adapters.tool_servers_stdio.in_flight import InFlight
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.lines import LineReader
from mediator.evidence import Secret
from mediator.mediation.ports import Inspectors
from mediator.refusal import Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import Answer, nonsense, read_message, read_other, unavailable
from mediator.wire.jsonrpc import Notification, Request


class Link:
    """One process; `over` is called when it is of no more use, `gone` when the process is no more.

    `notified` and `is_one_tasks` are as in `InFlight`.
    """

    def __init__(
        self,
        limits: StdioLimits,
        *,
        over: Callable[[], None],
        gone: Callable[[], None],
        notified: Callable[[Notification], bool],
        is_one_tasks: bool = True,
        inspectors: Inspectors | None = None,
    ) -> None:
        self.limits: Final = limits
        self._inspectors = inspectors
        self._looking: asyncio.Task[None] | None = None  # at a large line
        self._is_silent = False
        self._asking = 0  # how many answers the mediator itself waits for
        self.in_flight: Final = InFlight(
            limits, write=self.write, notified=notified, go_on=self._hear_again, is_one_tasks=is_one_tasks
        )
        self._tell_over = over
        self._child = Child(self._hear, self._is_mute, gone, limits)
        self._lines = LineReader(limits.hearing.result_bytes_max)
        self._unheard: deque[bytes] = deque()  # no more than one reading of the pipe
        self._over: Refused | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing can be said any more."""
        return self._over is not None

    @property
    def last_words(self) -> str:
        """The end of the process's stderr."""
        return self._child.last_words

    # --- what its user does

    async def start(self, command: Sequence[str], environment: Mapping[str, Secret | str], cwd: str | None) -> None:
        """Start the process."""
        await start(self._child, command, environment, cwd)

    def write(self, line: bytes) -> None:
        """Write one message, in this loop turn."""
        self._child.write(line)

    async def ask(self, request_id: int, line: bytes) -> Answer:
        """Write a request of the mediator's own, and return its answer."""
        self.refuse_if_over()
        exchange = self.in_flight.open(request_id, self.limits.hearing.result_bytes_max)
        self.write(line)
        self._asking += 1
        try:
            answer = await exchange.next()
        finally:
            self._asking -= 1
            self.in_flight.forget(exchange)
        assert isinstance(answer, Answer)  # nothing else is said to what is no call
        self.in_flight.take_noise()
        return answer

    def refuse_if_over(self) -> None:
        """Refuse, for the reason that ended it, what can be said no more."""
        if self._over is not None:
            raise Refused(self._over.reason, self._over.detail)

    def refuse_if_deaf(self) -> None:
        """Refuse what would only stand in our memory."""
        if self._child.unread_bytes() > self.limits.unread_bytes_max:
            raise unavailable("its process does not read what it is sent")

    def break_off(self, stop: Refused) -> None:
        """End the process at once, for this reason."""
        self._finish(stop)
        self._child.kill()

    async def end(self) -> None:
        """End the process; when this returns it is gone."""
        looking = self._looking
        self._finish(unavailable("its process was ended"))
        if looking is not None:
            with anyio.CancelScope(shield=True):
                await asyncio.wait((looking,))
        await self._child.end()

    # --- what comes

    def _hear(self, data: bytes) -> None:
        if self._over is not None:
            return
        try:
            self._unheard.extend(self._lines.feed(data))
        except Refused as stop:
            self.break_off(stop)
        else:
            self._hear_on()

    def _hear_on(self) -> None:
        unheard, full = self._unheard, self.in_flight.full
        try:
            while unheard and not full and self._looking is None:
                line = unheard.popleft()
                if self._inspectors is not None and self._is_to_be_looked_at(line):
                    work = self._look_at(line, self._inspectors)
                    self._looking = asyncio.get_running_loop().create_task(work)  # ended by `_finish`
                else:
                    self._take(line)
        except Refused as stop:
            self.break_off(stop)
        if full or self._looking is not None:
            self._child.pause()

    def _hear_again(self) -> None:
        self._hear_on()
        if self._looking is None and not self.in_flight.is_choked:
            self._child.resume()

    def _is_to_be_looked_at(self, line: bytes) -> bool:
        is_its_own = self._asking > 0 and not self.in_flight.has_call  # a list is read at once
        return len(line) > self.limits.hearing.large_bytes and not is_its_own

    async def _look_at(self, line: bytes, inspectors: Inspectors) -> None:
        """Take a large line once it is known what it is."""
        seen = await inspectors.glance(line)
        self._looking = None
        try:
            self._take(line, seen)
        except Refused as stop:
            self.break_off(stop)
        else:
            self._hear_again()
            if self._is_silent and self._looking is None:
                self._is_mute()

    def _take(self, line: bytes, seen: Glance | Refused | None = None) -> None:
        if not line:
            self.in_flight.drop(0)
            return
        if isinstance(seen, Glance) and self.in_flight.take_unread(line, seen):
            return
        try:
            if isinstance(seen, Refused):
                raise seen
            is_other = seen is not None and seen.sight is Sight.OTHER
            message = (read_other if is_other else read_message)(line, self.limits.hearing)
        except Refused:
            if b'"jsonrpc"' in line:  # it was meant as a message, and nobody can say whose: all that wait are refused
                raise
            self.in_flight.drop(len(line))
            return
        self.in_flight.take(message, len(line))
        if isinstance(message, Request) and self._child.unread_bytes() > self.limits.unread_bytes_max:
            raise nonsense("it asks and asks, and reads no answer")

    def _is_mute(self) -> None:
        if self._looking is not None:  # what it said last is heard first
            self._is_silent = True
            return
        self.break_off(unavailable("its process ended, or closed its output"))

    def _finish(self, stop: Refused) -> None:
        """Refuse whoever waits, once; nothing is said or heard any more."""
        if self._over is not None:
            return
        self._over = stop
        self._unheard.clear()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.in_flight.fail(stop)
        self._child.resume()  # one that writes to a pipe that nobody reads cannot end in order
        self._tell_over()
