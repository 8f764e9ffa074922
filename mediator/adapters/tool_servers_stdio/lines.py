"""Bytes into lines: what stdio's framing is, one message a line.

Sans-io. A line longer than the limit is refused before it is kept.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.refusal import Reason, Refused


class LineReader:
    """Cuts what comes into lines, without their ends."""

    __slots__ = ("_buffer", "_line_bytes_max")

    def __init__(self, line_bytes_max: int) -> None:
        self._line_bytes_max = line_bytes_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that became whole; raises `Refused(RESULT_TOO_LARGE)`."""
        *whole, rest = data.split(b"\n")
        lines: list[bytes] = []
        for piece in whole:
            self._buffer += piece
            self._check()
            lines.append(bytes(self._buffer).removesuffix(b"\r"))
            self._buffer.clear()
        self._buffer += rest
        self._check()
        return lines

    def _check(self) -> None:
        if len(self._buffer) > self._line_bytes_max:
            raise Refused(Reason.RESULT_TOO_LARGE, f"a line of more than {self._line_bytes_max} bytes")
