"""What delegation costs, and how soon a revocation is felt: `make bench-delegation`.

Prints a table for each of four questions; what they are, and what the figures are not, stands in README.md. Each is a
ratio to something that was measured in the same run. Fails when a call that began after a revocation had returned was
allowed, and when a call under a chain of nine links costs over three times what it costs under a task alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from benchmarks.chains import PARTS, probes_by_depth
from benchmarks.fleets import CALLERS, DEPTH, Revoked, Stand, rates, revoke_amid_calls, stand
from benchmarks.many_grants import FEW, KEY, Once, fill, measure_once, probes_of
from benchmarks.measure import Figure, Probe, interleave, keep_to_one_cpu
from mediator.adapters.store_sqlite.store import SqliteStore

US: Final = "µs"  # noqa: RUF001 - as everybody writes it
RATIO_MAX: Final = 3.0
DEPTHS: Final = (0, 1, 8)
LIVE: Final = 100_000
CACHED: Final = 9_000  # below what the store remembers
CLIENTS: Final = (1, 8)
SECONDS: Final = 15.0
ROUNDS_MAX: Final = 25
STORE_PROBES: Final[Mapping[str, str]] = {
    "gather": "gather, remembered",
    "gather uncached": "gather, not remembered",
    "gather after a move": "gather, the epoch moved",
    "claim": "claim, counted",
    "open": "open a task",
    "revoke": "revoke four of a chain",
}
PART_TITLES: Final[Mapping[str, str]] = {
    "gather": "gather",
    "prove": "prove the chain",
    "deliberate": "deliberate, proving included",
    "commit": "commit + close",
    "corridor": "the whole corridor",
}


@asynccontextmanager
async def stores(folder: Path, live: int) -> AsyncIterator[tuple[dict[str, Probe], dict[int, Once]]]:
    """Open a store with ten live grants and one with so many; return their probes, `NAME COUNT`, and what is measured once."""
    async with AsyncExitStack() as ending:
        probes, once = dict[str, Probe](), dict[int, Once]()
        for count in (FEW, live):
            path = folder / f"{count}.sqlite"
            last = fill(path, count)
            store = ending.enter_context(SqliteStore(path, KEY))
            once[count] = measure_once(store, last, CACHED)
            other = ending.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
            probes |= {f"{name} {count}": probe for name, probe in probes_of(store, last, other).items()}
        yield probes, once


async def by_depth(console: Console) -> float:
    """Print what each part costs at each depth; return the ratio of the whole, deepest to a task alone."""
    with tempfile.TemporaryDirectory(prefix="bench-delegation-") as folder:
        async with probes_by_depth(Path(folder), DEPTHS) as probes:
            figures, _ = await interleave(probes, SECONDS, ROUNDS_MAX)
    table = Table(title=f"A call under a chain, in {US} of one core", title_justify="left")
    table.add_column("part")
    titles = ("a task alone", "depth 1", "depth 8", "8 : task", "8 : 1", "of what is more")
    for title in titles:
        table.add_column(title, justify="right")
    more = figures["corridor 8"].median - figures["corridor 0"].median
    for part in PARTS:
        alone, one, eight = (figures[f"{part} {depth}"].median for depth in DEPTHS)
        ratios = (f"{eight / alone:.2f}", f"{eight / one:.2f}", f"{(eight - alone) / more:.0%}")
        table.add_row(PART_TITLES[part], *(f"{value:.1f}" for value in (alone, one, eight)), *ratios)
    console.print(table)
    return figures["corridor 8"].median / figures["corridor 0"].median


async def among_many(console: Console) -> None:
    """Print what the store costs among many grants, beside one with ten."""
    with tempfile.TemporaryDirectory(prefix="bench-delegation-") as folder:
        async with stores(Path(folder), LIVE) as (probes, once):
            figures, _ = await interleave(probes, SECONDS, 8)
    table = Table(title=f"The store, in {US} of one core; chains of five links", title_justify="left")
    table.add_column("what")
    for title in (f"{FEW} grants", f"{LIVE:,} grants", "ratio"):
        table.add_column(title, justify="right")
    for name, title in STORE_PROBES.items():
        table.add_row(title, *_pair(figures[f"{name} {FEW}"], figures[f"{name} {LIVE}"]))
    console.print(table)
    many, few = once[LIVE], once[FEW]
    hit = figures[f"gather {LIVE}"].median / 1e3
    console.print(
        f"listing {many.listed:,} grants: {many.list_ms:,.0f} ms, {_each_us(many):.0f} {US} for each", markup=False
    )
    console.print(f"  among {few.listed}: {few.list_ms:.1f} ms, {_each_us(few):.0f} {US} for each", markup=False)
    console.print(f"a remembered chain of five links: {many.chain_bytes / 1000:.1f} kB", markup=False)
    console.print(
        f"with {many.cached:,} chains remembered, the epoch moved: the first gather {many.first_ms:.2f} ms "
        f"({many.first_ms / hit:,.0f} remembered ones), the next hundred {many.next_ms:.2f} ms each "
        f"({many.next_ms / hit:.0f})",
        markup=False,
    )


def _each_us(once: Once) -> float:
    return once.list_ms * 1e3 / once.listed


def _pair(few: Figure, many: Figure) -> tuple[str, str, str]:
    return f"{few.median:.1f}", f"{many.median:.1f}", f"{many.median / few.median:.2f}"


async def before_a_mediator(console: Console, *, revocations: int, requests: int, rounds: int) -> Sequence[Revoked]:
    """Print how soon revocations are felt, and how fast tokens are exchanged; return the revocations."""
    with tempfile.TemporaryDirectory(prefix="bench-delegation-") as folder:
        async with stand(Path(folder)) as standing:
            revoked = [await revoke_amid_calls(standing, 20 * CALLERS) for _ in range(revocations)]
            console.print(_revocations(revoked))
            console.print(await _exchanges(standing, requests, rounds))
    return revoked


def _revocations(revoked: Sequence[Revoked]) -> Table:
    title = f"{len(revoked)} revocations of a chain of depth {DEPTH}, {CALLERS} callers, medians (worst)"
    table = Table("what", "", title=title, title_justify="left")

    def worst(name: str) -> str:
        values = [getattr(one, name) for one in revoked]
        return f"{median(values):.1f} ({max(values):.1f})"

    for name, told in {
        "call_ms": "a call before, ms",
        "returned_ms": "the request until its return, ms",
        "refused_ms": "the request until the first refusal, ms",
        "allowed_meanwhile": "calls allowed before the return",
        "allowed_afterwards": "calls begun after the return that were allowed",
        "others_afterwards": "the link above, allowed as before",
    }.items():
        table.add_row(told, worst(name))
    ratio = median(one.returned_ms / one.call_ms for one in revoked)
    table.add_row("the request until its return, in calls of one caller", f"{ratio:.2f}")
    return table


async def _exchanges(standing: Stand, requests: int, rounds: int) -> Table:
    found = await rates(standing, CLIENTS, requests, rounds)
    table = Table(title="Requests a second over loopback, medians", title_justify="left")
    table.add_column("what")
    for title in ("clients", "a second", "middle half", "ms each", "to a call"):
        table.add_column(title, justify="right")
    for (kind, many), values in found.items():
        rate, call = median(values), median(found["tools/call", many])
        low, _, high = quantiles(values, n=4, method="inclusive")
        numbers = (f"{rate:.0f}", f"{low:.0f} to {high:.0f}", f"{1000 / rate:.1f}", f"{call / rate:.1f}")
        table.add_row(kind, str(many), *numbers)
    return table


async def run() -> int:
    """Measure, tell, and say whether what must hold does."""
    console, begun = Console(), time.monotonic()
    ratio = await by_depth(console)
    await among_many(console)
    revoked = await before_a_mediator(console, revocations=9, requests=60, rounds=9)
    late = sum(one.allowed_afterwards for one in revoked)
    console.print(f"a call at depth 8 costs {ratio:.2f} of one under a task alone (limit {RATIO_MAX})", markup=False)
    console.print(
        f"{late} calls of revoked chains were allowed afterwards; {time.monotonic() - begun:.0f} s", markup=False
    )
    return int(late > 0 or ratio > RATIO_MAX)


def main() -> int:
    """Keep to one CPU, and run."""
    keep_to_one_cpu()
    return anyio.run(run, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    sys.exit(main())
