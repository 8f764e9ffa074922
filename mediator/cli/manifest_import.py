"""`mediator manifest import`: run or ask a tool server once, read all that it offers, and write a draft manifest.

What is run is shown first, and asked for. A draft proposes effects and declares none: that is its owner's to do.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import anyio
import typer

from mediator.assembly.folder import find_file, read_file, read_operators
from mediator.assembly.servers import introduce
from mediator.canonical import Json, JsonObject, digest_of_bytes, parse_object, readable_bytes
from mediator.cli.console import GOOD, NAME, QUIET, WARN, counted, say, show_table
from mediator.cli.folder import HERE, FolderOption, SetUp, about, now_ms, open_set_up, replace_together
from mediator.cli.keys import is_at_a_terminal
from mediator.cli.manifest_files import manifest_file, read_trust
from mediator.cli.package_runner import resolve_package
from mediator.cli.source import (
    Source,
    found_command,
    server_file,
    source_from_host,
    source_from_options,
    with_digests,
    write_server,
)
from mediator.effect import Effect
from mediator.manifest.draft import draft_manifest, left_out
from mediator.manifest.entry import ManifestEntry
from mediator.manifest.family import FamilyForm, find_overlap
from mediator.manifest.kind import ItemKind
from mediator.manifest.manifest import Owner, ToolManifest, read_manifest
from mediator.refusal import Reason, Refused
from mediator.settings.sections import ToolServerSettings
from mediator.wire.hearing import Introduction

_DAY_MS: Final = 24 * 3600 * 1000
_TEXT_MAX: Final = 500  # what a manifest's texts may have
_WHY: Final = {
    Effect.READ: "readOnlyHint",
    Effect.WRITE: "its name",
    Effect.EXEC: "nothing less",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """How the server is reached: its settings, and what was named if they are new; its package if that is known."""

    server: ToolServerSettings
    source: Source | None = None
    text: str | None = None
    package: JsonObject | None = None


def import_manifest(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The local name to give it: `a-z`, `0-9`, `-`.")],
    command: Annotated[
        str | None, typer.Option(metavar="'COMMAND ARG ...'", help="The command that runs it; no shell reads it.")
    ] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Its address, if it speaks HTTP.")] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A host's `mcp.json` that has it.")
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
    folder: FolderOption = HERE,
) -> None:
    """Run or ask a tool server once, read all that it offers, and write a draft manifest for its owner."""
    set_up = open_set_up(folder)
    path = manifest_file(set_up, name)
    if path.exists() and not again:
        detail = f"there is a manifest of `{name}` already (`{set_up.shown(path)}`)"
        raise Refused(Reason.MALFORMED, detail, remedy="`--again` imports it anew, and keeps what was declared")
    source = None
    if from_file is not None and command is None and url is None:
        source = source_from_host(from_file, entry or name, env or [], credential)
    elif command is not None or url is not None or set_up.settings.find_tool_server(name) is None:
        source = source_from_options(command, url, env or [], credential)
    reached = _reached(set_up, name, source)
    _show(reached.server)
    _must_be_wanted(yes=yes)
    reached = _at_a_version(name, reached)
    introduction = _introduced(set_up, reached.server)
    with about(f"what `{name}` offers", "the server is to blame; ask its owner"):
        manifest = _drafted(set_up, name, reached, introduction, owner, days)
        read = read_manifest(manifest)
    written = {path: readable_bytes(manifest)}
    file = set_up.folder.root / server_file(name)
    if reached.text is not None or file.exists():
        text = reached.text if reached.text is not None else read_file(file).decode("utf-8", "replace")
        held = with_digests(text, read.server.executable_digest, read.server.lock_digest)
        written = {file: held.encode(), **written}
    replace_together(written)
    _show_draft(name, read)
    _show_left_out(introduction)
    say(("wrote ", GOOD), ", ".join(set_up.shown(file) for file in written))
    say(("next: ", NAME), f"look at the effects, correct them in {set_up.shown(path)}, then")
    say(f"      `mediator manifest sign {name}`, with `--accept-proposed` where the proposals are right")


def _reached(set_up: SetUp, name: str, source: Source | None) -> _Reached:
    known = set_up.settings.find_tool_server(name)
    if source is None:
        assert known is not None  # options are asked for where nothing is configured
        return _Reached(server=known)
    if known is not None and not (set_up.folder.root / server_file(name)).exists():
        detail = f"`{name}` stands in `mediator.toml`, which a person wrote"
        raise Refused(Reason.MALFORMED, detail, remedy="change it there, and import it without naming a command or url")
    if source.command:
        source = replace(source, command=found_command(source.command))
    text, server = write_server(name, source)
    return _Reached(server=server, source=source, text=text)


def _at_a_version(name: str, reached: _Reached) -> _Reached:
    """Name the version in a package runner's command: to find it out may run the package, so it was asked for first."""
    resolved = None if reached.source is None or not reached.source.command else resolve_package(reached.source.command)
    if reached.source is None or resolved is None:
        return reached
    source = replace(reached.source, command=resolved.command)
    text, server = write_server(name, source)
    say("  at this version: ", shlex.join(resolved.command))
    return _Reached(server=server, source=source, text=text, package=resolved.package)


