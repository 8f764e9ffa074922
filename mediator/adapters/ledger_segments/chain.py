"""The chain of one stream: entries become lines in order, each naming the one before, and groups of lines are written.

No event loop and no clock. What was added and not yet written is forgotten, whole, when writing fails: then the next
entry follows the last one that stands.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, final

from mediator.adapters.ledger_segments.layout import GENESIS
from mediator.adapters.ledger_segments.writer import StreamWriter
from mediator.canonical import Digest, JsonObject, canonical_bytes, digest_of_bytes
from mediator.mediation.record import Receipt


@final
class Chain:
    """Adds entries to the end, and writes them in groups."""

    def __init__(self, stream: str, writer: StreamWriter) -> None:
        self.stream: Final = stream
        self.writer: Final = writer
        self._written: tuple[int, Digest] = (0, GENESIS)
        self._index, self._prev = self._written
        self._lines: list[bytes] = []
        self._values: list[bytes] = []

    @property
    def has_unwritten(self) -> bool:
        """Tell whether a group is waiting to be written."""
        return bool(self._lines)

    def add(self, entry: JsonObject, values: JsonObject | None = None) -> Receipt:
        """Put the entry, with its place added to it, at the end of the next group; return that place."""
        entry["stream"], entry["index"], entry["prev"] = self.stream, self._index, self._prev
        line = canonical_bytes(entry)
        if values is not None:
            self._values.append(canonical_bytes(values))
        self._lines.append(line)  # once nothing can go wrong any more
        receipt = Receipt(stream=self.stream, index=self._index, digest=digest_of_bytes(line))
        self._index, self._prev = self._index + 1, Digest(receipt.digest)
        return receipt

    def write(self) -> None:
        """Write the group; raises `Refused(LEDGER_UNAVAILABLE)`, and then the group never was."""
        lines, values = b"\n".join([*self._lines, b""]), b"\n".join([*self._values, b""])
        self._lines, self._values = [], []
        end = (self._index, self._prev)
        self._index, self._prev = self._written
        self.writer.append(lines, values)
        self._index, self._prev = self._written = end
