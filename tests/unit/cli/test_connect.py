"""`mediator connect`: what is pasted into a host.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mediator.cli.connect import own_command
from tests.promises import promise
from tests.simulated.commands import Commands


@promise("P5")
@pytest.mark.parametrize("host", ["claude-code", "generic"])
def test_the_entry_starts_the_mediator_for_this_agent_and_holds_no_secret(
    host: str, work: Path, mediator: Commands
) -> None:
    """Design 5.1: a stdio entry for this agent, no token in it; standard output is what is pasted."""
    entry = mediator.well("connect", host, "--agent", "assistant").printed["mcpServers"]["mediator"]

    command = [entry["command"], *entry["args"]]
    assert command == [*own_command(), "stdio", "--agent", "assistant", "--folder", str(work)]
    assert set(entry) - {"type"} == {"command", "args"}


def test_its_sessions_may_work_under_a_task_that_was_opened_for_it(work: Path, mediator: Commands) -> None:
    """Ours: an id, which gives nothing by itself."""
    words = ("connect", "generic", "--agent", "assistant", "--task", "task-1")
    entry = mediator.well(*words).printed["mcpServers"]["mediator"]
    assert entry["args"][-4:] == ["--folder", str(work), "--task", "task-1"]


def test_for_claude_code_the_command_line_is_shown_too(work: Path, mediator: Commands) -> None:
    """Ours."""
    ran = mediator.well("connect", "claude-code", "--agent", "assistant")

    assert "claude mcp add mediator -- " in ran.err
    assert str(work) in ran.err


def test_an_entry_is_written_into_the_hosts_file_of_a_project(work: Path, mediator: Commands, tmp_path: Path) -> None:
    """Issue 4: printed and `--write`."""
    project = tmp_path / "project"
    project.mkdir()
    out = mediator.well("connect", "cursor", "--agent", "assistant", "--write", str(project)).out

    file = project / ".cursor" / "mcp.json"
    assert "wrote" in out
    assert json.loads(file.read_text())["mcpServers"]["mediator"]["args"][:3] == ["stdio", "--agent", "assistant"]

    file.write_text("// mine")
    assert "no plain JSON" in mediator.refused("connect", "cursor", "--agent", "assistant", "--write", str(project))
    assert file.read_text() == "// mine"
    nowhere = ("connect", "cursor", "--agent", "assistant", "--write", str(project / "nowhere"))
    assert "is no folder" in mediator.refused(*nowhere)
    generic = ("connect", "generic", "--agent", "assistant", "--write", str(project))
    assert "has no file of its own" in mediator.refused(*generic)
    assert work.is_dir()


@pytest.mark.parametrize(("host", "said"), [("langgraph", "MultiServerMCPClient"), ("codex", "[mcp_servers.mediator]")])
def test_other_hosts_are_told_in_their_own_form(host: str, said: str, work: Path, mediator: Commands) -> None:
    """Issue 4."""
    assert said in mediator.well("connect", host, "--agent", "assistant").out
    assert work.is_dir()


def test_an_agent_without_a_profile_or_a_key_here_cannot_be_connected(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    error = mediator.refused("connect", "generic", "--agent", "planner")
    assert error == (
        "error: there is no agent `planner` in `mediator.toml`\n"
        " next: name one that is there (`assistant`), or add an `[[agent]]`\n"
    )

    (work / ".mediator" / "keys" / "agent-assistant.pem").unlink()
    assert "has no key here" in mediator.refused("connect", "generic", "--agent", "assistant")


def test_a_host_that_is_not_known_is_a_usage_error(work: Path, mediator: Commands) -> None:
    """Design 5.1: exit code 2."""
    assert mediator("connect", "emacs", "--agent", "assistant").code == 2
    assert work.is_dir()


def test_the_command_is_its_own_script_or_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: a host has another PATH than the operator."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert own_command() == [str(tmp_path / "python"), "-m", "mediator"]

    (tmp_path / "mediator").write_text("")
    assert own_command() == [str(tmp_path / "mediator")]
