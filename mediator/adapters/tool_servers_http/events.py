"""An event stream (`text/event-stream`), read from bytes as they come: the data of each `message` event.

Sans-io. WHATWG HTML §9.2.6; what a stream needs to be gone on with elsewhere (its last id, its retry time) stands beside.
Bytes stay bytes: whether they are UTF-8 is for the strict JSON reader to say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from typing import Final

from mediator.refusal import Reason, Refused

_MARK: Final = b"\xef\xbb\xbf"
_ID: Final = re.compile(rb"[\x21-\x7e]{1,1024}")  # what a header can carry back; the length is ours, as a session id's
_RETRY: Final = re.compile(rb"[0-9]{1,9}")


class EventReader:
    """Reads one stream. An event larger than the limit is refused before it is kept.

    `last_id` is where the stream can be gone on with, `retry_ms` after how long; nothing where it did not say.
    """

    __slots__ = (
        "_at_start",
        "_buffer",
        "_data",
        "_data_bytes",
        "_event_bytes_max",
        "_id",
        "_kind",
        "_skips_line_feed",
        "last_id",
        "retry_ms",
    )

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._buffer = bytearray()  # the line that is not whole yet
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._kind = self._id = b""
        self.last_id: str | None = None
        self.retry_ms: int | None = None
        self._at_start, self._skips_line_feed = True, False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of each event that became whole; raises `Refused(RESULT_TOO_LARGE)`."""
        if self._skips_line_feed and piece:
            piece = piece.removeprefix(b"\n")
            self._skips_line_feed = False
        if piece.endswith(b"\r"):
            self._skips_line_feed = True  # the line feed of the same line end may still come
        *lines, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        events = []
        for line in lines:
            self._buffer += line
            whole = bytes(self._buffer)
            self._buffer.clear()
            if (data := self._take_line(whole)) is not None:
                events.append(data)
        self._buffer += rest
        self._check(len(self._buffer))
        return events

    def gone_on(self) -> EventReader:
        """Return the reader of the stream that goes on with this one."""
        other = EventReader(self._event_bytes_max)
        other.last_id, other.retry_ms = self.last_id, self.retry_ms
        return other

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing of another event has come yet."""
        return not self._buffer and not self._data and not self._kind

    def _take_line(self, line: bytes) -> bytes | None:
        if self._at_start:
            line, self._at_start = line.removeprefix(_MARK), False
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._check(len(value) + 1)
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._kind = value
        elif name == b"id":
            self._id = value
        elif name == b"retry" and _RETRY.fullmatch(value):
            self.retry_ms = int(value)
        return None

    def _dispatch(self) -> bytes | None:
        data, kind = b"\n".join(self._data), self._kind
        self._data.clear()
        self._data_bytes, self._kind = 0, b""
        if self._id:
            self.last_id = self._id.decode("ascii") if _ID.fullmatch(self._id) else None
        # An event without data is none; one of another kind is not MCP's.
        return data if data and kind in {b"", b"message"} else None

    def _check(self, more: int) -> None:
        if self._data_bytes + more > self._event_bytes_max + len("data: \r"):
            raise Refused(Reason.RESULT_TOO_LARGE, f"an event of more than {self._event_bytes_max} bytes")
