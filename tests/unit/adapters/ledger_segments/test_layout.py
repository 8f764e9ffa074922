"""Where the ledger's files are, and whose they must be.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediator.adapters.ledger_segments.layout import (
    FileName,
    find_file_name,
    is_stream_name,
    open_private_folder,
    segment_name,
    values_name,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise


@pytest.mark.parametrize("number", [0, 1, 10, 999_999_999])
def test_names_are_read_as_they_are_written(number: int) -> None:
    """Ours."""
    assert find_file_name(segment_name(number)) == FileName(number=number, holds_values=False)
    assert find_file_name(values_name(number)) == FileName(number=number, holds_values=True)


@pytest.mark.parametrize(
    "name", ["", "0", "0.json", "00.jsonl", "-1.jsonl", "x.jsonl", "values-.jsonl", "0.jsonl\n", ".0.jsonl"]
)
def test_a_name_that_is_not_ours_is_none(name: str) -> None:
    """Ours: one spelling for one file."""
    assert find_file_name(name) is None


def test_a_stream_is_named_after_its_day_and_by_chance() -> None:
    """Ours."""
    assert is_stream_name("20261123-0123456789abcdef")
    for name in ("20261123", "20261123-0123456789ABCDEF", "20261123-0123456789abcdef\n", "../20261123-0123456789abcde"):
        assert not is_stream_name(name)


def test_a_folder_of_ours_is_opened(tmp_path: Path) -> None:
    """Ours."""
    tmp_path.chmod(0o700)
    os.close(open_private_folder(tmp_path))


@promise("P7")
@pytest.mark.parametrize("mode", [0o755, 0o701, 0o770, 0o702])
def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """Design 2a: 0700; a looser mode stops the start, and the refusal says how to mend it."""
    tmp_path.chmod(mode)
    with pytest.raises(Refused) as stop:
        open_private_folder(tmp_path)
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
    assert f"chmod 700 {tmp_path}" in stop.value.detail


@promise("P7")
def test_a_folder_that_is_a_link_or_no_folder_or_missing_is_refused(tmp_path: Path) -> None:
    """Design 2a."""
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for name in ("link", "file", "missing"):
        with pytest.raises(Refused) as stop:
            open_private_folder(tmp_path / name)
        assert stop.value.reason is Reason.LEDGER_UNAVAILABLE
