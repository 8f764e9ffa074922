"""How a soak goes, and how it went: on a terminal as it happens, elsewhere a line now and then.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.soak.soak import Soak
from tests.soak.vitals import KIB_PER_MIB, Flatness, look_at

_LINE_SECONDS: Final = 15.0  # between two lines where there is no terminal


def new_console() -> Console:
    """Return where it is shown. The file is named: commands that run in this process turn `sys.stdout` away."""
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    return console if console.is_terminal else Console(file=sys.stdout, markup=False, highlight=False, width=160)


@contextmanager
def showing(console: Console, soak: Soak, own_pid: int) -> Iterator[Callable[[], None]]:
    """Give what is to be called now and then."""
    if not console.is_terminal:
        told = -_LINE_SECONDS

        def line() -> None:
            nonlocal told
            if soak.stage.now() - told >= _LINE_SECONDS:
                told = soak.stage.now()
                console.print(Text("  ".join(f"{name} {figure}" for name, figure in _figures(soak, own_pid))))

        yield line
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda: live.update(_progress(soak, own_pid), refresh=True)


def show_verdict(console: Console, soak: Soak, flat: Sequence[Flatness], wrong: Sequence[str], own_pid: int) -> None:
    """Print the final table, and everything that is wrong."""
    tally = soak.tally
    table = Table(title=Text("soak"), title_justify="left", box=box.SIMPLE_HEAD, show_header=False)
    for name, figure in _figures(soak, own_pid):
        table.add_row(Text(name), Text(figure))
    for title, counts in (
        ("done", tally.done),
        ("cancelled, as seen at the tool side", tally.cancelled),
        ("refused", tally.refused),
        ("results of", tally.served),
        ("told by the tool servers", tally.told),
    ):
        table.add_section()
        for name, count in sorted(counts.items()):
            table.add_row(Text(f"{title}: {name}"), Text(str(count)))
    table.add_section()
    for one in flat:
        table.add_row(Text("flat" if one.is_flat else "NOT FLAT"), Text(str(one)))
    for said in soak.quiet:
        table.add_row(Text("in the end"), Text(said))
    console.print(table)
    for failure in wrong:
        console.print(Text(f"FAILED: {failure}", style="red"))
    console.print(Text(f"{max(tally.failed, len(wrong))} failures" if wrong else "nothing failed"))


def _progress(soak: Soak, own_pid: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    for name, figure in _figures(soak, own_pid):
        table.add_row(Text(name), Text(figure))
    for failure in soak.tally.failures[-3:]:
        table.add_row(Text("failed", style="red"), Text(failure[:200]))
    return table


def _figures(soak: Soak, own_pid: int) -> list[tuple[str, str]]:
    tally, elapsed = soak.tally, soak.stage.now()
    own, planned = look_at(own_pid, elapsed), soak.wanted.minutes * 60
    figures = [
        ("elapsed", f"{elapsed:.0f} of {planned:.0f} s"),
        ("sessions", f"{soak.living} ({soak.began} begun)"),
        ("requests", f"{tally.requests} ({tally.requests / max(min(elapsed, planned), 1):.0f}/s)"),
        ("replies", str(tally.replies)),
        ("lost", str(tally.lost)),
        ("withdrawn", str(tally.withdrawn)),
        ("cancelled at the tool side", str(tally.cancelled.total())),
        ("refused", str(tally.refused.total())),
        ("restarts", str(soak.restarts)),
        ("failures", str(tally.failed)),
    ]
    if soak.samples:
        last = soak.samples[-1]
        figures.append(("memory", f"{last.rss_kib / KIB_PER_MIB:.1f} MiB"))
        figures.append(("descriptors", f"{last.descriptors} ({last.lines} agents', {last.tasks} tasks)"))
    figures.append(("of this process", f"{own.rss_kib / KIB_PER_MIB:.0f} MiB, {own.descriptors} descriptors"))
    return figures
