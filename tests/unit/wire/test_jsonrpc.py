"""Unit tests of mediator/wire/jsonrpc.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonLimits
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import (
    INVALID_REQUEST,
    PARSE_ERROR,
    Notification,
    Request,
    RequestId,
    Response,
    find_request_id,
    parse_message,
)
from tests.promises import promise


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', Request(id=1, method="ping", params={})),
        (b'{"jsonrpc":"2.0","id":-1,"method":"a","params":{"b":1}}', Request(id=-1, method="a", params={"b": 1})),
        (b'{"jsonrpc":"2.0","id":"x","method":"ping"}', Request(id="x", method="ping", params={})),
        (b'{"jsonrpc":"2.0","id":"","method":"ping","more":[]}', Request(id="", method="ping", params={})),
        (b'{"jsonrpc":"2.0","id":7.0,"method":"ping"}', Request(id=7, method="ping", params={})),
        (b'{"jsonrpc":"2.0","method":"n"}', Notification(method="n", params={})),
        (b'{"jsonrpc":"2.0","method":"n","params":{}}', Notification(method="n", params={})),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', Response(id=1, result={}, error=None)),
        (b'{"jsonrpc":"2.0","id":1,"error":{}}', Response(id=1, result=None, error={})),
        (b'{"jsonrpc":"2.0","id":null,"error":{}}', Response(id=None, result=None, error={})),
    ],
)
def test_a_message_is_read(body: bytes, expected: object) -> None:
    """JSON-RPC 2.0 §4 and §5; MCP: ids are strings or integers, params an object."""
    assert parse_message(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'"ping"',
        b"null",
        b"{}",
        b'{"id":1,"method":"ping"}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":[],"method":"ping"}',
        b'{"jsonrpc":"2.0","id":"' + b"x" * 257 + b'","method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":1}',
        b'{"jsonrpc":"2.0","id":1,"method":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","error":{}}',
        b'{"jsonrpc":"2.0","method":""}',
        b'{"jsonrpc":"2.0","method":"../../../etc/passwd"}',
        b'{"jsonrpc":"2.0","method":"a//b"}',
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":[]}',
        b'{"jsonrpc":"2.0","result":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":"no"}',
    ],
)
@promise("P7")
def test_json_that_is_no_message_is_refused(body: bytes) -> None:
    """JSON-RPC 2.0 §4; MCP 2025-06-18: batches are no more; ours: ids are bounded, since records hold them."""
    with pytest.raises(Refused) as stop:
        parse_message(body)

    assert (stop.value.reason, stop.value.code) == (Reason.MALFORMED, INVALID_REQUEST)


@pytest.mark.parametrize("body", [b"", b"{", b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', b"\xff"])
def test_what_is_no_json_is_refused_with_its_own_code(body: bytes) -> None:
    """JSON-RPC 2.0 §5.1; ours: a key that stands twice has no reading."""
    with pytest.raises(Refused) as stop:
        parse_message(body)

    assert (stop.value.reason, stop.value.code) == (Reason.MALFORMED, PARSE_ERROR)


def test_a_message_over_the_limit_is_refused_unread() -> None:
    """Design 5.2: the body limit."""
    with pytest.raises(Refused) as stop:
        parse_message(b'{"jsonrpc":"2.0"}', JsonLimits(bytes_max=16))

    assert stop.value.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1), ("a", "a"), (0, 0), ("", ""), (True, None), (None, None), (1.5, None), ({}, None), ("x" * 257, None)],
)
def test_an_id_is_found_where_it_is_usable(value: Json, expected: RequestId | None) -> None:
    """MCP: a string or an integer, never null."""
    assert find_request_id({"id": value}) == expected
