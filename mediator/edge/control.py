"""The control socket: where commands ask the mediator that owns a folder, and where local hosts are let in to it.

A Unix socket in the private state folder, for processes of the same user alone; that user is not the operator (A7), so
what is asked is carried by signed statements, and this room knows nothing of them. One connection carries one request
and its answer, each one line of JSON; or a hello (`{"op": "stdio", ...}`), after which the lines of a session follow.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import anyio
from anyio.abc import AnyByteReceiveStream, AnyByteSendStream, SocketAttribute, SocketStream, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream

from mediator.canonical import JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.refusal import Reason, Refused

SESSION_OP: Final = "stdio"
_LINE_MAX: Final = 1024 * 1024  # a statement is a few kB; an answer lists at most what a person reads
_LIMITS: Final = JsonLimits(bytes_max=_LINE_MAX)
_SECONDS: Final = 30.0  # for a request to be there, and for an answer: opening a task takes milliseconds
_CONNECTIONS_MAX: Final = 64
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED

Handle: TypeAlias = Callable[[JsonObject], Awaitable[JsonObject]]
Session: TypeAlias = Callable[[AnyByteReceiveStream, AnyByteSendStream], Awaitable[None]]
"""Serves the lines of one session until either side ends it."""
OpenSession: TypeAlias = Callable[[JsonObject], Awaitable[Session]]
"""Returns the session that a hello opens; raises `Refused` for one that is not let in."""


class ControlServer:
    """Answers on the socket; whoever starts it holds the owner lock, so a socket that is there already is a dead one's."""

    def __init__(self, path: Path, handle: Handle, open_session: OpenSession) -> None:
        self._path = path
        self._handle = handle
        self._open_session = open_session
        self._places = anyio.Semaphore(_CONNECTIONS_MAX)

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; raises `Refused(MALFORMED)` where the socket cannot be made."""
        with _short(self._path) as path:
            try:
                self._path.unlink(missing_ok=True)
                listener = await anyio.create_unix_listener(path, mode=0o600)
            except OSError as error:
                detail = f"`{self._path}` cannot be listened on: {error.strerror}"
                raise Refused(Reason.MALFORMED, detail, remedy=f"look at `{self._path.parent}`") from error
        try:
            async with listener:
                task_status.started()
                await listener.serve(self._serve_one)
        finally:
            self._path.unlink(missing_ok=True)

    async def _serve_one(self, stream: SocketStream) -> None:
        async with stream:
            if _peer_uid(stream) != os.geteuid():
                return  # another user has no business here, and learns nothing (A6)
            try:
                async with self._places:
                    await self._answer(stream)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
                return  # whoever asked has gone

    async def _answer(self, stream: SocketStream) -> None:
        lines = BufferedByteReceiveStream(stream)
        try:
            with anyio.move_on_after(_SECONDS) as waiting:
                request = parse_object(await _receive_line(lines), _LIMITS)
            if waiting.cancelled_caught:
                return
            if request.get("op") != SESSION_OP:
                await _send(stream, {"ok": True, "answer": await self._handle(request)})
                return
            session = await self._open_session(request)
        except Refused as refused:
            error: JsonObject = {"reason": str(refused.reason), "detail": refused.detail, "remedy": refused.remedy}
            await _send(stream, {"ok": False, "error": error})
            return
        await _send(stream, {"ok": True, "answer": {}})
        await session(lines, stream)


def ask_control(path: Path, request: JsonObject) -> JsonObject | None:
    """Ask the mediator that listens there; nothing where none does. Raises the `Refused` that it answers with."""
    with _short(path) as short, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_SECONDS)
        try:
            asking.connect(short)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            asking.sendall(canonical_bytes(request) + b"\n")
            with asking.makefile("rb") as answers:
                return _answered(answers.readline(_LINE_MAX + 1))
        except OSError as error:
            detail = f"the mediator that owns `{path.parent}` did not answer: {error}"
            raise Refused(
                Reason.STORE_UNAVAILABLE, detail, remedy="see whether it is still well, and ask again"
            ) from error


async def relay_session(
    path: Path, hello: JsonObject, incoming: AnyByteReceiveStream, outgoing: AnyByteSendStream
) -> bool:
    """Open a session at the mediator that listens there, and pass bytes both ways until either side ends it.

    Returns whether there was one to ask. Raises the `Refused` that it answers the hello with.
    """
    try:
        with _short(path) as short:
            stream = await anyio.connect_unix(short)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    async with stream:
        lines = BufferedByteReceiveStream(stream)
        await _send(stream, hello)
        _answered(await _receive_line(lines))
        async with anyio.create_task_group() as copying:
            copying.start_soon(_copy_in, incoming, stream)
            await _copy(lines, outgoing)
            copying.cancel_scope.cancel()
    return True


async def _copy_in(incoming: AnyByteReceiveStream, stream: SocketStream) -> None:
    """Pass on what the host says, and that it has said all: what is in flight is still answered."""
    await _copy(incoming, stream)
    await stream.send_eof()


async def _copy(source: AnyByteReceiveStream, target: AnyByteSendStream) -> None:
    try:
        async for chunk in source:
            await target.send(chunk)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def _receive_line(lines: BufferedByteReceiveStream) -> bytes:
    try:
        return await lines.receive_until(b"\n", _LINE_MAX)
    except (anyio.DelimiterNotFound, anyio.IncompleteRead) as error:
        raise Refused(Reason.MALFORMED, "expected one line of JSON, of at most 1 MiB") from error


async def _send(stream: SocketStream, message: JsonObject) -> None:
    await stream.send(canonical_bytes(message) + b"\n")


def _answered(line: bytes) -> JsonObject:
    match parse_object(line, _LIMITS):
        case {"ok": True, "answer": dict(answer)}:
            return answer
        case {"ok": False, "error": {"reason": str(reason), "detail": str(detail), "remedy": None | str() as remedy}}:
            known = Reason(reason) if reason in tuple(Reason) else Reason.INTERNAL
            raise Refused(known, detail, remedy=remedy)
        case _:
            raise Refused(Reason.INTERNAL, "the mediator answered something else than what was asked")


def _peer_uid(stream: SocketStream) -> int:
    raw = stream.extra(SocketAttribute.raw_socket).getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(raw)[1]
    return uid


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a name for this path that fits a socket's address (108 bytes, unix(7)), however deep its folder is."""
    try:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield str(path)  # there is no such folder: whoever uses the name is told so
        return
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
