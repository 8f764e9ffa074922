"""The control socket: where commands ask the mediator that owns a folder, and where local hosts are let in to it.

A Unix socket in the private state folder, for processes of the same user alone; that user is not the operator (A7), so
what is asked is carried by signed statements, and this room knows nothing of them. One connection carries one request
and its answer, each one line of JSON; or a hello (`{"op": "stdio", ...}`), after which the lines of a session follow.
Whatever goes wrong with one of them ends that one, and no other: agents are served by the same process. Sessions are
bounded, requests are not: however many hosts are connected, an operator gets through.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
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
_SESSIONS_MAX: Final = 256  # hosts of one user on one machine
_ACCEPT_AGAIN_SECONDS: Final = 0.1

_NAME_MAX: Final = 100  # bytes; macOS has room for 103, Linux for 107
_NOBODY: Final = (FileNotFoundError, ConnectionRefusedError)  # no socket, or one whose owner is dead
_GONE: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)

Handle: TypeAlias = Callable[[JsonObject], Awaitable[JsonObject]]
Session: TypeAlias = Callable[[AnyByteReceiveStream, AnyByteSendStream], Awaitable[None]]
"""Serves the lines of one session until either side ends it."""
OpenSession: TypeAlias = Callable[[JsonObject], Awaitable[Session]]
"""Returns the session that a hello opens; raises `Refused` for one that is not let in."""


class ControlServer:
    """Answers on the socket; whoever starts it holds the owner lock, so a socket that is there already is a dead one's.

    `alarm` is told, in one line, of a bug of ours.
    """

    def __init__(self, path: Path, handle: Handle, open_session: OpenSession, alarm: Callable[[str], None]) -> None:
        self._path = path
        self._handle = handle
        self._open_session = open_session
        self._alarm = alarm
        self._sessions = anyio.CapacityLimiter(_SESSIONS_MAX)

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; raises `Refused(MALFORMED)` where the socket cannot be made."""
        try:
            with _short(self._path) as path:
                _remove_socket(self._path)
                listener = await anyio.create_unix_listener(path, mode=0o600)
        except OSError as error:
            detail = f"`{self._path}` cannot be listened on: {error.strerror or error}"
            raise Refused(Reason.MALFORMED, detail, remedy=f"look at `{self._path.parent}`") from error
        try:
            async with listener, anyio.create_task_group() as serving:
                task_status.started()
                while True:
                    try:
                        stream = await listener.accept()
                    except anyio.BrokenResourceError:  # no descriptor is free: that ends nobody who is being served
                        await anyio.sleep(_ACCEPT_AGAIN_SECONDS)
                        continue
                    serving.start_soon(self._serve_one, stream)
        finally:
            with suppress(OSError):
                _remove_socket(self._path)

    async def _serve_one(self, stream: SocketStream) -> None:
        async with stream:
            if _peer_uid(stream) != os.geteuid():
                return  # another user has no business here, and learns nothing (A6)
            try:
                session = await self._answer(stream)
                if session is not None:
                    await session()
            except _GONE:
                return  # whoever asked has gone
            except Exception as bug:  # noqa: BLE001 - one request's bug ends neither the mediator nor another's session
                self._alarm(f"internal error at the control socket: {bug!r}")

    async def _answer(self, stream: SocketStream) -> Callable[[], Awaitable[None]] | None:
        """Answer a request; or return the session that a hello opened, and was told so."""
        lines = BufferedByteReceiveStream(stream)
        try:
            with anyio.fail_after(_SECONDS):
                request = parse_object(await _receive_line(lines), _LIMITS)
            if request.get("op") == SESSION_OP:
                return await self._begin_session(stream, lines, request)
            await _send(stream, {"ok": True, "answer": await self._handle(request)})
        except Refused as refused:
            await _send_refusal(stream, refused)
        except TimeoutError:
            await _send_refusal(stream, Refused(Reason.MALFORMED, f"no whole request came within {_SECONDS:g} s"))
        except _GONE:
            raise
        except Exception:
            await _send_refusal(stream, Refused(Reason.INTERNAL, "the mediator failed; its own output says more"))
            raise
        return None

    async def _begin_session(
        self, stream: SocketStream, lines: BufferedByteReceiveStream, hello: JsonObject
    ) -> Callable[[], Awaitable[None]]:
        if self._sessions.available_tokens < 1:
            raise Refused(Reason.OVERLOADED, f"{_SESSIONS_MAX} hosts have sessions")
        session = await self._open_session(hello)

        async def serve() -> None:
            async with self._sessions:
                with suppress(*_GONE):  # a session that was opened is served, and so ended, also for who has gone
                    await _send(stream, {"ok": True, "answer": {}})
                await session(lines, stream)

        return serve


