"""`mediator ledger`: what was decided and what became of it, and whether anybody edited that since.

Both read files and may look on while a mediator writes. Nothing here can change an entry.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from mediator.adapters.ledger_segments.showing import Wanted, find_entries, find_values
from mediator.adapters.ledger_segments.verify import VerifyReport, verify_ledger
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.folder import read_secret
from mediator.canonical import Json, JsonObject, readable_bytes
from mediator.cli.console import (
    BAD,
    GOOD,
    NAME,
    OUT,
    QUIET,
    WARN,
    Part,
    counted,
    note,
    print_json,
    printable_lines,
    say,
    show_lines,
    show_table,
)
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, open_set_up
from mediator.refusal import Reason, Refused

_SHOWN_ID: Final = 8
_OF_STREAMS: Final = ("opened", "closed")
_TOLD: Final = ("task", "agent", "owner", "server", "tool", "source", "reason", "count", "detail")
_YEAR_9999_MS: Final = 253_370_764_800_000

group = typer.Typer(no_args_is_help=True, help="Show what was decided, and verify that nobody edited it.")


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="ledger")


@group.command("show")
def show(
    decision: Annotated[
        str | None, typer.Argument(metavar="[DECISION]", help="One decision, whole: by its id, or how that begins.")
    ] = None,
    task: Annotated[str | None, typer.Option(metavar="ID", help="Of this task.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Of this agent.")] = None,
    trace: Annotated[str | None, typer.Option(metavar="ID", help="Of this trace.")] = None,
    last: Annotated[int, typer.Option(min=1, metavar="N", help="The last of them.")] = 20,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Show the last decisions and what became of them; or one of them, whole."""
    set_up = open_set_up(folder)
    _must_be_there(set_up)
    if decision is not None:
        _show_one(set_up, decision, as_json=as_json)
        return
    found = find_entries(set_up.folder.ledger, Wanted(task=task, agent=agent, trace=trace, last=2 * last))
    if found.unreadable:
        told = f"{counted(found.unreadable, 'line')} cannot be read; `mediator ledger verify` says which"
        note(("warning: ", WARN), told)
    rows = _rows(found.entries)[-last:]
    if as_json:
        print_json([dict(row) for row in rows])
    elif rows:
        _show_rows(rows)
    else:
        say("nothing was decided", (" that fits" if task or agent or trace else " so far", QUIET))


