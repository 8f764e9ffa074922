"""InFlight: the requests of ours that one process has not answered, and where what it says goes.

Sans-io: messages in; what must be written at once goes out by `write`. Rules:

- An answer goes to the request whose id it bears, progress to the call whose id is its token, if that call asked for it.
- A log message, and what a legacy server asks of the client, bear no id of a call: they are the call's that is in flight,
  the oldest's where there are several, and one's that waits for its agent only where there is no other: it has asked, and
  does nothing until it is answered. That holds where the process is one task's (`is_one_tasks`): where others share it,
  nobody can say whose they are, and they are nobody's. What a modern server asks is refused.
- Where a call has more than its caller takes, nothing is heard of this process until that is taken: `is_choked`.
- What is nobody's is dropped, counted, and too much when it passes the limits; what is of use beside the calls as well.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

from mediator.adapters.tool_servers_stdio.exchange import Asked, Exchange
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.canonical import JsonObject
from mediator.inspection.result import Ask
from mediator.refusal import Refused
from mediator.wire import speech
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import Answer, large_answer, nonsense
from mediator.wire.jsonrpc import Message, Notification, Request, RequestId, Response
from mediator.wire.methods import LOG_MESSAGE, PROGRESS, AskMethod

_ASKS: Final = frozenset(AskMethod)
UNANSWERED: Final[JsonObject] = {"code": -1, "message": "the client did not answer"}
"""MCP 2025-11-25, `client/sampling`: the code with which a client answers where its user does not."""


class InFlight:
    """By request id, the oldest first.

    `notified` is asked about each notification that is no call's: whether it was of any use. `go_on` is called when what
    choked the hearing is taken.
    """

    def __init__(
        self,
        limits: StdioLimits,
        *,
        write: Callable[[bytes], None],
        notified: Callable[[Notification], bool],
        go_on: Callable[[], None],
        is_one_tasks: bool = True,
    ) -> None:
        self._is_one_tasks = is_one_tasks
        self.hears_asks = False  # what a legacy server asks, once it has shaken hands
        self._limits, self._write, self._notified, self._go_on = limits, write, notified, go_on
        self._by_id: dict[RequestId | None, Exchange] = {}
        self.full: Final[set[Exchange]] = set()  # the calls that have more than their callers take
        self._ids = itertools.count(1)
        self._noise = self._noise_bytes = self._told = 0  # since the last answer; its lists bring one every minute

    @property
    def is_choked(self) -> bool:
        """Whether a call has more than its caller takes."""
        return bool(self.full)

    # --- for who speaks

    def next_id(self) -> int:
        """Return an id for a request."""
        return next(self._ids)

    def open(
        self, request_id: int, result_bytes_max: int, *, is_call: bool = False, shows_progress: bool = False
    ) -> Exchange:
        """Wait for the answer to this request, whose first byte goes out in this loop turn."""
        self._by_id[request_id] = exchange = Exchange(
            request_id, result_bytes_max, self._limits, self.make_room, is_call=is_call, shows_progress=shows_progress
        )
        return exchange

    def is_open(self, exchange: Exchange) -> bool:
        """Tell whether its answer may still come."""
        return self._by_id.get(exchange.request_id) is exchange

    def forget(self, exchange: Exchange) -> None:
        """Wait for the answer no more, and say nothing of it."""
        if self.is_open(exchange):
            del self._by_id[exchange.request_id]

    def close(self, exchange: Exchange) -> None:
        """Be done with a request: what was asked in its course, and what of it was not answered, is called off."""
        exchange.stop_timer()
        if self.is_open(exchange):  # said first: a server that hears that nobody answered may do its work without
            self.forget(exchange)
            self._write(speech.cancelled_message(exchange.request_id))
        for asked in exchange.take_asks():
            self._write(speech.error_message(asked.id, UNANSWERED))
        self.make_room(exchange)

    def make_room(self, exchange: Exchange) -> None:
        """Take note that nothing stands there unread."""
        if self.full and exchange in self.full:
            self.full.discard(exchange)
            if not self.full:
                self._go_on()

    def take_noise(self) -> int:
        """Return how much was dropped since this was asked last."""
        noise, self._noise, self._noise_bytes, self._told = self._noise, 0, 0, 0
        return noise

    def fail(self, stop: Refused) -> None:
        """End whatever waits; nothing will be heard any more."""
        for exchange in self._by_id.values():
            exchange.stop_timer()
            exchange.end(stop)
        self._by_id.clear()
        self.full.clear()

    # --- for who hears

    def take(self, message: Message, size_bytes: int) -> None:
        """Bring a message to whom it concerns; raises `Refused(TOOL_SERVER_INVALID)` when too much concerned nobody."""
        if isinstance(message, Response):
            exchange = self._by_id.pop(message.id, None)
            if exchange is not None:
                exchange.end(Answer(result=message.result, error=message.error, size_bytes=size_bytes))
                return
        elif isinstance(message, Request):
            if self._asked(message, size_bytes):
                return
        elif (call := self._call_of(message)) is not None:
            if self._say(call, message, size_bytes):
                return
        elif self._notified(message):
            self._told += 1
            if self._told > self._limits.hearing.told_max:
                raise nonsense("it says too much that is no answer")
            return
        self.drop(size_bytes)

    @property
    def has_call(self) -> bool:
        """Whether the answer to any call may still come."""
        return any(exchange.is_call for exchange in self._by_id.values())

    def take_unread(self, raw: bytes, seen: Glance) -> bool:
        """Bring a large answer to the call that it answers, as it came; False for what has to be read.

        Raises `Refused(TOOL_SERVER_INVALID)` as `take`.
        """
        if seen.sight is Sight.OTHER:
            return False
        exchange = self._by_id.get(seen.id)
        if exchange is None:
            self.drop(len(raw))
        elif exchange.is_call:
            del self._by_id[seen.id]
            exchange.end(large_answer(raw, seen))
        return exchange is None or exchange.is_call

    def drop(self, size_bytes: int) -> None:
        """Count what is nobody's; raises `Refused(TOOL_SERVER_INVALID)` when there was too much of it."""
        self._noise += 1
        self._noise_bytes += size_bytes
        hearing = self._limits.hearing
        if self._noise > hearing.noise_max or self._noise_bytes > hearing.noise_bytes_max:
            raise nonsense("it says too much that is no answer")

    def _asked(self, request: Request, size_bytes: int) -> bool:
        """Bring what the server asks to its call; what is answered here is counted as what is dropped."""
        if request.method == "ping" and self.hears_asks:
            self._write(speech.answer_message(request.id, {}))
            return False
        call = self._likely_call() if request.method in _ASKS and self.hears_asks else None
        if call is None:
            self._write(speech.refusal_message(request.id))
            return False
        ask = Ask(method=AskMethod(request.method), params=request.params, size_bytes=size_bytes)
        if self._say(call, Asked(id=request.id, ask=ask), size_bytes):
            return True
        self._write(speech.error_message(request.id, UNANSWERED))
        return False

    def _say(self, call: Exchange, said: Notification | Asked, size_bytes: int) -> bool:
        is_kept = call.say(said, size_bytes)
        if call.held is None and call.is_full:
            self.full.add(call)
        return is_kept

    def _call_of(self, notification: Notification) -> Exchange | None:
        if notification.method == PROGRESS:
            token = notification.params.get("progressToken")
            call = self._by_id.get(token) if type(token) is int else None  # JSON's `true` and 1.0 equal 1 here
            return call if call is not None and call.shows_progress else None
        return self._likely_call() if notification.method == LOG_MESSAGE else None

    def _likely_call(self) -> Exchange | None:
        if not self._is_one_tasks:
            return None
        held: Exchange | None = None
        for exchange in self._by_id.values():
            if exchange.is_call:
                if exchange.held is None:
                    return exchange
                held = held or exchange
        return held