def ask_control(path: Path, request: JsonObject, seconds: float | None = None) -> JsonObject | None:
    """Ask the mediator that listens there; nothing where none does. Raises the `Refused` that it answers with."""
    sent = canonical_bytes(request) + b"\n"
    if len(sent) > _LINE_MAX:
        raise Refused(Reason.BODY_TOO_LARGE, f"a request of {len(sent)} bytes, where {_LINE_MAX} are taken")
    try:
        with _short(path) as short, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(_SECONDS if seconds is None else seconds)
            asking.connect(short)
            asking.sendall(sent)
            with asking.makefile("rb") as answers:
                line = answers.readline(_LINE_MAX + 1)
    except _NOBODY:
        return None
    except OSError as error:
        raise _silent(path, str(error)) from error
    if not line.endswith(b"\n"):
        raise _silent(path, "it ended the connection before its answer was whole")
    return _answered(line)


async def relay_session(
    path: Path, hello: JsonObject, incoming: AnyByteReceiveStream, outgoing: AnyByteSendStream
) -> bool:
    """Open a session at the mediator that listens there, and pass bytes both ways until either side ends it.

    Returns whether there was one to ask. Raises the `Refused` that it answers the hello with.
    """
    try:
        with _short(path) as short:
            stream = await anyio.connect_unix(short)
    except _NOBODY:
        return False
    except OSError as error:
        raise _silent(path, str(error)) from error
    async with stream:
        lines = BufferedByteReceiveStream(stream)
        try:
            with anyio.fail_after(_SECONDS):
                await _send(stream, hello)
                _answered(await _receive_line(lines))
        except (*_GONE, anyio.IncompleteRead, TimeoutError) as error:
            raise _silent(path, "it ended the connection, or waited too long") from error
        async with anyio.create_task_group() as copying:
            copying.start_soon(_copy_in, incoming, stream)
            await _copy(lines, outgoing)
            copying.cancel_scope.cancel()
    return True


async def _copy_in(incoming: AnyByteReceiveStream, stream: SocketStream) -> None:
    """Pass on what the host says, and that it has said all: what is in flight is still answered."""
    await _copy(incoming, stream)
    with suppress(*_GONE, OSError):
        await stream.send_eof()


async def _copy(source: AnyByteReceiveStream, target: AnyByteSendStream) -> None:
    """Copy until either of them ends."""
    with suppress(*_GONE):
        while True:
            await target.send(await source.receive())


async def _receive_line(lines: BufferedByteReceiveStream) -> bytes:
    try:
        return await lines.receive_until(b"\n", _LINE_MAX)
    except anyio.DelimiterNotFound as error:
        raise Refused(Reason.BODY_TOO_LARGE, f"a line of more than {_LINE_MAX} bytes") from error
    except anyio.IncompleteRead as error:
        raise anyio.EndOfStream from error


async def _send(stream: SocketStream, message: JsonObject) -> None:
    await stream.send(canonical_bytes(message) + b"\n")


async def _send_refusal(stream: SocketStream, refused: Refused) -> None:
    error: JsonObject = {"reason": str(refused.reason), "detail": refused.detail, "remedy": refused.remedy}
    await _send(stream, {"ok": False, "error": error})


def _answered(line: bytes) -> JsonObject:
    match parse_object(line, _LIMITS):
        case {"ok": True, "answer": dict(answer)}:
            return answer
        case {"ok": False, "error": {"reason": str(reason), "detail": str(detail), "remedy": None | str() as remedy}}:
            known = Reason(reason) if reason in tuple(Reason) else Reason.INTERNAL
            raise Refused(known, detail, remedy=remedy)
        case _:
            raise Refused(Reason.INTERNAL, "the mediator answered something else than what was asked")


def _silent(path: Path, why: str) -> Refused:
    detail = f"the mediator that owns `{path.parent}` did not answer: {why}"
    return Refused(Reason.STORE_UNAVAILABLE, detail, remedy="see whether it is still well, and ask again")


def _remove_socket(path: Path) -> None:
    """Remove a dead owner's socket; anything else of that name is somebody's, and raises `OSError`."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        message = "something that is no socket stands there"
        raise OSError(message)
    path.unlink()


def _peer_uid(stream: SocketStream) -> int:
    """Return the user id of the process at the other end, as the kernel knows it."""
    peer = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - anyio's, not Django's
    if sys.platform == "linux":
        pid_uid_gid = struct.Struct("3i")  # unix(7): SO_PEERCRED
        return int(pid_uid_gid.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, pid_uid_gid.size))[1])
    else:  # noqa: RET505  # pragma: no cover - unix(4) of macOS and the BSDs: LOCAL_PEERCRED, struct xucred
        version_uid = struct.Struct("=II")
        return int(version_uid.unpack(peer.getsockopt(0, 1, 76)[: version_uid.size])[1])


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a name for this path that fits a socket's address (108 bytes, unix(7)), however deep its folder is."""
    if sys.platform != "linux" or len(os.fsencode(path)) <= _NAME_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
