"""Unit tests of mediator/edge/control.py, over real Unix sockets.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.abc import AnyByteReceiveStream, AnyByteSendStream, ByteStream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.edge import control
from mediator.edge.control import ControlServer, Session, ask_control, relay_session
from mediator.edge.stdio import serve_stdio
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.arrivals import LEGACY, message
from tests.simulated.corridor import SimulatedCorridor

GOOD: JsonObject = {"op": "stdio", "token": "good"}
WAIT: JsonObject = {"op": "wait"}


@dataclass(slots=True)
class Owner:
    """What stands behind the socket: it echoes requests, refuses `no`, fails on `bug`, and its sessions shout."""

    requests: list[JsonObject] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    sessions: int = 0
    ended: anyio.Event = field(default_factory=anyio.Event)
    waits: anyio.Event = field(default_factory=anyio.Event)

    async def handle(self, request: JsonObject) -> JsonObject:
        self.requests.append(request)
        match request:
            case {"op": "no"}:
                raise Refused(Reason.NOT_COVERED, "not for you", remedy="ask somebody")
            case {"op": "bug"}:
                raise KeyError("ours")
            case {"op": "wait"}:
                await self.waits.wait()
            case _:
                pass
        return {"echo": request}

    async def open_session(self, hello: JsonObject) -> Session:
        self.requests.append(hello)
        if hello.get("token") != "good":
            raise Refused(Reason.BAD_CREDENTIAL, "not let in")
        return partial(self.serve, "bug" in hello)

    async def serve(self, is_bug: bool, incoming: AnyByteReceiveStream, outgoing: AnyByteSendStream) -> None:
        self.sessions += 1
        try:
            if is_bug:
                raise KeyError("ours")
            while True:
                await outgoing.send((await incoming.receive()).upper())
        except anyio.EndOfStream:
            await outgoing.send(b"bye\n")
        finally:
            self.sessions -= 1
            self.ended.set()


@asynccontextmanager
async def owning(path: Path, owner: Owner | None = None) -> AsyncIterator[Owner]:
    """Listen for as long as the context is held."""
    owner = owner or Owner()
    server = ControlServer(path, owner.handle, owner.open_session, owner.alarms.append)
    async with anyio.create_task_group() as serving:
        await serving.start(server.serve)
        yield owner
        serving.cancel_scope.cancel()


async def ask(path: Path, request: JsonObject) -> JsonObject | None:
    with anyio.fail_after(5):
        return await anyio.to_thread.run_sync(ask_control, path, request)


async def stop_of(path: Path, request: JsonObject) -> Refused:
    with pytest.raises(Refused) as stop:
        await ask(path, request)
    return stop.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


# --- asking -----------------------------------------------------------------------------------------------------------


async def test_a_request_is_answered(path: Path) -> None:
    """Design 8, who runs."""
    async with owning(path):
        assert await ask(path, {"op": "status", "more": [1, "ä\n"]}) == {"echo": {"op": "status", "more": [1, "ä\n"]}}


async def test_a_refusal_comes_back_as_it_was(path: Path) -> None:
    """Issue 2, bad input: what, and the next step."""
    async with owning(path) as owner:
        stop = await stop_of(path, {"op": "no"})

    assert (stop.reason, stop.detail, stop.remedy) == (Reason.NOT_COVERED, "not for you", "ask somebody")
    assert owner.alarms == []


@promise("P11")
async def test_a_bug_in_one_request_ends_nothing_else(path: Path) -> None:
    """Ours: agents are served by the same process; whoever asked learns that it failed, the operator why."""
    async with owning(path) as owner:
        stop = await stop_of(path, {"op": "bug"})
        assert await ask(path, {"op": "status"}) is not None

    assert (stop.reason, "ours" in stop.detail) == (Reason.INTERNAL, False)
    assert owner.alarms == ["internal error at the control socket: KeyError('ours')"]


async def test_where_no_descriptor_is_free_nobody_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours (P11): whoever opens connections until none can be taken (EMFILE) must not end the mediator by it."""
    monkeypatch.setattr(control, "_ACCEPT_AGAIN_SECONDS", 0)
    accept, refusals = socket.socket.accept, iter([True, True])

    def accept_in_the_end(listener: socket.socket) -> tuple[socket.socket, object]:
        if next(refusals, False):
            raise OSError(errno.EMFILE, "too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept_in_the_end)
    async with owning(path):
        assert await ask(path, {"op": "status"}) is not None
    assert next(refusals, None) is None


async def test_where_nobody_listens_there_is_nobody_to_ask(path: Path) -> None:
    """Design 8: then the command is the owner of the folder itself."""
    assert await ask(path, {"op": "status"}) is None
    assert await ask(path.parent / "no" / "such" / path.name, {"op": "status"}) is None
    assert not await relay_session(path, GOOD, SilentHost(), SilentHost())
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert await ask(path, {"op": "status"}) is None
    assert not await relay_session(path, GOOD, SilentHost(), SilentHost())


async def test_a_path_that_is_no_socket_is_no_mediator(path: Path) -> None:
    """Issue 2, bad input."""
    occupy(path)
    looped = path.with_name("looped.sock")
    loop(looped)

    stop = await stop_of(looped, {"op": "status"})
    with pytest.raises(Refused) as relayed:
        await relay_session(looped, GOOD, SilentHost(), SilentHost())

    assert await ask(path, {"op": "status"}) is None
    assert (stop.reason, relayed.value.reason) == (Reason.STORE_UNAVAILABLE, Reason.STORE_UNAVAILABLE)


def occupy(path: Path) -> None:
    path.write_text("mine")


def loop(path: Path) -> None:
    path.symlink_to(path)


def read(path: Path) -> str:
    return path.read_text()


def mode_of(path: Path) -> int | None:
    return path.stat().st_mode if path.exists() else None


ANSWERS: list[bytes] = [
    b"",
    b"{",
    b"{}\n",
    b"null\n",
    b'{"ok":true}\n',
    b'{"ok":true,"answer":[]}\n',
    b'{"ok":1,"answer":{}}\n'.replace(b"1", b'"yes"'),
    b'{"ok":false,"error":{"reason":"X"}}\n',
    b'{"ok":true,"answer":{}}',
    b"x" * 2_000_000,
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: repr(answer[:40]))
async def test_an_answer_that_is_none_is_refused(path: Path, answer: bytes) -> None:
    """Issue 2, bad input: never a traceback."""
    with false_owner(path, answer):
        stop = await stop_of(path, {"op": "status"})

    assert stop.reason in {Reason.STORE_UNAVAILABLE, Reason.INTERNAL, Reason.MALFORMED}


async def test_a_reason_that_is_not_known_here_is_still_a_refusal(path: Path) -> None:
    """Ours: an older command beside a newer mediator."""
    with false_owner(path, b'{"ok":false,"error":{"reason":"LATER","detail":"so","remedy":null}}\n'):
        stop = await stop_of(path, {"op": "status"})

    assert (stop.reason, stop.detail, stop.remedy) == (Reason.INTERNAL, "so", None)


async def test_a_mediator_that_does_not_answer_is_not_awaited_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """House style §10: every wait has a deadline."""
    monkeypatch.setattr(control, "_SECONDS", 0.05)
    async with owning(path) as owner:
        stop = await stop_of(path, {"op": "wait"})
        owner.waits.set()
    with false_owner(path, None), pytest.raises(Refused) as relayed:
        await relay_session(path, GOOD, SilentHost(), SilentHost())

    assert (stop.reason, relayed.value.reason) == (Reason.STORE_UNAVAILABLE, Reason.STORE_UNAVAILABLE)


class false_owner:  # noqa: N801 - it is used as a function
    """Somebody who listens there, says these bytes to the first who asks (or nothing at all), and ends."""

    def __init__(self, path: Path, answer: bytes | None) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._answer = answer
        self._thread = threading.Thread(target=self._serve)
        self._gone = threading.Event()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer:
            peer.recv(65_536)
            if self._answer is None:
                self._gone.wait(5)
                return
            try:
                peer.sendall(self._answer)
            except OSError:
                return


# --- the socket -------------------------------------------------------------------------------------------------------


async def test_the_socket_is_its_users_alone_and_goes_with_its_owner(path: Path) -> None:
    """Design 8: 0600."""
    async with owning(path):
        assert mode_of(path) == stat.S_IFSOCK | 0o600

    assert mode_of(path) is None


async def test_a_dead_owners_socket_is_replaced(path: Path) -> None:
    """Design 8: whoever listens holds the owner lock, so nobody alive is robbed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async with owning(path):
        assert await ask(path, {"op": "status"}) is not None


async def test_what_is_no_socket_is_not_removed(path: Path) -> None:
    """Issue 2, bad input: what stands there is somebody's."""
    occupy(path)

    with pytest.raises(ExceptionGroup) as stop:
        async with owning(path):
            pass

    refused = stop.value.exceptions[0]
    assert isinstance(refused, Refused)
    assert refused.detail == f"`{path}` cannot be listened on: something that is no socket stands there"
    assert read(path) == "mine"


async def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    """Issue 2, bad input."""
    for deep in ("no", "x" * 120):
        with pytest.raises(ExceptionGroup) as stop:
            async with owning(path.parent / deep / path.name):
                pass
        assert "No such file or directory" in str(stop.value.exceptions[0])


@pytest.mark.parametrize("depth", [1, 3])
async def test_a_path_may_be_longer_than_a_sockets_address(tmp_path: Path, depth: int) -> None:
    """unix(7): 108 bytes, and folders are deeper than that."""
    folder = tmp_path.joinpath(*["d" * 100] * depth)
    folder.mkdir(parents=True)
    path = folder / "control.sock"
    async with owning(path), Relay.begin(path, GOOD) as host:
        assert len(os.fsencode(path)) > 107
        assert await ask(path, {"op": "status"}) is not None
        assert await host.say(b"a\n") == b"A\n"

    assert mode_of(path) is None


async def test_another_user_is_not_answered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A6: though the mode of the socket, and of its folder, should have kept it out."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    async with owning(path) as owner:
        stop = await stop_of(path, {"op": "status"})

    assert stop.reason is Reason.STORE_UNAVAILABLE
    assert owner.requests == []


# --- what comes in ----------------------------------------------------------------------------------------------------


async def raw(path: Path, *pieces: bytes, is_ended: bool = True) -> bytes:
    """Return all that is answered to these bytes."""
    answer = b""
    with anyio.fail_after(5):
        async with await anyio.connect_unix(str(path)) as stream:
            with suppress(anyio.BrokenResourceError):
                for piece in pieces:
                    await stream.send(piece)
            if is_ended:
                await stream.send_eof()
            try:
                while True:
                    answer += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return answer


@promise("P7", "P11")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{\n", Reason.MALFORMED),
        (b"[]\n", Reason.MALFORMED),
        (b"\xff\n", Reason.MALFORMED),
        (b"\n", Reason.MALFORMED),
        (b'{"op":"status","op":"no"}\n', Reason.MALFORMED),
        (b"x" * 1_100_000, Reason.BODY_TOO_LARGE),
    ],
    ids=["half", "list", "utf-8", "empty", "twice", "large"],
)
async def test_what_is_no_request_is_refused(path: Path, data: bytes, reason: Reason) -> None:
    """Issue 2, bad input."""
    async with owning(path) as owner:
        answer = parse_object(await raw(path, data, is_ended=False))
        assert await ask(path, {"op": "status"}) is not None

    assert isinstance(answer["error"], dict)
    assert (answer["ok"], answer["error"]["reason"]) == (False, str(reason))
    assert (len(owner.requests), owner.alarms) == (1, [])


