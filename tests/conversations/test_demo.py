"""The demo tells the truth: the whole of it on real tool servers, and a failure of it is one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import typer
from rich.console import Console

from mediator.cli.demo import command
from mediator.cli.demo.agent import Answer
from mediator.cli.demo.fleet import Fleet, Held, part
from mediator.cli.demo.picture import draw_grants
from mediator.cli.demo.stage import OWNER, Stage
from mediator.cli.demo.story import Story
from mediator.refusal import Refused
from tests.promises import promise
from tests.simulated.running import Running, running
from tests.simulated.running import command as run_command
from tests.simulated.tool_server import SimulatedToolServer, tool

ROOT: Final = Path(__file__).resolve().parents[2]
SERVERS: Final = ROOT / ".venv-servers"
SECONDS: Final = 180


@promise("P1", "P2", "P3", "P4", "P5", "P9", "P10")
@pytest.mark.skipif(not (SERVERS / "bin").is_dir(), reason="`make test` installs the real servers")
def test_everything_comes_out_as_told(tmp_path: Path) -> None:
    """Issues 2 and 5: the main job on real tool servers, and a task that three agents share; nothing is left behind."""
    left = tmp_path / "tmp"
    left.mkdir()
    environment = {**os.environ, "TMPDIR": str(left), "OTEL_SDK_DISABLED": "true", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "mediator", "demo", "--servers", str(SERVERS)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything came out as told" in done.stdout
    assert "\u2717" not in done.stdout
    for chain in ("orchestrator → worker → specialist", "orchestrator → (plugin) → worker"):
        rows = [line for line in done.stdout.splitlines() if chain in line]
        assert any(" allow " in row for row in rows)  # the table of decisions
        assert any(" deny " in row for row in rows)
        assert any("authorize tools/call notes__" in row and f"for {OWNER}" in row for row in rows)  # the trace
    assert "Traceback" not in done.stdout + done.stderr
    assert list(left.iterdir()) == []


def a_story() -> Story:
    return Story(Console(quiet=True))


def test_what_comes_out_otherwise_is_counted() -> None:
    """Ours: a demo that cannot fail shows nothing."""
    story = a_story()
    story.expects("this holds", "as told", holds=True)
    story.answered("it answers", Answer(text="Oslo", refused=None), containing="Oslo")
    story.refused("it is refused", Answer(text="no", refused="NOT_COVERED"), "NOT_COVERED")
    assert story.failures == []
    story.answered("refused instead of answered", Answer(text="", refused="NOT_COVERED"))
    story.answered("another answer", Answer(text="Bergen", refused=None), containing="Oslo")
    story.refused("answered instead of refused", Answer(text="rain", refused=None), "NOT_COVERED")
    story.refused("for another reason", Answer(text="no", refused="UNKNOWN_TOOL"), "NOT_COVERED")
    assert len(story.failures) == 4


async def opened(mediator: Running) -> Held:
    words = ("--agent", "giver", "--owner", OWNER, "--tools", "notes/echo", "--max-depth", "2", "--purpose", "a test")
    told = json.loads(await run_command("task", "open", *words, "--json", "--folder", str(mediator.folder)))
    return Held(agent="giver", token=told["access_token"], grant=told["grant"])


@promise("P4")
async def test_the_fleet_is_told_no_as_anybody_is(tmp_path: Path) -> None:
    """RFC 8693 §2.2.2: what the demo shows as refused was refused by the mediator, and what was given is said to be."""
    fleet, server = Fleet(("giver", "receiver"), ("between",)), SimulatedToolServer(tools=[tool("echo"), tool("load")])

    def enlist(folder: Path) -> None:
        with (folder / "mediator.toml").open("a", encoding="utf-8") as file:
            file.write(fleet.profiles(OWNER))

    async with running(tmp_path, {"notes": server}, before_start=enlist) as mediator:
        task = await opened(mediator)
        wider, narrower = part(("notes/load",)), part(("notes/echo",), max_calls=1)
        told = await fleet.try_to_hand_on(mediator.url, task, "receiver", wider)
        assert told.refused == "invalid_authorization_details"
        with pytest.raises(Refused, match="`giver` could not hand on to `receiver`"):
            await fleet.hand_on(mediator.url, task, "receiver", wider)
        assert (await fleet.try_to_hand_on(mediator.url, task, "receiver", narrower)).refused is None
        between = await fleet.hand_on(mediator.url, task, "between", narrower)
        assert between.agent == "between"
        listed = json.loads(await run_command("grant", "list", "--json", "--folder", str(mediator.folder)))
    drawn = Console(width=120, record=True, file=io.StringIO())
    draw_grants(drawn, [grant for grant in listed["grants"] if grant["task"] == task.grant])
    assert [line.rstrip() for line in drawn.export_text().splitlines()] == [
        f"    {OWNER} answers for {task.grant}",
        "    └── giver  read: notes/echo",
        "        ├── receiver  read: notes/echo",
        "        └── (between)  read: notes/echo",
    ]


def test_a_story_with_a_failure_ends_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: who runs it in CI learns of it."""

    def tell(console: Console, _stage: Stage, _executables: dict[str, Path]) -> list[str]:
        story = Story(console)
        story.expects("the sun rises in the west", "the east", holds=False)
        return story.failures

    monkeypatch.setattr(command, "_tell", tell)
    monkeypatch.setattr(command, "find_servers", lambda _servers: {})
    with pytest.raises(typer.Exit) as ended:
        command.demo(SERVERS)
    assert ended.value.exit_code == 1
