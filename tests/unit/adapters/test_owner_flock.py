"""The owner lock: one process at a time, told by name, free again when that process is gone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediator.adapters.owner_flock import own, take_turns
from mediator.refusal import Reason, Refused
from tests.promises import promise

ROOT = Path(__file__).resolve().parents[3]
OWNER = """
import sys
from pathlib import Path
from mediator.adapters.owner_flock import own
with own(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_owner(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"mine\n"
        yield process
        process.kill()


def refusal_of(path: Path) -> Refused:
    with pytest.raises(Refused) as stop, own(path):
        pass
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    return stop.value


@promise("P7")
def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    """Ours: one machine has one set of tool servers, counters and labels."""
    lock = tmp_path / "owner.lock"
    with another_owner(lock) as process:
        stop = refusal_of(lock)
        assert f"`{process.pid}`" in stop.detail
        assert stop.remedy is not None


def test_the_lock_goes_with_its_process_however_that_ends(tmp_path: Path) -> None:
    """POSIX: the kernel drops it; a stale process id in the file means nothing."""
    lock = tmp_path / "owner.lock"
    with another_owner(lock) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(5)
        with own(lock):
            assert lock.read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_again_once_it_was_left(tmp_path: Path) -> None:
    """Ours: also where the owner ended in an error."""
    lock = tmp_path / "owner.lock"
    with pytest.raises(KeyError), own(lock):
        raise KeyError
    with own(lock):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
        refusal_of(lock)
    with own(lock):
        pass


def test_an_owner_that_left_no_name_is_still_an_owner(tmp_path: Path) -> None:
    """Ours: the file's text is for people; the lock decides."""
    lock = tmp_path / "owner.lock"
    with own(lock):
        lock.write_bytes(b"\xff not a number")
        assert "another process" in refusal_of(lock).detail


def test_a_lock_file_that_is_a_link_or_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Ours: nobody makes us write elsewhere."""
    (tmp_path / "elsewhere").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    refusal_of(tmp_path / "link")
    refusal_of(tmp_path / "missing" / "owner.lock")
    refusal_of(tmp_path)
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_disk_that_knows_no_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: without a lock there may be two owners."""

    def no_locks(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert "no locks" in refusal_of(tmp_path / "owner.lock").detail


def test_a_turn_is_waited_for_and_taken_as_soon_as_it_is_let_go(tmp_path: Path) -> None:
    """Ours: two that each read a file and write it anew do so one after the other."""
    lock = tmp_path / "seen.lock"
    with another_owner(lock) as process, ThreadPoolExecutor(1) as pool:

        def turn() -> None:
            with take_turns(lock, seconds=5):
                pass

        waiting = pool.submit(turn)
        process.kill()
        waiting.result(timeout=5)


@promise("P7")
def test_a_turn_that_is_never_let_go_of_is_refused_in_time(tmp_path: Path) -> None:
    """P7: every wait has a deadline."""
    lock = tmp_path / "seen.lock"
    with another_owner(lock) as process, pytest.raises(Refused) as stop, take_turns(lock, seconds=0.01):
        pass
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
    assert f"`{process.pid}`" in stop.value.detail
