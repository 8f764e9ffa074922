"""Unit tests of mediator/adapters/inspection_processes/pool.py, over real processes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mediator.adapters.inspection_processes.pool import InspectionProcesses, ProcessLimits
from mediator.canonical import canonical_bytes
from mediator.mediation.dialect import Dialect
from mediator.mediation.examination import Examination
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import HearingLimits
from mediator.wire.methods import CallMethod, Era
from tests.promises import promise

MESSAGE = canonical_bytes({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})
SEEN = Glance(sight=Sight.RESULT, id=1)
EXAMINATION = Examination(
    method=CallMethod.TOOL,
    bytes_max=1000,
    output_schema=None,
    media_types=None,
    noise=0,
    dialect=Dialect(request_id=5, era=Era.LEGACY, method="tools/call", identity={}),
)


class Pool:
    """Some workers, and what the operator was told."""

    def __init__(self, **limits: Any) -> None:
        self.alarms: list[str] = []
        self.all = InspectionProcesses(HearingLimits(), ProcessLimits(**limits), self.alarms.append)

    async def refusal(self, raw: bytes = MESSAGE) -> Refused:
        with pytest.raises(Refused) as stop:
            await self.all.examine(raw, EXAMINATION)
        return stop.value

    async def stopped(self) -> int:
        """Have one worker that does nothing until it is told to go on; return its process id."""
        assert await self.all.glance(MESSAGE) == SEEN
        (pid,) = self.all.pids
        os.kill(pid, signal.SIGSTOP)
        await anyio.to_thread.run_sync(os.waitpid, pid, os.WUNTRACED)  # until it has stopped
        return pid

    async def at_work(self) -> None:
        """Return once a worker has been given something to do, and its answer is waited for."""
        while not self.all._all or self.all._idle:
            await anyio.lowlevel.checkpoint()
        for _ in range(3):  # what is small is sent in one turn; then it is waited for
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def pooled(**limits: Any) -> AsyncIterator[Pool]:
    """A pool; when this is left, none of its processes is."""
    pool = Pool(**limits)
    with anyio.fail_after(20):
        try:
            yield pool
        finally:
            started = pool.all.pids
            await pool.all.aclose()
    assert not pool.all.pids
    assert all(map(is_gone, started))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_nothing_is_started_before_the_first_answer_comes() -> None:
    """Ours: who never has a large answer pays nothing."""
    async with pooled() as pool:
        assert not pool.all.pids
        assert await pool.all.glance(MESSAGE) == SEEN
        examined = await pool.all.examine(MESSAGE, EXAMINATION)
        assert examined.written.raw == b'{"id":5,"jsonrpc":"2.0","result":{"content":[]}}'
        assert len(pool.all.pids) == 1
        assert pool.alarms == []


async def test_at_most_so_many_work_at_once() -> None:
    """Ours: two answers, one worker; three answers, two workers."""
    for workers in (1, 2):
        async with pooled(workers=workers) as pool:
            async with anyio.create_task_group() as asking:
                for _ in range(workers + 1):
                    asking.start_soon(pool.all.glance, MESSAGE)
            assert len(pool.all.pids) == workers


@promise("P7", "P11")
async def test_a_worker_that_is_killed_fails_the_one_answer_that_it_worked_on() -> None:
    """Ours: it is replaced, and the operator is told."""
    async with pooled() as pool:
        pid = await pool.stopped()
        stops: list[Refused] = []

        async def examine() -> None:
            stops.append(await pool.refusal())

        async with anyio.create_task_group() as asking:
            asking.start_soon(examine)
            await pool.at_work()
            os.kill(pid, signal.SIGKILL)

        assert [stop.reason for stop in stops] == [Reason.RESULT_WITHHELD]
        assert pool.alarms[0].startswith("an inspection process failed")
        assert await pool.all.glance(MESSAGE) == SEEN
        assert pid not in pool.all.pids


async def test_a_worker_that_ended_while_it_had_nothing_to_do_fails_nothing() -> None:
    """Ours."""
    async with pooled() as pool:
        await pool.all.glance(MESSAGE)
        (pid,) = pool.all.pids
        os.kill(pid, signal.SIGKILL)
        (worker,) = pool.all._idle
        worker.wait()
        assert await pool.all.glance(MESSAGE) == SEEN
        assert pid not in pool.all.pids
        assert pool.alarms == ["an inspection process had ended; another is started"]


@promise("P7")
async def test_a_worker_that_is_late_is_ended() -> None:
    """Ours: every wait has a deadline."""
    async with pooled() as pool:
        pid = await pool.stopped()
        pool.all._limits = ProcessLimits(work_seconds=0.05)
        assert (await pool.refusal()).reason is Reason.RESULT_WITHHELD
        assert pid not in pool.all.pids


async def test_a_worker_for_which_nobody_waits_any_more_is_ended() -> None:
    """Ours: what it works on cannot be called off otherwise; the next answer gets another."""
    async with pooled() as pool:
        pid = await pool.stopped()
        async with anyio.create_task_group() as asking:
            asking.start_soon(pool.all.examine, MESSAGE, EXAMINATION)
            await pool.at_work()
            asking.cancel_scope.cancel()
        assert pool.all.pids == ()
        assert is_gone(pid)
        assert await pool.all.glance(MESSAGE) == SEEN
        assert pool.alarms == []


@promise("P7", "P12")
async def test_only_so_many_answers_wait_and_only_so_long() -> None:
    """Ours: memory stays bounded."""
    async with pooled(waiting_max=1, waiting_seconds=0.3) as pool:
        await pool.stopped()
        heard: list[Glance | Refused] = []

        told = anyio.Event()

        async def glance() -> None:
            heard.append(await pool.all.glance(MESSAGE))
            told.set()

        async with anyio.create_task_group() as asking:
            asking.start_soon(pool.all.glance, MESSAGE)
            await pool.at_work()
            asking.start_soon(glance)
            await anyio.lowlevel.checkpoint()
            assert (await pool.refusal()).reason is Reason.OVERLOADED
            with anyio.fail_after(5):
                await told.wait()
            asking.cancel_scope.cancel()
        assert isinstance(heard[0], Refused)
        assert heard[0].reason is Reason.OVERLOADED


async def test_nothing_is_begun_when_the_mediator_ends() -> None:
    """Ours: no process is left behind."""
    async with pooled() as pool:
        await pool.all.aclose()
        assert (await pool.refusal()).reason is Reason.RESULT_WITHHELD
        assert pool.alarms == []


async def test_what_is_at_work_when_the_mediator_ends_is_ended() -> None:
    """Ours."""
    async with pooled() as pool:
        await pool.stopped()
        heard: list[Glance | Refused] = []

        async def glance() -> None:
            heard.append(await pool.all.glance(MESSAGE))

        async with anyio.create_task_group() as asking:
            asking.start_soon(glance)
            await pool.at_work()
            await pool.all.aclose()
        assert isinstance(heard[0], Refused)
        assert heard[0].detail == "the mediator is ending"
        assert pool.alarms == []


async def test_a_bug_in_a_worker_is_our_own_and_the_operator_hears_of_it() -> None:
    """House style: anything else that escapes is a bug, refused as INTERNAL."""
    async with pooled() as pool:
        wrong = Examination(
            method=CallMethod.TOOL,
            bytes_max=1000,
            output_schema={"type": "no type"},
            media_types=None,
            noise=0,
            dialect=EXAMINATION.dialect,
        )
        with pytest.raises(Refused) as stop:
            await pool.all.examine(MESSAGE, wrong)
        assert stop.value.reason is Reason.MALFORMED  # a schema that could not be pinned
        assert (await pool.refusal(b"[]")).reason is Reason.TOOL_SERVER_INVALID


@promise("P7")
async def test_one_that_cannot_be_started_withholds_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: it is not read here instead."""
    async with pooled() as pool:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        assert (await pool.refusal()).reason is Reason.RESULT_WITHHELD
        assert len(pool.alarms) == 1


@promise("P7")
@pytest.mark.skipif(not Path("/proc").exists(), reason="macOS does not bound address space")
async def test_an_answer_that_takes_more_memory_than_is_allowed_ends_one_worker() -> None:
    """Ours: not the mediator."""
    async with pooled() as pool:
        pool.all = InspectionProcesses(
            HearingLimits(result_bytes_max=64 << 20),
            ProcessLimits(memory_bytes_base=200 << 20, memory_bytes_each=0),
            pool.alarms.append,
        )
        large = MESSAGE[:-2] + b',"x":"' + b"\xc3\xa9" * (30 << 20) + b'"}}'
        stop = await pool.refusal(large)
        assert stop.reason in {Reason.RESULT_WITHHELD, Reason.INTERNAL}
        assert len(pool.alarms) == 1
        assert await pool.all.glance(MESSAGE) == SEEN
