"""A simulated tool server over stdio: how to start it, and what arrived at its processes.

    server = SimulatedStdioServer(tmp_path, tools=[tool("echo")], era="legacy")
    server.command                               # the argv to start it by; it needs no environment
    server.calls, server.arrived, server.alive   # over all its processes; `Arrived.number` is the process id

The process itself is `stdio_server.py`; nothing is started here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulated import stdio_server
from tests.simulated.stdio_server import Process, Script, tool, write_script
from tests.simulated.tool_server_arrivals import Arrived

__all__ = ["Arrived", "SimulatedStdioServer", "tool"]


class SimulatedStdioServer:
    """How to start a scripted tool server over stdio, and what arrived at its processes.

    Keyword arguments are fields of `stdio_server.Script` (tools, era, answers, ...) and of `stdio_server.Process`
    (its misbehaviours).
    """

    def __init__(self, folder: Path, *, name: str = "simulated", **fields: Any) -> None:
        self._path, self._log = folder / f"{name}.script.json", folder / f"{name}.log.jsonl"
        self._process = Process(
            log=str(self._log), **{key: fields.pop(key) for key in tuple(fields) if key in Process.FIELDS}
        )
        self.script = Script(**{"era": "legacy", **fields})
        self.save()

    def save(self) -> None:
        """Let processes that start from now on follow `script` as it now is."""
        write_script(self._path, self.script, self._process)

    def misbehave(self, **fields: Any) -> None:
        """Set misbehaviours (fields of `Process`) for processes that start from now on."""
        for key, value in fields.items():
            setattr(self._process, key, value)
        self.save()

    @property
    def command(self) -> tuple[str, ...]:
        """The argv to start it by; it needs no environment."""
        return (sys.executable, "-IS", str(Path(stdio_server.__file__)), "--script", str(self._path))

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that its processes noted: `{"pid", "event": start|message|eof|end, ...}`."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    @property
    def arrived(self) -> list[Arrived]:
        """Each message that arrived, over all processes; `number` is the process id."""
        return [
            Arrived(verb="", headers={}, message=one["message"], body=b"", number=one["pid"])
            for one in self.events
            if one["event"] == "message"
        ]

    @property
    def calls(self) -> list[Arrived]:
        """Each `tools/call` that arrived."""
        return [one for one in self.arrived if one.method == "tools/call"]

    @property
    def methods(self) -> list[str | None]:
        """The method of each message that arrived, in order."""
        return [one.method for one in self.arrived]

    @property
    def started(self) -> list[int]:
        """The process id of each process that was started, children of theirs included."""
        starts = [one for one in self.events if one["event"] == "start"]
        return [one["pid"] for one in starts] + [one["child"] for one in starts if "child" in one]

    @property
    def alive(self) -> list[int]:
        """Those of them that still run."""
        return [pid for pid in self.started if _is_alive(pid)]

    async def until(self, holds: Callable[[], object]) -> None:
        """Return once that holds of its log; five seconds at most."""
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - the file of another process wakes nobody
                await asyncio.sleep(0.005)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return state not in {"Z", "X"}
