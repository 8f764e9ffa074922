"""How a tool server is reached, as it was named at a command: in options, or in the settings.

What comes out is the text of its file in `tool_servers.d/`, and what the settings make of exactly that text. What a
host's own file says of one is read in `host_entries.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import typer

from mediator.adapters.tool_servers_stdio.held_files import find_program
from mediator.assembly.folder import read_file
from mediator.canonical import Digest, digest_of_bytes
from mediator.refusal import Reason, Refused
from mediator.settings.parse import parse_settings, parse_toml
from mediator.settings.sections import SERVERS_FOLDER, ToolServerSettings
from mediator.settings.values import Literally

_NOTHING: Final[Mapping[Path, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A command or an address, and what goes with it. Nothing of it is checked."""

    command: tuple[str, ...] = ()
    url: str | None = None
    environment: Mapping[str, str]
    cwd: str | None = None
    credential: str | None = None
    lock_file: str | None = None
    """The list of the files of a package that was installed; relative to the set-up, like `installed`."""
    lock_digest: Digest | None = None
    installed: str | None = None


def source_from_options(
    command: str | None, url: str | None, environment: Sequence[str], credential: str | None
) -> Source:
    """Return the source that the options name; a wrong option is a usage error."""
    if (command is None) == (url is None):
        raise typer.BadParameter("give one of `--command`, `--url` and `--from`", param_hint="--command")
    return Source(
        command=() if command is None else _words(command),
        url=url,
        environment=read_environment(environment),
        credential=credential,
    )


def read_environment(pairs: Sequence[str]) -> dict[str, str]:
    """Return what the options `--env NAME=REF` name; a wrong one is a usage error."""
    environment: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in environment:
            wanted = "`NAME=env:NAME`, `NAME=file:/path` or, for what is no secret, `NAME=literal:...`, once a name"
            raise typer.BadParameter(f"expected {wanted}", param_hint="--env")
        environment[name] = value
    return environment


def found_command(command: Sequence[str]) -> tuple[str, ...]:
    """Return the command with its first word as a full path: a tool server's environment has no `PATH`."""
    found = shutil.which(command[0])
    if found is None:
        detail = f"there is no command `{command[0]}`"
        raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail, remedy="install it, or give its full path")
    return (str(Path(found).absolute()), *command[1:])


def server_file(name: str) -> str:
    """The file of a tool server, as errors name it."""
    return f"{SERVERS_FOLDER}/{name}.toml"


def write_server(name: str, source: Source) -> tuple[str, ToolServerSettings]:
    """Return the text of the server's file, and the settings that it makes; raises `Refused` for what cannot be."""
    lines = ["# Written by `mediator manifest import`; yours to edit.", "[[tool_server]]", f"name = {toml_text(name)}"]
    if source.command:
        lines.append(f"command = [{', '.join(map(toml_text, source.command))}]")
    if source.url is not None:
        lines.append(f"url = {toml_text(source.url)}")
    if source.environment:
        pairs = (f"{key} = {toml_text(value)}" for key, value in sorted(source.environment.items()))
        lines.append(f"environment = {{ {', '.join(pairs)} }}")
    if source.cwd is not None:
        lines.append(f"cwd = {toml_text(source.cwd)}")
    if source.credential is not None:
        lines.append(f"credential = {toml_text(source.credential)}")
    held = {"lock_file": source.lock_file, "lock_digest": source.lock_digest, "installed": source.installed}
    lines.extend(f"{key} = {toml_text(value)}" for key, value in held.items() if value is not None)
    text = "\n".join(lines) + "\n"
    file = server_file(name)
    settings = parse_settings({}, [(file, parse_toml(file, text.encode()))])
    return text, settings.tool_servers[0]


def digests_now(root: Path, server: ToolServerSettings, written: Mapping[Path, bytes] = _NOTHING) -> ToolServerSettings:
    """Return the settings with the digests that the executable and the lock file have now; `written` will be there soon.

    Raises `Refused` where one of them is not there.
    """
    if server.command is None:
        return server
    words = {name: value.text for name, value in server.environment.items() if isinstance(value, Literally)}
    program = find_program(server.command[0], words, str(root / (server.cwd or ".")))
    if program is None:
        detail = f"there is no command `{server.command[0]}`"
        raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail, remedy="install it, or give its full path")
    executable = digest_of_bytes(read_file(program))
    file = None if server.lock_file is None else root / server.lock_file
    lock = None if file is None else digest_of_bytes(written[file] if file in written else read_file(file))
    return server.model_copy(update={"executable_digest": executable, "lock_digest": lock})


def with_digests(text: str, server: ToolServerSettings) -> str:
    """Return the text of a server's file with its digests in it, each in the place of the one that stands there."""
    for key, digest in (("executable_digest", server.executable_digest), ("lock_digest", server.lock_digest)):
        if digest is None:
            continue
        line = f'{key} = "{digest}"'
        text, found = re.subn(rf"(?m)^{key}\s*=\s*\"[^\"\n]*\"", line, text)
        if not found:
            text = text.removesuffix("\n") + f"\n{line}\n"
    return text


def _words(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise typer.BadParameter(f"a quote is not closed in `{command}`", param_hint="--command") from error
    if not words:
        raise typer.BadParameter("the command is empty", param_hint="--command")
    return words


def toml_text(text: str) -> str:
    """The text as a TOML basic string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in plain) + '"'
