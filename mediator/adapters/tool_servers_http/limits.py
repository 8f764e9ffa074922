"""What one HTTP tool server may cost; each number with its unit in its name, and where it comes from.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediator.wire.hearing import HearingLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """How long, how much, how many. The safe values are the defaults."""

    hearing: HearingLimits = field(default_factory=HearingLimits)
    header_bytes_max: int = 32 * 1024  # design 5.2, as on the agents' side
    connect_seconds: float = 5.0  # what browsers and curl's happy path stay well below
    opening_seconds: float = 10.0  # handshake and the whole list; design 5.2 gives a body as long to begin
    ending_seconds: float = 2.0  # to end sessions, or to tell a server that nobody waits any more
    idle_seconds: float = 30.0  # below the 60 s after which proxies drop idle connections
    settle_seconds: float = 1.0  # for an event stream to end after its answer, so that its connection can be used again
    connections_max: int = 64  # at one server, in use and idle; the agents' side allows as many from one address
    idle_max: int = 16  # kept for one credential
    parked_max: int = (
        512  # that wait for the server: calls held open, standing streams; the mediator's waiting room has 1,024
    )
    refusals_max: int = 100  # answers to a server's own requests, within one call
    mail_max: int = 4  # messages of a standing stream that wait for a call to take them
    standing_bytes_max: int = 4 * 1024 * 1024  # one message of a standing stream; design 5.2: a request's body
    standing_seconds: float = 1.0  # for a standing stream to be there before the first call of its session
    subscribed_max: int = 1000  # resources for one task: as many as one session or stream on the agents' side
    breath_seconds: float = 0.01  # after each 64 messages of a standing stream, which has no end that bounds its work
    reopen_seconds: float = 1.0  # before a stream that broke is opened again, if the server does not say; then longer
    reopen_seconds_max: float = 30.0
    retry_seconds_max: float = 5.0  # that a server may let an answer wait between two connections (SEP-1699)
    reconnects_max: int = 16  # of one call
    watched_tasks_max: int = 10_000  # tasks for which the offer was looked at; beyond, the oldest is looked at again
