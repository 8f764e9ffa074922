"""Swapped executable (A6, A7): what was reviewed is not what would run, so nothing runs.

Each attack leaves a marker if its program was ever started. It goes through the whole adapter, as a call does.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.held_files import Mismatch, Promise
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.canonical import digest_of_bytes
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.permits import RecordingWatch, a_permit, no_credential, pass_fence
from tests.simulated.tool_server_stdio import SimulatedStdioServer


class Reviewed:
    """A clock behind a launcher of its own, with a lock file, both as somebody reviewed them."""

    def __init__(self, root: Path) -> None:
        self.root, self.marker = root, root / "marker"
        self.server = SimulatedStdioServer(root, name="clock")
        (root / "bin").mkdir()
        (root / "early").mkdir()
        self.real = root / "bin" / "clock-1"
        self.real.write_text(f"#!/bin/sh\nexec {' '.join(self.server.command)}\n")
        self.real.chmod(0o700)
        self.link, self.lock = root / "bin" / "clock", root / "package-lock.json"
        self.link.symlink_to(self.real)
        self.lock.write_text("{}")
        self.told: list[Mismatch] = []
        self.promise = Promise(
            executable=frozenset({digest_of_bytes(self.real.read_bytes())}),
            lock=frozenset({digest_of_bytes(b"{}")}),
            lock_file=self.lock,
        )
        self.undo: Callable[[], Any] = lambda: None

    def evil(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n: > {self.marker}\nexec {' '.join(self.server.command)}\n")
        path.chmod(0o700)

    async def call(self) -> Reason | None:
        adapter = StdioToolServer(
            "clock",
            ["clock"],
            watch=RecordingWatch(),
            fence=pass_fence,
            environment={"PATH": f"{self.root / 'early'}:{self.root / 'bin'}"},
            promise=lambda: self.promise,
            mismatch=lambda _, mismatch: self.told.append(mismatch),
        )
        permit = a_permit()
        try:
            with anyio.fail_after(10):
                await adapter.call(permit, no_credential(permit), KeptAside())
        except Refused as refused:
            return refused.reason
        finally:
            await adapter.aclose()
        return None


def swap_the_file(at: Reviewed) -> None:
    kept = at.real.read_bytes()
    at.evil(at.real)
    at.undo = lambda: at.real.write_bytes(kept)


def swap_the_lock(at: Reviewed) -> None:
    at.lock.write_text('{"lockfileVersion": 3}')
    at.undo = lambda: at.lock.write_text("{}")


def point_the_link_elsewhere(at: Reviewed) -> None:
    at.evil(at.root / "other")
    at.link.unlink()
    at.link.symlink_to(at.root / "other")

    def undo() -> None:
        at.link.unlink()
        at.link.symlink_to(at.real)

    at.undo = undo


def shadow_it_on_the_path(at: Reviewed) -> None:
    at.evil(at.root / "early" / "clock")
    at.undo = (at.root / "early" / "clock").unlink


def open_its_folder_to_everybody(at: Reviewed) -> None:
    at.real.parent.chmod(0o777)
    at.undo = lambda: at.real.parent.chmod(0o700)


def open_the_file_to_everybody(at: Reviewed) -> None:
    at.real.chmod(0o707)
    at.undo = lambda: at.real.chmod(0o700)


ATTACKS = [
    swap_the_file,
    swap_the_lock,
    point_the_link_elsewhere,
    shadow_it_on_the_path,
    open_its_folder_to_everybody,
    open_the_file_to_everybody,
]


@promise("P3", "P7")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_nothing_that_was_not_reviewed_is_ever_started(
    attack: Callable[[Reviewed], None], tmp_path: Path
) -> None:
    """The issue: a stdio server's executable and lock file have digests that are checked before it is spawned."""
    at = Reviewed(tmp_path)
    assert await at.call() is None
    started = len(at.server.started)
    attack(at)

    assert await at.call() is Reason.TOOL_SERVER_UNAVAILABLE

    assert not at.marker.exists()
    assert len(at.server.started) == started
    assert len(at.told) == 1
    at.undo()
    assert await at.call() is None


@promise("P3")
async def test_a_real_server_is_refused_once_its_script_was_touched(tmp_path: Path) -> None:
    """Ours: a server that no one here wrote, out of its own environment."""
    script = Path(__file__).parents[2] / ".venv-servers" / "bin" / "mcp-server-time"
    copy, marker = tmp_path / "mcp-server-time", tmp_path / "marker"
    shutil.copy(script, copy)
    reviewed = copy.read_bytes()
    promised = Promise(executable=frozenset({digest_of_bytes(reviewed)}))

    async def tools() -> list[str]:
        adapter = StdioToolServer(
            "clock", [str(copy)], watch=RecordingWatch(), fence=pass_fence, promise=lambda: promised
        )
        try:
            return [str(one["name"]) for one in (await adapter.introduce()).tools]
        finally:
            await adapter.aclose()

    assert "get_current_time" in await tools()
    copy.write_bytes(reviewed.replace(b"import sys", f"open({str(marker)!r}, 'w')\nimport sys".encode()))
    assert copy.read_bytes() != reviewed
    with pytest.raises(Refused, match="is not what was reviewed"):
        await tools()
    assert not marker.exists()
    copy.write_bytes(reviewed)
    assert "get_current_time" in await tools()
    assert sys.executable
