"""How long one large answer keeps everybody else waiting, with and without inspection in a process of its own.

    make bench-large

A whole mediator, everything on, twice: it inspects large answers in its loop, or apart. The figure is the longest stall of
that loop while one answer is on its way (something that is due every millisecond, and how late it is), the median of some
calls; beside it the time until the agent has its answer. The ratio of the two stalls survives a slow or busy machine
better than milliseconds do: it fails when the stall of 10 MB is not at least halved.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from benchmarks.core import a_result
from benchmarks.loopback import Child, ToolServer, child, serving
from mediator.canonical import Json, JsonObject, canonical_bytes

CALLS: Final = 9
RATIO_MIN: Final = 2.0
_MB: Final = 1_000_000


def rows(size: int, letter: str) -> JsonObject:
    """Return a result of about this size: 4,000 matches at most, of text in this letter."""
    each = max(200, size // 4_000)
    found: list[Json] = [
        {"file": "f", "line": n, "text": letter * (each // len(letter.encode()) - 30)} for n in range(size // each)
    ]
    return {"content": [], "structuredContent": {"matches": found}}


def text(size: int) -> JsonObject:
    """Return a result of about this size that is one text, twice."""
    line = "a line of some text, and its end\n"
    told: JsonObject = {"type": "text", "text": line * (size // len(line.encode()) - 1)}
    return {**a_result(0), "content": [told]}


RESULTS: Final[Mapping[str, JsonObject]] = {
    "128 kB of rows": rows(140_000, "x"),
    "1 MB of rows": rows(_MB, "x"),
    "10 MB of rows": rows(10 * _MB, "x"),
    "10 MB of rows, not ASCII": rows(10 * _MB, "é"),
    "10 MB of one text": text(10 * _MB),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """The medians of some calls, in milliseconds: the longest stall, and the time to the answer."""

    stall_ms: float
    answer_ms: float


async def measure(measured: Child) -> Stalled:
    """Make one call at a time."""
    stalls, answers = [], []
    for _ in range(CALLS):
        measured.figure()
        begun = time.monotonic()
        await measured.call(1)
        answers.append((time.monotonic() - begun) * 1e3)
        stalls.append(measured.figure() / 1e6)
    return Stalled(stall_ms=statistics.median(stalls), answer_ms=statistics.median(answers))


async def main() -> int:
    """Print the table; 1 where the stall of the largest is not halved."""
    table = Table("one answer", "MB", "stall here ms", "stall apart ms", "ratio", "answer here ms", "answer apart ms")
    worst = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, result) in enumerate(RESULTS.items()):
            server = ToolServer(result)
            async with AsyncExitStack() as ending:
                port = await ending.enter_async_context(serving(server))
                found: dict[str, Stalled] = {}
                for mode in ("here", "apart"):
                    place = Path(folder) / f"{number}-{mode}"
                    measured = await ending.enter_async_context(child(mode, port, place))
                    server.is_large = True
                    await measured.call(1)  # the worker is started
                    found[mode] = await measure(measured)
                    server.is_large = False
            here, apart = found["here"], found["apart"]
            ratio = here.stall_ms / apart.stall_ms
            size = len(canonical_bytes(result)) / _MB
            if size > 5:
                worst = min(worst, ratio)
            figures = (size, here.stall_ms, apart.stall_ms, ratio, here.answer_ms, apart.answer_ms)
            table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    Console().print(table)
    return int(worst < RATIO_MIN)


if __name__ == "__main__":
    sys.exit(anyio.run(main, backend_options={"use_uvloop": True}))
