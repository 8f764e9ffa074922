"""Which tool servers are told to work where the mediator keeps its own: settings, keys, pins, policies (A1, A7).

A server that may write there is asked by an agent to write there. It looks at what a command is given; what a server
does beside its arguments it cannot see.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mediator.cli.folder import SetUp
from mediator.settings.sections import ToolServerSettings
from mediator.settings.values import Literally


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One argument of one tool server, and the place of ours that it reaches."""

    server: str
    argument: str
    place: str


def reaching(set_up: SetUp) -> tuple[Reach, ...]:
    """Return every argument that names a place of ours, or a folder that holds one."""
    ours = [
        set_up.folder.state,
        set_up.folder.settings_file,
        set_up.folder.servers_folder,
        set_up.manifests,
        set_up.policies,
    ]
    places = [place.resolve() for place in ours]
    found: list[Reach] = []
    for server in set_up.settings.tool_servers:
        home = set_up.folder.root / (server.cwd or ".")
        for argument in _arguments(server):
            reached = next((place for word in _paths(argument, home) for place in places if _meet(word, place)), None)
            if reached is not None:
                found.append(Reach(server=server.name, argument=argument, place=set_up.shown(reached)))
    return tuple(found)


def _arguments(server: ToolServerSettings) -> Iterator[str]:
    yield from (server.command or ())[1:]  # the program itself is run, not worked on
    if server.cwd is not None:
        yield server.cwd
    for value in server.environment.values():
        if isinstance(value, Literally):
            yield value.text


def _paths(argument: str, home: Path) -> Iterator[Path]:
    """What an argument may name: itself, or what stands behind `=`, `:` or `file://` in it."""
    words = {argument, argument.removeprefix("file://"), *argument.split("="), *argument.split(":")}
    for word in words:
        if not word:
            continue
        path = home / Path(word)
        try:
            is_path = Path(word).is_absolute() or path.exists()
        except OSError:  # longer than any path: a program, say
            continue
        if is_path:
            yield path.resolve()


def _meet(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
