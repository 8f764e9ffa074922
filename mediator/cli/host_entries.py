"""The MCP servers that a host's own file names, and how each is reached by the mediator.

Each form is the host's own documented one: Claude Code and Cursor write `mcpServers`, VS Code `servers` and `inputs`, Codex
`[mcp_servers.NAME]` (TOML). Nothing is run, and nothing is written. Rules:

- A value that may be a secret is not copied: what stands in the file as a reference stays one, and the rest is named.
- What a host would fill in is filled in where it is a folder, and refused where it may be anything else.
- What an entry says of how its server is reached, and the mediator cannot do, is refused by name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from mediator.assembly.folder import read_file
from mediator.canonical import Json, JsonObject, parse_object
from mediator.cli.folder import about
from mediator.cli.source import Source, read_environment
from mediator.refusal import Reason, Refused
from mediator.settings.parse import parse_toml

Reference: TypeAlias = Callable[[str, Json], str]
"""What is put in the place of a variable's value that stands in the file; it may refuse."""

_LISTS: Final = ("mcpServers", "servers", "mcp_servers")  # most hosts; VS Code; Codex
_HOST_FOLDERS: Final = frozenset({".vscode", ".cursor", ".codex"})  # in a project
_VARIABLE: Final = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}")
_INPUT: Final = re.compile(r"\$\{input:([^}]+)\}")  # VS Code asks for it once, and keeps it
_FILLED_IN: Final = re.compile(r"\$\{[^}]*\}")
_BEARER: Final = re.compile(r"(?i:bearer) +(\$\{.*\})")
_MAY_BE_SECRET: Final = "which may be secrets and are not copied"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """One entry of a host's list, as it stands in the file. Nothing of it is checked."""

    file: Path
    name: str
    content: Json

    @property
    def is_off(self) -> bool:
        """Whether the host leaves it out (Codex: `enabled`; others: `disabled`)."""
        found = self.content if isinstance(self.content, dict) else {}
        return found.get("enabled") is False or found.get("disabled") is True

    @property
    def is_the_mediator(self) -> bool:
        """Whether `mediator connect` wrote it: behind the mediator it would reach itself."""
        match self.content:
            case {"command": str(command), "args": ["-m", "mediator", "stdio", *_]}:
                return bool(command)
            case {"command": str(command), "args": ["stdio", *_]}:
                return Path(command).name == "mediator"
            case _:
                return False

    @property
    def variables(self) -> frozenset[str]:
        """The variables that its environment is said to hold."""
        found = self.content if isinstance(self.content, dict) else {}
        named, passed = found.get("env"), found.get("env_vars")
        texts = [one for one in passed if isinstance(one, str)] if isinstance(passed, list) else []
        return frozenset([*(named if isinstance(named, dict) else ()), *texts])


def read_entries(file: Path) -> tuple[HostEntry, ...]:
    """Return each server of a host's file, in its order; raises `Refused` naming the file."""
    with about(str(file), "correct that file, or give the command itself with `--command`"):
        raw = read_file(file)
        host = _json(parse_toml(file.name, raw)) if file.suffix == ".toml" else parse_object(raw)
        assert isinstance(host, dict)  # both give an object or refuse
        for key in _LISTS:
            found = host.get(key)
            if isinstance(found, dict):
                return tuple(HostEntry(file=file, name=name, content=content) for name, content in found.items())
        raise Refused(Reason.MALFORMED, f"no list of servers in it ({' or '.join(f'`{key}`' for key in _LISTS)})")


def source_from_host(file: Path, name: str, environment: Sequence[str], credential: str | None) -> Source:
    """Return the source that an entry of a host's file names; options add what the file may not give."""
    given = read_environment(environment)
    entries = read_entries(file)
    with about(str(file), "correct that file, or give the command itself with `--command`"):
        found = next((entry for entry in entries if entry.name == name and isinstance(entry.content, dict)), None)
        if found is None:
            known = ", ".join(f"`{entry.name}`" for entry in entries) or "none"
            raise Refused(Reason.MALFORMED, f"no server `{name}`; there is {known}", remedy="name one with `--entry`")
        return source_of(found, given, credential, must_be_named)


def must_be_named(name: str, _value: Json) -> str:
    """Refuse: where the value is must be said with an option."""
    raise Refused(
        Reason.MALFORMED,
        f"the value of `{name}` may be a secret, and is not copied",
        remedy=f"name where it is: `--env {name}=env:{name}`; or, if it is none, `--env {name}=literal:...`",
    )


