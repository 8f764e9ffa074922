"""Set-ups and commands for the tests of the commands.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import io
import shutil
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """Set-ups as the first hour leaves them, line by line; copied, never changed."""

    fresh: Path
    imported: Path
    signed: Path
    pinned: Path
    clock_home: Path

    def copy(self, template: Path, to: Path) -> Path:
        """Copy one, for a clock whose script stands beside the copy."""
        shutil.copytree(template, to)
        for file in (to / "tool_servers.d").glob("*.toml"):
            file.write_text(file.read_text().replace(str(self.clock_home), str(to.parent)))
        return to


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Made once: each line runs a process or draws keys."""
    home = tmp_path_factory.mktemp("templates")
    clock = SimulatedStdioServer(home, name="clock", tools=[READING, WRITING])
    stages = {name: home / name for name in ("fresh", "imported", "signed", "pinned")}
    commands = (
        ("init", str(stages["fresh"]), "--operator", OPERATOR),
        ("manifest", "import", "clock", "--command", " ".join(clock.command), "--yes"),
        ("manifest", "sign", "clock", "--accept-proposed"),
        ("pin", "approve", "clock", "--reviewer", OPERATOR),
    )
    before: Path | None = None
    for stage, command in zip(stages.values(), commands, strict=True):
        if before is not None:
            shutil.copytree(before, stage)
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = run([*command, *(() if before is None else ("--folder", str(stage)))])
        assert code == 0, said.getvalue()
        before = stage
    return Templates(clock_home=home, **stages)


@pytest.fixture
def clock(tmp_path: Path) -> SimulatedStdioServer:
    """A tool server over stdio with a tool that reads and one that writes."""
    return SimulatedStdioServer(tmp_path, name="clock", tools=[READING, WRITING])


@pytest.fixture
def work(templates: Templates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set-up of one's own as `init` leaves it, and the current folder."""
    monkeypatch.chdir(templates.copy(templates.fresh, tmp_path / "work"))
    return tmp_path / "work"


@pytest.fixture
def imported(
    templates: Templates, clock: SimulatedStdioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A set-up in which the clock is imported."""
    monkeypatch.chdir(templates.copy(templates.imported, tmp_path / "work"))
    assert clock.command
    return tmp_path / "work"


@pytest.fixture
def signed(templates: Templates, clock: SimulatedStdioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set-up in which the clock is signed."""
    monkeypatch.chdir(templates.copy(templates.signed, tmp_path / "work"))
    assert clock.command
    return tmp_path / "work"


@pytest.fixture
def pinned(templates: Templates, clock: SimulatedStdioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set-up in which the clock is pinned."""
    monkeypatch.chdir(templates.copy(templates.pinned, tmp_path / "work"))
    assert clock.command
    return tmp_path / "work"
