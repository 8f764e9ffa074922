"""Exchange: one request of ours to a process, what is said beside its answer, in order, and the answer.

It is filled in the loop turn in which something was said, and read by the task that waits. Nothing is lost between two
readings: whoever stops waiting may wait again. How much stands here unread is bounded by who fills it: it stops where
`is_full`, and is told by `room` when everything was read.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.inspection.result import Ask
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import Answer
from mediator.wire.jsonrpc import Notification, RequestId


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What the server asks of the client, and the id under which it waits for the answer."""

    id: RequestId
    ask: Ask


Said: TypeAlias = Notification | Asked


class Exchange:
    """One request, from its first byte to its end; `timer` is whatever ends it if nothing comes."""

    __slots__ = (
        "_asks",
        "_bytes",
        "_ending",
        "_limits",
        "_room",
        "_said",
        "_turn",
        "held",
        "is_call",
        "request_id",
        "result_bytes_max",
        "shows_progress",
        "timer",
    )

    def __init__(
        self,
        request_id: int,
        result_bytes_max: int,
        limits: StdioLimits,
        room: Callable[[Exchange], None],
        *,
        is_call: bool = False,
        shows_progress: bool = False,
    ) -> None:
        self.request_id, self.result_bytes_max = request_id, result_bytes_max
        self.is_call, self.shows_progress = is_call, shows_progress
        self.timer: asyncio.TimerHandle | None = None
        self.held: Asked | None = None  # what the agent is being asked, while nobody reads here
        self._limits, self._room = limits, room
        self._said: deque[tuple[Said, int]] = deque()
        self._bytes = self._asks = 0
        self._ending: Answer | Refused | None = None
        self._turn: asyncio.Future[None] | None = None

    # --- for who hears the process

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be heard until what stands here was read."""
        return self._bytes >= self._limits.untold_bytes_max or len(self._said) >= self._limits.untold_max

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can come."""
        return self._ending is not None

    def say(self, said: Said, size_bytes: int) -> bool:
        """Keep it for the reader; tell whether it is kept: while nobody reads, what is beyond the bounds is not."""
        if self.held is not None and self.is_full:
            return False
        if isinstance(said, Asked):
            if self._asks >= self._limits.asks_max:
                return False
            self._asks += 1
        self._said.append((said, size_bytes))
        self._bytes += size_bytes
        self._wake()
        return True

    def end(self, ending: Answer | Refused) -> None:
        """End, once; what was said before is still to be read. An answer that is too large is refused."""
        if self._ending is not None:
            return
        if isinstance(ending, Answer) and ending.size_bytes > self.result_bytes_max:
            detail = f"{ending.size_bytes} bytes where {self.result_bytes_max} are allowed"
            ending = Refused(Reason.RESULT_TOO_LARGE, detail)
        self._ending = ending
        self._wake()

    # --- for who waits

    async def next(self) -> Said | Answer:
        """Return what was said next, the answer last; raises the `Refused` with which it ended instead."""
        while not self._said:
            ending = self._ending
            if ending is None:
                self._turn = asyncio.get_running_loop().create_future()
                await self._turn
            elif isinstance(ending, Refused):
                raise Refused(ending.reason, ending.detail)  # each that waits for it gets its own
            else:
                return ending
        said, size_bytes = self._said.popleft()
        self._bytes -= size_bytes
        self._asks -= isinstance(said, Asked)
        if not self._said:
            self._room(self)
        return said

    def take_asks(self) -> list[Asked]:
        """Return what was asked and will be put to nobody, and drop whatever stands here unread."""
        if not self._said and self.held is None:
            return []
        asks = [said for said, _ in self._said if isinstance(said, Asked)]
        if self.held is not None:
            asks.insert(0, self.held)
        self.held = None
        self._said.clear()
        self._bytes = self._asks = 0
        return asks

    def drop_answer(self) -> None:
        """Keep none that came meanwhile: nobody will read it."""
        self._ending = None

    def stop_timer(self) -> None:
        """Let nothing end it but what comes."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
