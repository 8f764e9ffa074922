"""`mediator drift`: what live servers offer against what is pinned, item by item, for an operator or a pipeline.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import anyio
import typer

from mediator.assembly.drift import check_beside
from mediator.canonical import JsonObject
from mediator.cli.console import BAD, GOOD, NAME, QUIET, WARN, Part, note, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, now_ms, open_set_up
from mediator.edge.control import ask_control

_SLACK_SECONDS: Final = 5.0
_STYLES: Final = {"unchanged": GOOD, "added": WARN}
_TEXT_MAX: Final = 120  # characters of a text in the table; `--json` has more

group = typer.Typer(no_args_is_help=True, help="What live tool servers offer against what is pinned.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="drift")


@group.callback()
def _drift() -> None:
    """What live tool servers offer against what is pinned."""


@group.command("check")
def check(
    server: Annotated[str | None, typer.Argument(metavar="[SERVER]", help="Only this one.", show_default="all")] = None,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Compare what every pinned server offers now with its pins; exit 1 if anything differs or cannot be asked."""
    report = _report(open_set_up(folder), server)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if report["is_as_pinned"] is not True:
        raise typer.Exit(1)


def _report(set_up: SetUp, server: str | None) -> JsonObject:
    """Ask the mediator that runs here; without one, ask the servers."""
    seconds = set_up.settings.limits.start_seconds + _SLACK_SECONDS
    answer = ask_control(set_up.folder.control_socket, {"op": "drift.check", "server": server}, seconds)
    if answer is not None:
        return answer
    return anyio.run(check_beside, set_up.folder, set_up.settings, server, now_ms())


def _show(report: dict[str, Any]) -> None:
    held = {(one["server"], one["kind"], one["name"]): one for one in report["quarantined"]}
    rows: list[tuple[Part, ...]] = []
    for name, server in report["servers"].items():
        if server["file"] is not None:
            rows.append((name, ("not started", BAD), _of_file(server["file"]), ""))
        elif server["unreachable"] is not None:
            rows.append((name, ("not asked", BAD), server["unreachable"], ""))
        for item in server["items"]:
            state = item["state"]
            quarantined = ("quarantined", BAD) if (name, item["kind"], item["name"]) in held else ""
            what = f"{item['kind']} {item['name']}" if item["kind"] != "tool" else item["name"]
            rows.append((f"{name}/{what}", (state, _STYLES.get(state, BAD)), "; ".join(_moved(item)), quarantined))
    if rows:
        show_table(("Item", "Offered", "What moved", ""), rows)
    else:
        say(("nothing is pinned", QUIET))
    if any(server["file"] is not None for server in report["servers"].values()):
        note((" next: ", NAME), "find out who changed the file; what was reviewed, put back, is started again")
    if not report["is_as_pinned"]:
        note((" next: ", NAME), "`mediator manifest import SERVER --again`, sign it, `mediator pin review SERVER`, and")
        note(("       ", NAME), "approve what you accept: only a new approval ends a quarantine")
    else:
        say(("as pinned", GOOD))


def _of_file(file: dict[str, str]) -> str:
    return f"{file['file']} is not what was reviewed: expected {file['expected']}, found {file['found']}"


def _moved(item: dict[str, Any]) -> Iterator[str]:
    for field in item.get("fields", []):
        yield f"{field['pointer']} ({field['kind']}): {_short(field['old'])} -> {_short(field['new'])}"
    if "fields" not in item and "how" in item:
        yield item["how"]


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}..."
