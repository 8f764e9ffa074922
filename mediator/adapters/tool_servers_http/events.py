"""An event stream (`text/event-stream`), read from bytes as they come: the data of each `message` event.

Sans-io. WHATWG HTML §9.2.6, less what nobody here uses: ids and retry times are not kept, since nothing is resumed.
Bytes stay bytes: whether they are UTF-8 is for the strict JSON reader to say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.refusal import Reason, Refused

_MARK: Final = b"\xef\xbb\xbf"


class EventReader:
    """Reads one stream. An event larger than the limit is refused before it is kept."""

    __slots__ = ("_at_start", "_buffer", "_data", "_data_bytes", "_event_bytes_max", "_kind", "_skips_line_feed")

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._buffer = bytearray()  # the line that is not whole yet
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._kind = b""
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
        return None

    def _dispatch(self) -> bytes | None:
        data, kind = b"\n".join(self._data), self._kind
        self._data.clear()
        self._data_bytes, self._kind = 0, b""
        # An event without data is none; one of another kind is not MCP's.
        return data if data and kind in {b"", b"message"} else None

    def _check(self, more: int) -> None:
        if self._data_bytes + more > self._event_bytes_max + len("data: \r"):
            raise Refused(Reason.RESULT_TOO_LARGE, f"an event of more than {self._event_bytes_max} bytes")
