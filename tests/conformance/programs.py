"""Programs that run beside a test until it is over: started, waited for, heard to the end, ended.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
from anyio.streams.text import TextReceiveStream

START_SECONDS: Final = 60
END_SECONDS: Final = 15
ROOT: Final = Path(__file__).resolve().parents[2]
_SERVING: Final = re.compile(r"serving (http://\S+/mcp)\b")


@asynccontextmanager
async def serving(module: str, *words: str, log: Path) -> AsyncIterator[str]:
    """Run a module of Python that says `serving URL` once it serves; gives that URL. All that it says goes to a log."""
    command = [sys.executable, "-m", module, *words]
    async with await anyio.open_process(command, stderr=subprocess.STDOUT, cwd=ROOT) as program:
        assert program.stdout is not None
        told = anyio.Event()
        found: list[str] = []

        async def hear(said: TextReceiveStream) -> None:
            heard = ""
            async with await anyio.open_file(log, "w", encoding="utf-8") as kept:
                async for text in said:
                    await kept.write(text)
                    await kept.flush()
                    heard += text
                    if not found and (served := _SERVING.search(heard)):
                        found.append(served[1])
                        told.set()
            told.set()

        async with anyio.create_task_group() as hearing:
            hearing.start_soon(hear, TextReceiveStream(program.stdout))
            try:
                with anyio.fail_after(START_SECONDS):
                    await told.wait()
                if not found:
                    raise ProgramEndedError(module, log)
                yield found[0]
            finally:
                with anyio.CancelScope(shield=True):
                    await _end(program)


class ProgramEndedError(Exception):
    """It ended before it served; its log says why."""

    def __init__(self, module: str, log: Path) -> None:
        super().__init__(f"`{module}` ended before it served:\n{log.read_text(encoding='utf-8')}")


async def _end(program: anyio.abc.Process) -> None:
    if program.returncode is not None:
        return
    program.terminate()
    with anyio.move_on_after(END_SECONDS):
        await program.wait()
        return
    program.kill()
    await program.wait()
