"""`mediator manifest import --from FILE`, without a name: everything that a host has, in one command.

What will be run is shown in one table and asked for once. Each server is then imported as it would be alone: one that
cannot be is told with its reason and the next step, and the others go on. Signing and approving stay acts of their own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import typer

from mediator.canonical import Json, JsonObject
from mediator.cli.console import (
    BAD,
    ERR,
    GOOD,
    NAME,
    OUT,
    QUIET,
    WARN,
    Part,
    Tell,
    counted,
    note,
    print_json,
    say,
    show_table,
)
from mediator.cli.folder import SetUp
from mediator.cli.host_entries import HostEntry, read_entries
from mediator.cli.import_plan import Failed, LeftOut, Planned, ToImport, plan_import
from mediator.cli.keys import must_be_wanted
from mediator.cli.manifest_files import manifest_file
from mediator.cli.manifest_imported import Imported, import_one
from mediator.cli.source import read_environment
from mediator.manifest.draft import left_out
from mediator.manifest.manifest import ToolManifest
from mediator.refusal import Refused

Done: TypeAlias = Imported | LeftOut | Failed


def import_all(
    set_up: SetUp,
    files: Sequence[Path],
    environment: Sequence[str],
    owner: str | None,
    days: int,
    *,
    again: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Import each server of these files; ends with 1 if one of them failed."""
    entries = [entry for file in files for entry in read_entries(file)]
    given = _given(environment, entries)
    planned = plan_import(set_up, entries, given, os.environ, again=again)
    tell: Tell = note if as_json else say
    on = ERR if as_json else OUT
    if planned:
        show_table(("name", "is run as, or asked at", "sees"), map(_plan_row, planned), title=_counts(planned), on=on)
    wanted = [one for one in planned if isinstance(one, ToImport)]
    if wanted:
        must_be_wanted(f"import {counted(len(wanted), 'server')} now?", yes=yes)
    done: list[Done] = []
    for one in planned:
        if isinstance(one, ToImport):
            tell((f"{wanted.index(one) + 1} of {len(wanted)}: ", QUIET), (one.name, NAME))
            done.append(_import(set_up, one, owner, days, tell))
        else:
            done.append(one)
    if as_json:
        print_json(_form(set_up, planned, done))
    else:
        _show_done(set_up, done)
    for failed in (one for one in done if isinstance(one, Failed)):
        _tell_failed(failed)
    if any(isinstance(one, Failed) for one in done):
        note((" next: ", NAME), "then the same command again: what is imported stays as it is")
        raise typer.Exit(1)


def _import(set_up: SetUp, wanted: ToImport, owner: str | None, days: int, tell: Tell) -> Imported | Failed:
    try:
        return import_one(set_up, wanted.server, wanted.source, owner=owner, days=days, tell=tell)
    except Refused as refused:
        return Failed(entry=wanted.entry, name=wanted.name, refused=refused)


def _given(environment: Sequence[str], entries: Sequence[HostEntry]) -> dict[str, str]:
    given = read_environment(environment)
    for name in given:
        if not any(name in entry.variables for entry in entries):
            what = f"no server of these files is given `{name}` there; import the one that needs it by its name"
            raise typer.BadParameter(what, param_hint="--env")
    return given


# --- the plan --------------------------------------------------------------------------------------------------------


def _counts(planned: Sequence[Planned]) -> str:
    kinds = {"to import": ToImport, "left out": LeftOut, "that cannot be": Failed}
    counts = {word: sum(isinstance(one, kind) for one in planned) for word, kind in kinds.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count or word == "to import")


def _plan_row(planned: Planned) -> tuple[Part, Part, Part]:
    match planned:
        case ToImport(entry=entry, name=name):
            return (_named(entry, name), NAME), _reach(planned), _sees(planned)
        case LeftOut(entry=entry, name=name, why=why):
            return _named(entry, name), (f"left out: {why}", QUIET), ""
        case Failed(entry=entry, name=name, refused=refused):
            return _named(entry, name), (f"cannot be: {refused.detail}", BAD), ""


