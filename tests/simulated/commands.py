"""Commands as an operator types them, in this process: what they print, how they end, and set-ups to type them in.

Nobody is at the terminal unless a test says so.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mediator.cli import keys
from mediator.cli.main import run

OPERATOR = "you@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command left: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def printed(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


class Commands:
    """Runs commands."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Ran:
        """Run one, whatever comes of it."""
        self._capsys.readouterr()
        code = run(words)
        out, err = self._capsys.readouterr()
        return Ran(code=code, out=out, err=err)

    def well(self, *words: str) -> Ran:
        """Run one that must succeed."""
        ran = self(*words)
        assert ran.code == 0, ran.err
        return ran

    def refused(self, *words: str) -> str:
        """Run one that must be refused: exit code 1, what is wrong and the next step, no traceback. Return that."""
        ran = self(*words)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("error: ")
        assert "Traceback" not in ran.err
        assert "this is a bug" not in ran.err
        return ran.err


class AtATerminal:
    """Somebody sits there, and types these passphrases one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, typed: Sequence[str]) -> None:
        self.left = list(typed)
        monkeypatch.setattr(keys, "is_at_a_terminal", lambda: True)
        monkeypatch.setattr("getpass.getpass", self._type)

    def _type(self, prompt: str, stream: object = None) -> str:
        assert prompt
        assert stream is not None
        return self.left.pop(0)


def content_of(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes: to see that nothing was changed, and nothing half-written."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
