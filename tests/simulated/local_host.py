"""A local host: what it says to `mediator stdio` in this process, and what it reads.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from mediator.canonical import JsonObject, canonical_bytes
from mediator.cli import stdio
from mediator.cli.folder import open_set_up

SECONDS = 20


class Host:
    """A local host: files for what it says and what it reads, as standard input and output of this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._said, self._read = folder / "said", folder / "read"
        self._monkeypatch = monkeypatch
        self._open: list[Any] = []

    def says(self, *messages: JsonObject) -> None:
        for file in self._open:
            file.close()
        self._said.write_bytes(b"".join(canonical_bytes(message) + b"\n" for message in messages))
        self._open = [self._said.open("rb"), self._read.open("wb")]
        self._monkeypatch.setattr(sys, "stdin", self._open[0])
        self._monkeypatch.setattr(sys, "stdout", self._open[1])

    @property
    def answers(self) -> list[Any]:
        return [json.loads(line) for line in self._read.read_bytes().splitlines()]

    def close(self) -> None:
        self._monkeypatch.undo()
        for file in self._open:
            file.close()


async def serve(work: Path, hello: JsonObject) -> None:
    with anyio.fail_after(SECONDS):
        await stdio._serve_or_relay(open_set_up(work), hello)


def hello_of_agent(work: Path) -> JsonObject:
    return stdio._hello_of_profile(open_set_up(work), "assistant")
