"""`mediator manifest import`: run or ask a tool server once, read all that it offers, and write a draft manifest.

What is run is shown first, and asked for. A draft proposes effects and declares none: that is its owner's to do. One
import is in `manifest_imported.py`; that of all that a host's file has, in `manifest_import_all.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from mediator.canonical import Json
from mediator.cli.console import GOOD, NAME, QUIET, WARN, counted, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, open_set_up
from mediator.cli.host_entries import source_from_host
from mediator.cli.keys import must_be_wanted
from mediator.cli.manifest_files import manifest_file
from mediator.cli.manifest_import_all import import_all
from mediator.cli.manifest_imported import import_one, source_here
from mediator.cli.package_runner import Package, read_runner
from mediator.cli.source import Source, source_from_options, write_server
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.draft import left_out
from mediator.manifest.entry import ManifestEntry
from mediator.manifest.manifest import ToolManifest
from mediator.refusal import Reason, Refused
from mediator.settings.credentials import told
from mediator.settings.sections import ToolServerSettings
from mediator.wire.hearing import Introduction

_WHY: Final = {
    Effect.READ: "readOnlyHint",
    Effect.WRITE: "its name",
    Effect.EXEC: "nothing less",
}


def import_manifest(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The local name to give it; without one, all of `--from` is imported."),
    ] = None,
    command: Annotated[
        str | None, typer.Option(metavar="'COMMAND ARG ...'", help="The command that runs it; no shell reads it.")
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Its address, if it speaks HTTP.")] = None,
    from_file: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="A host's `mcp.json` that has it; without NAME, several times."),
    ] = None,
    entry: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name in that file.", show_default="the same")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=REF", help="What the command may see: `A=env:A`, `A=file:/p`, `A=literal:x`."),
    ] = None,
    credential: Annotated[
        str | None, typer.Option(metavar="REF", help="A bearer token for the address: `env:NAME`, `file:/p`.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="WHO", help="The human who answers for it.", show_default="an operator")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, metavar="N", help="How long the manifest is good.")] = 365,
    again: Annotated[
        bool, typer.Option("--again", help="Import anew; what is declared of unchanged tools is kept.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Run it without asking.")] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Run or ask a tool server once, read all that it offers, and write a draft manifest for its owner."""
    if name is None:
        if not from_file or any(given is not None for given in (command, url, entry, credential)):
            raise typer.BadParameter("give a local name, or `--from FILE` alone for all that it has", param_hint="NAME")
        import_all(open_set_up(folder), from_file, env or [], owner, days, again=again, yes=yes, as_json=as_json)
        return
    if as_json or len(from_file or ()) > 1:
        raise typer.BadParameter("`--json` and several `--from` go without a name", param_hint="NAME")
    set_up = open_set_up(folder)
    path = manifest_file(set_up, name)
    if path.exists() and not again:
        detail = f"there is a manifest of `{name}` already (`{set_up.shown(path)}`)"
        raise Refused(Reason.MALFORMED, detail, remedy="`--again` imports it anew, and keeps what was declared")
    source = None
    if from_file and command is None and url is None:
        source = source_from_host(from_file[0], entry or name, env or [], credential)
    elif command is not None or url is not None or set_up.settings.find_tool_server(name) is None:
        source = source_from_options(command, url, env or [], credential)
    if source is not None:
        source = source_here(set_up, name, source)
    server = _server(set_up, name, source)
    _show(server, None if source is None or not source.command else read_runner(source.command))
    must_be_wanted("do that now?", yes=yes)
    imported = import_one(set_up, server, source, owner=owner, days=days, tell=say)
    _show_draft(name, imported.manifest)
    _show_left_out(imported.introduction)
    say(("wrote ", GOOD), ", ".join(set_up.shown(file) for file in imported.written))
    say(("next: ", NAME), f"look at the effects, correct them in {set_up.shown(path)}, then")
    say(f"      `mediator manifest sign {name}`, with `--accept-proposed` where the proposals are right")


def _server(set_up: SetUp, name: str, source: Source | None) -> ToolServerSettings:
    known = set_up.settings.find_tool_server(name)
    if source is not None:
        return write_server(name, source)[1]
    assert known is not None  # options are asked for where nothing is configured
    return known


def _show(server: ToolServerSettings, package: Package | None) -> None:
    if server.url is not None:
        say((f"{server.name} ", NAME), "is asked at ", server.url)
        if server.credential is not None:
            say("  with ", told(server.credential))
        return
    say((f"{server.name} ", NAME), "is run as")
    say("  ", shlex.join(server.command or ()))
    if package is not None:
        say(f"  where {package.requirement} is installed once, by {package.tool.name}, and run from this folder")
    named = ", ".join(f"{key} ({getattr(value, 'kind', 'literal')})" for key, value in server.environment.items())
    say(f"  in an environment that holds {named or 'nothing'}")


def _show_draft(name: str, manifest: ToolManifest) -> None:
    rows = [
        (
            (entry.name if entry.kind is ItemKind.TOOL else f"{entry.kind} {entry.name}", NAME),
            (str(entry.effect), GOOD) if entry.effect is not None else (str(entry.proposed_effect), WARN),
            "declared before" if entry.proposed_effect is None else (_why(entry), QUIET),
            _first_line(entry.definition.get("description")),
        )
        for entry in manifest.entries
    ]
    listed = [(manifest.tools, "tool"), (manifest.prompts, "prompt"), (manifest.resources, "family of resources")]
    counts = [counted(len(entries), what) for entries, what in listed if entries or what == "tool"]
    columns = ("tool", "effect", "because of", "what the server says of it")
    show_table(columns, rows, title=f"{name}: {', '.join(counts)}")


def _why(entry: ManifestEntry) -> str:
    return _WHY.get(entry.proposed_effect or Effect.EXEC, "") if entry.kind is ItemKind.TOOL else "it is only read"


def _show_left_out(introduction: Introduction) -> None:
    for one in left_out(introduction.resources, introduction.resource_templates):
        say(("left out: ", WARN), (one.name, NAME), f": {one.why}")


def _first_line(text: Json) -> str:
    first = text.strip().split("\n", 1)[0] if isinstance(text, str) else ""
    return first if len(first) <= 80 else first[:79] + "…"  # noqa: PLR2004 - a line; `pin review` shows all of it
