"""One HTTP/1.1 response, as bytes come.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.adapters.tool_servers_http.response import ResponseReader
from mediator.refusal import Reason, Refused
from tests.promises import promise

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
GOOD: Final = HEAD + b"Content-Length: 2\r\n\r\n{}"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes, head: int = 1000, body: int = 1000, eof: bool = False) -> ResponseReader:
    reader = ResponseReader(header_bytes_max=head, body_bytes_max=body)
    for piece in pieces:
        reader.feed(piece)
    if eof:
        reader.feed_eof()
    return reader


def test_a_response_is_read_and_its_connection_may_be_used_again() -> None:
    """RFC 9112 §9.3."""
    reader = read(GOOD)
    assert (reader.status, reader.media_type(), reader.take_body()) == (200, "application/json", b"{}")
    assert (reader.has_head, reader.is_complete, reader.may_be_reused, reader.fault) == (True, True, True, None)
    reader.check()


@given(st.lists(st.integers(1, len(GOOD)), max_size=12))
def test_how_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    """Ours: one reading."""
    ends = sorted({*cuts, len(GOOD)})
    reader = read(*(GOOD[start:end] for start, end in zip([0, *ends], ends, strict=False)))
    assert reader.is_complete
    assert reader.may_be_reused
    assert reader.take_body() == b"{}"


def test_chunks_are_put_together_and_trailers_dropped() -> None:
    """RFC 9112 §7.1."""
    reader = read(CHUNKED, b"1\r\n{\r\n", b"1;x=y\r\n}\r\n", b"0\r\nMcp-Session-Id: late\r\n\r\n")
    assert reader.take_body() == b"{}"
    assert reader.is_complete
    assert b"mcp-session-id" not in reader.headers


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    """RFC 9112 §6.3; half an answer is told by the JSON reader."""
    assert not read(HEAD + b"\r\n", b"{", b"}").is_complete

    reader = read(HEAD + b"\r\n", b"{", b"}", eof=True)

    assert reader.is_complete
    assert reader.take_body() == b"{}"
    assert not reader.may_be_reused


@pytest.mark.parametrize(
    "response",
    [
        HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_a_connection_that_is_not_kept_is_not_used_again(response: bytes) -> None:
    """RFC 9112 §9.3."""
    reader = read(response)
    assert reader.is_complete
    assert not reader.may_be_reused


@promise("P7")
@pytest.mark.parametrize("more", [b"x", b"\x00", GOOD, b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("at_once", [True, False])
def test_bytes_that_are_left_over_spoil_the_connection_and_not_the_answer(more: bytes, at_once: bool) -> None:
    """Design 5.2: a connection with bytes left over is closed and never reused."""
    reader = read(GOOD + more) if at_once else read(GOOD, more)
    assert reader.take_body() == b"{}"
    assert reader.fault is None
    assert not reader.may_be_reused


INVALID: Final = {
    "no HTTP": b"hello\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a redirect": b"HTTP/1.1 307 Go\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    "not modified": b"HTTP/1.1 304 No\r\n\r\n",
    "an informational response": b"HTTP/1.1 103 Hints\r\n\r\n" + GOOD,
    "a continue": b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    "another protocol": b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nxx",
    "Content-Length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths in one": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "no number": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "an empty length": HEAD + b"Content-Length: \r\n\r\n{}",
    "a length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and a length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n{}",
    "a content coding": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "Content-Type twice": HEAD + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
    "a session id twice": HEAD + b"Mcp-Session-Id: a\r\nmcp-session-id: b\r\nContent-Length: 2\r\n\r\n{}",
    "a folded line": HEAD + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "a zero byte in a header": HEAD + b"X: \x00\r\nContent-Length: 2\r\n\r\n{}",
    "a broken chunk": CHUNKED + b"2\r\n{}x\r\n0\r\n\r\n",
    "a chunk size beyond all": CHUNKED + b"f" * 40 + b"\r\n",
    "a head that is too long": HEAD + b"X: " + b"x" * 1000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a head that never ends": HEAD + b"X: " + b"x" * 1000,
    "many small headers": HEAD + b"".join(b"X%d: y\r\n" % number for number in range(200)) + b"\r\n",
    "long trailers": CHUNKED + b"2\r\n{}\r\n0\r\nX: " + b"x" * 1000 + b"\r\n\r\n",
    "chunks that carry nothing": CHUNKED + (b"1;" + b"x" * 5000 + b"\r\n{\r\n") * 20,
}


@promise("P7")
@pytest.mark.parametrize("response", INVALID.values(), ids=INVALID.keys())
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_no_good_response_is_refused(response: bytes, at_once: bool) -> None:
    """RFC 9112 §11 (request smuggling, response splitting), design 5.2, and ours."""
    reader = read(response) if at_once else read(*(response[at : at + 1] for at in range(len(response))))
    with pytest.raises(Refused) as caught:
        reader.check()
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID
    assert not reader.may_be_reused


@pytest.mark.parametrize(
    "response",
    [
        HEAD + b"Content-Length: 1001\r\n\r\n",
        CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        HEAD + b"\r\n" + b"x" * 1001,
    ],
    ids=["announced", "in chunks", "to the end"],
)
def test_a_body_beyond_its_limit_is_refused(response: bytes) -> None:
    """Design 5.2; an announced one before it comes."""
    reader = read(response)
    assert reader.fault is not None
    assert reader.fault.reason is Reason.RESULT_TOO_LARGE


@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 200", HEAD, GOOD[:-1], CHUNKED + b"2\r\n{}\r\n"])
def test_half_an_answer_is_an_outage(response: bytes) -> None:
    """Ours: the connection was lost, and nobody knows what the server did."""
    reader = read(*([response] if response else []), eof=True)
    assert reader.fault is not None
    assert reader.fault.reason is Reason.TOOL_SERVER_UNAVAILABLE


def test_the_first_fault_stands_and_nothing_more_is_read() -> None:
    """Ours."""
    reader = read(b"hello\r\n\r\n", GOOD, eof=True)
    assert reader.fault is not None
    assert reader.fault.reason is Reason.TOOL_SERVER_INVALID
    assert not reader.is_complete


def test_one_may_give_up_on_what_is_not_whole() -> None:
    """Ours: a deadline; what was whole before stays so."""
    waiting, whole = read(HEAD), read(GOOD)
    waiting.give_up(Refused(Reason.DEADLINE_PASSED))
    whole.give_up(Refused(Reason.DEADLINE_PASSED))
    assert waiting.fault is not None
    assert waiting.fault.reason is Reason.DEADLINE_PASSED
    assert whole.fault is None


def test_a_body_is_taken_piece_by_piece() -> None:
    """Ours: event streams are read as they come."""
    reader = read(CHUNKED, b"1\r\na\r\n1\r\nb\r\n")
    assert reader.take_body() == b"ab"
    assert reader.take_body() == b""
    reader.feed(b"1\r\nc\r\n")
    assert reader.take_body() == b"c"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error_of_ours(raw: bytes) -> None:
    """House style: whatever the bytes."""
    read(raw, eof=True)
    read(HEAD + raw, eof=True)
    read(CHUNKED + raw, eof=True)
