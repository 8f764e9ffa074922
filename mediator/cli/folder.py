"""The set-up that a command works on: found, opened, its settings read; and errors told with file and next step.

What stands where, and who may read it, is said in `assembly/folder.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mediator.assembly.folder import Folder, find_file, open_folder, read_settings, replace_file
from mediator.identity.statement import Act, Keyholders, verify_statement
from mediator.refusal import Reason, Refused
from mediator.settings.sections import STATE_FOLDER, Settings

FolderOption: TypeAlias = Annotated[
    Path, typer.Option("--folder", metavar="DIR", help="The folder of `mediator.toml`.", show_default="here")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
HERE = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """A set-up folder and its settings."""

    folder: Folder
    settings: Settings

    @property
    def manifests(self) -> Path:
        """The folder of manifests, envelopes, `trust.json` and `pins.lock`."""
        return self.folder.manifests(self.settings)

    @property
    def policies(self) -> Path:
        """The folder of policies, their cases, and the statement that puts them in force."""
        return self.folder.policies(self.settings)

    def shown(self, path: Path) -> str:
        """The path as an operator calls it: relative to the set-up where it stands in it."""
        return str(path.relative_to(self.folder.root)) if path.is_relative_to(self.folder.root) else str(path)


def open_set_up(root: Path) -> SetUp:
    """Return the set-up in this folder; raises `Refused` naming the file and what is wrong with it."""
    folder = open_folder(root)
    return SetUp(folder=folder, settings=read_settings(folder))


@contextmanager
def about(what: str, next_step: str | None = None) -> Iterator[None]:
    """Give every refusal from inside its file and, where it has none, its next step."""
    try:
        yield
    except Refused as refused:
        detail = f"{what}: {refused.detail or refused.reason}"
        raise Refused(refused.reason, detail, remedy=refused.remedy or next_step) from refused


def next_serial(path: Path, keyholders: Keyholders, act: Act) -> int:
    """Return the serial of the next statement in this file: one more than that of the last that holds."""
    raw = find_file(path)
    if raw is None:
        return 1
    try:
        return verify_statement(raw, keyholders, act).serial + 1
    except Refused:  # what does not hold has said nothing; the new statement takes its place
        return 1


def replace_together(contents: Mapping[Path, bytes]) -> None:
    """Replace these files, all of them or none; a folder that is missing is made."""
    before = {path: find_file(path) for path in contents}
    replaced: list[Path] = []
    made: list[Path] = []
    try:
        for path, content in contents.items():
            if not path.parent.is_dir():
                _make_folder(path.parent)
                made.append(path.parent)
            _replace(path, content)
            replaced.append(path)
    except BaseException:
        for path in replaced:
            old = before[path]
            if old is None:
                path.unlink()
            else:
                _replace(path, old)
        for folder in made:
            folder.rmdir()
        raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir()
    except OSError as error:
        raise Refused(Reason.MALFORMED, f"`{path}` cannot be made: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    replace_file(path, content, private=STATE_FOLDER in path.parts)


def now_ms() -> int:
    """Return milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000
