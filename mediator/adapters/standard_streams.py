"""Standard input and output of this process as byte streams that the event loop waits for, without a thread.

A host that starts us gives us pipes or sockets. A regular file, which no loop can wait for, never blocks and is read
and written as it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from typing import Final, final

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream

_CHUNK: Final = 64 * 1024


@final
class StandardInput(ByteReceiveStream):
    """What the host writes to us."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None
        self._is_file = False

    async def receive(self, max_bytes: int = _CHUNK) -> bytes:
        """Return the next bytes; raises `EndOfStream` when the host has said all."""
        if self._reader is None and not self._is_file:
            await self._connect()
        chunk = os.read(sys.stdin.fileno(), max_bytes) if self._reader is None else await self._reader.read(max_bytes)
        if not chunk:
            raise anyio.EndOfStream
        return chunk

    async def aclose(self) -> None:
        """Read nothing more; a pipe is closed."""
        if self._transport is not None:
            self._transport.close()

    async def _connect(self) -> None:
        mode = os.fstat(sys.stdin.fileno()).st_mode
        if stat.S_ISCHR(mode) and not os.isatty(sys.stdin.fileno()):  # /dev/null: no loop can wait for it, nor says so
            self._is_file = True
            return
        reader = asyncio.StreamReader(limit=_CHUNK)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        except (ValueError, PermissionError):
            self._is_file = True
        else:
            self._reader = reader


@final
class StandardOutput(ByteSendStream):
    """What the host reads of us. The descriptor is kept here: nothing else may write to it by `sys.stdout`."""

    def __init__(self) -> None:
        self._descriptor: Final = os.dup(sys.stdout.fileno())
        os.set_blocking(self._descriptor, False)

    async def send(self, item: bytes) -> None:
        """Write all of it; raises `BrokenResourceError` when nobody reads any more."""
        left = memoryview(item)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                await anyio.wait_writable(self._descriptor)
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        """Write nothing more."""
        os.close(self._descriptor)
