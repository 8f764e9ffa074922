"""The trust of this process: one immutable snapshot, swapped whole when something is quarantined or pins are renewed.

Fills `TrustSource` and `Quarantine`. It reads no file: assembly loads, this holds. What is quarantined stays so in every
snapshot that is held, and in the book beyond this process.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mediator.mediation.quarantine import QuarantineBook, Quarantined, QuarantineKey, keys_of
from mediator.mediation.trust import TrustSnapshot, with_quarantine


def _nobody() -> None:
    """Nobody is told."""


class HeldTrust:
    """Holds the snapshot. Each swap moves the epoch, so that every fence looks; then `tell` says that it was swapped.

    Raises `Refused(STORE_UNAVAILABLE)` where the book cannot be read.
    """

    def __init__(
        self,
        snapshot: TrustSnapshot,
        move_epoch: Callable[[], object],
        tell: Callable[[], None] = _nobody,
        *,
        book: QuarantineBook,
    ) -> None:
        self._move_epoch = move_epoch
        self._tell = tell
        self._book = book
        self._quarantined = {one.key: one for one in book.list_quarantined()}
        self._unwritten: dict[QuarantineKey, Quarantined] = {}
        self._snapshot = with_quarantine(snapshot, self._quarantined.values())

    def snapshot(self) -> TrustSnapshot:
        """Return the trust of this moment."""
        return self._snapshot

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Put these out of the snapshot, then write them down and move the epoch; what is out already is left alone."""
        fresh = {one.key: one for one in self._under_each_voice(items) if one.key not in self._quarantined}
        self._quarantined |= fresh
        self._unwritten |= fresh
        if fresh:
            self._snapshot = with_quarantine(self._snapshot, self._quarantined.values())
        if self._unwritten:
            try:
                self._book.quarantine(tuple(self._unwritten.values()))
                self._unwritten.clear()  # what could not be written is tried again the next time
            finally:
                self._tell()

    def _under_each_voice(self, items: Sequence[Quarantined]) -> Iterator[Quarantined]:
        pins = self._snapshot.all_pins
        for one in items:
            item = pins.find_item(one.key.server, one.key.kind, one.key.name)
            keys = () if item is None else keys_of(item)
            for key in keys if one.key in keys else (one.key,):
                yield replace(one, key=key)

    def renew(self, snapshot: TrustSnapshot) -> None:
        """Put this snapshot in the place of the one that is held, less what is quarantined; then move the epoch."""
        self._snapshot = with_quarantine(snapshot, self._quarantined.values())
        try:
            self._move_epoch()
        finally:
            self._tell()
