"""What started this process, as far as the machine tells.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from mediator.assembly.sessions import parse_started_by
from mediator.cli.started_by import find_starter


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
def test_the_parent_is_told_by_its_id_its_executable_and_its_user() -> None:
    """Issue 6: a fact for the record."""
    starter = find_starter()
    program = Path(f"/proc/{os.getppid()}/exe")
    assert starter == {
        "pid": os.getppid(),
        "executable": "sha256:" + hashlib.sha256(program.read_bytes()).hexdigest(),
        "uid": Path(f"/proc/{os.getppid()}").stat().st_uid,
    }
    assert parse_started_by(starter) == starter


def test_what_cannot_be_known_is_left_open(tmp_path: Path) -> None:
    """Ours: no such file system, or another user's process."""
    assert find_starter(tmp_path) == {"pid": os.getppid(), "executable": None, "uid": None}
    (tmp_path / str(os.getppid())).mkdir()
    starter = find_starter(tmp_path)
    assert starter == {"pid": os.getppid(), "executable": None, "uid": os.geteuid()}
    assert parse_started_by(starter) == starter
