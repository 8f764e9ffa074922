"""From the kernel to the disk: one sync at a time for everybody who waits, and a failed one loses the stream.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from mediator.adapters.ledger_segments import disk as module
from mediator.adapters.ledger_segments.disk import Disk
from mediator.adapters.ledger_segments.writer import StreamWriter
from mediator.refusal import Reason, Refused
from tests.promises import promise


class SlowDisk:
    """An `fdatasync` that waits until it is let go, and counts."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.syncs = 0
        self.error: OSError | None = None

    def fdatasync(self, descriptor: int) -> None:
        os.fstat(descriptor)
        self.syncs += 1
        self.began.release()
        assert self.go.acquire(timeout=5)
        if self.error is not None:
            raise self.error

    def finish(self, syncs: int = 1) -> None:
        for _ in range(2 * syncs):  # entries and values
            self.go.release()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    slow = SlowDisk()
    monkeypatch.setattr(os, "fdatasync", slow.fdatasync)
    return slow


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
def writer(tmp_path: Path) -> StreamWriter:
    return StreamWriter(tmp_path, "20261123-0123456789abcdef", 2**20)


@pytest_asyncio.fixture
async def disk(writer: StreamWriter, alarms: list[str]) -> AsyncIterator[Disk]:
    made = Disk(writer, alarms.append)
    yield made
    await made.end()
    writer.close()


async def began(slow: SlowDisk) -> None:
    assert await anyio.to_thread.run_sync(lambda: slow.began.acquire(timeout=5))


async def test_whoever_waits_goes_on_once_the_disk_has_it(disk: Disk, alarms: list[str]) -> None:
    """Design 8: durable."""
    with anyio.fail_after(5):
        await disk.reach()
    assert alarms == []


async def test_all_who_wait_share_one_sync_and_who_comes_during_it_the_next(disk: Disk, slow: SlowDisk) -> None:
    """Design 8: shared by the group; what was written after a sync began is not in it."""
    reached: list[int] = []

    async def reach(number: int) -> None:
        await disk.reach()
        reached.append(number)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(reach, 0)
            await began(slow)
            for number in range(1, 4):
                waiting.start_soon(reach, number)
            await anyio.wait_all_tasks_blocked()
            slow.finish()
            await began(slow)
            await began(slow)
            assert reached == [0]
            slow.finish()
    assert sorted(reached) == [0, 1, 2, 3]
    assert slow.syncs == 4  # two files, twice


@promise("P7")
async def test_a_sync_that_fails_loses_the_stream(
    disk: Disk, slow: SlowDisk, writer: StreamWriter, alarms: list[str]
) -> None:
    """Ours: a second one that succeeds would not say that the first one's pages are there."""
    slow.error = OSError(errno.EIO, "input/output error")
    slow.finish()
    with anyio.fail_after(5), pytest.raises(Refused) as stop:
        await disk.reach()
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    assert len(alarms) == 1
    with pytest.raises(Refused):
        writer.append(b"x\n", b"")


@promise("P7")
async def test_a_disk_that_takes_too_long_is_not_waited_for(
    disk: Disk, slow: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """House style: every wait has a deadline."""
    monkeypatch.setattr(module, "SYNC_SECONDS_MAX", 0.01)
    with anyio.fail_after(5), pytest.raises(Refused) as stop:
        await disk.reach()
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    slow.finish()


async def test_who_is_cut_off_while_waiting_disturbs_nobody(disk: Disk, slow: SlowDisk) -> None:
    """Ours."""
    with anyio.fail_after(5):
        with anyio.CancelScope() as cut_off:
            async with anyio.create_task_group() as waiting:
                waiting.start_soon(disk.reach)
                await began(slow)
                cut_off.cancel()
        slow.finish(3)
        await disk.reach()
