"""Vitals: memory and descriptors of a process over time, and whether they stay flat.

**The criterion.** The first quarter of a run is its warm-up: sessions, caches and the allocator come to their size. Then
the median of the last quarter may not be above that of the second by more than 5 in a hundred or 8 MiB, whichever is
more. Descriptors are counted for each task that is open, less those that the agents hold just then: a task has processes
and connections of its own, about 14 of them; there may be 3 more. The slope beside it is the median of the slopes between
the medians of small bins (Theil-Sen), which no single peak moves. What is left when all have gone is held to more: `soak.py`.

What grows by design is not memory: the ledger and the store, on disk.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Final

KIB_PER_MIB: Final = 1024
RSS_SHARE: Final = 0.05
RSS_KIB: Final = 8 * KIB_PER_MIB
DESCRIPTORS_A_TASK: Final = 3.0
_QUARTERS: Final = 4
_BINS: Final = 24  # over the run after its warm-up
_SAMPLES_MIN: Final = 8  # below, there is nothing to judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a process."""

    at: float
    rss_kib: int
    descriptors: int
    lines: int  # of the descriptors, those that agents hold open
    tasks: int  # that are open

    @property
    def descriptors_a_task(self) -> float:
        """Return how many there are for each task, beside the agents'."""
        return (self.descriptors - self.lines) / max(self.tasks, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatness:
    """A figure in the second and in the last quarter of a run."""

    what: str
    unit: str
    second: float
    last: float
    allowed: float
    slope_an_hour: float

    @property
    def is_flat(self) -> bool:
        return self.last - self.second <= self.allowed

    def __str__(self) -> str:
        figures = f"{self.second:.1f} -> {self.last:.1f} {self.unit}, {self.slope_an_hour:+.1f} an hour"
        return f"{self.what}: {figures}; allowed {self.allowed:+.1f}"


def look_at(pid: int, at: float, lines: int = 0, tasks: int = 0) -> Sample:
    """Return what the kernel says of a process now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    rss_kib = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Sample(at=at, rss_kib=rss_kib, descriptors=descriptors, lines=lines, tasks=tasks)


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that this one started, and that are not over."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def is_inspector(pid: int) -> bool:
    """Tell whether this is one of the mediator's own processes, which look at large answers and stay."""
    with contextlib.suppress(OSError):
        return b"inspection_processes" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def judge(samples: Sequence[Sample]) -> list[Flatness]:
    """Return how flat memory and descriptors were; nothing where there are too few samples to say."""
    if len(samples) < _SAMPLES_MIN:
        return []
    memory = [(sample.at, sample.rss_kib / KIB_PER_MIB) for sample in samples]
    descriptors = [(sample.at, sample.descriptors_a_task) for sample in samples]
    second, _ = _second_and_last(memory)
    allowed = max(RSS_SHARE * second, RSS_KIB / KIB_PER_MIB)
    return [
        _flatness("resident memory", "MiB", memory, allowed),
        _flatness("descriptors for each task", "beside the agents'", descriptors, DESCRIPTORS_A_TASK),
    ]


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """Return the median of the slopes between every two points; 0 where there are not two."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1]
    return median(slopes) if slopes else 0.0


def _flatness(what: str, unit: str, points: Sequence[tuple[float, float]], allowed: float) -> Flatness:
    second, last = _second_and_last(points)
    slope = theil_sen(_binned(points[len(points) // _QUARTERS :])) * 3600
    return Flatness(what=what, unit=unit, second=second, last=last, allowed=allowed, slope_an_hour=slope)


def _second_and_last(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    quarter = len(points) // _QUARTERS
    values = [value for _, value in points]
    return median(values[quarter : 2 * quarter]), median(values[-quarter:])


def _binned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    size = max(1, len(points) // _BINS)
    bins = [points[start : start + size] for start in range(0, len(points), size)]
    return [(median(at for at, _ in one), median(value for _, value in one)) for one in bins]
