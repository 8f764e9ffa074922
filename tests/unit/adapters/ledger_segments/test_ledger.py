"""The ledger that calls wait for: one write for each turn of the loop, one outcome for each allow, or a refusal.

What every ledger keeps stands in `tests/contracts/test_ledger.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from mediator.adapters.ledger_segments import disk as disk_module
from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.ledger_segments.verify import verify_ledger
from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.ports import Stop
from mediator.mediation.record import Committed
from mediator.refusal import Reason, Refused
from tests.contracts.ledgers import LedgerUnderTest, StreamNotes, segments_in
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.judged import a_release, a_tool, allowed, denied, permitted
from tests.simulated.memory import MemoryStore
from tests.simulated.streams import FIRST, a_stream

MINUTE = 60_000
ROOT = Path(__file__).resolve().parents[4]


class Disk:
    """A `write` that the test can make fail, and that keeps what it was given."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.fails = False
        self.bug: BaseException | None = None

    def write(self, descriptor: int, group: bytes) -> int:
        if self.bug is not None:
            raise self.bug
        if self.fails:
            raise OSError(errno.ENOSPC, "no space left")
        self.writes.append(group)
        return os.write(descriptor, group)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def entries(folder: Path, kind: str | None = None) -> list[JsonObject]:
    return list(find_entries(folder, Wanted(kind=kind)).entries)


def kinds(folder: Path) -> list[Json]:
    return [entry["kind"] for entry in entries(folder)]


def in_place(folder: Path) -> list[JsonObject]:
    return sorted(entries(folder), key=lambda entry: int(str(entry["index"])))


async def committed(tested: LedgerUnderTest, deliberation: Deliberation) -> Committed:
    result = await tested.ledger.commit(deliberation)
    assert isinstance(result, Committed)
    return result


async def refused(call: object, *arguments: object) -> Reason:
    assert callable(call)
    with pytest.raises(Refused) as stop:
        await call(*arguments)
    return stop.value.reason


def test_a_ledger_that_was_not_begun_takes_nothing(folder: Path) -> None:
    """Ours."""
    store = MemoryStore()
    ledger = SegmentLedger(folder, claims=store, streams=StreamNotes(), clock=FixedClock())
    ledger.count(Stop(source="x", reason=Reason.MALFORMED, at_ms=0))
    with pytest.raises(Refused) as stop:
        ledger.note("drift", {}, NOW_MS)
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE


async def test_a_stream_is_whole_from_its_opening_to_its_end(folder: Path) -> None:
    """P10."""
    async with segments_in(folder) as tested:
        decision = await committed(tested, allowed())
        await tested.ledger.close(permitted(decision), a_release(), NOW_MS + 3)
        await tested.ledger.commit(denied(2))
        assert verify_ledger(folder, tested.streams.announced).is_whole
    assert [entry["kind"] for entry in in_place(folder)] == ["opened", "decision", "outcome", "decision", "closed"]
    report = verify_ledger(folder, tested.streams.announced)
    assert report.is_whole
    assert report.streams[0].closed
    assert report.without_outcome == ()
    assert tested.alarms == []


async def test_what_was_found_at_the_opening_is_said_aloud(folder: Path) -> None:
    """Design 8, 2a."""
    written = a_stream(folder, FIRST)
    with (written.folder / "0.jsonl").open("ab") as file:
        file.write(b"{")
    store = MemoryStore()
    alarms: list[str] = []
    ledger = SegmentLedger(
        folder, claims=store, streams=StreamNotes(is_older=True), clock=FixedClock(), alarm=alarms.append
    )
    async with ledger:
        assert ledger.stream != FIRST
    assert [FIRST in alarms[0], "older than the ledger" in alarms[1]] == [True, True]
    async with SegmentLedger(folder, claims=store, streams=StreamNotes(is_older=True), clock=FixedClock()):
        pass  # and where nobody listens, nothing breaks


@promise("P12")
async def test_entries_of_one_turn_are_written_with_one_write(folder: Path, disk: Disk) -> None:
    """Design 8: the values first, then the entries."""
    async with segments_in(folder, write=disk.write) as tested:
        disk.writes.clear()
        async with anyio.create_task_group() as calls:
            for number in range(1, 6):
                calls.start_soon(tested.ledger.commit, allowed(number))
            calls.start_soon(tested.ledger.commit, denied(6))
        assert [group.count(b"\n") for group in disk.writes] == [6, 6]


@promise("P1", "P7")
async def test_a_call_whose_record_cannot_be_written_is_refused(folder: Path, disk: Disk) -> None:
    """P7: a ledger that cannot write; every call of the group, and none of it is part of the chain."""
    async with segments_in(folder, write=disk.write) as tested:
        disk.fails = True
        reasons = []

        async def call(number: int) -> None:
            reasons.append(await refused(tested.ledger.commit, allowed(number)))

        async with anyio.create_task_group() as calls:
            for number in range(1, 4):
                calls.start_soon(call, number)
        assert reasons == [Reason.LEDGER_UNAVAILABLE] * 3
        disk.fails = False
        await committed(tested, allowed(9))
    report = verify_ledger(folder, tested.streams.announced)
    assert report.is_whole
    assert [decision.id for decision in report.without_outcome] == [f"d{9:031x}"]


@promise("P7")
async def test_an_outcome_that_could_not_be_written_may_be_written_later(folder: Path, disk: Disk) -> None:
    """Ours: until then the decision has none."""
    async with segments_in(folder, write=disk.write) as tested:
        permit = permitted(await committed(tested, allowed()))
        disk.fails = True
        assert await refused(tested.ledger.close, permit, a_release(), NOW_MS) is Reason.LEDGER_UNAVAILABLE
        disk.fails = False
        await tested.ledger.close(permit, a_release(), NOW_MS)
        assert await refused(tested.ledger.close, permit, a_release(), NOW_MS) is Reason.INTERNAL
    assert verify_ledger(folder, None).without_outcome == ()


async def test_a_permit_of_another_ledger_has_no_outcome_here(folder: Path, tmp_path: Path) -> None:
    """Ours: and takes nobody else's."""
    async with segments_in(folder) as tested, segments_in(tmp_path / "other") as other:
        ours, theirs = await committed(tested, allowed()), await committed(other, allowed())
        assert await refused(tested.ledger.close, permitted(theirs), a_release(), NOW_MS) is Reason.INTERNAL
        await tested.ledger.close(permitted(ours), a_release(), NOW_MS)


@promise("P7")
async def test_a_bug_while_writing_leaves_nobody_waiting(folder: Path, disk: Disk) -> None:
    """Ours: whoever waits is refused, whatever went wrong."""
    async with segments_in(folder, write=disk.write) as tested:
        disk.bug = RuntimeError("a bug")
        seen: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: seen.append(context.get("exception")))
        with anyio.fail_after(5):
            assert await refused(tested.ledger.commit, allowed()) is Reason.LEDGER_UNAVAILABLE
        assert seen == [disk.bug]
        disk.bug = None


@promise("P1")
@pytest.mark.parametrize("native", [True, False], ids=["cancelled by asyncio", "cancelled by anyio"])
async def test_an_allow_whose_caller_was_cut_off_has_an_outcome_all_the_same(folder: Path, *, native: bool) -> None:
    """Ours: it is on record, and no permit will ever be made of it."""
    async with segments_in(folder) as tested:
        if native:
            async with asyncio.timeout(5), asyncio.TaskGroup() as calls:
                call = calls.create_task(tested.ledger.commit(allowed(2)))
                await asyncio.sleep(0)  # it has added its entry, and waits
                call.cancel()
        else:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await tested.ledger.commit(allowed(2))
        await committed(tested, denied(3))
    (outcome,) = entries(folder, kind="outcome")
    assert (outcome["id"], outcome["outcome"], outcome["forwarded"]) == (f"d{2:031x}", "ABANDONED", False)
    report = verify_ledger(folder, tested.streams.announced)
    assert (report.is_whole, report.without_outcome) == (True, ())


async def test_a_denial_whose_caller_was_cut_off_stands(folder: Path) -> None:
    """Ours: it needs no outcome."""
    async with segments_in(folder) as tested:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await tested.ledger.commit(denied())
    assert [kind for kind in kinds(folder) if kind not in {"opened", "closed"}] == ["decision"]


async def test_an_allow_that_was_never_written_has_no_outcome_though_its_caller_was_cut_off(
    folder: Path, disk: Disk
) -> None:
    """Ours: an outcome without a decision would be a hole in the story."""
    async with segments_in(folder, write=disk.write) as tested:
        disk.fails = True
        with anyio.CancelScope() as scope:
            scope.cancel()
            await tested.ledger.commit(allowed())
        disk.fails = False
        await committed(tested, denied(2))
    report = verify_ledger(folder, tested.streams.announced)
    assert (report.is_whole, report.streams[0].outcomes) == (True, 0)


def privileged(number: int = 1) -> Deliberation:
    return allowed(number, tool=a_tool(effect=Effect.WRITE))


@pytest.mark.parametrize(
    ("deliberation", "syncs"),
    [(allowed(), 0), (privileged(), 2), (denied(tool=a_tool(effect=Effect.EXEC)), 0), (denied(), 0)],
    ids=["a read", "a privileged allow", "a privileged denial", "a denial"],
)
async def test_only_a_privileged_allow_waits_for_the_disk(
    folder: Path, deliberation: Deliberation, syncs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 8: two strengths."""
    async with segments_in(folder) as tested:
        synced: list[int] = []
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", synced.append)
            await committed(tested, deliberation)
        assert len(synced) == syncs


@promise("P7")
async def test_a_privileged_allow_that_does_not_reach_the_disk_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: and so is everything after it, for nobody knows what the disk holds."""

    def cannot(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    async with segments_in(folder) as tested:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", cannot)
            assert await refused(tested.ledger.commit, privileged()) is Reason.LEDGER_UNAVAILABLE
        assert await refused(tested.ledger.commit, allowed(2)) is Reason.LEDGER_UNAVAILABLE
        assert tested.store.calls["g-1"] == 1
        assert len(tested.alarms) == 1
    assert [decision.id for decision in verify_ledger(folder, None).without_outcome] == [f"d{1:031x}"]


@promise("P7")
async def test_a_privileged_allow_that_the_disk_keeps_waiting_is_refused_on_record(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: its decision stands, and so does what became of it."""
    monkeypatch.setattr(disk_module, "SYNC_SECONDS_MAX", 0)
    async with segments_in(folder) as tested:
        assert await refused(tested.ledger.commit, privileged()) is Reason.LEDGER_UNAVAILABLE
        monkeypatch.setattr(disk_module, "SYNC_SECONDS_MAX", 5)
    (outcome,) = entries(folder, kind="outcome")
    assert (outcome["outcome"], outcome["reason"], outcome["forwarded"]) == ("REFUSED", "LEDGER_UNAVAILABLE", False)


async def test_a_full_segment_is_made_durable_and_closed_though_nobody_waits(folder: Path) -> None:
    """Ours: file descriptors do not pile up."""
    async with segments_in(folder, segment_bytes_max=1) as tested:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors, not files
        for number in range(1, 30):
            await committed(tested, allowed(number))
        with anyio.fail_after(5):
            await committed(tested, privileged(30))
            await committed(tested, privileged(31))
        assert len(os.listdir("/proc/self/fd")) <= before + 8  # noqa: PTH208 - as above
    assert verify_ledger(folder, tested.streams.announced).is_whole


def stop(at_ms: int, source: str = "192.0.2.1") -> Stop:
    return Stop(source=source, reason=Reason.BAD_CREDENTIAL, at_ms=at_ms)


async def test_stops_become_one_entry_when_their_minute_is_over(folder: Path) -> None:
    """Design 5.8."""
    async with segments_in(folder) as tested:
        for _ in range(3):
            tested.ledger.count(stop(NOW_MS))
        assert entries(folder, kind="stop") == []
        tested.ledger.count(stop(NOW_MS + MINUTE))
        await committed(tested, denied())
        (entry,) = entries(folder, kind="stop")
        assert (entry["count"], entry["source"], entry["reason"]) == (3, "192.0.2.1", "BAD_CREDENTIAL")
        await committed(tested, denied(2, now_ms=NOW_MS + 2 * MINUTE))
        assert len(entries(folder, kind="stop")) == 2
        tested.ledger.count(stop(NOW_MS + 2 * MINUTE))
        tested.clock.advance(minutes=2)
    assert [entry["count"] for entry in entries(folder, kind="stop")] == [3, 1, 1]
    assert verify_ledger(folder, None).is_whole


async def test_stops_that_nobody_follows_are_written_by_themselves(folder: Path) -> None:
    """Ours: by the next stop, in the same turn of the loop or the next."""
    async with segments_in(folder) as tested:
        tested.ledger.count(stop(NOW_MS))
        tested.ledger.count(stop(NOW_MS + MINUTE))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(entries(folder, kind="stop")) == 1


async def test_stops_that_could_not_be_written_are_counted_on(folder: Path, disk: Disk) -> None:
    """Ours."""
    async with segments_in(folder, write=disk.write) as tested:
        tested.ledger.count(stop(NOW_MS))
        disk.fails = True
        assert await refused(tested.ledger.commit, denied(now_ms=NOW_MS + MINUTE)) is Reason.LEDGER_UNAVAILABLE
        tested.ledger.count(stop(NOW_MS))
        disk.fails = False
        await committed(tested, denied(2, now_ms=NOW_MS + MINUTE))
    assert [entry["count"] for entry in entries(folder, kind="stop")] == [2]


async def test_a_note_is_written_before_it_returns_with_all_that_waits(folder: Path, disk: Disk) -> None:
    """Ours: drift is on record before the tool is out of the snapshot."""
    async with segments_in(folder, write=disk.write) as tested:
        disk.writes.clear()
        async with anyio.create_task_group() as calls:
            calls.start_soon(tested.ledger.commit, denied())
            await anyio.lowlevel.checkpoint()
            tested.ledger.note("drift", {"server": "clock"}, NOW_MS)
            assert kinds(folder)[-1] == "drift"
        assert len([group for group in disk.writes if b'"kind":"drift"' in group]) == 1
    (note,) = entries(folder, kind="drift")
    assert (note["epoch"], note["body"]) == (1, {"server": "clock"})


@promise("P7")
async def test_a_note_that_cannot_be_written_is_refused(folder: Path, disk: Disk) -> None:
    """Ours: a task is not opened without a record of it."""
    async with segments_in(folder, write=disk.write) as tested:
        disk.fails = True
        with pytest.raises(Refused) as stopped:
            tested.ledger.note("task.opened", {}, NOW_MS)
        assert stopped.value.reason is Reason.LEDGER_UNAVAILABLE
        disk.fails = False


@pytest.mark.parametrize("kind", ["decision", "outcome", "stop", "opened", "closed"])
async def test_a_note_is_never_taken_for_an_entry_of_the_ledgers_own(folder: Path, kind: str) -> None:
    """Ours."""
    async with segments_in(folder) as tested:
        with pytest.raises(ValueError, match="own"):
            tested.ledger.note(kind, {}, NOW_MS)


async def test_a_note_is_written_though_the_store_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: then it names no epoch."""
    async with segments_in(folder) as tested:

        def gone() -> int:
            raise Refused(Reason.STORE_UNAVAILABLE)

        monkeypatch.setattr(tested.store, "epoch", gone)
        tested.ledger.note("drift", {}, NOW_MS)
    assert entries(folder, kind="drift")[0]["epoch"] is None


@promise("P7")
async def test_an_allow_without_a_chain_is_a_bug_and_no_record(folder: Path) -> None:
    """Ours."""
    deliberation = allowed()
    object.__setattr__(deliberation, "chain", None)
    async with segments_in(folder) as tested:
        assert await refused(tested.ledger.commit, deliberation) is Reason.INTERNAL
    assert "decision" not in kinds(folder)


async def test_a_stream_that_was_ended_takes_nothing(folder: Path) -> None:
    """Ours: also a second end, which does nothing."""
    async with segments_in(folder) as tested:
        await tested.ledger.commit(denied())
    assert await refused(tested.ledger.commit, allowed()) is Reason.LEDGER_UNAVAILABLE
    assert tested.store.calls["g-1"] == 0
    tested.ledger.count(stop(NOW_MS))
    tested.ledger.count(stop(NOW_MS + MINUTE))
    await asyncio.sleep(0)
    assert isinstance(tested.ledger, SegmentLedger)
    await tested.ledger.aclose()
    assert verify_ledger(folder, None).is_whole


async def test_an_end_that_cannot_be_written_is_an_end_all_the_same(folder: Path, disk: Disk) -> None:
    """Ours."""
    async with segments_in(folder, write=disk.write) as tested:
        await tested.ledger.commit(denied())
        disk.fails = True
    report = verify_ledger(folder, tested.streams.announced)
    assert (report.is_whole, report.streams[0].closed) == (True, False)


async def test_the_end_is_written_though_whoever_ends_it_is_cut_off(folder: Path) -> None:
    """Ours: what must be recorded is shielded."""
    with anyio.CancelScope() as scope:
        async with segments_in(folder):
            scope.cancel()
    assert verify_ledger(folder, None).streams[0].closed


CRASHING = """
import os, sys
import anyio
from pathlib import Path
from tests.contracts.ledgers import segments_in
from tests.simulated.judged import allowed

torn = False

def write(descriptor, group):
    if torn and b'"kind":"decision"' in group:
        os.write(descriptor, group[: len(group) * 2 // 3])
        print("torn", flush=True)
        sys.stdin.read()
    return os.write(descriptor, group)

async def main():
    global torn
    async with segments_in(Path(sys.argv[1]), write=write) as tested:
        for number in range(1, 6):
            await tested.ledger.commit(allowed(number))
        print(tested.ledger.stream, flush=True)
        torn = True
        await tested.ledger.commit(allowed(6))

anyio.run(main)
"""


@promise("P10")
def test_a_process_killed_in_the_middle_of_a_line_loses_that_line_alone(folder: Path) -> None:
    """Design 8: *written* survives the death of the process; the half of a line is cut off at the next start."""
    command = [sys.executable, "-c", CRASHING, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        stream = process.stdout.readline().decode().strip()
        assert process.stdout.readline() == b"torn\n"
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    before = verify_ledger(folder, {stream: True})
    assert before.is_whole
    torn_bytes = before.streams[0].torn_bytes
    assert torn_bytes > 0

    async def begin_again() -> LedgerUnderTest:
        async with segments_in(folder) as tested:
            return tested

    tested = anyio.run(begin_again)
    assert [stream in alarm for alarm in tested.alarms] == [True]
    after = verify_ledger(folder, {stream: True, **tested.streams.announced})
    assert after.is_whole
    assert {one.name: (one.torn_bytes, one.unclaimed) for one in after.streams} == {
        stream: (0, 1),
        **dict.fromkeys(tested.streams.announced, (0, 0)),
    }
    assert [decision.id for decision in after.without_outcome] == [f"d{number:031x}" for number in range(1, 6)]
    (opening,) = (entry for entry in entries(folder, kind="opened") if entry["stream"] != stream)
    assert opening["torn"] == [{"stream": stream, "file": "0.jsonl", "bytes": torn_bytes}]
