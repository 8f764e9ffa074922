"""Compares real servers from npm and PyPI with themselves behind a mediator: `make real-servers`.

    python -m tests.real_servers [NAME ...] [--itself] [--json FILE]

Prints, for each server and era, each step with whether it is equal, and how it differs; ends with 1 where anything
differs that is not meant to, or where something was not installed and so not compared. With `--itself` each server is
compared with itself, without a mediator, and all must be equal: so it is seen that the scripts name all that varies.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.real_servers.comparing import Compared, Verdict, shown
from tests.real_servers.legs import ERAS, Leg, compare_legs, mediated, placed, straight, through
from tests.real_servers.loopback import Loopback
from tests.real_servers.servers import RealServer, all_servers

Legs = Mapping[tuple[str, str], list[Compared]]
_COLOURS: Final = {Verdict.EQUAL: "green", Verdict.MEANT: "cyan", Verdict.DIFFERS: "red"}


async def compare_with_mediated(folder: Path, servers: Sequence[RealServer]) -> Legs:
    """Compare each server in each era with itself behind a mediator of its own.

    One mediator cannot stand in front of all: two servers whose resources may have the same URI are not both pinned.
    """
    legs: dict[tuple[str, str], list[Compared]] = {}
    async with placed(folder, servers) as loopback:
        for server in servers:
            async with mediated(folder / server.name, loopback, [server]) as mediator:
                legs |= await _compare(loopback, [server], through(mediator))
    return legs


async def compare_with_itself(folder: Path, servers: Sequence[RealServer]) -> Legs:
    """Compare each server in each era with itself."""
    async with placed(folder, servers) as loopback:
        return await _compare(loopback, servers, straight(loopback))


async def _compare(loopback: Loopback, servers: Sequence[RealServer], other: Leg) -> Legs:
    legs: dict[tuple[str, str], list[Compared]] = {}
    for server in servers:
        for era in ERAS:
            legs[server.name, era] = await compare_legs(loopback, server, era, other)
            print(f"{server.name}, {era}: {len(legs[server.name, era])} steps", file=sys.stderr, flush=True)
    return legs


def print_legs(console: Console, legs: Legs) -> None:
    """Print the whole comparison, then its sums."""
    for (name, era), steps in legs.items():
        table = Table(title=Text(f"{name}, client {era}"), title_justify="left", expand=True)
        table.add_column("step", ratio=2)
        table.add_column("comes out", ratio=1)
        table.add_column("where: direct -> other way", ratio=5)
        for one in steps:
            why = [one.case.meant.value] if one.verdict is Verdict.MEANT and one.case.meant else shown(one)
            verdict = Text(one.verdict.value, style=_COLOURS[one.verdict])
            table.add_row(Text(one.case.step.title), verdict, Text("\n".join(why)))
        console.print(table)
    sums = Table(title="Sums", title_justify="left")
    for column in ("server", "client", *Verdict):
        sums.add_column(column)
    for (name, era), steps in legs.items():
        counts = Counter(one.verdict for one in steps)
        sums.add_row(name, era, *(str(counts[verdict]) for verdict in Verdict))
    console.print(sums)


def as_json(legs: Legs) -> str:
    """Return the comparison for a program to read."""
    rows = [
        {
            "server": name, "era": era, "step": one.case.step.title, "params": dict(one.case.step.params),
            "verdict": one.verdict.value, "differences": list(one.differences),
        }
        for (name, era), steps in legs.items()
        for one in steps
    ]  # fmt: skip
    return json.dumps(rows, indent=1, ensure_ascii=False)


def main(words: Sequence[str]) -> int:
    """Compare, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_servers")
    parser.add_argument("names", nargs="*", help="which servers; all of them where none is named")
    parser.add_argument("--itself", action="store_true", help="without a mediator: all must be equal")
    parser.add_argument("--json", type=Path, help="also write the comparison to this file")
    asked = parser.parse_args(words)
    console = Console(width=160, markup=False, highlight=False)
    wanted = [server for server in all_servers() if not asked.names or server.name in asked.names]
    absent = [server for server in wanted if server.missing is not None]
    for server in absent:
        console.print(f"NOT COMPARED: {server.name}: `{server.missing}` is not installed")
    compare_all = compare_with_itself if asked.itself else compare_with_mediated
    with TemporaryDirectory(prefix="real-servers-") as folder:
        legs = anyio.run(compare_all, Path(folder), [server for server in wanted if server not in absent])
    print_legs(console, legs)
    if asked.json is not None:
        asked.json.write_text(as_json(legs), encoding="utf-8")
    counts = Counter(one.verdict for steps in legs.values() for one in steps)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    console.print(f"{sum(counts.values())} steps of {len(wanted) - len(absent)} servers: {told}; {len(absent)} skipped")
    return 1 if counts[Verdict.DIFFERS] or absent or not legs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
