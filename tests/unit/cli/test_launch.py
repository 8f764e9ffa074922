"""A command, launched with secrets on descriptors: what it can read, how it ends, what it is told.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from mediator.cli.launch import FORWARDED, Launch, run_to_its_end
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.promises import promise

SECONDS = 20
READ = """
import json, os, sys
texts = [os.read(3, 9999).decode(), os.read(3, 9999).decode(), os.read(4, 9999).decode(), os.read(4, 9999).decode()]
open_ones = []
for number in range(5, 100):
    try:
        os.fstat(number)
        open_ones.append(number)
    except OSError:
        pass
report = {"texts": texts, "open": open_ones, "environment": dict(os.environ), "arguments": sys.argv}
open(sys.argv[1], "w").write(json.dumps(report))
"""


async def launched(*command: str, environment: Mapping[str, str] | None = None) -> int:
    launch = Launch(command=command, environment=environment or {}, secrets={3: Secret("a token"), 4: Secret("a key")})
    with anyio.fail_after(SECONDS):
        return await run_to_its_end(launch)


def count_open() -> int:
    return len([*Path("/dev/fd").iterdir()])


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # it is not open
        return False


@promise("P5")
async def test_a_secret_is_on_its_descriptor_once_and_nowhere_else(tmp_path: Path) -> None:
    """Issue 6: in no argument and no environment; and nothing else of ours is open there."""
    report = tmp_path / "report.json"
    inherited = [number for number in range(5, 100) if _is_inheritable(number)]
    assert await launched(sys.executable, "-c", READ, str(report), environment={"KEPT": "x"}) == 0
    told = json.loads(report.read_text())
    assert told["texts"] == ["a token", "", "a key", ""]
    assert told["open"] == sorted(inherited)
    assert told["environment"]["KEPT"] == "x"
    assert "a token" not in str(told["environment"]) + str(told["arguments"])


async def test_descriptors_are_ours_again_afterwards() -> None:
    """Ours: whatever became of the command."""
    before = count_open()
    assert await launched("true") == 0
    with pytest.raises(Refused):
        await launched("no-such-program-here")
    assert count_open() == before


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("exit 130", 130), ("kill -9 $$", 137)])
async def test_a_commands_end_is_told_as_shells_do(script: str, code: int) -> None:
    """Ours."""
    assert await launched("/bin/sh", "-c", script) == code


@pytest.mark.parametrize("program", ["no-such-program-here", "/", "a\0b"])
async def test_what_cannot_be_started_is_named(program: str) -> None:
    """Bad input."""
    with pytest.raises(Refused) as stop:
        await launched(program)
    assert stop.value.reason is Reason.MALFORMED
    assert stop.value.remedy is not None


@pytest.mark.parametrize("number", FORWARDED)
async def test_signals_go_to_the_command(number: signal.Signals, tmp_path: Path) -> None:
    """Issue 6: as they came, and it is the command that decides what they mean."""
    ready = tmp_path / "ready"
    script = f"trap 'exit 42' {number.name.removeprefix('SIG')}; touch {ready}; while :; do sleep 0.01; done"
    code: list[int] = []

    async def run() -> None:
        code.append(await launched("/bin/sh", "-c", script, environment={"PATH": os.environ["PATH"]}))

    async with anyio.create_task_group() as running:
        running.start_soon(run)
        with anyio.fail_after(SECONDS):
            while not ready.exists():  # noqa: ASYNC110 - another process makes it
                await anyio.sleep(0.01)
        os.kill(os.getpid(), number)
    assert code == [42]


async def test_a_command_whose_launcher_is_gone_is_told_to_end(tmp_path: Path) -> None:
    """Ours: it has nobody to answer to."""
    ready, ended = tmp_path / "ready", tmp_path / "ended"
    script = f"trap 'touch {ended}; exit 1' TERM; touch {ready}; while :; do sleep 0.01; done"
    async with anyio.create_task_group() as running:
        running.start_soon(lambda: launched("/bin/sh", "-c", script, environment={"PATH": os.environ["PATH"]}))
        with anyio.fail_after(SECONDS):
            while not ready.exists():  # noqa: ASYNC110 - as above
                await anyio.sleep(0.01)
        running.cancel_scope.cancel()
    with anyio.fail_after(SECONDS):
        while not ended.exists():  # noqa: ASYNC110 - as above
            await anyio.sleep(0.01)
