"""Gate: how many connections a server holds, and what is too much before a request is even read.

It counts and says; what is closed, and how, is the protocol's business.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from mediator.edge.door import Door
from mediator.mediation.reply import Reply
from mediator.refusal import Reason, Refused
from mediator.settings.sections import LimitSettings
from mediator.wire.arrival import Transport
from mediator.wire.methods import Era
from mediator.wire.reading import Frame


@dataclass(slots=True, kw_only=True)
class Gate:
    """Limits of connections, and how many there are: one for all connections of a server.

    `turn_away` makes the reply to a refusal, and counts it; it is given the address, the refusal and the HTTP status.
    `now_ms` is the time by which a certificate is over.
    """

    head_bytes_max: int
    head_seconds: float
    connections_per_address_max: int
    connections_max: int
    turn_away: Callable[[str, Refused, int], Reply]
    now_ms: Callable[[], int]
    lingering: int = 0
    connections: int = 0
    _by_address: Counter[str] = field(default_factory=Counter)

    def admit(self, address: str) -> bool:
        """Take a place for a connection from this address, if there is one."""
        if self.connections >= self.connections_max:
            return False
        if self._by_address[address] >= self.connections_per_address_max:
            return False
        self._by_address[address] += 1
        self.connections += 1
        return True

    def release(self, address: str) -> None:
        """Give a place back."""
        self.connections -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


def make_gate(limits: LimitSettings, door: Door, now_ms: Callable[[], int]) -> Gate:
    """Return the gate of a server within these limits; whom it turns away is told and counted by the door."""

    def turn_away(address: str, stop: Refused, status: int) -> Reply:
        frame = Frame(request_id=None, era=Era.LEGACY, version=None, transport=Transport.HTTP, method=None)
        headers = (("retry-after", "1"),) if stop.reason is Reason.OVERLOADED else ()
        return door.turn_away(address, frame, stop, status, headers)

    return Gate(
        head_bytes_max=limits.header_bytes_max,
        head_seconds=limits.first_body_byte_seconds,  # as long as for a body to begin
        connections_per_address_max=limits.connections_per_address_max,
        connections_max=limits.connections_max,
        turn_away=turn_away,
        now_ms=now_ms,
    )