def _show(server: ToolServerSettings) -> None:
    if server.url is not None:
        say((f"{server.name} ", NAME), "is asked at ", server.url)
        if server.credential is not None:
            say("  with the bearer token of ", str(server.credential))
        return
    say((f"{server.name} ", NAME), "is run as")
    say("  ", shlex.join(server.command or ()))
    named = ", ".join(f"{key} ({getattr(value, 'kind', 'literal')})" for key, value in server.environment.items())
    say(f"  in an environment that holds {named or 'nothing'}")


def _must_be_wanted(*, yes: bool) -> None:
    if yes:
        return
    if not is_at_a_terminal():
        detail = "nobody is here to ask whether that is wanted"
        raise Refused(Reason.MALFORMED, detail, remedy="look at it, and say `--yes`")
    typer.confirm("do that now?", abort=True, err=True)


def _introduced(set_up: SetUp, server: ToolServerSettings) -> Introduction:
    hint = "give it what it needs with `--env NAME=REF`" if server.url is None else "start it, or correct the address"
    with about(f"`{server.name}`", hint):
        introduction = anyio.run(introduce, set_up.folder, set_up.settings, server)
        listed = (introduction.tools, introduction.prompts, introduction.resources, introduction.resource_templates)
        if not any(listed):
            raise Refused(Reason.TOOL_SERVER_INVALID, "it offers no tool", remedy="there is nothing to pin")
        return introduction


def _drafted(
    set_up: SetUp, name: str, reached: _Reached, introduction: Introduction, owner: str | None, days: int
) -> JsonObject:
    before = find_file(manifest_file(set_up, name))
    old = None if before is None else parse_object(before)
    serial = 1 if old is None else read_manifest(old).serial + 1
    info = introduction.server_info or {}
    at = now_ms()
    who = owner or next(iter(sorted(person.name for person in read_operators(set_up.folder).values())))
    server = reached.server
    draft = draft_manifest(
        name,
        introduction.tools,
        prompts=introduction.prompts,
        resources=introduction.resources,
        resource_templates=introduction.resource_templates,
        publisher=_publisher(set_up, f"local/{name}"),
        owner=Owner(name=who, contact=who),
        issued=at,
        expires=at + days * _DAY_MS,
        serial=serial,
        title=_text(info.get("title") or info.get("name")),
        version=_text(info.get("version")),
        instructions=introduction.instructions,
        packages=[] if reached.package is None else [reached.package],
        remotes=[] if server.url is None else [{"type": "streamable-http", "url": server.url}],
        executable_digest=None if server.command is None else digest_of_bytes(read_file(Path(server.command[0]))),
        lock_digest=_lock_digest(set_up, server),
    )
    return draft if old is None else _with_declared(draft, old)


def _lock_digest(set_up: SetUp, server: ToolServerSettings) -> str | None:
    return None if server.lock_file is None else digest_of_bytes(read_file(set_up.folder.root / server.lock_file))


def _with_declared(draft: JsonObject, old: JsonObject) -> JsonObject:
    """Keep what was declared of each entry whose definition is unchanged, and the server's name and who answers for it.

    Families that their owner named by a prefix stay too: no server offers one. What they cover needs no entry.
    """
    kept: dict[str, Json] = {}
    for member in ("tools", "prompts", "resources"):
        before = {entry["digest"]: entry for entry in _entries(old, member)}
        kept[member] = [before.get(entry["digest"], entry) for entry in _entries(draft, member)]
    known = read_manifest(old).resources
    wide = [one.family for one in known if one.family.form is FamilyForm.PREFIX]
    covered = {
        one.name
        for one in read_manifest(draft).resources
        if find_overlap(one.family, wide) is not None and one.digest not in {entry.digest for entry in known}
    }
    resources: list[Json] = [
        entry for entry in _entries({**draft, **kept}, "resources") if _family_text(entry) not in covered
    ]
    own: list[Json] = [entry for entry in _entries(old, "resources") if entry["definition"] is None]
    server, before_server = draft["server"], old["server"]
    assert isinstance(server, dict)
    assert isinstance(before_server, dict)
    same = {"server": {**server, "name": before_server["name"]}, "publisher": old["publisher"], "owner": old["owner"]}
    return {**draft, **same, **kept, "resources": [*resources, *own]}


def _family_text(entry: JsonObject) -> Json:
    family = entry["family"]
    assert isinstance(family, dict)  # both were read as manifests
    return family.get("uri", family.get("template"))


def _entries(manifest: JsonObject, member: str) -> list[dict[str, Json]]:
    entries = manifest[member]
    assert isinstance(entries, list)  # both were read as manifests
    return [entry for entry in entries if isinstance(entry, dict)]


def _publisher(set_up: SetUp, server_name: str) -> str:
    """The one signer whom the trust file lets sign for this server."""
    trust = read_trust(set_up)
    rule = trust.find_rule(server_name)
    signers = sorted(trust.name_of(keyid) for keyid in rule.signers) if rule is not None else []
    if not signers:
        detail = f"no rule of the trust file covers `{server_name}`: nobody could sign for it"
        raise Refused(Reason.BAD_CREDENTIAL, detail, remedy="`mediator trust add-signer` adds one")
    return signers[0]


def _text(value: Json) -> str | None:
    """The server's word, where a manifest can hold it."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _TEXT_MAX else None


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
