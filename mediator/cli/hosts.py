"""The configuration of well-known hosts: where each keeps its list of MCP servers, and how an entry of it is written.

Each form is the host's own documented one: Claude Code and Cursor read `mcpServers` (JSON), VS Code `servers` (JSON, each
with its `type`), Codex `[mcp_servers.NAME]` (TOML); LangGraph takes a dictionary in code. What else stands in a host's
file stays as it is, and a file that is not plain JSON is not touched.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from mediator.canonical import Json, JsonObject, ordered_bytes, parse_object, readable_bytes
from mediator.cli.source import toml_text
from mediator.refusal import Reason, Refused

ENTRY: Final = "mediator"


@unique
class Host(StrEnum):
    """The hosts whose configuration is known."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    CURSOR = "cursor"
    GENERIC = "generic"
    LANGGRAPH = "langgraph"
    VSCODE = "vscode"


_FILES: Final = {
    Host.CLAUDE_CODE: Path(".mcp.json"),
    Host.CODEX: Path(".codex", "config.toml"),
    Host.CURSOR: Path(".cursor", "mcp.json"),
    Host.VSCODE: Path(".vscode", "mcp.json"),
}
_HAVE_TYPES: Final = frozenset({Host.CLAUDE_CODE, Host.VSCODE})


def project_file(host: Host) -> Path | None:
    """Return where, in a project, the host looks for its servers; nothing for one that has no such file."""
    return _FILES.get(host)


def entry_text(host: Host, command: Sequence[str]) -> str:
    """Return what a person pastes: the whole of a file that holds this entry alone, or code."""
    match host:
        case Host.CODEX:
            return _toml_section(command)
        case Host.LANGGRAPH:
            connection: JsonObject = {"transport": "stdio", "command": command[0], "args": list[Json](command[1:])}
            return (
                "from langchain_mcp_adapters.client import MultiServerMCPClient\n\n"
                f'client = MultiServerMCPClient({{"{ENTRY}": {ordered_bytes(connection).decode().rstrip()}}})\n'
            )
        case _:
            return readable_bytes({_list_name(host): {ENTRY: _entry(host, command)}}).decode()


def with_entry(host: Host, before: bytes | None, command: Sequence[str]) -> bytes:
    """Return the host's file with this entry in it; whatever else it says stays.

    Raises `Refused(MALFORMED)` where the file cannot be read, or holds another entry of that name.
    """
    if before is None or not before.strip():
        return entry_text(host, command).encode()
    return _with_section(before, command) if host is Host.CODEX else _with_member(host, before, command)


def _with_member(host: Host, before: bytes, command: Sequence[str]) -> bytes:
    try:
        document = parse_object(before)
    except Refused as refused:
        raise _unreadable(f"it is no plain JSON ({refused.detail})") from refused
    servers = document.get(_list_name(host), {})
    if not isinstance(servers, dict):
        raise _unreadable(f"`{_list_name(host)}` is no object")
    entry = _entry(host, command)
    _must_be_free(servers.get(ENTRY), entry)
    merged: JsonObject = {**document, _list_name(host): {**servers, ENTRY: entry}}
    return ordered_bytes(merged)


def _with_section(before: bytes, command: Sequence[str]) -> bytes:
    try:
        servers = tomllib.loads(before.decode()).get("mcp_servers", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(f"it is no TOML ({error})") from error
    if not isinstance(servers, dict):
        raise _unreadable("`mcp_servers` is no table")
    if ENTRY in servers:
        _must_be_free(servers[ENTRY], {"command": command[0], "args": list[Json](command[1:])})
        return before
    return before.rstrip() + b"\n\n" + _toml_section(command).encode()


def _entry(host: Host, command: Sequence[str]) -> JsonObject:
    entry: JsonObject = {"command": command[0], "args": list[Json](command[1:])}
    return {"type": "stdio", **entry} if host in _HAVE_TYPES else entry


def _list_name(host: Host) -> str:
    return "servers" if host is Host.VSCODE else "mcpServers"


def _toml_section(command: Sequence[str]) -> str:
    words = [toml_text(word) for word in command]
    return f"[mcp_servers.{ENTRY}]\ncommand = {words[0]}\nargs = [{', '.join(words[1:])}]\n"


def _must_be_free(found: object, entry: JsonObject) -> None:
    if found is not None and found != entry:
        detail = f"it has another entry `{ENTRY}`"
        raise Refused(
            Reason.MALFORMED, detail, remedy="take that entry out, or paste what is printed without `--write`"
        )


def _unreadable(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, remedy="paste what is printed without `--write`")
