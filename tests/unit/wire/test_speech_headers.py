"""What a modern request repeats in its headers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared import inbound

from mediator.kind import ItemKind
from mediator.wire.methods import CallMethod
from mediator.wire.param_headers import declared_headers
from mediator.wire.speech import Forwarded, modern
from mediator.wire.speech_headers import call_headers, encode_header_value, request_headers

TONGUE: Final = modern("1")


def a_call(name: str, method: CallMethod = CallMethod.TOOL) -> Forwarded:
    return Forwarded(method=method, kind=ItemKind.TOOL, name=name, arguments=b"{}", traceparent="")


@given(st.text() | st.text(alphabet="=?base64 \t\r\nAQ", max_size=20))
def test_a_value_comes_back_whole_and_never_ends_its_line(text: str) -> None:
    """MCP 2026-07-28, "Value Encoding"; the SDK's codec is the oracle."""
    value = encode_header_value(text)
    assert value.isascii()
    assert value.isprintable()
    assert inbound.decode_header_value(value) == text
    assert value == inbound.encode_header_value(text)


def test_a_request_names_its_version_and_its_method() -> None:
    """MCP 2026-07-28, "Request Metadata"."""
    assert request_headers(TONGUE, "tools/list") == [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/list"),
    ]


SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "plain": {"type": "string"},
    },
}


def params(arguments: Any) -> dict[str, str]:
    headers = call_headers(TONGUE, a_call("t"), declared_headers(SCHEMA), arguments)
    return {name: value for name, value in headers if name.startswith("Mcp-Param-")}


def test_a_call_repeats_its_tool_and_its_declared_arguments() -> None:
    """MCP 2026-07-28, "Custom Headers"; the SDK is the oracle, and headers have no case."""
    arguments: Any = {"region": "eu\n", "deep": {"n": -3}, "dry": True, "plain": "x"}
    wanted = inbound.mcp_param_headers(inbound.x_mcp_header_map(SCHEMA), arguments)

    assert call_headers(TONGUE, a_call("t\xe9"), (), arguments)[2:] == [("Mcp-Name", "=?base64?dMOp?=")]
    assert call_headers(TONGUE, a_call("t", CallMethod.COMPLETE), (), {})[2:] == []
    assert call_headers(TONGUE, a_call("id", CallMethod.TASK_GET), (), {})[2:] == [("Mcp-Name", "id")]
    assert params(arguments) == {
        name.lower().replace("mcp-param", "Mcp-Param"): value for name, value in wanted.items()
    }
    assert params({"dry": False}) == {"Mcp-Param-dry-run": "false"}


@pytest.mark.parametrize("arguments", [{}, {"deep": 1}, {"deep": {"n": None}, "region": ["x"]}])
def test_an_argument_without_a_scalar_value_has_no_header(arguments: Any) -> None:
    """MCP 2026-07-28, "Custom Headers": omitted where there is no value."""
    assert params(arguments) == {}
