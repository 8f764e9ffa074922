"""What a call costs, step by step, beside the budget: `make bench-core`.

Prints the table, writes `last.json` beside this file, and fails when the sum of the steps is over the limit. What each
step is, and what the numbers are not, stands in README.md.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from benchmarks.loopback import Child, ToolServer, child, serving
from benchmarks.measure import Figure, Probe, interleave, keep_to_one_cpu, sum_of
from benchmarks.steps import probes_of

LIMIT_US: Final = 400
US: Final = "µs"  # noqa: RUF001 - as everybody writes it
SECONDS: Final = 50.0
ROUNDS_MAX: Final = 25
CALLS: Final = 160  # at each measurement over HTTP
LAST: Final = Path(__file__).resolve().parent / "last.json"


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the table: `budget` where it is one of the budget's steps and counts in the sum."""

    probe: str
    title: str
    budget: int | None = None
    is_process: bool = False


STEPS: Final[Sequence[Step]] = (
    Step("http", "HTTP in and out, both sides", 50),
    Step("http large", "  with a result of 16 kB"),
    Step("parse", "parse, header = body", 6),
    Step("identify", "identify", 2),
    Step("identify fresh", "  one not seen before"),
    Step("gather", "gather, claims", 12),
    Step("gather counted", "  of a counted call"),
    Step("resolve", "resolve, schema", 3),
    Step("policy", "policy", 80),
    Step("policy remembered", "  remembered"),
    Step("policy 50", "  with 50 policies more"),
    Step("policy 50 remembered", "  both"),
    Step("commit", "commit + close", 12),
    Step("reply large", "inspect, reply (16 kB)", 15),
    Step("reply", "  a small result"),
    Step("span", "span", 3),
)
WHOLE: Final[Sequence[Step]] = (
    Step("yardstick", "a fixed piece of Python"),
    Step("bare", "bare proxy, unmediated", is_process=True),
    Step("bare large", "  with a result of 16 kB", is_process=True),
    Step("http", "our edge and client, unmediated", is_process=True),
    Step("http large", "  with a result of 16 kB", is_process=True),
    Step("corridor", "the corridor alone"),
    Step("whole", "a whole call", is_process=True),
    Step("whole large", "  with a result of 16 kB", is_process=True),
)


@dataclass(frozen=True, slots=True)
class OverHttp:
    """The probe of a process: calls go through it, and it says what CPU time they took."""

    child: Child
    tools: ToolServer
    is_large: bool

    async def __call__(self) -> float:
        self.tools.is_large, before = self.is_large, self.tools.calls
        cost = await self.child.cost(CALLS)
        if self.tools.calls != before + CALLS:
            message = f"{CALLS} calls were made, and {self.tools.calls - before} came through"
            raise RuntimeError(message)
        return cost


@asynccontextmanager
async def http_probes(folder: Path) -> AsyncIterator[dict[str, Probe]]:
    """Start the processes that are measured from outside."""
    async with AsyncExitStack() as ending:
        tools = ToolServer()
        port = await ending.enter_async_context(serving(tools))
        probes: dict[str, Probe] = {}
        for mode, name in (("bare", "bare"), ("edge", "http"), ("whole", "whole")):
            one = await ending.enter_async_context(child(mode, port, folder / mode))
            for is_large in (False, True):
                probes[f"{name} large" if is_large else name] = OverHttp(one, tools, is_large=is_large)
        yield probes


@asynccontextmanager
async def every_probe(folder: Path) -> AsyncIterator[dict[str, Probe]]:
    """Start all that is measured: each line of both tables has its probe."""
    async with http_probes(folder) as over_http, probes_of(folder) as steps:
        yield over_http | steps


async def measure() -> tuple[dict[str, Figure], int]:
    """Return every figure, and in how many rounds they were taken."""
    async with AsyncExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="bench-core-")))
        probes = await ending.enter_async_context(every_probe(folder))
        return await interleave(probes, SECONDS, ROUNDS_MAX)


def table_of(steps: Sequence[Step], figures: dict[str, Figure], title: str) -> Table:
    """Return a table: a line for each step."""
    table = Table(title=title, title_justify="left")
    table.add_column("step")
    for column in (f"budget {US}", f"measured {US}", "middle half", "best"):
        table.add_column(column, justify="right")
    for step in steps:
        figure = figures[step.probe]
        style = "dim" if step.title.startswith(" ") else None
        table.add_row(
            step.title,
            str(step.budget or ""),
            f"{figure.median:.1f}",
            _spread(figure),
            f"{figure.best:.1f}",
            style=style,
        )
    return table


def whole_table(figures: dict[str, Figure]) -> Table:
    """Return the table of whole processes, beside the least that a proxy costs on this machine at this moment."""
    table = Table(title="The same, whole", title_justify="left")
    table.add_column("what")
    for column in (f"measured {US}", "middle half", "bare proxies"):
        table.add_column(column, justify="right")
    for step in WHOLE:
        figure, least = figures[step.probe], figures["bare large" if step.probe.endswith("large") else "bare"]
        times = f"{figure.median / least.median:.1f}" if step.is_process else ""
        style = "dim" if step.title.startswith(" ") else None
        table.add_row(step.title, f"{figure.median:.1f}", _spread(figure), times, style=style)
    return table


def _spread(figure: Figure) -> str:
    return f"{figure.low:.0f} to {figure.high:.0f}"


def main() -> int:
    """Measure, tell, and say whether the sum keeps within the limit."""
    begun = time.monotonic()
    keep_to_one_cpu()
    figures, rounds = anyio.run(measure, backend_options={"use_uvloop": True})
    counted = [step for step in STEPS if step.budget is not None]
    total = sum_of([figures[step.probe] for step in counted])
    console = Console()
    budget = table_of(STEPS, figures, f"A call of 400 bytes, in {US} of one core")
    budget.add_section()
    budget.add_row(
        "sum",
        str(sum(step.budget or 0 for step in counted)),
        f"{total.median:.0f}",
        _spread(total),
        f"{total.best:.0f}",
    )
    budget.add_row("limit", "", str(LIMIT_US))
    console.print(budget)
    console.print(whole_table(figures))
    is_within = total.median <= LIMIT_US
    console.print(f"{rounds} rounds in {time.monotonic() - begun:.0f} s; indented lines are not part of the sum")
    console.print(f"the sum is {'within' if is_within else 'OVER'} the limit of {LIMIT_US} {US}", markup=False)
    form = {
        "limit_us": LIMIT_US,
        "sum_us": round(total.median, 1),
        "best_sum_us": round(total.best, 1),
        "rounds": rounds,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "steps": {name: figure.form for name, figure in figures.items()},
    }
    LAST.write_text(json.dumps(form, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
