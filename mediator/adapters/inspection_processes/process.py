"""One worker, as this side sees it: started without an environment, asked one question at a time, killed.

A socket pair joins the two. What goes to and fro is written and read by the loop, in pieces as they fit, so that nothing
waits and no thread stands between.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import mediator
from mediator.adapters.inspection_processes.frames import HEAD_BYTES_MAX, LENGTHS

# Isolated (`-I`): no variable and no working folder adds to what it imports; our own package comes from where ours is.
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from mediator.adapters.inspection_processes.worker import main; main()"
)
_HOME: Final = str(Path(mediator.__file__).resolve().parents[1])


class WorkerProcess:
    """One process, from its start to its end."""

    def __init__(self, words: Sequence[str], answer_bytes_max: int) -> None:
        """Start it; `words` are its arguments."""
        self._answer_bytes_max = answer_bytes_max
        self._line, theirs = socket.socketpair()
        with contextlib.ExitStack() as failing, theirs:
            failing.callback(self._line.close)
            self._line.settimeout(0)  # the loop waits, not the socket
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, _HOME, *words],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,  # what a terminal sends to us is not for it: it ends when we do
            )
            failing.pop_all()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    async def ask(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Return its answer; raises `OSError` or `EOFError` where it ends before, and it is of no more use then."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._line, LENGTHS.pack(len(head), len(body)) + head)
        await loop.sock_sendall(self._line, body)
        head_bytes, body_bytes = LENGTHS.unpack(await self._read(LENGTHS.size))
        if head_bytes > HEAD_BYTES_MAX or body_bytes > self._answer_bytes_max:
            message = "an answer larger than any can be"
            raise EOFError(message)
        return await self._read(head_bytes), await self._read(body_bytes)

    def kill(self) -> None:
        """End it now: whoever waits for its answer hears `EOFError` or `OSError`, and `wait` returns soon."""
        with contextlib.suppress(OSError):  # it has closed its end
            self._line.shutdown(socket.SHUT_RDWR)
        self._process.kill()

    def close(self) -> None:
        """Close the line; only when nobody waits at it any more: the loop would never tell them."""
        self._line.close()

    def wait(self) -> None:
        """Return once it is gone; blocks."""
        self._process.wait()

    async def _read(self, length: int) -> bytes:
        loop = asyncio.get_running_loop()
        buffer = bytearray(length)
        view = memoryview(buffer)
        while view:
            came = await loop.sock_recv_into(self._line, view)
            if not came:
                message = "it ended"
                raise EOFError(message)
            view = view[came:]
        return bytes(buffer)
