"""`mediator manifest publish` and `status`; against a mediator that serves in `attacks` and `conversations`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediator.canonical import JsonObject
from mediator.cli import manifest_publish
from mediator.evidence import Secret
from tests.simulated.commands import Commands

THERE = "https://mediator.example.com"


def answering(monkeypatch: pytest.MonkeyPatch, status: int, told: JsonObject) -> list[Any]:
    """Let the other side answer so; what it was asked comes back."""
    asked: list[Any] = []

    def ask(origin: str, method: str, path: str, **more: Any) -> tuple[int, JsonObject]:
        asked.append((origin, method, path, more))
        return status, told

    monkeypatch.setattr(manifest_publish, "ask", ask)
    return asked


def test_what_is_signed_is_sent_as_it_is(signed: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: nothing is signed anew on the way."""
    asked = answering(monkeypatch, 201, {"state": "pending"})
    assert "published local/clock, serial 1" in mediator.well("manifest", "publish", "clock", "--to", THERE).out
    envelope = (signed / "tool_manifests" / "clock" / "manifest.dsse.json").read_bytes()
    assert asked == [(THERE, "POST", "/manifests", {"body": envelope})]
    printed = mediator.well("manifest", "publish", "clock", "--to", THERE, "--json").printed
    assert printed == {"state": "pending"}


def test_what_is_not_signed_is_not_sent(imported: Path, mediator: Commands) -> None:
    """P7."""
    assert imported.is_dir()
    assert "manifest sign clock" in mediator.refused("manifest", "publish", "clock", "--to", THERE)


def test_asking_is_signed_and_shows_what_became_of_it(
    signed: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 3: rejected, with the reviewer's note, which is foreign text."""
    assert signed.is_dir()
    note: JsonObject = {"item": None, "note": "say\x1b[2J less", "at": "2027-01-15T08:00:00Z"}
    told: JsonObject = {"server": "local/clock", "state": "rejected", "serial": 2, "rejected": [note, "?"]}
    asked = answering(monkeypatch, 200, told)

    ran = mediator.well("manifest", "status", "clock", "--to", THERE)

    assert "local/clock is rejected" in ran.out
    assert "the whole manifest: say\\x1b[2J less" in ran.out
    assert "here it is signed with serial 1" in ran.out
    [(origin, method, path, more)] = asked
    assert (origin, method, path) == (THERE, "GET", "/manifests/local/clock")
    assert isinstance(more["credential"], Secret)
    assert mediator.well("manifest", "status", "clock", "--to", THERE, "--json").printed == told
