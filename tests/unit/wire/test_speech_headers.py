"""What a modern request repeats in its headers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value, encode_header_value, mcp_param_headers, x_mcp_header_map

from mediator.refusal import Reason, Refused
from mediator.wire.speech_headers import header_value, param_headers, params_in_headers


@given(st.text() | st.text(alphabet="=?base64 \t\r\nAQ", max_size=20))
def test_a_value_comes_back_whole_and_never_ends_its_line(text: str) -> None:
    """MCP 2026-07-28, "Value Encoding"; the SDK's codec is the oracle."""
    value = header_value(text)
    assert value.isascii()
    assert value.isprintable()
    assert decode_header_value(value) == text
    assert value == encode_header_value(text)


SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
        "plain": {"type": "string", "default": {"x-mcp-header": "data, not a schema"}},
        "any": True,
    },
    "required": ["region"],
}


def test_annotated_arguments_are_repeated() -> None:
    """MCP 2026-07-28, "Custom Headers"; the SDK is the oracle."""
    arguments: Any = {"region": "eu\n", "deep": {"n": -3}, "dry": True, "plain": "x"}

    headers = dict(params_in_headers(param_headers(SCHEMA), arguments))

    assert headers == {"Mcp-Param-Region": "=?base64?ZXUK?=", "Mcp-Param-N": "-3", "Mcp-Param-Dry-Run": "true"}
    assert headers == mcp_param_headers(x_mcp_header_map(SCHEMA), arguments)


@pytest.mark.parametrize("arguments", [{}, {"deep": 1}, {"deep": {"n": None}, "region": ["x"]}])
def test_an_argument_without_a_scalar_value_has_no_header(arguments: Any) -> None:
    """MCP 2026-07-28, "Custom Headers": omitted where there is no value."""
    assert dict(params_in_headers(param_headers(SCHEMA), arguments)) == {}


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, True, None, {"properties": []}, {"$defs": 1, "allOf": 1}])
def test_a_schema_without_annotations_wants_no_header(schema: Any) -> None:
    """Ours."""
    assert param_headers(schema) == ()


STRING: Final = {"type": "string", "x-mcp-header": "A"}
FORBIDDEN: Final[dict[str, Any]] = {
    "at the root": STRING,
    "in an array's items": {"properties": {"a": {"type": "array", "items": STRING}}},
    "below a combination": {"allOf": [{"properties": {"a": STRING}}]},
    "in a definition": {"$defs": {"a": STRING}},
    "no string": {"properties": {"a": {"type": "string", "x-mcp-header": 1}}},
    "no token": {"properties": {"a": {"type": "string", "x-mcp-header": "A\r\nHost: evil"}}},
    "empty": {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
    "on a number": {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
    "on several types": {"properties": {"a": {"type": ["string", "null"], "x-mcp-header": "A"}}},
    "on no type": {"properties": {"a": {"x-mcp-header": "A"}}},
    "twice, but for case": {"properties": {"a": STRING, "b": {"type": "string", "x-mcp-header": "a"}}},
}


@pytest.mark.parametrize("schema", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_tool_whose_annotation_is_forbidden_cannot_be_called(schema: Any) -> None:
    """MCP 2026-07-28, "Custom Headers": a client must drop such a tool."""
    with pytest.raises(Refused) as caught:
        param_headers(schema)
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID
