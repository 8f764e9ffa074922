"""When the soak calls a figure flat.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mediator.adapters.inspection_processes.frames import glance_head
from mediator.adapters.inspection_processes.process import WorkerProcess
from tests.soak.vitals import KIB_PER_MIB, Sample, children_of, is_inspector, judge, look_at, theil_sen

SAMPLES = 400


def samples(rss_mib: Callable[[int], float] = lambda _: 100, own: Callable[[int], int] = lambda _: 14) -> list[Sample]:
    """Return a run, one sample a second; agents hold more and more lines and tasks, which is their own affair."""
    return [
        Sample(
            at=at, rss_kib=round(rss_mib(at) * KIB_PER_MIB), descriptors=own(at) * (at + 1) + at, lines=at, tasks=at + 1
        )
        for at in range(SAMPLES)
    ]


@pytest.mark.parametrize(
    ("name", "rss_mib", "is_flat"),
    [
        ("steady", lambda _: 100, True),
        ("warms up", lambda at: min(at, 100), True),
        ("saw teeth", lambda at: 100 + at % 50, True),
        ("one peak at the end", lambda at: 900 if at > SAMPLES - 40 else 100, True),
        ("within 8 MiB", lambda at: 100 + at * 0.025, True),
        ("a leak", lambda at: 100 + at * 0.05, False),
        ("a step", lambda at: 100 if at < 250 else 109, False),
        ("large, within 5 in a hundred", lambda at: 1000 if at < 250 else 1049, True),
        ("large, beyond", lambda at: 1000 if at < 250 else 1051, False),
    ],
)
def test_memory_is_flat_if_its_last_quarter_is_about_its_second(
    name: str, rss_mib: Callable[[int], float], is_flat: bool
) -> None:
    """Ours: the criterion at the top of `vitals.py`."""
    memory, descriptors = judge(samples(rss_mib=rss_mib))
    assert (memory.is_flat, descriptors.is_flat) == (is_flat, True), f"{name}: {memory}"


@pytest.mark.parametrize(("leaked", "is_flat"), [(0, True), (3, True), (4, False)])
def test_descriptors_are_flat_for_each_task_beside_those_of_the_agents(leaked: int, is_flat: bool) -> None:
    """Ours: as above."""
    _, descriptors = judge(samples(own=lambda at: 14 if at < 250 else 14 + leaked))
    assert descriptors.is_flat is is_flat


def test_too_few_samples_say_nothing() -> None:
    """Ours: empty is never permission; a soak without samples fails for another reason."""
    assert judge(samples()[:7]) == []


def test_the_slope_is_that_of_most_points() -> None:
    """Theil-Sen: no single peak moves it."""
    assert theil_sen([(x, 1000 if x == 7 else 2 * x) for x in range(20)]) == pytest.approx(2)
    assert theil_sen([(0, 1)]) == 0


@pytest.mark.skipif(not Path("/proc").exists(), reason="the soak needs Linux")
def test_what_the_kernel_says_of_a_process_is_read() -> None:
    """Ours: `/proc` is there wherever a soak runs."""
    with Path(os.devnull).open("rb"):
        one = look_at(os.getpid(), 1)
    other = look_at(os.getpid(), 2)
    assert one.descriptors == other.descriptors + 1
    assert one.rss_kib > 1000
    assert os.getpid() not in children_of(os.getpid())


async def test_what_looks_at_large_answers_is_no_tool_server() -> None:
    """Ours: it stays as long as the mediator; a tool server's process goes with its task."""
    worker = WorkerProcess((str(2 << 30), "64", "1000"), 1000)
    try:
        await worker.ask(glance_head(), b'{"jsonrpc":"2.0","id":1,"result":{}}')  # it runs what it was started for
        assert worker.pid in children_of(os.getpid())
        assert is_inspector(worker.pid)
        assert not is_inspector(os.getpid())
    finally:
        worker.kill()
        worker.wait()
        worker.close()
    assert not is_inspector(worker.pid)
