"""Probes and rounds: what something costs, in microseconds of one core, on a machine that does other things as well.

CPU time is taken, not the clock on the wall. That alone does not keep neighbours out: two threads of one core halve each
other's speed, and the CPU time of both doubles. So everything here, and what it starts, is kept on one CPU; each round
runs every probe a few times, shortly, and the least disturbed of them is the round's; the median of the rounds counts.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

WINDOWS: Final = 6  # of each probe in a round


class Probe(Protocol):
    """Something that is run often and says what one time costs, in microseconds."""

    async def __call__(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What the rounds came to, in microseconds: the median, the quartiles around it, and the best of them."""

    median: float
    best: float
    low: float
    high: float

    @property
    def form(self) -> dict[str, float]:
        return {
            "median_us": round(self.median, 2),
            "best_us": round(self.best, 2),
            "low_us": round(self.low, 2),
            "high_us": round(self.high, 2),
        }


@dataclass(frozen=True, slots=True)
class Synchronous:
    """The probe of a function; `prepare` makes its argument, outside of what is measured."""

    run: Callable[[], object]
    times: int = 100

    async def __call__(self) -> float:
        run = self.run
        begun = time.process_time_ns()
        for _ in range(self.times):
            run()
        return (time.process_time_ns() - begun) / self.times / 1000


@dataclass(frozen=True, slots=True)
class Asynchronous:
    """The probe of a coroutine, so many at a time: what the loop does for all of them in one turn is shared."""

    run: Callable[[], Awaitable[object]]
    at_a_time: int
    times: int = 96

    async def __call__(self) -> float:
        begun = time.process_time_ns()
        async with asyncio.TaskGroup() as running:
            for _ in range(self.at_a_time):
                running.create_task(self._repeat(self.times // self.at_a_time))
        return (time.process_time_ns() - begun) / self.times / 1000

    async def _repeat(self, times: int) -> None:
        for _ in range(times):
            await self.run()


def keep_to_one_cpu() -> None:
    """Keep this process, and whatever it starts, from being its own neighbour."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


async def interleave(probes: Mapping[str, Probe], seconds: float, rounds_max: int) -> tuple[dict[str, Figure], int]:
    """Run all probes in rounds for about so long; return their figures, and how many rounds there were."""
    for probe in probes.values():
        await probe()  # what is worked out once is not measured
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {name: [] for name in probes}
    end = time.monotonic() + seconds
    rounds = 0
    while rounds < rounds_max and (rounds < 3 or time.monotonic() < end):
        for name, probe in probes.items():
            taken[name].append(min([await probe() for _ in range(WINDOWS)]))
        rounds += 1
    return {name: _figure(values) for name, values in taken.items()}, rounds


def sum_of(figures: Sequence[Figure]) -> Figure:
    """Return the sum; its quartiles are the sums of theirs, which is wider than what they come to together."""
    return Figure(
        median=sum(one.median for one in figures),
        best=sum(one.best for one in figures),
        low=sum(one.low for one in figures),
        high=sum(one.high for one in figures),
    )


def _figure(values: Sequence[float]) -> Figure:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(median=median, best=min(values), low=low, high=high)
