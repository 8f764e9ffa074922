"""The demo tells the truth: the whole of it on real tool servers, and a failure of it is one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

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
from mediator.cli.demo.stage import Stage
from mediator.cli.demo.story import Story
from tests.promises import promise

ROOT: Final = Path(__file__).resolve().parents[2]
SERVERS: Final = ROOT / ".venv-servers"
SECONDS: Final = 180


@promise("P1", "P2", "P3", "P10")
@pytest.mark.skipif(not (SERVERS / "bin").is_dir(), reason="`make test` installs the real servers")
def test_everything_comes_out_as_told(tmp_path: Path) -> None:
    """Issue 2: the main job on real tool servers, shown in a minute; and nothing is left behind."""
    left = tmp_path / "tmp"
    left.mkdir()
    environment = {**os.environ, "TMPDIR": str(left), "OTEL_SDK_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "mediator", "demo", "--servers", str(SERVERS)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything came out as told" in done.stdout
    assert "\u2717" not in done.stdout
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
