"""The store's housekeeping, beside the calls: every few seconds what was written is moved into the database file.

Nobody else does it: a checkpoint in the middle of a call would cost it milliseconds (`wal_autocheckpoint=0`).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, Protocol

import anyio

CHECKPOINT_SECONDS: Final = 5.0  # at a thousand claims a second a log of some 40 MB


class Checkpointed(Protocol):
    """What is kept: the store."""

    def checkpoint(self) -> None:
        """Save what is only in memory, and empty the log; blocks, and raises `sqlite3.Error`."""
        ...


async def keep(store: Checkpointed, alarm: Callable[[str], None], seconds: float = CHECKPOINT_SECONDS) -> None:
    """Checkpoint in a thread, for ever; run it in a task group. That it fails is said once, and it is tried on."""
    was_said = False
    while True:
        await anyio.sleep(seconds)
        try:
            await anyio.to_thread.run_sync(store.checkpoint)
            was_said = False
        except sqlite3.Error as error:
            if not was_said:
                alarm(f"the store's log cannot be moved into its file, and grows: {error}")
            was_said = True
