"""The comparison as tables: scenario by scenario, direct and through, and below it what differs and why.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mediator.cli.console import BAD, GOOD, NAME, QUIET, WARN, printable
from tests.conformance.results import Check, Compared, Difference, Results, Status, count

_WIDTH: Final = 160  # of what is no terminal: a line for each difference is what a log is read for
_PLAIN: Final = Console(markup=False, highlight=False, emoji=False)
OUT: Final = _PLAIN if _PLAIN.is_terminal else Console(markup=False, highlight=False, emoji=False, width=_WIDTH)
_OTHERS: Final = (Status.WARNING, Status.SKIPPED)


def show_comparison(title: str, compared: Sequence[Compared]) -> None:
    """Print both runs of a leg, and each check that came out differently."""
    table = _table(title, "direct", "through", "")
    for one in compared:
        style = "" if one.is_equal else WARN if one.is_as_meant else BAD
        table.add_row(printable(one.scenario, style), _sum(one.direct), _sum(one.through), _verdict(one))
    table.add_section()
    table.add_row(
        printable("in all", NAME), _total(one.direct for one in compared), _total(one.through for one in compared), ""
    )
    OUT.print(table)
    differing = [one for one in compared if not one.is_equal]
    if differing:
        OUT.print(_differences(title, differing))


def show_results(title: str, results: Results) -> None:
    """Print one run of a leg, and each check that did not pass."""
    table = _table(title, "direct")
    for scenario, checks in sorted(results.items()):
        table.add_row(printable(scenario), _sum(checks))
    table.add_section()
    table.add_row(printable("in all", NAME), _total(results.values()))
    OUT.print(table)
    for scenario, checks in sorted(results.items()):
        for check in checks:
            if check.status in {Status.FAILURE, Status.WARNING}:
                OUT.print(printable(f"{scenario}: {check.id}: {check.status}: {check.message}", QUIET))


def _verdict(one: Compared) -> Text:
    if one.is_equal:
        return printable("same", QUIET)
    differing = f"{len(one.differences)} differ"
    return printable(f"{differing} as meant", WARN) if one.is_as_meant else printable(differing, BAD)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=printable(title, NAME), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("scenario", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _differences(title: str, compared: Sequence[Compared]) -> Table:
    table = Table(title=printable(f"what differs, {title}", BAD), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("scenario and check", no_wrap=True)
    for column in ("direct", "through"):
        table.add_column(column, no_wrap=True)
    table.add_column("what the suite says", overflow="fold")
    for one in compared:
        cases = Counter(difference.id for difference in one.differences)
        missing = "direct" if one.direct is None else "through" if one.through is None else None
        said = "" if missing is None else f"was not run {missing}"
        table.add_row(printable(one.scenario, NAME), "", "", printable(said))
        for difference in one.differences:
            statuses = _statuses(difference.direct, difference.through)
            name = difference.id if cases[difference.id] == 1 else f"{difference.id}: {difference.case}"
            meant = difference.meant_in(one.scenario)
            said = _message(difference) if meant is None else f"meant: {meant.reason}"
            table.add_row(printable(f"  {name}"), *statuses, printable(said))
    return table


def _statuses(*checks: Check | None) -> list[Text]:
    return [printable("-" if check is None else check.status.lower(), _style(check)) for check in checks]


def _style(check: Check | None) -> str:
    match None if check is None else check.status:
        case Status.SUCCESS:
            return GOOD
        case Status.FAILURE | None:
            return BAD
        case Status.WARNING | Status.SKIPPED | Status.INFO:
            return WARN


def _message(difference: Difference) -> str:
    for check in (difference.through, difference.direct):
        if check is not None and check.message:
            return check.message
    return "the check was not made" if difference.through is None else ""


def _sum(checks: Sequence[Check] | None) -> Text:
    """Passed and failed, and whatever is neither, if there is any."""
    if checks is None:
        return printable("not run", BAD)
    passed, failed = count(checks, Status.SUCCESS), count(checks, Status.FAILURE)
    others = [f"{number} {status.lower()}" for status in _OTHERS if (number := count(checks, status))]
    text = Text.assemble((str(passed), GOOD), "/", (str(failed), BAD if failed else QUIET))
    return text.append(f" {' '.join(others)}", WARN) if others else text


def _total(runs: Iterable[Sequence[Check] | None]) -> Text:
    return _sum([check for checks in runs for check in checks or ()])
