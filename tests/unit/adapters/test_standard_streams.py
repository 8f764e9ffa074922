"""Standard input and output as streams: pipes that wait, files that do not, and whoever has gone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import anyio
import pytest

from mediator.adapters.standard_streams import StandardInput, StandardOutput

SECONDS = 5
MORE_THAN_A_PIPE_HOLDS = b"x" * (4 * 1024 * 1024)


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """A pipe: its reading end, its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


async def test_a_pipe_is_read_as_it_is_written_and_ends_with_it(
    pipe: tuple[IO[bytes], IO[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: nothing is lost, nothing is waited for by a thread, and the host's end is an end."""
    host_end = os.dup(pipe[1].fileno())
    monkeypatch.setattr(sys, "stdin", pipe[0])
    incoming = StandardInput()
    with anyio.fail_after(SECONDS):
        os.write(host_end, b"one\n")
        assert await incoming.receive() == b"one\n"
        async with anyio.create_task_group() as reading:
            got: list[bytes] = []

            async def read() -> None:
                got.append(await incoming.receive())

            reading.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            assert got == []
            os.write(host_end, b"two\n")
        assert got == [b"two\n"]
        os.close(host_end)
        pipe[1].close()
        with pytest.raises(anyio.EndOfStream):
            await incoming.receive()
    await incoming.aclose()


async def test_no_more_is_given_at_once_than_was_asked_for(
    pipe: tuple[IO[bytes], IO[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a bound is a bound, and what is left comes next."""
    monkeypatch.setattr(sys, "stdin", pipe[0])
    incoming = StandardInput()
    pipe[1].write(b"abcdef")
    with anyio.fail_after(SECONDS):
        assert [await incoming.receive(4), await incoming.receive(4)] == [b"abcd", b"ef"]
    await incoming.aclose()


async def test_a_file_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: no loop waits for a regular file; `mediator stdio < requests` works all the same."""
    file = tmp_path / "requests"
    file.write_bytes(b"one\ntwo\n")
    with file.open("rb") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        incoming = StandardInput()
        assert [await incoming.receive(4), await incoming.receive()] == [b"one\n", b"two\n"]
        with pytest.raises(anyio.EndOfStream):
            await incoming.receive()


async def test_where_nothing_is_to_be_read_the_end_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: a host that gives us no input at all (`/dev/null`) is not waited for without end."""
    with os.fdopen(os.open(os.devnull, os.O_RDONLY), "rb") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        incoming = StandardInput()
        with anyio.fail_after(SECONDS), pytest.raises(anyio.EndOfStream):
            await incoming.receive()
        await incoming.aclose()


async def test_a_host_that_reads_slowly_gets_every_byte(
    pipe: tuple[IO[bytes], IO[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: more than a pipe holds waits for the reader, and blocks nobody else."""
    monkeypatch.setattr(sys, "stdout", pipe[1])
    outgoing = StandardOutput()
    got = bytearray()
    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as writing:
            writing.start_soon(outgoing.send, MORE_THAN_A_PIPE_HOLDS)
            while len(got) < len(MORE_THAN_A_PIPE_HOLDS):
                await anyio.wait_readable(pipe[0].fileno())
                got += os.read(pipe[0].fileno(), 65536)
    assert got == MORE_THAN_A_PIPE_HOLDS
    await outgoing.aclose()


async def test_a_host_that_has_gone_breaks_the_stream(
    pipe: tuple[IO[bytes], IO[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: an error of the stream, never a signal or a traceback."""
    monkeypatch.setattr(sys, "stdout", pipe[1])
    outgoing = StandardOutput()
    pipe[0].close()
    with pytest.raises(anyio.BrokenResourceError):
        await outgoing.send(b"anybody?")
    await outgoing.aclose()


async def test_what_is_written_goes_on_though_stdout_was_turned_elsewhere(
    pipe: tuple[IO[bytes], IO[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: standard output is the host's; a stray `print` into another `sys.stdout` is not among what it reads."""
    monkeypatch.setattr(sys, "stdout", pipe[1])
    outgoing = StandardOutput()
    monkeypatch.setattr(sys, "stdout", sys.stderr)
    print("stray")
    await outgoing.send(b"{}\n")
    assert os.read(pipe[0].fileno(), 100) == b"{}\n"
    await outgoing.aclose()
