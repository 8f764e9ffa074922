"""What commands print, and how: for a person with rich, for a program as JSON; and what foreign text becomes first.

Every text that is printed goes through `printable`, whoever wrote it, and no markup is obeyed: rich would follow
`[conceal]` and `[link=]` in data, and a terminal would follow an escape (A2, A3). Data goes to standard output,
everything that is said about it to standard error when `--json` is asked for.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mediator.canonical import Json, canonical_bytes
from mediator.refusal import Refused

OUT: Final = Console(markup=False, highlight=False, emoji=False)
ERR: Final = Console(markup=False, highlight=False, emoji=False, stderr=True)

Part: TypeAlias = str | tuple[str, str]
"""A text, or a text and its style."""


class Tell(Protocol):
    """How a line is printed: `say`, or `note` where data goes to standard output."""

    def __call__(self, *parts: Part) -> None:
        """Print one line."""


DEBUG: Final = "MEDIATOR_DEBUG"
GOOD: Final = "green"
WARN: Final = "yellow"
BAD: Final = "bold red"
QUIET: Final = "dim"
NAME: Final = "bold"


def printable(text: str, style: str = "") -> Text:
    """Return the text as a terminal may show it: whatever is no printable character, in visible form.

    Escapes, line breaks, and what reorders or hides text (bidirectional controls, zero width) are written out.
    """
    if text.isprintable():
        return Text(text, style=style)
    return Text("".join(one if one.isprintable() else _written_out(one) for one in text), style=style)


def say(*parts: Part) -> None:
    """Print one line."""
    OUT.print(_line(parts), soft_wrap=True)


def note(*parts: Part) -> None:
    """Print one line beside the data, on standard error."""
    ERR.print(_line(parts), soft_wrap=True)


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[Part]], *, title: str = "", on: Console | None = None
) -> None:
    """Print a table; a cell that is too long for its column goes on in the next line, and nothing is cut off.

    Columns without names make a list of facts: no head, no rule.
    """
    is_headed = any(columns)
    table = Table(
        box=box.SIMPLE_HEAD if is_headed else None,
        show_header=is_headed,
        title=printable(title, NAME) if title else None,
        title_justify="left",
        pad_edge=not is_headed,
        padding=(0, 2, 0, 0) if is_headed else (0, 1),
    )
    for column in columns:
        table.add_column(printable(column), overflow="fold")
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    (on or OUT).print(table)


def show_lines(rows: Sequence[Sequence[Part]]) -> None:
    """Print rows of which each stays one line, its cells below each other; the last cell of a row may be of any length."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [
        max((row[column].cell_len for row in texts if len(row) > column + 1), default=0)
        for column in range(max(map(len, texts), default=0))
    ]
    for row in texts:
        line = Text()
        for column, cell in enumerate(row):
            line.append_text(cell)
            if column < len(row) - 1:
                line.append(" " * (widths[column] - cell.cell_len + 2))
        OUT.print(line, soft_wrap=True)


def counted(number: int, what: str) -> str:
    """Return the number and the word, in the plural where it is not one."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def fact_text(name: str, value: Json) -> str:
    """Return the value of a fact as people read it: what is named `_ms` as a time (RFC 3339), several with commas."""
    if name.endswith("_ms") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def print_json(value: Json) -> None:
    """Print one JSON value on one line, for a program."""
    sys.stdout.write(canonical_bytes(value).decode() + "\n")


def print_refusal(refused: Refused) -> None:
    """Print what was refused, where, and the next step."""
    note(("error: ", BAD), refused.detail or str(refused.reason))
    if refused.remedy is not None:
        note((" next: ", NAME), refused.remedy)


def print_usage(message: str, command: str) -> None:
    """Print what is wrong with the command line, and how to see what it should be."""
    note(("error: ", BAD), message)
    note((" next: ", NAME), f"`{command} --help` shows what it takes")


def print_bug(error: BaseException) -> None:
    """Print that we are at fault, under an id that is the same wherever the same fault shows; no traceback."""
    note(
        ("error: ", BAD),
        f"this is a bug of the mediator ({bug_id(error)}, {type(error).__name__}); nothing was allowed",
    )
    if os.environ.get(DEBUG):
        ERR.print(printable_lines("".join(traceback.format_exception(error))), soft_wrap=True)
    else:
        note((" next: ", NAME), f"run it again with {DEBUG}=1 to see where, and report that")


def bug_id(error: BaseException) -> str:
    """Return eight digits that tell this fault from others: of its type and place, never of its data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = "".join(f"{Path(frame.filename).name}:{frame.lineno};" for frame in frames[-3:])
    return hashlib.sha256(f"{type(error).__name__}:{place}".encode()).hexdigest()[:8]


def printable_lines(text: str) -> Text:
    """Return a text of several lines as a terminal may show it."""
    return Text("\n").join(printable(line) for line in text.splitlines())


def _line(parts: Sequence[Part]) -> Text:
    return Text("").join(_text(part) for part in parts)


def _text(part: Part) -> Text:
    return printable(part) if isinstance(part, str) else printable(*part)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
