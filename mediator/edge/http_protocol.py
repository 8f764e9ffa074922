"""What the HTTP server itself does not bound: bytes and time of a head, connections, pipelining, readers that stall.

A subclass of uvicorn's httptools protocol, one object for each connection. It counts before any application sees the
request, and answers what it refuses with the same JSON-RPC error as everybody else. Rules:

- A head is at most so many bytes and takes at most so many seconds, as it is sent: half a head is not kept.
- Connections are counted by address and in all; one too many is told so at once and not read.
- One request at a time: what is pipelined behind an unanswered request is not read, and the connection ends.
- Nothing is upgraded to another protocol.
- Trailers are not headers: one that came after the body would be seen by us and by nobody on the way.
- Who reads nothing of what it asked for is let go.
- Over TLS, the client's certificate goes with each request, as the server's own word; once its time is over, no request
  is read any more.

Bodies are bounded by the application, which alone knows what it asked for.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from mediator.edge.client_certificate import ClientCertificate, find_client_certificate
from mediator.edge.gate import Gate
from mediator.mediation.reply import Reply
from mediator.refusal import Reason, Refused

_LINGER_SECONDS: Final = 2.0  # for the other side to read why it is turned away
_LINGERING_MAX: Final = 64  # more than so many at once are let go without a word
_STALL_SECONDS: Final = 30.0
_STALL_BYTES: Final = 32 * 1024  # to be read in that time, by who wants to be counted as reading
_UNREAD_BYTES: Final = 64 * 1024  # kept for a slow reader over TLS, as without; asyncio's own bound there is 512 KiB

TooManyConnections: Final = Refused(Reason.OVERLOADED, "too many connections")
HeadTooLarge: Final = Refused(Reason.MALFORMED, "the head is too large", sentence="the headers are too large")
NotHttp: Final = Refused(Reason.MALFORMED, "not HTTP/1.1", sentence="this is not HTTP/1.1")
Upgrade: Final = Refused(Reason.MALFORMED, "an upgrade", sentence="`Upgrade` is not served")
CertificateOver: Final = Refused(
    Reason.PROOF_INVALID, "the time of its certificate is over", sentence="the client certificate has expired"
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection, within the limits of its server's gate."""

    gate: ClassVar[Gate]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: Mapping[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        place: str | None = None,
    ) -> None:
        """`place`: the address for which one was taken at the gate already; once connected, it is given back here."""
        super().__init__(config, server_state, dict(app_state), _loop)
        self.is_connected = False
        self._place = place
        self._certificate: ClientCertificate | None = None
        self._address = ""
        self._is_admitted = False
        self._is_deaf = False  # nothing that comes is read any more
        self._is_lingering = False
        self._in_head = True  # a head is awaited, or came in part
        self._has_begun = False  # ... in part
        self._head_bytes = 0
        self._silent_bytes = 0  # fed to the parser since it last had anything to say
        self._turned_away: tuple[Refused, int] | None = None  # found while the parser was running
        self._head_timer: asyncio.TimerHandle | None = None
        self._end_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    # --- the connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Admit the connection, or say that there are too many."""
        self.is_connected = True
        super().connection_made(transport)
        self._address = self._place or ("unknown" if self.client is None else self.client[0])
        self._is_admitted = self._place is not None or self.gate.admit(self._address)
        if self.scheme == "https":
            transport.set_write_buffer_limits(high=_UNREAD_BYTES)
            self._certificate = find_client_certificate(transport)
            # uvicorn hands a copy of this to each request: its scope's `state`.
            self.app_state["certificate"] = None if self._certificate is None else self._certificate.thumbprint
        if self._is_admitted:
            self._await_head()
        else:
            self._turn_away(TooManyConnections, HTTPStatus.SERVICE_UNAVAILABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back."""
        for timer in (self._head_timer, self._end_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        if self._is_admitted:
            self.gate.release(self._address)
        if self._is_lingering:
            self.gate.lingering -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless nothing more is read here; then see what it found, and what it swallowed."""
        if self._is_deaf:
            return
        self._silent_bytes += len(data)
        super().data_received(data)
        if self._is_ending():
            return
        if self._turned_away is not None:
            self._turn_away(*self._turned_away)
        elif self._silent_bytes > self.gate.head_bytes_max:  # one header, chunk extension or trailer without end
            self._turn_away(HeadTooLarge, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._in_head and (self._has_begun or self._silent_bytes):
            self._await_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's word for what is no HTTP; ours is our own
        """Say that this is not HTTP."""
        self._turn_away(NotHttp, HTTPStatus.BAD_REQUEST)

    # --- the parser ----------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._silent_bytes = self._head_bytes = 0
        self._has_begun = True
        if self._is_answering():
            self._is_deaf = True  # pipelined: what is being answered is the last
            self.cycle.keep_alive = False
        elif self._turned_away is None:
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        self._silent_bytes = 0
        self._head_bytes += len(url)
        if self._head_bytes > self.gate.head_bytes_max:
            self._turned_away = HeadTooLarge, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        elif self._is_heard():
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the header; a trailer is counted and left out."""
        self._silent_bytes = 0
        self._head_bytes = head_bytes = self._head_bytes + len(name) + len(value) + 4
        if head_bytes > self.gate.head_bytes_max:
            self._turned_away = HeadTooLarge, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        elif self._in_head and not self._is_deaf and self._turned_away is None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand a head that fits to the application."""
        self._silent_bytes = 0
        if self.parser.should_upgrade():  # the parser takes no body then: what follows would be read as a request
            self._turned_away = (Upgrade, HTTPStatus.BAD_REQUEST)
        elif self._certificate is not None and self._certificate.is_over(self.gate.now_ms()):
            self._turned_away = (CertificateOver, HTTPStatus.UNAUTHORIZED)
        if self._is_heard():
            self._in_head = False
            self._cancel_head_timer()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        self._silent_bytes = 0
        if self._is_heard():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Await the next head."""
        self._silent_bytes = 0
        if self._is_heard():
            self._in_head, self._has_begun = True, False
            super().on_message_complete()

    def _is_heard(self) -> bool:
        return not self._is_deaf and self._turned_away is None

    def _is_ending(self) -> bool:
        return self._is_deaf or self.transport.is_closing()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)  # nothing before the first request
        return cycle is not None and not cycle.response_complete

    # --- the answer ----------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Await the next request; a connection with a request half read has none."""
        super().on_response_complete()
        if not self._in_head and not self.transport.is_closing():
            self.transport.close()
        self._end_if_closing()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection that nobody uses."""
        super().timeout_keep_alive_handler()
        self._end_if_closing()

    def shutdown(self) -> None:
        """End the connection, after what is being answered."""
        super().shutdown()
        # Who keeps a TLS connection for later looks at it later, too, and does not say meanwhile that it saw the end.
        self._end_if_closing(_LINGER_SECONDS if self.scheme == "https" else None)

    def pause_writing(self) -> None:
        """Watch whether the other side reads at all."""
        super().pause_writing()
        self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _watch_reader(self, unread: int) -> None:
        self._stall_timer = self.loop.call_later(_STALL_SECONDS, self._expect_less_than, unread)

    def _expect_less_than(self, unread: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > unread - _STALL_BYTES:
            self.transport.abort()
        else:
            self._watch_reader(left)

    def _turn_away(self, stop: Refused, status: int) -> None:
        """Refuse the connection itself: say why, read nothing more, and end it."""
        self._is_deaf = True
        self._cancel_head_timer()
        reply = self.gate.turn_away(self._address, stop, status)
        is_answering = self._is_answering()
        if is_answering:
            self.cycle.disconnected = True  # the application hears that nobody is there any more
            self.cycle.message_event.set()
        if (is_answering and self.cycle.response_started) or self.gate.lingering >= _LINGERING_MAX:
            self.transport.abort()
            return
        self._is_lingering = True
        self.gate.lingering += 1
        self.transport.write(_as_bytes(reply))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:  # TLS has no half of an end: it says its own, and waits for the other side's
            self.transport.close()
        self._end_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _end_if_closing(self, seconds: float | None = None) -> None:
        """Wait only so long for the other side to take what was written."""
        if self.transport.is_closing() and self._end_timer is None:
            self._end_timer = self.loop.call_later(seconds or _STALL_SECONDS, self.transport.abort)

    # --- time for a head -----------------------------------------------------------------------------------------------

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.gate.head_seconds, self._on_late_head)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_late_head(self) -> None:
        self._head_timer = None
        if self._is_answering():
            self._is_deaf = True  # part of a pipelined head: what is being answered is the last
            self.cycle.keep_alive = False
        elif self._has_begun or self._silent_bytes:
            self._turn_away(Refused(Reason.MALFORMED, "half a head", sentence="the headers came too slowly"), 408)
        else:
            self.transport.close()  # it never said anything, so there is nothing to answer
            self._end_if_closing()


def _as_bytes(reply: Reply) -> bytes:
    body = reply.body or b""
    headers = (*reply.headers, ("content-length", str(len(body))), ("connection", "close"))
    head = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
