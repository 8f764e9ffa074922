"""What an import of all servers of hosts' files would do: each entry with its local name, or why it is left out.

Nothing is run, asked or written. Steps, for each entry in the order of the files:

1. What is not to be imported is left out by name: what the host has switched off, the mediator's own entry, and what
   stands in another file in the same words.
2. A local name is proposed from the entry's; one that an entry before it has is told apart by a number.
3. What has a manifest already is left out, unless it is to be imported anew.
4. What it is reached by is read. Of a value that stands in the file only the variable's name is kept: the value is where
   that variable is set, and a variable that is not set, or set to another value, is a refusal of that entry.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from mediator.canonical import Json
from mediator.cli.folder import SetUp
from mediator.cli.host_entries import HostEntry, Reference, source_of
from mediator.cli.manifest_files import manifest_file
from mediator.cli.manifest_imported import source_here
from mediator.cli.package_runner import Package, read_runner
from mediator.cli.source import Source, write_server
from mediator.refusal import Reason, Refused
from mediator.settings.sections import ToolServerSettings

_LENGTH_MAX: Final = 20  # of a local name
_NAMELESS: Final = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToImport:
    """An entry that will be imported."""

    entry: HostEntry
    name: str
    source: Source
    server: ToolServerSettings
    package: Package | None
    """What is installed for it, where a package runner is its command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry that will not be, which is as it should be."""

    entry: HostEntry
    name: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An entry that cannot be, or could not."""

    entry: HostEntry
    name: str
    refused: Refused

    @property
    def next_step(self) -> str:
        """What to do about it."""
        again = f"`mediator manifest import {self.name} --from {self.entry.file} --entry '{self.entry.name}'` tries it alone"
        return self.refused.remedy or again


Planned: TypeAlias = ToImport | LeftOut | Failed


def plan_import(
    set_up: SetUp,
    entries: Iterable[HostEntry],
    given: Mapping[str, str],
    shell: Mapping[str, str],
    *,
    again: bool,
) -> tuple[Planned, ...]:
    """Return what is to become of each entry; `given` are references by variable, `shell` the environment of the command."""
    planned: list[Planned] = []
    before: dict[str, HostEntry] = {}
    for entry in entries:
        why = _why_not(entry, before.values())
        if why is not None:
            planned.append(LeftOut(entry=entry, why=why))
            continue
        name = propose_name(entry.name, before)
        before[name] = entry
        is_new = again or not manifest_file(set_up, name).exists()
        if not is_new and set_up.settings.find_tool_server(name) is not None:
            planned.append(LeftOut(entry=entry, name=name, why="imported already; `--again` imports it anew"))
            continue
        try:
            planned.append(_to_import(set_up, entry, name, given, shell, is_new=is_new))
        except Refused as refused:
            planned.append(Failed(entry=entry, name=name, refused=refused))
    return tuple(planned)


def propose_name(name: str, taken: Collection[str]) -> str:
    """Return a local name made of any name: in lower case, in the alphabet, short enough, and not taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LENGTH_MAX].strip("-") or _NAMELESS
    proposed, number = plain, 1
    while proposed in taken:
        number += 1
        proposed = f"{plain[: _LENGTH_MAX - len(f'-{number}')].rstrip('-')}-{number}"
    return proposed


def value_by_name(shell: Mapping[str, str]) -> Reference:
    """Return what names a value that stands in the file by its variable, if this shell does not hold another one."""

    def reference(name: str, value: Json) -> str:
        if name in shell and shell[name] != value:
            raise Refused(
                Reason.MALFORMED,
                f"`{name}` has another value in this shell than in that file, and that may be a secret",
                remedy=f"name where it is: `--env {name}=env:OTHER`; or, if it is none, `--env {name}=literal:...`",
            )
        return f"env:{name}"

    return reference


def _why_not(entry: HostEntry, before: Iterable[HostEntry]) -> str | None:
    if entry.is_the_mediator:
        return "the mediator's own entry"
    if entry.is_off:
        return "switched off in that file"
    same = next((one for one in before if (one.name, one.content) == (entry.name, entry.content)), None)
    return None if same is None else f"the same stands in {same.file}"


def _to_import(
    set_up: SetUp, entry: HostEntry, name: str, given: Mapping[str, str], shell: Mapping[str, str], *, is_new: bool
) -> ToImport:
    if not is_new:  # somebody wrote it, of a server that may be another
        detail = f"there is a manifest of `{name}` already, and no server that it was imported from"
        raise Refused(Reason.MALFORMED, detail, remedy=_under_another_name(entry))
    wanted = {variable: reference for variable, reference in given.items() if variable in entry.variables}
    source = source_here(set_up, name, source_of(entry, wanted, None, value_by_name(shell)))
    _must_be_set(source, shell)
    package = read_runner(source.command) if source.command else None
    return ToImport(entry=entry, name=name, source=source, server=write_server(name, source)[1], package=package)


def _under_another_name(entry: HostEntry) -> str:
    return f"`mediator manifest import NAME --from {entry.file} --entry '{entry.name}'` imports it under another name"


def _must_be_set(source: Source, shell: Mapping[str, str]) -> None:
    references = [*source.environment.values(), *([] if source.credential is None else [source.credential])]
    named = {reference.removeprefix("env:") for reference in references if reference.startswith("env:")}
    missing = sorted(name for name in named if not shell.get(name))
    if missing:
        listed = ", ".join(f"`{name}`" for name in missing)
        export = f"`export {missing[0]}=...` here, and where the mediator runs, and the same command again"
        literal = "" if source.url is not None else "; or, for what is no secret, `--env NAME=literal:...`"
        detail = f"it needs {listed}, which this shell does not have; values in that file are not copied"
        raise Refused(Reason.NO_CREDENTIAL, detail, remedy=export + literal)
