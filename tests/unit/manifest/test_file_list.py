"""A list of files with their digests.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Digest, digest_of_bytes
from mediator.manifest.file_list import parse_file_list, write_file_list
from mediator.refusal import Refused
from tests.promises import promise

A, B = digest_of_bytes(b"a"), digest_of_bytes(b"b")
HEX = A.removeprefix("sha256:")


def test_it_is_what_sha256sum_reads_and_writes() -> None:
    """GNU coreutils, sha256sum: digest, two spaces, name."""
    files = {"lib/b c.py": B, "/bin/a": A}

    raw = write_file_list(files)

    assert raw.decode() == f"{HEX}  /bin/a\n{B.removeprefix('sha256:')}  lib/b c.py\n"
    assert parse_file_list(raw) == files


BAD = {
    "nothing": b"",
    "an empty line": f"{HEX}  a\n\n".encode(),
    "no digest": b"a\n",
    "upper case": f"{HEX.upper()}  a\n".encode(),
    "an escaped name": f"{HEX}  a\\nb\n".encode(),
    "a path twice": f"{HEX}  a\n{HEX}  a\n".encode(),
    "no text": b"\xff",
}


@promise("P7")
@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
def test_what_is_no_such_list_is_refused(raw: bytes) -> None:
    """Ours: empty is never permission."""
    with pytest.raises(Refused):
        parse_file_list(raw)


@pytest.mark.parametrize("files", [{}, {"a\nb": A}, {"": A}, {f"a\n{HEX}  b": A}])
def test_what_cannot_be_read_back_is_not_written(files: dict[str, Digest]) -> None:
    """Ours."""
    with pytest.raises(Refused):
        write_file_list(files)
