"""Sessions: the handshakes of older protocol versions over HTTP. They live here and nowhere else.

A session is a version and what is in flight, no authority: every request in it shows its credential. It belongs to
the holder that opened it, and to anyone else it does not exist. Their number is bounded, in all and for each holder,
so that no agent can take the places of others; one that nobody uses ends by itself.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mediator.edge.calls import Calls
from mediator.edge.event_store import EventLimits, EventStore, SessionEvents
from mediator.edge.event_stream import EventStream
from mediator.edge.outbox import Outbox
from mediator.edge.questions import Questions
from mediator.mediation.reply import OpenedSession
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import LegacySession

_RESUMABLE_SINCE: Final = "2025-11-25"  # its agents know events without data, and that hanging up is no cancelling
_ID_BYTES: Final = 16  # 128 bits: nobody guesses one, and it would not help without the credential


def draw_id() -> str:
    """Return a fresh session id: visible ASCII, as the protocol wants it."""
    return secrets.token_hex(_ID_BYTES)


def session_of(opened: OpenedSession, session_id: str) -> LegacySession:
    """Return the session of a handshake that was answered."""
    return LegacySession(id=session_id, version=opened.version, holder=opened.holder, capabilities=opened.capabilities)


def is_resumable(session: LegacySession) -> bool:
    """Tell whether the agent of this session comes back for the rest of a stream (MCP 2025-11-25, `basic/transports`)."""
    return session.version >= _RESUMABLE_SINCE


@dataclass(slots=True, kw_only=True)
class OpenSession:
    """A session, when it was last used, and what is in flight in it: calls, questions, events, what is to be told."""

    session: LegacySession
    used_at: float
    outbox: Outbox
    events: SessionEvents[EventStream]
    calls: Calls = field(default_factory=Calls)
    questions: Questions = field(default_factory=Questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How many, and for how long."""

    sessions_max: int = 10_000  # the MCP SDK's own
    sessions_per_holder_max: int = 100  # a host opens one for each window; the holder's oldest makes room
    idle_seconds: float = 1800  # the MCP SDK's own


class Sessions:
    """Every open session, the least recently used first."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        limits: SessionLimits | None = None,
        new_id: Callable[[], str] = draw_id,
        *,
        new_outbox: Callable[[], Outbox],
        event_limits: EventLimits | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._limits = limits or SessionLimits()
        self._new_id = new_id
        self._new_outbox = new_outbox
        self._events = EventStore(monotonic, event_limits)
        self._open: OrderedDict[str, OpenSession] = OrderedDict()
        self._of_holder: dict[str, OrderedDict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, opened: OpenedSession) -> LegacySession:
        """Return the session of a handshake that was answered; raises `Refused(OVERLOADED)` where all places are taken."""
        self._end_idle()
        own = self._of_holder.get(opened.holder)
        if own is not None and len(own) >= self._limits.sessions_per_holder_max:
            self._end(next(iter(own)))
        if len(self._open) >= self._limits.sessions_max:
            raise Refused(Reason.OVERLOADED, f"{len(self._open)} sessions are open")
        session = session_of(opened, self._new_id())
        self._open[session.id] = OpenSession(
            session=session,
            used_at=self._monotonic(),
            outbox=self._new_outbox(),
            events=SessionEvents(self._events),
        )
        self._of_holder.setdefault(opened.holder, OrderedDict())[session.id] = None
        return session

    def find(self, session_id: str, holder: str) -> OpenSession | None:
        """Return the holder's session of this id, used just now; of anyone else's nothing is told."""
        self._end_idle()
        found = self._open.get(session_id)
        if found is None or found.session.holder != holder:
            return None
        found.used_at = self._monotonic()
        self._open.move_to_end(session_id)
        self._of_holder[holder].move_to_end(session_id)
        return found

    def end(self, session_id: str, holder: str) -> bool:
        """End the holder's session, and whatever is in flight in it; tell whether there was one."""
        if self.find(session_id, holder) is None:
            return False
        self._end(session_id)
        return True

    def _end_idle(self) -> None:
        since = self._monotonic() - self._limits.idle_seconds
        while self._open:
            session_id, oldest = next(iter(self._open.items()))
            if oldest.used_at > since:
                return
            self._end(session_id)

    def _end(self, session_id: str) -> None:
        ended = self._open.pop(session_id)
        own = self._of_holder[ended.session.holder]
        del own[session_id]
        if not own:
            del self._of_holder[ended.session.holder]
        ended.calls.cancel_all()
        ended.outbox.close()
        ended.events.clear()
