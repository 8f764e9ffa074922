"""`mediator manifest import --from FILE`: everything that a host has, in one command.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mediator.cli import keys
from mediator.cli.console import OUT
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands, content_of
from tests.simulated.tool_server_stdio import SimulatedStdioServer

TIME = Path(__file__).resolve().parents[3] / ".venv-servers" / "bin" / "mcp-server-time"
BROKEN: dict[str, Any] = {"command": "/bin/false"}


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[str]:
    """The demo's server on the SDK, over HTTP: its address."""
    command = [sys.executable, "-m", "mediator.cli.demo.notes_server", "--log", str(tmp_path / "notes.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        process.terminate()


def host(folder: Path, servers: dict[str, Any], name: str = "mcp.json") -> str:
    path = folder / name
    path.write_text(json.dumps({"mcpServers": servers}))
    return str(path)


def entry(clock: SimulatedStdioServer) -> dict[str, Any]:
    program, *arguments = clock.command
    return {"type": "stdio", "command": program, "args": arguments}


def imported_names(work: Path) -> list[str]:
    return sorted(
        path.parent.name for path in (work / "tool_manifests").glob("*/manifest.json") if path.parent.name != "example"
    )


@promise("P10")
def test_everything_that_a_host_has_is_behind_the_mediator_in_one_command(
    work: Path, tmp_path: Path, notes: str, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Issue 4: `manifest import --from` their `mcp.json` files. Real servers, and one that fails."""
    if not TIME.exists():
        pytest.skip("`make test` installs mcp-server-time into .venv-servers")
    own = {"command": "/opt/mediator", "args": ["stdio", "--agent", "assistant"]}
    servers = {
        "Time Server": {"command": str(TIME), "args": ["--local-timezone", "UTC"]},
        "bad": BROKEN,
        "mediator": own,
    }
    one = host(tmp_path, servers)
    other = host(tmp_path, {"notes": {"url": notes}, "clock": entry(clock)}, "other.json")

    ran = mediator("manifest", "import", "--from", one, "--from", other, "--yes")

    assert ran.code == 1
    assert imported_names(work) == ["clock", "notes", "time-server"]
    assert "4 to import, 1 left out" in ran.out
    assert "left out: the mediator's own entry" in ran.out
    assert "1 of 4: time-server" in ran.out
    assert "3 servers imported" in ran.out
    assert "mediator manifest sign time-server notes clock" in ran.out
    assert "mediator pin review notes && mediator pin approve notes --reviewer WHO" in ran.out
    assert f"failed: bad (`bad` of {one}): `bad`: its process ended" in ran.err
    assert ran.err.endswith(" next: then the same command again: what is imported stays as it is\n")

    mediator.well("manifest", "sign", "time-server", "notes", "clock", "--accept-proposed")
    for name in ("time-server", "notes", "clock"):
        mediator.well("pin", "approve", name, "--reviewer", OPERATOR)
    pins = mediator.well("pin", "list", "--json").printed["pins"]
    assert {pin["server"] for pin in pins} == {"time-server", "notes", "clock"}


def test_for_a_program_it_says_what_was_imported_left_out_and_failed(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Design 5.1: `--json`; what is said about it goes to standard error."""
    file = host(tmp_path, {"My Clock": entry(clock), "bad": BROKEN, "off": {**BROKEN, "disabled": True}})

    ran = mediator("manifest", "import", "--from", file, "--yes", "--json")

    assert ran.code == 1
    (imported,), (skipped,), (failed,) = (ran.printed[key] for key in ("imported", "skipped", "failed"))
    written = ["tool_servers.d/my-clock.toml", "tool_manifests/my-clock/manifest.json"]
    assert imported == {
        "file": file,
        "entry": "My Clock",
        "name": "my-clock",
        "tools": 2,
        "prompts": 0,
        "resources": 0,
        "written": written,
    }
    assert skipped == {"file": file, "entry": "off", "name": None, "why": "switched off in that file"}
    assert (failed["entry"], failed["reason"]) == ("bad", "TOOL_SERVER_UNAVAILABLE")
    assert failed["detail"]
    assert failed["next"]
    assert "1 of 2: my-clock" in ran.err
    assert work.is_dir()


def test_the_same_command_again_goes_on_where_it_stopped(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Ours: what is imported stays as it is; `--again` imports it anew."""
    file = host(tmp_path, {"clock": entry(clock), "bad": BROKEN})
    assert mediator("manifest", "import", "--from", file, "--yes").code == 1
    before = content_of(work)

    host(tmp_path, {"clock": entry(clock)})
    ran = mediator.well("manifest", "import", "--from", file)
    assert "imported already" in ran.out
    assert "nothing was imported" in ran.out
    assert content_of(work) == before

    mediator.well("manifest", "import", "--from", file, "--yes", "--again")
    assert json.loads((work / "tool_manifests" / "clock" / "manifest.json").read_bytes())["serial"] == 2


@promise("P7")
def test_nothing_is_run_before_somebody_says_so(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Design 5.1: shows the exact argv and asks (or `--yes`); once, for all."""
    file = host(tmp_path, {"clock": entry(clock)})
    before = content_of(work)

    ran = mediator("manifest", "import", "--from", file)

    assert ran.code == 1
    assert "1 to import" in ran.out
    assert ran.err.endswith(" next: look at it, and say `--yes`\n")
    assert clock.events == []
    assert content_of(work) == before


def test_the_table_says_how_each_is_reached_and_what_it_sees(
    work: Path, tmp_path: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 5.1: the exact argv; what would be installed, where it runs, and whose token it gets."""
    runner = tmp_path / "npx"
    runner.write_text("#!/bin/sh\n")
    runner.chmod(0o700)
    servers = {
        "a": {"command": str(runner), "args": ["-y", "server@1.0.0"], "cwd": "here"},
        "b": {"url": "http://127.0.0.1:9/mcp", "headers": {"Authorization": "Bearer ${HOME}"}},
    }

    monkeypatch.setattr(OUT, "_width", 400)
    ran = mediator("manifest", "import", "--from", host(tmp_path, servers))

    assert f"{runner} -y server@1.0.0  (in {tmp_path}/here)  (server@1.0.0 is installed once, by npm)" in ran.out
    assert "http://127.0.0.1:9/mcp" in ran.out
    assert "the bearer token of env:HOME" in ran.out
    assert work.is_dir()


@promise("P7")
def test_of_servers_where_nobody_is_each_is_told(work: Path, tmp_path: Path, mediator: Commands) -> None:
    """Ours: whatever the transport, and nothing is left behind."""
    file = host(tmp_path, {"a": {"url": "http://127.0.0.1:9/mcp"}, "b": BROKEN})
    before = content_of(work)

    ran = mediator("manifest", "import", "--from", file, "--yes", "--json")

    assert ran.code == 1
    assert [(one["name"], one["reason"]) for one in ran.printed["failed"]] == [
        ("a", "TOOL_SERVER_UNAVAILABLE"),
        ("b", "TOOL_SERVER_UNAVAILABLE"),
    ]
    assert content_of(work) == before


def test_at_a_terminal_it_asks_once_for_all(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 5.1."""
    asked: list[str] = []
    monkeypatch.setattr(keys, "is_at_a_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda question, **_: asked.append(question))

    mediator.well("manifest", "import", "--from", host(tmp_path, {"a": entry(clock), "b": entry(clock)}))

    assert asked == ["import 2 servers now?"]
    assert imported_names(work) == ["a", "b"]


@promise("P5")
def test_no_secret_of_the_file_is_copied_or_shown(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """House style 11: named by reference."""
    file = host(tmp_path, {"clock": {**entry(clock), "env": {"KEY": "hunter2", "TZ": "UTC"}}})
    words = ("manifest", "import", "--from", file, "--yes", "--env", "TZ=literal:UTC")
    ran = mediator(*words)
    assert ran.code == 1
    assert "it needs `KEY`" in ran.err
    assert "hunter2" not in ran.out + ran.err

    monkeypatch.setenv("KEY", "hunter2")
    ran = mediator.well(*words)

    assert "hunter2" not in ran.out + ran.err
    assert not any(b"hunter2" in content for content in content_of(work).values())
    settings = (work / "tool_servers.d" / "clock.toml").read_text()
    assert 'environment = { KEY = "env:KEY", TZ = "literal:UTC" }' in settings


def test_a_family_that_is_left_out_is_said(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Ours: as it is where one server is imported."""
    clock.script.resources = [{"uri": "FILE:///a", "name": "b"}]
    clock.save()

    ran = mediator.well("manifest", "import", "--from", host(tmp_path, {"clock": entry(clock)}), "--yes")

    assert "left out of clock: FILE:///a: the scheme is not in lower case" in ran.out
    assert work.is_dir()


def test_a_file_that_has_none_imports_none(work: Path, tmp_path: Path, mediator: Commands) -> None:
    """Ours: nothing is no error, and is said."""
    assert "nothing was imported" in mediator.well("manifest", "import", "--from", host(tmp_path, {})).out
    assert work.is_dir()


USAGE = {
    "neither name nor file": [],
    "a command without a name": ["--command", "x"],
    "an entry without a name": ["--from", "FILE", "--entry", "a"],
    "a credential without a name": ["--from", "FILE", "--credential", "env:A"],
    "a variable that none of them has": ["--from", "FILE", "--env", "A=env:A"],
    "a name and two files": ["clock", "--from", "FILE", "--from", "FILE"],
    "a name and JSON": ["clock", "--from", "FILE", "--json"],
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_what_cannot_be_meant_is_a_usage_error(
    words: list[str], work: Path, tmp_path: Path, mediator: Commands
) -> None:
    """Design 5.1: exit code 2."""
    file = host(tmp_path, {"bad": BROKEN})
    before = content_of(work)

    ran = mediator("manifest", "import", *(file if word == "FILE" else word for word in words))

    assert ran.code == 2
    assert " next: " in ran.err
    assert content_of(work) == before


def test_a_file_that_cannot_be_read_stops_before_anything_is_run(
    work: Path, tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """The issue: what, where, and the next step."""
    (tmp_path / "broken.json").write_text("// mine")
    files = ("--from", host(tmp_path, {"clock": entry(clock)}), "--from", str(tmp_path / "broken.json"))

    assert "broken.json: not JSON" in mediator.refused("manifest", "import", *files, "--yes")
    assert clock.events == []
    assert work.is_dir()