def _named(entry: HostEntry, name: str | None) -> str:
    return entry.name if name in {None, entry.name} else f"{name} ({entry.name})"


def _reach(planned: ToImport) -> str:
    server, package = planned.server, planned.package
    if server.url is not None:
        return server.url
    installed = "" if package is None else f"  ({package.requirement} is installed once, by {package.tool.name})"
    place = "" if server.cwd is None else f"  (in {server.cwd})"
    return f"{shlex.join(server.command or ())}{place}{installed}"


def _sees(planned: ToImport) -> str:
    if planned.source.credential is not None:
        return f"the bearer token of {planned.source.credential}"
    return ", ".join(map(_seen, sorted(planned.source.environment.items()))) or "nothing"


def _seen(variable: tuple[str, str]) -> str:
    """A variable and where its value is, but for a value that was written out."""
    name, reference = variable
    return f"{name} ({'literal' if reference.startswith('literal:') else reference})"


# --- what came of it -------------------------------------------------------------------------------------------------


def _show_done(set_up: SetUp, done: Sequence[Done]) -> None:
    imported = [one for one in done if isinstance(one, Imported)]
    rows = [_done_row(set_up, one) for one in done if not isinstance(one, LeftOut)]
    if rows:
        columns = ("name", "", "tools", "prompts", "resources", "its manifest")
        show_table(columns, rows, title=f"{counted(len(imported), 'server')} imported")
    for one in imported:
        for left in left_out(one.introduction.resources, one.introduction.resource_templates):
            say((f"left out of {one.name}: ", WARN), (left.name, NAME), f": {left.why}")
    if not imported:
        say("nothing was imported")
    else:
        names = " ".join(one.name for one in imported)
        say(("next: ", NAME), "look at the effects that are proposed, correct them in each manifest, then")
        say(f"      mediator manifest sign {names}", ("   # --accept-proposed where the proposals are right", QUIET))
        for one in imported:
            say(f"      mediator pin review {one.name} && mediator pin approve {one.name} --reviewer WHO")
        say("      mediator connect HOST --agent NAME", ("   # and take them out of the host's own file", QUIET))


def _done_row(set_up: SetUp, done: Imported | Failed) -> tuple[Part, ...]:
    if isinstance(done, Failed):
        return (done.name, NAME), ("failed", BAD), "", "", "", ""
    counts = (str(len(entries)) for entries in _listed(done.manifest).values())
    return (done.name, NAME), ("imported", GOOD), *counts, set_up.shown(manifest_file(set_up, done.name))


def _tell_failed(failed: Failed) -> None:
    where = f" (`{failed.entry.name}` of {failed.entry.file}): "
    note(("failed: ", BAD), (failed.name, NAME), where, failed.refused.detail or str(failed.refused.reason))
    note((" next: ", NAME), failed.next_step)


def _form(set_up: SetUp, planned: Sequence[Planned], done: Sequence[Done]) -> JsonObject:
    """Each entry once, under what came of it."""
    imported: list[Json] = []
    skipped: list[Json] = []
    failed: list[Json] = []
    for entry, one in zip((plan.entry for plan in planned), done, strict=True):
        told: JsonObject = {"file": str(entry.file), "entry": entry.name, "name": one.name}
        match one:
            case Imported(manifest=manifest, written=written):
                counts = {kind: len(entries) for kind, entries in _listed(manifest).items()}
                files = [set_up.shown(file) for file in written]
                imported.append({**told, **counts, "written": list[Json](files)})
            case LeftOut(why=why):
                skipped.append({**told, "why": why})
            case Failed(refused=refused):
                failed.append({**told, "reason": refused.reason.value, "detail": refused.detail, "next": one.next_step})
    return {"imported": imported, "skipped": skipped, "failed": failed}


def _listed(manifest: ToolManifest) -> Mapping[str, Sequence[object]]:
    return {"tools": manifest.tools, "prompts": manifest.prompts, "resources": manifest.resources}
