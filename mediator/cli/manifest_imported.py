"""One import: a tool server is run or asked once, all that it offers is read, and a draft of its manifest is written.

Nobody is asked here whether that is wanted; what wants it shows the command first. What fails leaves nothing behind.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from mediator.assembly.folder import read_file
from mediator.assembly.servers import introduce
from mediator.canonical import readable_bytes
from mediator.cli.console import Tell
from mediator.cli.folder import SetUp, about, replace_together
from mediator.cli.installed import show_installed, with_package
from mediator.cli.manifest_drafted import drafted
from mediator.cli.manifest_files import manifest_file
from mediator.cli.source import Source, digests_now, found_command, server_file, with_digests, write_server
from mediator.manifest.manifest import ToolManifest, read_manifest
from mediator.refusal import Reason, Refused
from mediator.settings.sections import ToolServerSettings
from mediator.wire.hearing import Introduction


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import left: the draft, what the server said of itself, and the files that were written."""

    name: str
    manifest: ToolManifest
    introduction: Introduction
    written: tuple[Path, ...]


def source_here(set_up: SetUp, name: str, source: Source) -> Source:
    """Return the source with the full path of its command.

    Raises `Refused` where there is no such command, and where a person wrote how the server is reached.
    """
    is_known = set_up.settings.find_tool_server(name) is not None
    if is_known and not (set_up.folder.root / server_file(name)).exists():
        detail = f"`{name}` stands in `mediator.toml`, which a person wrote"
        raise Refused(Reason.MALFORMED, detail, remedy="change it there, and import it without naming a command or url")
    return replace(source, command=found_command(source.command)) if source.command else source


def import_one(
    set_up: SetUp,
    server: ToolServerSettings,
    source: Source | None,
    *,
    owner: str | None,
    days: int,
    tell: Tell,
) -> Imported:
    """Import a server, and say what is installed for it; without a source it is reached as its settings say.

    Raises `Refused` for a server that cannot be reached, installed or drafted; then nothing is written.
    """
    name, root = server.name, set_up.folder.root
    path = manifest_file(set_up, name)
    with with_package(source or Source(environment={}), root, name) as installed:
        show_installed(installed, root, tell)
        text, server = (None, server) if source is None else write_server(name, installed.source)
        introduction = _introduced(set_up, server)
        server = digests_now(root, server, installed.files)
        with about(f"what `{name}` offers", "the server is to blame; ask its owner"):
            packages = None if source is None else installed.packages
            manifest = drafted(set_up, name, server, introduction, packages=packages, owner=owner, days=days)
            read = read_manifest(manifest)
        written = {path: readable_bytes(manifest)}
        file = root / server_file(name)
        if text is not None or file.exists():
            held = with_digests(read_file(file).decode("utf-8", "replace") if text is None else text, server)
            written = {**installed.files, file: held.encode(), **written}
        replace_together(written)
    return Imported(name=name, manifest=read, introduction=introduction, written=tuple(written))


def _introduced(set_up: SetUp, server: ToolServerSettings) -> Introduction:
    hint = "give it what it needs with `--env NAME=REF`" if server.url is None else "start it, or correct the address"
    with about(f"`{server.name}`", hint):
        introduction = anyio.run(introduce, set_up.folder, set_up.settings, server)
        listed = (introduction.tools, introduction.prompts, introduction.resources, introduction.resource_templates)
        if not any(listed):
            raise Refused(Reason.TOOL_SERVER_INVALID, "it offers no tool", remedy="there is nothing to pin")
        return introduction
