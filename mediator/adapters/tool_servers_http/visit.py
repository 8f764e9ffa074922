"""A visit: one way of speaking to one server under one credential; in the legacy era, a session.

Here stands what is kept of it while it lasts: the calls under way, the log level that was set, the stream that stands
beside them. Nothing here speaks; it says to whom something belongs that came without a word of that.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from mediator.evidence import Secret
from mediator.wire.hearing import Introduction
from mediator.wire.jsonrpc import Notification, Request
from mediator.wire.methods import LIST_CHANGES, Era, LogLevel
from mediator.wire.speech import Tongue
from mediator.wire.speech_headers import request_headers

UPDATED: Final = "notifications/resources/updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message that came beside the stream of any call, and how large it was."""

    message: Request | Notification
    size_bytes: int


class UnderWay(Protocol):
    """A call that its server works on, or holds open."""

    @property
    def request_id(self) -> int:
        """The id of the request."""
        ...

    async def receive(self, said: Said) -> bool:
        """Take something that belongs to this call, once there is room; False where there will be none."""
        ...

    @property
    def is_held(self) -> bool:
        """Whether it is held open until the agent answers."""
        ...

    def end(self) -> None:
        """End it now: nobody waits any more."""
        ...


class Standing(Protocol):
    """A stream that stands beside the calls."""

    async def opened(self) -> None:
        """Return once it is known whether there is one; after a while in any case."""
        ...

    def end(self) -> None:
        """End it now."""
        ...


def _nobody_listens() -> None:
    """Stand in where a change is of no interest."""


def _nobody_cares(_uri: str) -> None:
    """Stand in where nobody has subscribed."""


@dataclass(slots=True, kw_only=True, eq=False)
class Visit:
    """`changed` is called when the server says here that its lists have changed, `updated` when a resource has.

    `began` is the handshake of a session; some servers give no id. `is_one_tasks`: what ties itself to no call is of one
    of those under way here, since all are one task's. `calls` are those under way, the oldest first.
    """

    tongue: Tongue
    credential: Secret | None
    session_id: str | None = None
    began: Introduction | None = None
    is_one_tasks: bool = True
    changed: Callable[[], None] = _nobody_listens
    updated: Callable[[str], None] = _nobody_cares
    level: LogLevel | None = None
    standing: Standing | None = None
    calls: list[UnderWay] = field(default_factory=list)

    def headers(self, method: str) -> list[tuple[str, str]]:
        """Return the headers of one message of ours."""
        if self.tongue.era is Era.MODERN:
            return request_headers(self.tongue, method)
        lines = [("MCP-Protocol-Version", self.tongue.version)]
        if self.session_id is not None:
            lines.append(("Mcp-Session-Id", self.session_id))
        return lines

    def take_note(self, notification: Notification) -> bool:
        """Tell those whom it concerns, if it says that something offered here has changed."""
        if notification.method in LIST_CHANGES:
            self.changed()
            return True
        uri = notification.params.get("uri")
        if notification.method == UPDATED and isinstance(uri, str):
            self.updated(uri)
            return True
        return False

    def end(self) -> None:
        """End what stands here and what is held open; a call whose answer is awaited has its own end."""
        if self.standing is not None:
            self.standing.end()
        for call in tuple(self.calls):
            if call.is_held:
                call.end()
