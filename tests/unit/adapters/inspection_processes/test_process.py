"""Unit tests of mediator/adapters/inspection_processes/process.py, over real processes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from mediator.adapters.inspection_processes import frames
from mediator.adapters.inspection_processes import process as module
from mediator.adapters.inspection_processes.process import WorkerProcess

WORDS = (str(2 << 30), "64", "1000")
MESSAGE = b'{"jsonrpc":"2.0","id":1,"result":{}}'


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerProcess]:
    monkeypatch.setenv("MEDIATOR_TEST_SECRET", "s3cret")
    one = WorkerProcess(WORDS, 1000)
    yield one
    one.kill()
    one.wait()
    one.close()
    assert not one.is_alive


async def test_a_worker_answers(worker: WorkerProcess) -> None:
    """Ours: over a socket pair, one question at a time."""
    with anyio.fail_after(10):
        for _ in range(2):
            head, body = await worker.ask(frames.glance_head(), MESSAGE)
            assert (frames.read_glance(frames.read_facts(head)).id, body) == (1, b"")
    assert worker.is_alive
    assert worker.pid != os.getpid()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="where processes are to be looked at as files")
async def test_a_worker_is_given_nothing_of_ours(worker: WorkerProcess) -> None:
    """P5: no environment, so no secret; no open file but its socket and /dev/null; a folder that says nothing."""
    await worker.ask(frames.glance_head(), MESSAGE)
    about = Path(f"/proc/{worker.pid}")
    assert b"s3cret" not in (about / "environ").read_bytes()
    assert (about / "cwd").readlink() == Path("/")
    opened = {str(link.readlink()).partition(":")[0] for link in (about / "fd").iterdir()}
    assert opened <= {"socket", "/dev/null"}
    limits = (about / "limits").read_text(encoding="ascii")
    assert re.search(r"Max address space +2147483648 ", limits), limits


async def test_one_that_ends_is_heard_of(worker: WorkerProcess) -> None:
    """Ours."""
    with anyio.fail_after(10):
        await worker.ask(frames.glance_head(), MESSAGE)
        os.kill(worker.pid, 9)
        with pytest.raises((OSError, EOFError)):
            await worker.ask(frames.glance_head(), MESSAGE)


async def test_an_answer_larger_than_any_can_be_is_not_read(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: memory stays bounded, whatever a worker says that was taken over."""
    monkeypatch.setattr(module, "HEAD_BYTES_MAX", 3)
    with anyio.fail_after(10), pytest.raises(EOFError):
        await worker.ask(frames.glance_head(), MESSAGE)


def test_one_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours; an open socket would be a warning, and that an error."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OSError, match="nowhere"):
        WorkerProcess(WORDS, 1000)
