"""Calls: the requests of one session that are being answered, so that one can be cancelled by its id.

Ids are not read while calls run well: only when a cancellation comes are the ids of the calls in flight looked at.
A cancellation reaches the calls of the session that it came in, and no others.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import anyio

from mediator.canonical import JsonLimits
from mediator.edge.questions import ID_PREFIX
from mediator.refusal import Refused
from mediator.wire.arrival import Arrival
from mediator.wire.jsonrpc import RequestId
from mediator.wire.reading import Frame, Notice, frame_of, read

_NOTICE_BYTES_MAX: Final = 16_384  # an id and a reason; nobody writes a longer one
_WORD: Final = b"cancelled"


@dataclass(slots=True, eq=False)
class _Call:
    arrival: Arrival
    scope: anyio.CancelScope
    frame: Frame | None = None


class Calls:
    """What is being answered right now."""

    def __init__(self) -> None:
        self._calls: set[_Call] = set()

    def __len__(self) -> int:
        return len(self._calls)

    @contextmanager
    def answering(self, arrival: Arrival, scope: anyio.CancelScope) -> Iterator[None]:
        """Hold the scope in which this arrival is answered: whatever cancels the call cancels it."""
        call = _Call(arrival=arrival, scope=scope)
        self._calls.add(call)
        try:
            yield
        finally:
            self._calls.discard(call)

    def cancel(self, request_id: RequestId, limits: JsonLimits) -> None:
        """Cancel whatever is in flight under this id."""
        for call in self._calls:
            if call.frame is None:
                call.frame = frame_of(call.arrival, limits)
            if call.frame.request_id == request_id:
                call.scope.cancel()

    def cancel_all(self) -> None:
        """Cancel whatever is in flight."""
        for call in self._calls:
            call.scope.cancel()


def find_notice(arrival: Arrival, limits: JsonLimits, *, has_asked: bool) -> Notice | None:
    """Return what this arrival is if it may be a cancellation, or an answer where something was asked.

    Most arrivals are neither, and are not read for it.
    """
    is_answer = has_asked and ID_PREFIX.encode() in arrival.body
    is_cancellation = len(arrival.body) <= _NOTICE_BYTES_MAX and _WORD in arrival.body
    if not is_answer and not is_cancellation:
        return None
    try:
        reading = read(arrival, limits)
    except Refused:
        return None
    return reading if isinstance(reading, Notice) else None