async def test_who_hangs_up_before_asking_is_not_answered(path: Path) -> None:
    """Ours."""
    async with owning(path) as owner:
        assert await raw(path) == b""
        assert await raw(path, b'{"op":') == b""
        assert await ask(path, {"op": "status"}) is not None

    assert owner.alarms == []


async def test_who_asks_nothing_is_told_so_after_a_while(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """House style §10: every wait has a deadline."""
    monkeypatch.setattr(control, "_SECONDS", 0.02)
    async with owning(path):
        answer = parse_object(await raw(path, b'{"op":', is_ended=False))

    assert isinstance(answer["error"], dict)
    assert answer["error"]["reason"] == "MALFORMED"


async def test_a_request_that_is_too_large_is_not_sent(path: Path) -> None:
    """Ours: who is still sending when the connection is closed never reads why."""
    async with owning(path) as owner:
        stop = await stop_of(path, {"op": "x" * 1_100_000})

    assert stop.reason is Reason.BODY_TOO_LARGE
    assert owner.requests == []


async def test_requests_are_answered_beside_each_other(path: Path) -> None:
    """Ours: one that waits keeps nobody waiting."""
    async with owning(path) as owner, anyio.create_task_group() as asking:
        asking.start_soon(ask, path, WAIT)
        await wait_until(lambda: len(owner.requests) == 1)
        assert await ask(path, {"op": "status"}) is not None
        owner.waits.set()


async def wait_until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not is_so():
            await anyio.lowlevel.checkpoint()


# --- sessions ---------------------------------------------------------------------------------------------------------


class SilentHost(ByteStream):
    """A host that says nothing and hears nothing."""

    async def receive(self, max_bytes: int = 65_536) -> bytes:  # noqa: ARG002 - as its base
        raise anyio.EndOfStream

    async def send(self, item: bytes) -> None:
        """It does not listen."""

    async def send_eof(self) -> None:
        """It does not listen."""

    async def aclose(self) -> None:
        """It is not there."""


@dataclass(slots=True)
class MemoryHost:
    """A local host: what it writes and reads."""

    writes: MemoryObjectSendStream[bytes]
    reads: MemoryObjectReceiveStream[bytes]
    relayed: list[bool] = field(default_factory=list)

    async def say(self, data: bytes) -> bytes:
        with anyio.fail_after(5):
            await self.writes.send(data)
            return await self.reads.receive()


class Relay:
    """A relay between a memory host and the socket."""

    @staticmethod
    @asynccontextmanager
    async def begin(path: Path, hello: JsonObject) -> AsyncIterator[MemoryHost]:
        writes, incoming = anyio.create_memory_object_stream[bytes](10)
        outgoing, reads = anyio.create_memory_object_stream[bytes](10)
        host = MemoryHost(writes, reads)

        async def relay() -> None:
            host.relayed.append(await relay_session(path, hello, incoming, outgoing))

        with writes, incoming, outgoing, reads:
            async with anyio.create_task_group() as relaying:
                relaying.start_soon(relay)
                yield host
                writes.close()


async def test_a_session_that_was_let_in_passes_both_ways(path: Path) -> None:
    """Design 8: `mediator stdio` relays to the owner of the folder."""
    async with owning(path) as owner:
        async with Relay.begin(path, GOOD) as host:
            assert await host.say(b"one\n") == b"ONE\n"
            assert await host.say(b"two\n") == b"TWO\n"
            host.writes.close()
            with anyio.fail_after(5):
                assert await host.reads.receive() == b"bye\n"
        assert host.relayed == [True]

    assert owner.requests == [GOOD]
    assert (owner.sessions, owner.alarms) == (0, [])


async def test_what_is_sent_right_behind_the_hello_belongs_to_the_session(path: Path) -> None:
    """Ours: a relay that does not wait loses nothing."""
    async with owning(path):
        answer = await raw(path, canonical_bytes(GOOD) + b"\nmore\n")

    assert answer == b'{"answer":{},"ok":true}\nMORE\nbye\n'


async def test_a_session_that_is_not_let_in_is_refused(path: Path) -> None:
    """Design 5.6: by the credential that it shows, or its statement."""
    async with owning(path) as owner:
        with pytest.raises(Refused) as stop:
            await relay_session(path, {**GOOD, "token": "bad"}, SilentHost(), SilentHost())

    assert (stop.value.reason, stop.value.detail) == (Reason.BAD_CREDENTIAL, "not let in")
    assert owner.sessions == 0


async def test_a_session_that_was_opened_is_ended_also_for_who_has_gone(path: Path) -> None:
    """P5: what was opened for it (a task) is ended in the session's own `finally`, so it must begin."""
    async with owning(path) as owner:
        async with await anyio.connect_unix(str(path)) as stream:
            await stream.send(canonical_bytes(GOOD) + b"\n")
        with anyio.fail_after(5):
            await owner.ended.wait()

    assert owner.sessions == 0


@promise("P11")
async def test_a_bug_in_one_session_ends_nothing_else(path: Path) -> None:
    """Ours."""
    async with owning(path) as owner:
        async with Relay.begin(path, GOOD) as host, Relay.begin(path, {**GOOD, "bug": True}):
            assert await host.say(b"one\n") == b"ONE\n"
        assert await ask(path, {"op": "status"}) is not None

    assert owner.alarms == ["internal error at the control socket: KeyError('ours')"]


async def test_when_the_owner_ends_its_sessions_end(path: Path) -> None:
    """Ours: the relay comes back, and its host is told by the end of the stream."""
    async with anyio.create_task_group() as hosts:
        async with owning(path):
            host = await hosts.start(begun_relay, path)
        await wait_until(lambda: host.relayed == [True])
        hosts.cancel_scope.cancel()


async def begun_relay(path: Path, *, task_status: anyio.abc.TaskStatus[MemoryHost]) -> None:
    async with Relay.begin(path, GOOD) as host:
        await host.say(b"one\n")
        task_status.started(host)
        await anyio.sleep_forever()


async def test_hosts_do_not_keep_an_operator_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: the kill switch goes through this socket."""
    monkeypatch.setattr(control, "_SESSIONS_MAX", 2)
    async with owning(path), Relay.begin(path, GOOD) as one, Relay.begin(path, GOOD) as two:
        await one.say(b"1")
        await two.say(b"2")
        with pytest.raises(Refused) as stop:
            await relay_session(path, GOOD, SilentHost(), SilentHost())
        answer: Json = await ask(path, {"op": "status"})

    assert stop.value.reason is Reason.OVERLOADED
    assert answer is not None


async def test_what_a_host_is_told_and_asked_passes_the_relay_as_it_is(path: Path) -> None:
    """Issue 4: progress, questions and changes reach a host that is relayed to the owner, and its answers come back."""
    corridor = SimulatedCorridor()

    async def open_session(_hello: JsonObject) -> Session:
        return partial(serve_stdio, corridor.door(), lambda: Secret("planner"))

    async def handle(_request: JsonObject) -> JsonObject:
        raise AssertionError

    sent: list[JsonObject] = [
        message("initialize", {"protocolVersion": LEGACY, "capabilities": {"elicitation": {}}}, 1),
        message("tools/call", {"name": "talks"}, 2),
        message("tools/call", {"name": "asks"}, 3),
        {"jsonrpc": "2.0", "id": "mediator-1", "result": {"action": "decline"}},
    ]
    heard = b""
    async with anyio.create_task_group() as serving:
        await serving.start(ControlServer(path, handle, open_session, print).serve)
        async with Relay.begin(path, GOOD) as host:
            with anyio.fail_after(5):
                for number, said in enumerate(sent, 1):
                    await host.writes.send(canonical_bytes(said) + b"\n")
                    while heard.count(b"\n") < (1, 5, 6, 7)[number - 1]:
                        heard += await host.reads.receive()
                corridor.list_changes.tell()
                while heard.count(b"\n") < 10:
                    heard += await host.reads.receive()
        serving.cancel_scope.cancel()

    received = [parse_object(line) for line in heard.splitlines()]
    assert [said.get("id", said.get("method")) for said in received] == [
        *(1, *["notifications/progress"] * 3, 2, "mediator-1", 3),
        *(f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources")),
    ]
    assert [said and said.result for said in corridor.answers] == [{"action": "decline"}]
