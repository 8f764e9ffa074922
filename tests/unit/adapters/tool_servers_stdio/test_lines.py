"""Bytes into lines.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.adapters.tool_servers_stdio.lines import LineReader
from mediator.refusal import Reason, Refused
from tests.promises import promise


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_what_comes_is_cut_at_line_feeds_however_it_comes(pieces: list[bytes]) -> None:
    """MCP, stdio: messages are delimited by newlines."""
    reader = LineReader(1000)
    lines = [line for piece in pieces for line in reader.feed(piece)]
    *whole, _ = b"".join(pieces).split(b"\n")
    assert lines == [line.removesuffix(b"\r") for line in whole]


@promise("P7")
@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 11 + b"\n"], [b"x" * 6, b"x" * 5], [b"ok\n" + b"x" * 11]])
def test_a_line_beyond_its_limit_is_refused_whether_it_ends_or_not(pieces: list[bytes]) -> None:
    """Ours: nothing is kept that will not be read."""
    *before, last = pieces
    reader = LineReader(10)
    for piece in before:
        reader.feed(piece)
    with pytest.raises(Refused) as caught:
        reader.feed(last)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE


def test_a_line_of_just_its_limit_is_read() -> None:
    """Ours."""
    assert LineReader(10).feed(b"x" * 10 + b"\n") == [b"x" * 10]
