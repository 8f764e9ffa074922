"""One HTTP/1.1 response, read from bytes as they come, within limits; what is wrong with it is kept in `fault`.

Sans-io. `httptools` (llhttp) reads the form; the rules that a parser does not have stand here:

- one length: `Content-Length`, or `Transfer-Encoding: chunked` and nothing else, or the end of the connection;
- no informational response, no redirect, no protocol upgrade, no `Content-Encoding`;
- head and trailers, body, and what chunks cost beside the body, are each bounded; an event stream has a bound of its own;
- what decides how the rest is read stands once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import httptools

from mediator.refusal import Reason, Refused
from mediator.wire.hearing import nonsense, unavailable

_ONCE: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"content-type", b"content-encoding", b"mcp-session-id"}
)
_VERSIONS: Final = ("1.1", "1.0")
_OK: Final = 200
_EVENTS: Final = "text/event-stream"
_UNREAD_BYTES: Final = 64 * 1024  # of an event stream: then its connection is not read until some of it is taken
_OVERHEAD_BYTES: Final = 64 * 1024  # what chunks may cost beside the body, at least
_OVERHEAD_FACTOR: Final = 8  # a chunk of one byte is six bytes long


class ResponseReader:
    """Reads one response. Feed it; look at `fault`, `has_head`, `is_complete`; take the body as it comes."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_body_bytes_max",
        "_fed_bytes",
        "_head_bytes",
        "_head_bytes_max",
        "_parser",
        "_stream_bytes_max",
        "_unread_bytes",
        "fault",
        "has_head",
        "headers",
        "is_complete",
        "is_stream",
        "may_be_reused",
        "status",
    )

    def __init__(self, *, header_bytes_max: int, body_bytes_max: int, stream_bytes_max: int | None = None) -> None:
        self._head_bytes_max, self._body_bytes_max = header_bytes_max, body_bytes_max
        self._stream_bytes_max = body_bytes_max if stream_bytes_max is None else stream_bytes_max
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._body_bytes = self._fed_bytes = self._head_bytes = self._unread_bytes = 0
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.has_head = self.is_complete = self.is_stream = False
        self.may_be_reused = True
        self.fault: Refused | None = None

    def feed(self, data: bytes) -> None:
        """Read what came; whatever is wrong with it stands in `fault` afterwards."""
        if self._parser is None:
            self.may_be_reused = False  # bytes that belong to no answer
            return
        self._fed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._break_off(f"no HTTP/1.1 response: {error}")
        except httptools.HttpParserUpgrade:
            self._break_off("it changes the protocol")
        self._check_bounds()
        self._forget_parser()

    def feed_eof(self) -> None:
        """Take note that nothing more comes."""
        self.may_be_reused = False
        if self._parser is None:
            return
        if self.has_head and not self.headers.keys() & {b"content-length", b"transfer-encoding"}:
            self.is_complete = True
        else:
            self._spoil(unavailable("it closed the connection before its answer was whole"))
        self._forget_parser()

    def give_up(self, fault: Refused) -> None:
        """Stop reading, for this reason, unless the answer is whole."""
        if not self.is_complete:
            self._spoil(fault)
            self._forget_parser()

    def take_body(self) -> bytes:
        """Return what came of the body since the last time."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._unread_bytes = 0
        return body

    @property
    def is_ahead(self) -> bool:
        """Whether more of an event stream lies here than is to be kept for whoever is slow to take it."""
        return self.is_stream and self._unread_bytes > _UNREAD_BYTES

    def check(self) -> None:
        """Raise the fault, if there is one."""
        if self.fault is not None:
            raise self.fault

    def media_type(self) -> str:
        """Return the media type, in lower case and without parameters."""
        return self.headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower().decode("latin-1")

    # --- what the parser tells

    def on_message_begin(self) -> None:
        """A response begins; a second one in the same bytes is left over."""
        if self.is_complete:
            self.may_be_reused = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or a trailer: those are counted and otherwise dropped."""
        self._head_bytes += len(name) + len(value) + 4
        if self.is_complete or self.has_head:
            return
        name = name.lower()
        if name in _ONCE and name in self.headers:
            self._spoil(nonsense(f"the header `{name.decode('latin-1')}` stands there twice"))
        self.headers[name] = value.strip()

    def on_headers_complete(self) -> None:
        """The head is whole: everything that it alone decides is decided here."""
        if self.is_complete or self._parser is None:
            return
        self.has_head = True
        self.status = self._parser.get_status_code()
        self.may_be_reused = self.may_be_reused and self._parser.should_keep_alive()
        is_stream = self.status == _OK and self.media_type() == _EVENTS
        if is_stream:
            self._body_bytes_max = self._stream_bytes_max
        version = self._parser.get_http_version()
        coding = self.headers.get(b"transfer-encoding")
        if version not in _VERSIONS:
            self._spoil(nonsense("it speaks another version of HTTP"))
        elif self.status < 200:  # noqa: PLR2004 - RFC 9110 §15.2
            self._spoil(nonsense("an informational response that was not asked for"))
        elif 300 <= self.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
            self._spoil(nonsense(f"it redirects ({self.status}), and no redirect is followed"))
        elif coding is not None and (coding.lower() != b"chunked" or b"content-length" in self.headers):
            self._spoil(nonsense("more than one length, or a transfer coding other than `chunked`"))
        elif self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            self._spoil(nonsense("a content coding that was not asked for"))
        elif int(self.headers.get(b"content-length", b"0")) > self._body_bytes_max:
            self._spoil(self._too_large())
        self.is_stream = is_stream and self.fault is None

    def on_body(self, piece: bytes) -> None:
        """Some of the body."""
        if not self.is_complete:
            self._body.append(piece)
            self._body_bytes += len(piece)
            self._unread_bytes += len(piece)

    def on_message_complete(self) -> None:
        """The response is whole."""
        self.is_complete = True

    # --- its limits

    def _check_bounds(self) -> None:
        if not self.has_head and self._fed_bytes > self._head_bytes_max:
            self._spoil(nonsense(f"a head of more than {self._head_bytes_max} bytes"))
        elif self._head_bytes > self._head_bytes_max:
            self._spoil(nonsense(f"a head or trailers of more than {self._head_bytes_max} bytes"))
        elif self._body_bytes > self._body_bytes_max:
            self._spoil(self._too_large())
        elif self._fed_bytes > self._head_bytes_max + _OVERHEAD_BYTES + (1 + _OVERHEAD_FACTOR) * self._body_bytes:
            self._spoil(nonsense("chunks that carry next to nothing"))

    def _too_large(self) -> Refused:
        return Refused(Reason.RESULT_TOO_LARGE, f"more than {self._body_bytes_max} bytes")

    def _break_off(self, detail: str) -> None:
        # Behind a whole answer it is only left over: the answer stands, the connection does not.
        self.may_be_reused = False
        if not self.is_complete:
            self._spoil(nonsense(detail))

    def _forget_parser(self) -> None:
        if self.is_complete or self.fault is not None:
            self._parser = None  # it refers to us: a circle that would wait for the collector

    def _spoil(self, fault: Refused) -> None:
        self.may_be_reused = False
        if self.fault is None:
            self.fault = fault
