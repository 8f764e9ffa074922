"""An event stream, as bytes come.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.adapters.tool_servers_http.events import EventReader
from mediator.refusal import Reason, Refused
from tests.promises import promise


def read(*pieces: bytes, limit: int = 1000) -> list[bytes]:
    reader = EventReader(limit)
    return [event for piece in pieces for event in reader.feed(piece)]


STREAMS: Final = {
    "line feeds": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "both": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "a named message": (b"event: message\r\ndata: a\r\n\r\n", [b"a"]),
    "several lines": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "no blank after the colon": (b"data:a\n\n", [b"a"]),
    "two blanks": (b"data:  a\n\n", [b" a"]),
    "a comment": (b": keep alive\n\ndata: a\n\n", [b"a"]),
    "an id and a retry time": (b"id: 1\nretry: 5\ndata: a\n\n", [b"a"]),
    "a priming event": (b"id: 1\ndata:\n\ndata: a\n\n", [b"a"]),
    "another kind": (b"event: endpoint\ndata: /x\n\ndata: a\n\n", [b"a"]),
    "an event without data": (b"event: message\n\ndata: a\n\n", [b"a"]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "one that does not end": (b"data: a\n\ndata: b\n", [b"a"]),
    "a field without a colon": (b"data\ndata: a\n\n", [b"\na"]),
}


@pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_is_read_as_the_standard_says(stream: bytes, events: list[bytes]) -> None:
    """WHATWG HTML §9.2.6."""
    assert read(stream) == events
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == events


@given(st.sampled_from(list(STREAMS.values())), st.lists(st.integers(0, 60), max_size=8))
def test_how_the_bytes_are_cut_does_not_matter(case: tuple[bytes, list[bytes]], cuts: list[int]) -> None:
    """Ours: one reading."""
    stream, events = case
    ends = sorted({*cuts, len(stream)})
    assert read(*(stream[start:end] for start, end in zip([0, *ends], ends, strict=False))) == events


@promise("P7")
@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 2000, b"data: " + b"x" * 600 + b"\ndata: " + b"x" * 600, b": " + b"x" * 2000],
    ids=["one line", "several lines", "a comment"],
)
def test_an_event_beyond_its_limit_is_refused_before_it_ends(stream: bytes) -> None:
    """Ours: nothing is kept that will not be read."""
    with pytest.raises(Refused) as caught:
        read(*(stream[at : at + 100] for at in range(0, len(stream), 100)))
    assert caught.value.reason is Reason.RESULT_TOO_LARGE


def test_a_stream_says_whether_another_event_has_begun() -> None:
    """Ours: after the answer, what has begun is left over."""
    rests = []
    reader = EventReader(100)
    for piece in (b"data: a\n\n", b"data", b": b\n", b"\n", b"event: x\n"):
        reader.feed(piece)
        rests.append(reader.is_at_rest)
    assert rests == [True, False, False, True, False]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error_of_ours(raw: bytes) -> None:
    """House style: whatever the bytes."""
    read(raw)