def source_of(entry: HostEntry, given: Mapping[str, str], credential: str | None, reference: Reference) -> Source:
    """Return the source that an entry names; what is given takes the place of what it says.

    Raises `Refused(MALFORMED)` for what is no entry, and for what the mediator could not do as the host does.
    """
    name, found = entry.name, entry.content
    if not isinstance(found, dict):
        raise Refused(Reason.MALFORMED, f"`{name}` is no object")
    match found:
        case {"command": str(command)}:
            if found.get("envFile"):
                raise Refused(
                    Reason.MALFORMED,
                    f"`{name}` takes variables out of a file (`envFile`), {_MAY_BE_SECRET}",
                    remedy="take `envFile` out, and name each variable: `--env NAME=env:NAME`",
                )
            words = (command, *_texts(found, "args"))
            cwd = found.get("cwd")
            return Source(
                command=tuple(_filled_in(entry, word) for word in words),
                environment={**_environment(found, given, reference), **given},
                cwd=None if cwd is None else str(_project(entry.file) / _filled_in(entry, str(cwd))),
            )
        case {"url": str(url)}:
            if found.get("type") == "sse":
                raise Refused(
                    Reason.MALFORMED,
                    f"`{name}` speaks the older HTTP with SSE, which the mediator does not",
                    remedy="ask its owner for a Streamable HTTP address, and give that with `--url`",
                )
            return Source(url=_filled_in(entry, url), environment=given, credential=credential or _bearer(name, found))
        case _:
            raise Refused(Reason.MALFORMED, f"`{name}` has neither `command` nor `url`")


def _environment(found: JsonObject, given: Mapping[str, str], reference: Reference) -> dict[str, str]:
    variables = found.get("env") or {}
    if not isinstance(variables, dict):
        raise Refused(Reason.MALFORMED, "`env` is no object")
    environment = {name: f"env:{name}" for name in _texts(found, "env_vars")}  # Codex: of its own environment
    for name, value in variables.items():
        if name in given:
            continue
        text = value if isinstance(value, str) else ""
        variable = name if _INPUT.fullmatch(text) else _variable(text)
        environment[name] = reference(name, value) if variable is None else f"env:{variable}"
    return environment


def _variable(text: str) -> str | None:
    """The variable that is all of a value; what a host asks a person for is one of that name."""
    asked, named = _INPUT.fullmatch(text), _VARIABLE.fullmatch(text)
    if asked is not None:
        return re.sub(r"[^A-Z0-9]+", "_", asked[1].upper())
    return None if named is None else named[1]


def _bearer(name: str, found: JsonObject) -> str | None:
    """The bearer token that an entry sends, where it is named and not written out; nothing where it sends no headers."""
    variable = found.get("bearer_token_env_var")  # Codex
    if isinstance(variable, str) and not found.get("http_headers") and not found.get("env_http_headers"):
        return f"env:{variable}"
    headers = found.get("headers")
    match headers:
        case {"Authorization": str(text), **others} if not others:
            token = _BEARER.fullmatch(text)
            referred = None if token is None else _variable(token[1])
            if referred is not None:
                return f"env:{referred}"
    if headers or any(found.get(key) for key in ("http_headers", "env_http_headers", "bearer_token_env_var")):
        raise Refused(
            Reason.MALFORMED,
            f"`{name}` sends headers, {_MAY_BE_SECRET}",
            remedy="give a bearer token by reference: `--credential env:NAME`",
        )
    return None


def _filled_in(entry: HostEntry, word: str) -> str:
    """The word with the folders that a host fills in; raises `Refused` for what is no folder."""
    project = _project(entry.file)
    folders = {
        "${workspaceFolder}": str(project),
        "${workspaceFolderBasename}": project.name,
        "${userHome}": str(Path.home()),
        "${pathSeparator}": "/",
        "${/}": "/",
    }
    for placeholder, folder in folders.items():
        word = word.replace(placeholder, folder)
    left = _FILLED_IN.search(word)
    if left is not None:
        raise Refused(
            Reason.MALFORMED,
            f"`{entry.name}` has `{left[0]}` in its words, which the host fills in; it may be a secret, and is not copied",
            remedy="write what is meant into that file, or give the server a variable: `--env NAME=env:NAME`",
        )
    return word


def _project(file: Path) -> Path:
    folder = file.absolute().parent
    return folder.parent if folder.name in _HOST_FOLDERS else folder


def _texts(found: JsonObject, key: str) -> tuple[str, ...]:
    values: Json = found.get(key) or []
    texts = tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
    if not isinstance(values, list) or len(texts) != len(values):
        raise Refused(Reason.MALFORMED, f"`{key}` is no list of texts")
    return texts


def _json(value: object) -> Json:
    """A TOML value as JSON has it; a date as its text."""
    match value:
        case bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _json(one) for key, one in value.items()}
        case list():
            return [_json(one) for one in value]
        case _:
            return str(value)
