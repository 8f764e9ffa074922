"""From the kernel to the disk: one fdatasync at a time, in a thread, for everybody who waits for it.

It writes nothing. When a sync fails the stream is lost: nobody knows what the disk holds, and a second sync that
succeeds would not say either.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, final

import anyio

from mediator.adapters.ledger_segments.writer import StreamWriter
from mediator.refusal import Reason, Refused

SYNC_SECONDS_MAX: Final = 5.0
_LOST: Final = "what was written did not reach the disk: look at the disk, and restart"


@final
class Disk:
    """Makes one stream durable. `alarm` is told when that fails."""

    def __init__(self, writer: StreamWriter, alarm: Callable[[str], None]) -> None:
        self._writer: Final = writer
        self._alarm: Final = alarm
        self._loop: Final = asyncio.get_running_loop()
        self._thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-disk")
        self._waiting: list[asyncio.Future[None]] = []
        self._is_syncing = False

    async def reach(self) -> None:
        """Return once all that is written now is durable; raises `Refused(LEDGER_UNAVAILABLE)`."""
        reached = self._loop.create_future()
        self._waiting.append(reached)
        self.start()
        try:
            with anyio.fail_after(SYNC_SECONDS_MAX):
                await reached
        except TimeoutError as late:
            raise Refused(Reason.LEDGER_UNAVAILABLE, f"the disk took more than {SYNC_SECONDS_MAX} s") from late

    def start(self) -> None:
        """Begin to make durable what is written now, unless a sync is under way: that one is followed by another."""
        if self._is_syncing:
            return
        self._is_syncing = True
        waiting, self._waiting = self._waiting, []

        def done(job: Future[None]) -> None:  # in the thread
            self._loop.call_soon_threadsafe(self._synced, waiting, job.exception())

        self._thread.submit(self._writer.sync_job()).add_done_callback(done)

    async def end(self) -> None:
        """Wait for what is under way, and begin nothing more."""
        await anyio.to_thread.run_sync(self._thread.shutdown)

    def _synced(self, waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
        self._is_syncing = False
        if error is not None:
            self._writer.lose(_LOST)
            self._alarm(f"the ledger's stream is lost: {_LOST}")
        tell(waiting, None if error is None else Refused(Reason.LEDGER_UNAVAILABLE, _LOST))
        if self._waiting:
            self.start()


def tell(waiting: Iterable[asyncio.Future[None]], failure: Refused | None) -> None:
    """Tell each that waits how it went."""
    for future in waiting:
        if future.done():  # cut off meanwhile
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(Refused(failure.reason, failure.detail))
            future.exception()  # seen: whoever waited may be cut off before it looks
