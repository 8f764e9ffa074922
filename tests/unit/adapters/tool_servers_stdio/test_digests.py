"""Digests of files, remembered while they are untouched.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediator.adapters.tool_servers_stdio import digests
from mediator.adapters.tool_servers_stdio.digests import digest_of_file
from mediator.canonical import digest_of_bytes


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> dict[object, object]:
    memory: dict[object, object] = {}
    monkeypatch.setattr(digests, "_remembered", memory)
    return memory


def test_a_settled_file_is_read_once(
    tmp_path: Path, remembered: dict[object, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a start stays cheap; a file touched a moment ago is read again, for its next change may bear the same time."""
    file = tmp_path / "server"
    file.write_bytes(b"one")

    first, stamp = digest_of_file(file)

    assert first == digest_of_bytes(b"one")
    assert remembered == {}
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**18))
    monkeypatch.setattr(digests, "_REMEMBERED_MAX", 1)
    assert digest_of_file(file) == (first, stamp)
    assert list(remembered) == [stamp]
    assert digest_of_file(file) == (first, stamp)
    (tmp_path / "other").write_bytes(b"two")
    digest_of_file(tmp_path / "other")
    assert len(remembered) == 1


def test_a_change_of_the_same_size_with_its_old_time_put_back_is_seen(
    tmp_path: Path, remembered: dict[object, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: `ctime` is the kernel's own."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**18))
    file = tmp_path / "server"
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1))
    digest_of_file(file)
    assert remembered
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))

    assert digest_of_file(file)[0] == digest_of_bytes(b"two")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """Ours: a pipe would be read for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        with pytest.raises(OSError):
            digest_of_file(path)
