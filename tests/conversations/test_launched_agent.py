"""`mediator run`: a real process, launched with a one-shot key, beside a mediator and as the owner of the folder.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from tests.promises import promise
from tests.simulated.running import Running, running, set_up
from tests.simulated.tool_server import SimulatedToolServer, tool

SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "mediator", "run", "--agent", "assistant")


def agent(report: Path, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.simulated.launched_agent", "tools__echo", str(report), *more)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_SDK_DISABLED": "true", **more}


async def run(folder: Path, *command: str, **more: str) -> int:
    words = (*PROGRAM, "--folder", str(folder), "--", *command)
    with anyio.fail_after(SECONDS):
        done = await anyio.run_process(words, check=False, env=environment(**more), stdout=None, stderr=None)
    return done.returncode


def bodies(mediator: Running, kind: str, task: str) -> list[Any]:
    found: list[Any] = [entry["body"] for entry in mediator.entries(kind)]
    return [body for body in found if body["task"] == task]


@pytest.mark.skipif(sys.platform != "linux", reason="the report is read from /proc")
@promise("P4", "P5", "P9")
async def test_an_agent_is_launched_with_a_task_and_a_key_that_end_with_it(tmp_path: Path) -> None:
    """Issue 6: token and key by descriptor alone, each once; fresh tokens by that key; the task is over with the process."""
    server, report = SimulatedToolServer(tools=[tool("echo")]), tmp_path / "report.json"
    async with running(tmp_path, {"tools": server}) as mediator:
        code = await run(mediator.folder, *agent(report), MEDIATOR_TOKEN="a token of mine", KEPT="x")
        assert code == 7
        found = json.loads(report.read_text())
        grant = found.pop("grant")
        names = found.pop("environment")
        assert found == {
            "called": True,
            "called with a fresh token": True,
            "fresh token is another": True,
            "another task": "invalid_authorization_details",
            "read again": "",
            "in sight": False,
            "without the key": ["PROOF_INVALID", "PROOF_INVALID"],
            "token type": "DPoP",
            "keyid": found["keyid"],
        }
        assert {"KEPT", "MEDIATOR_URL", "MEDIATOR_AGENT", "MEDIATOR_TOKEN_FD", "MEDIATOR_KEY_FD"} <= {*names}
        assert "MEDIATOR_TOKEN" not in names
        assert [call.tool for call in server.calls] == ["echo", "echo"]
        (opened,) = bodies(mediator, "task.opened", grant)
        (completed,) = bodies(mediator, "task.completed", grant)
        assert (opened["agent"], opened["instance_key"]) == ("assistant", found["keyid"])
        assert completed["who"] == "assistant"
        stored = mediator.mediator.store.find_grant(grant)
        assert stored is not None
        assert stored.keyid == found["keyid"]
        assert mediator.mediator.desk.instances.find("assistant", found["keyid"], stored.opened_ms) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the report is read from /proc")
@promise("P5")
async def test_signals_go_to_the_agent_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    """Issue 6: whoever supervises us supervises the agent; the task is completed all the same."""
    report = tmp_path / "report.json"
    async with running(tmp_path, {"tools": SimulatedToolServer(tools=[tool("echo")])}) as mediator:
        words = (*PROGRAM, "--folder", str(mediator.folder), "--", *agent(report, "wait"))
        with anyio.fail_after(SECONDS):
            async with await anyio.open_process(words, env=environment(), stdout=None, stderr=None) as process:
                while not report.exists():  # noqa: ASYNC110 - another process writes it
                    await anyio.sleep(0.01)
                process.send_signal(signal.SIGUSR1)
                assert await process.wait() == signal.SIGUSR1
        task = json.loads(report.read_text())["grant"]
        assert len(bodies(mediator, "task.completed", task)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the report is read from /proc")
async def test_alone_it_serves_for_as_long_as_the_agent_lives(tmp_path: Path) -> None:
    """Issue 6: without a mediator it is the owner of the folder for its life."""
    folder, report = tmp_path / "work", tmp_path / "report.json"
    async with SimulatedToolServer(tools=[tool("echo")]) as server:
        await set_up(folder, {"tools": ("--url", server.url)}, {}, None, {"server": "port = 0"})
        assert await run(folder, *agent(report)) == 7
        assert [call.tool for call in server.calls] == ["echo", "echo"]
    found = json.loads(report.read_text())
    (completed,) = find_entries(folder / ".mediator" / "ledger", Wanted(kind="task.completed")).entries
    assert completed["body"] == {"task": found["grant"], "who": "assistant"}
    assert not (folder / ".mediator" / "control.sock").exists()
