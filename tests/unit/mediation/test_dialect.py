"""Unit tests of mediator/mediation/dialect.py; what each era says is tested through `reply.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.inspection.written import Written
from mediator.mediation.dialect import Dialect, write
from mediator.wire.methods import Era

WHO: JsonObject = {"name": "m", "version": "1"}


def to(era: Era) -> Dialect:
    return Dialect(request_id="a", era=era, method="tools/call", identity=WHO)


@pytest.mark.parametrize("era", Era)
def test_a_result_is_written_as_a_whole_message(era: Era) -> None:
    """JSON-RPC 2.0 §5; RFC 8785; MCP 2026-07-28 has every result say what it is, and whose."""
    said: JsonObject = {"content": []}
    stamp: JsonObject = {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": WHO}}
    expected: JsonObject = {"jsonrpc": "2.0", "id": "a", "result": said | (stamp if era is Era.MODERN else {})}
    written = write(said, to(era), is_protocol_error=False)
    assert written == Written(raw=canonical_bytes(expected), request_id="a", era=era, code=None)


def test_an_error_is_written_with_the_code_of_its_era() -> None:
    """MCP 2026-07-28: a resource that is not there is -32602."""
    error: JsonObject = {"code": -32002, "message": "m"}
    assert write(error, to(Era.LEGACY), is_protocol_error=True).code == -32002
    modern = write(error, to(Era.MODERN), is_protocol_error=True)
    expected: JsonObject = {"jsonrpc": "2.0", "id": "a", "error": {"code": -32602, "message": "m"}}
    assert (modern.code, parse_object(modern.raw)) == (-32602, expected)
