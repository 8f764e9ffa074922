"""Set-ups and commands for the tests of the commands.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mediator.cli.main import run
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.tool_server_stdio import SimulatedStdioServer, tool

READING = tool("now", annotations={"readOnlyHint": True})
WRITING = tool("set_alarm")


@pytest.fixture
def mediator(capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands, typed in the current folder."""
    return Commands(capsys)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set-up as `init` leaves it; copied, never changed."""
    folder = tmp_path_factory.mktemp("fresh")
    assert run(["init", str(folder / "work"), "--operator", OPERATOR]) == 0
    return folder / "work"


@pytest.fixture
def work(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set-up of one's own, and the current folder."""
    folder = tmp_path / "work"
    shutil.copytree(fresh, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def clock(tmp_path: Path) -> SimulatedStdioServer:
    """A tool server over stdio with a tool that reads and one that writes."""
    return SimulatedStdioServer(tmp_path, name="clock", tools=[READING, WRITING])


@pytest.fixture
def imported(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> Path:
    """A set-up in which the clock is imported."""
    mediator.well("manifest", "import", "clock", "--command", " ".join(clock.command), "--yes")
    return work


@pytest.fixture
def signed(imported: Path, mediator: Commands) -> Path:
    """A set-up in which the clock is signed."""
    mediator.well("manifest", "sign", "clock", "--accept-proposed")
    return imported


@pytest.fixture
def pinned(signed: Path, mediator: Commands) -> Path:
    """A set-up in which the clock is pinned."""
    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR)
    return signed
