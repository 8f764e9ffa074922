"""A ledger that cannot write stops every call; what was done and could not be written down is found again (P7, P10).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.ledger_segments.verify import VerifyReport, verify_ledger
from mediator.refusal import Reason, Refused
from tests.contracts.ledgers import StreamNotes
from tests.promises import promise
from tests.simulated.world import (
    FILES_WRITE,
    WEATHER_READ,
    SimulatedTask,
    SimulatedWorld,
    raises,
    refusal,
    result_of,
    tools_call,
)

READ = tools_call("weather__read", city="Oslo")
WRITE = tools_call("files__write", path="/a", text="b")

Fails: TypeAlias = Literal["never", "full", "short", "broken"]


class FailingDisk:
    """A `write` that fails as it is told to, for groups with this text in them."""

    def __init__(self) -> None:
        self.fails: Fails = "never"
        self.where = b""

    def write(self, descriptor: int, group: bytes) -> int:
        if self.fails == "never" or self.where not in group:
            return os.write(descriptor, group)
        if self.fails == "short":
            os.write(descriptor, group[: len(group) // 2])
        raise OSError(errno.EIO if self.fails == "broken" else errno.ENOSPC, "no more")


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    world.pin(WEATHER_READ, FILES_WRITE)
    return world.open_task(tools=["weather/*", "files/*"], effects=["read", "write"])


@asynccontextmanager
async def on_disk(world: SimulatedWorld, folder: Path, disk: FailingDisk) -> AsyncIterator[None]:
    """Let the world keep its records in real files."""
    ledger = SegmentLedger(
        folder,
        claims=world.store,
        streams=StreamNotes(),
        clock=world.clock,
        alarm=world.alarms.append,
        write=disk.write,
    )
    async with ledger:
        world.corridor = replace(world.corridor, ports=replace(world.corridor.ports, ledger=ledger))
        yield


def verified(folder: Path) -> VerifyReport:
    report = verify_ledger(folder, None)
    assert report.is_whole, report
    return report


def kinds(folder: Path, kind: str) -> int:
    return len(find_entries(folder, Wanted(kind=kind)).entries)


@promise("P1", "P7", "P10")
@pytest.mark.parametrize("fails", ["full", "short", "broken"])
@pytest.mark.parametrize("call", [READ, WRITE], ids=["a read", "a write"])
async def test_what_cannot_be_recorded_is_not_done(
    world: SimulatedWorld, task: SimulatedTask, tmp_path: Path, disk: FailingDisk, fails: Fails, call: object
) -> None:
    """P7, against real files: a full disk, half a line, a broken one. Half a line is no record, and is cut off."""
    assert isinstance(call, dict)
    folder = tmp_path / "ledger"
    async with on_disk(world, folder, disk):
        disk.fails = fails
        for _ in range(3):
            reply = await world.answer(call, bearer=task.token)
            assert reply == refusal(Reason.LEDGER_UNAVAILABLE)
            denial = await world.answer(tools_call("no__such"), bearer=task.token)
            assert denial == refusal(Reason.LEDGER_UNAVAILABLE)  # no decision is told that is on no record
        assert world.tool_server.calls == []
        assert kinds(folder, "decision") == 0

        disk.fails = "never"
        reply = await world.answer(call, bearer=task.token)
        assert result_of(reply)["content"] == []
        assert len(world.tool_server.calls) == 1
    report = verified(folder)
    assert (kinds(folder, "decision"), kinds(folder, "outcome")) == (1, 1)
    assert report.without_outcome == ()
    assert [entry["reason"] for entry in find_entries(folder, Wanted(kind="stop")).entries] == ["LEDGER_UNAVAILABLE"]


@promise("P7", "P10", "P11")
@pytest.mark.parametrize("fails", ["full", "short", "broken"])
async def test_a_call_whose_outcome_cannot_be_written_is_answered_and_found_by_verify(
    world: SimulatedWorld, task: SimulatedTask, tmp_path: Path, disk: FailingDisk, fails: Fails
) -> None:
    """House style, part B: what was done is done. The operator hears of it, and verify names the decision."""
    folder = tmp_path / "ledger"
    async with on_disk(world, folder, disk):
        disk.fails, disk.where = fails, b'"kind":"outcome"'
        reply = await world.answer(READ, bearer=task.token)
        assert result_of(reply)["content"] == []
        assert len(world.tool_server.calls) == 1
        (alarm,) = world.alarms
        assert "has no outcome on record" in alarm
        disk.fails = "never"
        assert result_of(await world.answer(READ, bearer=task.token))["content"] == []
    (opened,) = verified(folder).without_outcome
    assert opened.id in alarm
    assert (kinds(folder, "decision"), kinds(folder, "outcome")) == (2, 1)


@promise("P1", "P7")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused(Reason.LEDGER_UNAVAILABLE, "disk full"), Reason.LEDGER_UNAVAILABLE),
        (OSError("bad file descriptor"), Reason.INTERNAL),
        (TimeoutError(), Reason.INTERNAL),
        (RuntimeError("a bug"), Reason.INTERNAL),
    ],
)
@pytest.mark.parametrize("point", ["commit", "recorded"])
async def test_a_ledger_that_fails_in_whatever_way_forwards_nothing(
    world: SimulatedWorld, task: SimulatedTask, error: Exception, reason: Reason, point: Literal["commit", "recorded"]
) -> None:
    """P7: before the record, and even after it where nobody was told that it stands."""
    world.at(point, raises(error))
    reply = await world.answer(READ, bearer=task.token)
    assert reply == refusal(reason)
    assert b"disk full" not in (reply.body or b"")
    assert world.tool_server.calls == []
    assert world.ledger.stops == {("127.0.0.1", str(reason)): 1}


@promise("P7")
async def test_a_ledger_that_was_ended_takes_no_call(
    world: SimulatedWorld, task: SimulatedTask, tmp_path: Path, disk: FailingDisk
) -> None:
    """Ours: a process that is going down does nothing more that nobody could account for."""
    async with on_disk(world, tmp_path / "ledger", disk):
        pass
    assert await world.answer(READ, bearer=task.token) == refusal(Reason.LEDGER_UNAVAILABLE)
    assert world.tool_server.calls == []
    assert kinds(tmp_path / "ledger", "decision") == 0
