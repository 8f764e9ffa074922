"""One process of a tool server: started without a shell in an environment that is named, ended with all it started.

It carries bytes and knows nothing of MCP. It leads a process group of its own, and whatever is left of the group dies
with it; a process that leaves the group on purpose is out of our reach (a sandbox is the operator's to add).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import anyio

from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.evidence import Secret
from mediator.wire.hearing import unavailable

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_LOOK_AGAIN_SECONDS = 0.005


class Child(asyncio.SubprocessProtocol):
    """A running process: `hear` gets what it writes to stdout, `mute` is told that no more will come, `gone` its end."""

    def __init__(
        self, hear: Callable[[bytes], None], mute: Callable[[], None], gone: Callable[[], None], limits: StdioLimits
    ) -> None:
        self._hear, self._mute, self._gone, self._limits = hear, mute, gone, limits
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited, self._closed = anyio.Event(), anyio.Event()
        self._pid = 0
        self._stderr = bytearray()
        self._stderr_bytes_since_pause = 0
        self._is_paused = False

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr. For an operator, never for an agent or a record."""
        return self._stderr.decode("utf-8", "replace")

    # --- what its user does

    def write(self, line: bytes) -> None:
        """Write one message, in this loop turn."""
        stdin = self._stdin()
        if stdin is not None:
            stdin.write(line + b"\n")

    def unread_bytes(self) -> int:
        """Return how much was written that the pipe did not take yet."""
        stdin = self._stdin()
        return 0 if stdin is None else stdin.get_write_buffer_size()

    def pause(self) -> None:
        """Leave what it writes to stdout in the pipe."""
        stdout = self._pipe(_STDOUT)
        if stdout is not None and not self._is_paused:
            self._is_paused = True
            stdout.pause_reading()

    def resume(self) -> None:
        """Read its stdout again."""
        stdout = self._pipe(_STDOUT)
        if stdout is not None and self._is_paused:
            stdout.resume_reading()
        self._is_paused = False

    def kill(self) -> None:
        """End the whole process group, now."""
        self._signal(signal.SIGKILL)

    async def end(self) -> None:
        """End the process in order, then by force: when this returns it is gone, if it was ever there."""
        if self._transport is None:
            return
        with anyio.CancelScope(shield=True):
            stdin = self._stdin()
            if stdin is not None:
                stdin.close()
            if not await self._goes_within(self._limits.eof_seconds):
                self._signal(signal.SIGTERM)
                if not await self._goes_within(self._limits.term_seconds):
                    self.kill()
                    await self._goes_within(self._limits.kill_seconds)
            self._transport.close()
            with anyio.move_on_after(self._limits.kill_seconds):
                await self._closed.wait()
            with anyio.move_on_after(self._limits.stragglers_seconds):
                while self._group_lives():  # noqa: ASYNC110 - killed, but not ours: nobody tells us that they are gone
                    await anyio.sleep(_LOOK_AGAIN_SECONDS)

    def _stdin(self) -> asyncio.WriteTransport | None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(_STDIN)
        stdin = cast("asyncio.WriteTransport | None", pipe)  # as the process's own transport
        return None if stdin is None or stdin.is_closing() else stdin

    def _pipe(self, fd: int) -> asyncio.ReadTransport | None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(fd)
        output = cast("asyncio.ReadTransport | None", pipe)  # as the process's own transport
        return None if output is None or output.is_closing() else output

    async def _goes_within(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            await self._exited.wait()
        return self._exited.is_set()

    def _group_lives(self) -> bool:
        """Tell whether a process of the group still stands in the kernel's table."""
        try:
            os.killpg(self._pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        """Signal the group, whose number is its leader's: after the leader's end that number may be another's."""
        if self._transport is not None and not self._exited.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)

    # --- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It runs."""
        self._transport = cast("asyncio.SubprocessTransport", transport)  # uvloop's is one in all but name
        self._pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It wrote something."""
        if fd == _STDOUT:
            self._hear(data)
            return
        self._stderr += data
        del self._stderr[: -self._limits.stderr_bytes_kept]
        self._stderr_bytes_since_pause += len(data)
        if self._stderr_bytes_since_pause >= self._limits.stderr_bytes_at_once:
            self._pause_stderr()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - as `connection_lost`
        """One of its pipes is closed; without stdout it is of no more use."""
        if fd == _STDOUT:
            self._mute()

    def process_exited(self) -> None:
        """It has ended; what it started ends now. What it wrote last may still stand in the pipe."""
        self.kill()
        self._exited.set()
        if self._transport is not None:
            # A process that left the group may hold a pipe open for ever.
            asyncio.get_running_loop().call_later(self._limits.draining_seconds, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - there is nothing to be done about it
        """It has ended, and all its pipes are closed."""
        if self._transport is not None:
            self._transport.close()
        self._closed.set()
        self._gone()

    def _pause_stderr(self) -> None:
        self._stderr_bytes_since_pause = 0
        stderr = self._pipe(_STDERR)
        if stderr is not None:
            stderr.pause_reading()
            asyncio.get_running_loop().call_later(self._limits.stderr_pause_seconds, _resume, stderr)


async def start(child: Child, command: Sequence[str], environment: Mapping[str, Secret | str], cwd: str | None) -> None:
    """Start it; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where that cannot be done."""
    revealed = {name: value.reveal() if isinstance(value, Secret) else value for name, value in environment.items()}
    loop = asyncio.get_running_loop()
    try:
        # Not to be cancelled half-way: a process that nobody knows of would stay.
        with anyio.CancelScope(shield=True):
            await loop.subprocess_exec(
                lambda: child,
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=revealed,
                cwd=cwd,
                start_new_session=True,
                close_fds=True,
            )
    except (OSError, ValueError) as error:  # ValueError: a zero byte in an argument
        raise unavailable(f"it cannot be started: {type(error).__name__}") from error


def _resume(pipe: asyncio.ReadTransport) -> None:
    if not pipe.is_closing():
        pipe.resume_reading()