@group.command("verify")
def verify(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """Verify every stream of the ledger, line by line; exit 1 if something was edited, dropped or added."""
    set_up = open_set_up(folder)
    known = _known_streams(set_up)
    if any((known or {}).values()) and not set_up.folder.ledger.exists():
        gone = tuple(sorted(name for name, exists in (known or {}).items() if exists))
        report = VerifyReport(streams=(), missing=gone, unknown=(), problems=(), without_outcome=())
    else:
        _must_be_there(set_up)
        report = verify_ledger(set_up.folder.ledger, known)
    if as_json:
        print_json(_report_form(report))
    else:
        _show_report(report, knows_streams=known is not None)
    if not report.is_whole:
        raise typer.Exit(1)


def _must_be_there(set_up: SetUp) -> None:
    if not set_up.folder.ledger.exists():
        detail = f"there is no ledger in `{set_up.shown(set_up.folder.ledger)}`: nothing was decided so far"
        raise Refused(Reason.LEDGER_UNAVAILABLE, detail, remedy="`mediator serve` or `mediator stdio` begins one")


def _known_streams(set_up: SetUp) -> Mapping[str, bool] | None:
    """The streams that the store was told of; nothing where there is no store to ask."""
    if not set_up.folder.store_file.exists():
        return None
    file, key = set_up.folder.store_file, set_up.folder.key_file("grants")
    with about(set_up.shown(file), "put back a copy of it"), SqliteStore(file, read_secret(key)) as store:
        return dict(store.list_streams())


# --- one decision ----------------------------------------------------------------------------------------------------


def _show_one(set_up: SetUp, decision: str, *, as_json: bool) -> None:
    ledger = set_up.folder.ledger
    entries = find_entries(ledger, Wanted(decision=_whole_id(set_up, decision))).entries
    values = find_values(ledger, str(entries[0].get("stream")), str(entries[0].get("id")))
    whole: JsonObject = {"entries": list[Json](entries), "values": values}
    if as_json:
        print_json(whole)
        return
    for entry in entries:
        say((str(entry.get("kind")), NAME), f"  {_moment(entry)}  entry {entry.get('index')} of {entry.get('stream')}")
        OUT.print(printable_lines(readable_bytes(entry).decode()), soft_wrap=True)
    say(("values", NAME), "  kept apart" if values is not None else "  erased, or never kept")
    if values is not None:
        OUT.print(printable_lines(readable_bytes(values).decode()), soft_wrap=True)


def _whole_id(set_up: SetUp, beginning: str) -> str:
    """Return the one decision whose id begins so: a list shows no more of it."""
    decisions = find_entries(set_up.folder.ledger, Wanted(kind="decision")).entries
    ids = {found for one in decisions if (found := str(one.get("id"))).startswith(beginning)}
    if len(ids) != 1:
        detail = f"{'several decisions begin' if ids else 'no decision begins'} with `{beginning}`"
        raise Refused(Reason.MALFORMED, detail, remedy="`mediator ledger show --json` has the ids in full")
    return ids.pop()


# --- many ------------------------------------------------------------------------------------------------------------


def _rows(entries: Sequence[JsonObject]) -> list[dict[str, Json]]:
    """Return a row for each decision, with its outcome in it, and one for each entry that is neither."""
    rows: list[dict[str, Json]] = []
    decisions: dict[str, dict[str, Json]] = {}
    for entry in entries:
        match entry:
            case {"kind": "decision", "id": str(decision_id)}:
                decisions[decision_id] = _decision_row(entry)
                rows.append(decisions[decision_id])
            case {"kind": "outcome", "id": str(decision_id)}:
                if decision_id in decisions:
                    decisions[decision_id]["outcome"] = entry.get("outcome")
                    decisions[decision_id]["outcome_reason"] = entry.get("reason")
            case _:
                rows.append({"at": entry.get("at"), "kind": entry.get("kind"), "body": entry.get("body")})
    return rows


def _decision_row(entry: JsonObject) -> dict[str, Json]:
    call, item, policies = (_object(entry.get(name)) for name in ("call", "item", "policies"))
    return {
        "at": entry.get("at"),
        "kind": "decision",
        "id": entry.get("id"),
        "verdict": entry.get("verdict"),
        "reason": entry.get("reason"),
        "agent": entry.get("agent"),
        "owner": entry.get("owner"),
        "task": entry.get("task"),
        "method": call.get("method"),
        "item": f"{item.get('server')}/{item.get('name')}" if item else None,
        "kind_of_item": item.get("kind"),
        "asked_for": call.get("name"),
        "effect": item.get("effect"),
        "policies": policies.get("determining"),
        "trace": _object(entry.get("spans")).get("trace"),
        "outcome": None,
        "outcome_reason": None,
    }


def _show_rows(rows: Sequence[Mapping[str, Json]]) -> None:
    lines: list[tuple[Part, ...]] = []
    for row in rows:
        time: Part = (_moment(row)[11:19], QUIET)
        if row["kind"] == "decision":
            verdict = (str(row["verdict"]), GOOD if row["verdict"] == "allow" else BAD)
            item = (str(row["item"] or row["asked_for"]), NAME)
            lines.append(
                (time, verdict, item, _why(row), str(row["agent"] or "?"), (str(row["id"])[:_SHOWN_ID], QUIET))
            )
        elif row["kind"] not in _OF_STREAMS:
            lines.append((time, "", f"{row['kind']}: {_told(row['body'])}"))
    show_lines(lines)


def _why(row: Mapping[str, Json]) -> str:
    if row["verdict"] != "allow":
        return str(row["reason"])
    if row["outcome"] is None:
        return "no outcome (yet)"
    return str(row["outcome"]) if row["outcome_reason"] is None else f"{row['outcome']} {row['outcome_reason']}"


def _told(body: Json) -> str:
    facts = _object(body)
    return ", ".join(str(facts[name]) for name in _TOLD if facts.get(name) is not None)


# --- verify ----------------------------------------------------------------------------------------------------------


def _show_report(report: VerifyReport, *, knows_streams: bool) -> None:
    show_table(
        ("stream", "entries", "decisions", "outcomes", "state"),
        [
            (
                (stream.name, NAME),
                str(stream.entries),
                str(stream.decisions),
                str(stream.outcomes),
                "ended" if stream.closed else "open",
            )
            for stream in report.streams
        ],
    )
    for stream in report.streams:
        if stream.torn_bytes:
            say(
                ("half a line: ", WARN),
                f"{counted(stream.torn_bytes, 'byte')} at the end of {stream.name}, cut off at its next start",
            )
    for problem in report.problems:
        place = "".join(f" {part}" for part in (problem.file, problem.line and f"line {problem.line}") if part)
        say(("not as written: ", BAD), (f"{problem.stream}{place}", NAME), f" {problem.detail}")
    for name in report.missing:
        say(("missing: ", BAD), (name, NAME), " the store knows this stream, and it is not here")
    for name in report.unknown:
        say(("unknown: ", BAD), (name, NAME), " the store was never told of this stream")
    for decision in report.without_outcome:
        say(("no outcome: ", WARN), (decision.id, NAME), " its process died, or the call is still under way")
    if not knows_streams:
        say(("note: ", WARN), "there is no store to ask whether a whole stream is missing")
    entries = sum(stream.entries for stream in report.streams)
    if report.is_whole:
        say(
            ("whole: ", GOOD), f"{entries} entries in {counted(len(report.streams), 'stream')} are as they were written"
        )
    else:
        say(("not whole: ", BAD), "somebody or something changed the ledger after it was written")
        say((" next: ", NAME), "keep these files as they are, and compare them with a copy")


def _report_form(report: VerifyReport) -> JsonObject:
    return {
        "whole": report.is_whole,
        "streams": [
            {
                "name": one.name,
                "entries": one.entries,
                "decisions": one.decisions,
                "outcomes": one.outcomes,
                "erased": one.erased,
                "unclaimed": one.unclaimed,
                "torn_bytes": one.torn_bytes,
                "closed": one.closed,
                "head": one.head,
            }
            for one in report.streams
        ],
        "missing": list[Json](report.missing),
        "unknown": list[Json](report.unknown),
        "problems": [
            {"stream": one.stream, "file": one.file, "line": one.line, "detail": one.detail} for one in report.problems
        ],
        "without_outcome": [
            {"stream": one.stream, "index": one.index, "id": one.id, "at": one.at_ms} for one in report.without_outcome
        ],
    }


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _moment(entry: Mapping[str, Json]) -> str:
    at = entry.get("at")
    if not isinstance(at, int) or not 0 <= at < _YEAR_9999_MS:
        return "?" * 24
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
