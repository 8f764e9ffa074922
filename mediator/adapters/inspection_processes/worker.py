"""What runs in a process of its own: it reads a message, and says what it is, or inspects it and writes the reply.

It has one socket and nothing else: no environment, no key, no file of ours. It ends when the socket does, so it outlives
nobody. The message that was read last is kept until it was inspected, for a glance comes first.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import resource
import socket
import sys

from mediator.adapters.inspection_processes.frames import (
    LENGTHS,
    examined_answer,
    failed_answer,
    glance_answer,
    read_limits,
    read_question,
    refused_answer,
)
from mediator.mediation.examination import examine
from mediator.refusal import Refused
from mediator.wire.glance import glance_at
from mediator.wire.hearing import HearingLimits, read_message
from mediator.wire.jsonrpc import Message


def main() -> None:
    """Serve the socket that stands as standard input; the arguments are bounds: of memory, and of reading."""
    memory_bytes_max = int(sys.argv[2])
    for kind, most in ((resource.RLIMIT_AS, memory_bytes_max), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))
    with socket.socket(fileno=0) as line:
        serve(line, read_limits(tuple(sys.argv[3:])))


def serve(line: socket.socket, hearing: HearingLimits) -> None:
    """Answer one question after the other, until the other end is closed."""
    desk = Desk(hearing)
    try:
        while True:
            head_bytes, body_bytes = LENGTHS.unpack(_read(line, LENGTHS.size))
            head, body = desk.answer(_read(line, head_bytes), _read(line, body_bytes))
            line.sendall(LENGTHS.pack(len(head), len(body)) + head)
            line.sendall(body)
    except (EOFError, ConnectionError):
        return


class Desk:
    """Answers questions about messages; whatever goes wrong is an answer, too."""

    def __init__(self, hearing: HearingLimits) -> None:
        self._hearing = hearing
        self._last: tuple[bytes, Message] | None = None

    def answer(self, head: bytes, raw: bytes) -> tuple[bytes, bytes]:
        """Return the answer, head and body."""
        try:
            examination = read_question(head)
            if examination is None:
                message = read_message(raw, self._hearing)
                self._last = (raw, message)
                return glance_answer(glance_at(message)), b""
            message = self._take(raw)
            examined = examine(message, len(raw), examination)
            return examined_answer(examined), examined.written.raw
        except Refused as refused:
            return refused_answer(refused), b""
        except BaseException as bug:  # noqa: BLE001 - a worker has a spine of its own; it says what is wrong
            return failed_answer(bug), b""

    def _take(self, raw: bytes) -> Message:
        """Return the message that was just looked at, and keep it no longer; or read it."""
        last, self._last = self._last, None
        return last[1] if last is not None and last[0] == raw else read_message(raw, self._hearing)


def _read(line: socket.socket, length: int) -> bytes:
    parts: list[bytes] = []
    while length:
        part = line.recv(length, socket.MSG_WAITALL)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
