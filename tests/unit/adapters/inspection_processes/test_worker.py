"""Unit tests of mediator/adapters/inspection_processes/worker.py, in this process.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mediator.adapters.inspection_processes import frames, worker
from mediator.canonical import canonical_bytes
from mediator.mediation.dialect import Dialect
from mediator.mediation.examination import Examination
from mediator.refusal import Reason
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import HearingLimits, read_message
from mediator.wire.methods import CallMethod, Era

DIALECT = Dialect(request_id=1, era=Era.LEGACY, method="tools/call", identity={})
QUESTION = frames.examine_head(
    Examination(method=CallMethod.TOOL, bytes_max=500, output_schema=None, media_types=None, noise=0, dialect=DIALECT)
)
ANSWER = canonical_bytes({"jsonrpc": "2.0", "id": 9, "result": {"content": []}})


@contextmanager
def served() -> Iterator[socket.socket]:
    """A worker that serves the other end of this socket."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    thread = threading.Thread(target=worker.serve, args=(theirs, HearingLimits()))
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join(5)
        theirs.close()
        assert not thread.is_alive()


def ask(line: socket.socket, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    line.sendall(frames.LENGTHS.pack(len(head), len(body)) + head + body)
    lengths = frames.LENGTHS.unpack(line.recv(frames.LENGTHS.size, socket.MSG_WAITALL))
    return tuple(line.recv(length, socket.MSG_WAITALL) if length else b"" for length in lengths)  # type: ignore[return-value]  # two


def reason_of(head: bytes) -> Reason | None:
    stop = frames.read_refusal(frames.read_facts(head))
    return None if stop is None else stop.reason


def test_it_answers_one_question_after_the_other_and_ends_with_its_socket() -> None:
    """Ours: it outlives nobody."""
    with served() as line:
        head, body = ask(line, frames.glance_head(), ANSWER)
        assert frames.read_glance(frames.read_facts(head)) == Glance(sight=Sight.RESULT, id=9)
        assert body == b""
        head, body = ask(line, QUESTION, ANSWER)
        assert reason_of(head) is None
        assert body == b'{"id":1,"jsonrpc":"2.0","result":{"content":[]}}'
        assert reason_of(ask(line, frames.glance_head(), b"[")[0]) is Reason.TOOL_SERVER_INVALID
        assert reason_of(ask(line, QUESTION, b"")[0]) is Reason.TOOL_SERVER_INVALID


def test_it_ends_when_nobody_hears_its_answer() -> None:
    """Ours: whoever asked was ended meanwhile."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(frames.LENGTHS.pack(2, len(ANSWER)) + b"{}" + ANSWER)
        ours.close()
        worker.serve(theirs, HearingLimits())


def test_a_message_is_read_once_for_the_glance_and_the_inspection(monkeypatch: pytest.MonkeyPatch) -> None:
    """P12: reading is a third of the work; it is kept for the same bytes alone, and for one question."""
    read: list[bytes] = []
    really = read_message

    def reading(raw: bytes, hearing: HearingLimits) -> Any:
        read.append(raw)
        return really(raw, hearing)

    monkeypatch.setattr(worker, "read_message", reading)
    desk = worker.Desk(HearingLimits())
    desk.answer(frames.glance_head(), ANSWER)
    desk.answer(QUESTION, bytes(bytearray(ANSWER)))
    assert read == [ANSWER]
    desk.answer(QUESTION, ANSWER)
    assert read == [ANSWER, ANSWER]
    desk.answer(frames.glance_head(), b"{")
    desk.answer(frames.glance_head(), ANSWER)
    desk.answer(QUESTION, ANSWER.replace(b"9", b"8"))
    assert len(read) == 5


def test_a_bug_is_told_and_ends_nothing() -> None:
    """Ours: a worker has a spine, too."""
    desk = worker.Desk(HearingLimits())
    assert reason_of(desk.answer(QUESTION.replace(b'"tools/call","noise"', b'"none","noise"'), ANSWER)[0]) is (
        Reason.INTERNAL
    )
    assert reason_of(desk.answer(QUESTION, ANSWER)[0]) is None


def test_it_bounds_itself_before_it_reads_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: of memory, so that a hostile answer ends one worker and no more."""
    bounds: list[tuple[int, tuple[int, int]]] = []
    ours, theirs = socket.socketpair()
    ours.close()
    monkeypatch.setattr(sys, "argv", ["-c", "/home", "4096", "9", "50"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: bounds.append((kind, pair)))
    monkeypatch.setattr(socket, "socket", lambda fileno: theirs if fileno == 0 else None)
    worker.main()
    assert bounds == [(resource.RLIMIT_AS, (4096, 4096)), (resource.RLIMIT_CORE, (0, 0))]
    assert theirs.fileno() == -1
