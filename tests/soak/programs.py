"""The processes of a soak: the mediator, and the tool servers over HTTP that are killed and started again.

Every process that was started here is ended here, by its id, also when the soak is broken off.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import Process

from tests.soak.line import HOST

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS: Final = 60.0
_END_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_SERVING: Final = re.compile(r"serving http://\S+?:(\d+)/mcp")


class EndedError(Exception):
    """It ended before it served."""


class Program:
    """One program, which may be started more than once. What it says goes to a log."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self._words = [sys.executable, "-m", *words]
        self._process: Process | None = None
        self.log: Final = log

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return with what it ended; nothing while it runs."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = await anyio.open_process(
                self._words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    async def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def end(self) -> int | None:
        """Ask it to end, and kill it where it does not; return its exit code."""
        if self._process is None:
            return None
        with suppress(ProcessLookupError):
            self._process.terminate()
        with anyio.move_on_after(_END_SECONDS):
            return await self._process.wait()
        await self.kill()
        return self.exit_code

    async def until_listening(self, port: int) -> None:
        """Return once somebody takes connections on this port."""
        with anyio.fail_after(START_SECONDS):
            while not await _listens(port):
                self._must_run()
                await anyio.sleep(_LOOK_SECONDS)

    async def until_serving(self) -> int:
        """Return the port on which it says that it serves."""
        with anyio.fail_after(START_SECONDS):
            while (said := _SERVING.search(self.log.read_text(encoding="utf-8"))) is None:
                self._must_run()
                await anyio.sleep(_LOOK_SECONDS)
        return int(said[1])

    def _must_run(self) -> None:
        if self.exit_code is not None:
            raise EndedError(f"`{' '.join(self._words[2:])}`:\n{self.log.read_text(encoding='utf-8')[-4000:]}")


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[Program]:
    """Start a program; ended when the context is left, whoever leaves it."""
    await program.start()
    try:
        yield program
    finally:
        with anyio.CancelScope(shield=True):
            await program.end()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


async def _listens(port: int) -> bool:
    try:
        stream = await anyio.connect_tcp(HOST, port)
    except OSError:
        return False
    await stream.aclose()
    return True
