"""Tools whose input schemas are the point: JSON Schema 2020-12, and arguments that are repeated in headers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from typing import Any, Final

from mcp_types import CallToolResult

from tests.simulated.conformance_server.fixture import ToolCalled, text_result, tool

_PHONE: Final = {"contactMethod": {"const": "phone"}}
JSON_SCHEMA_2020_12: Final[dict[str, Any]] = {  # SEP-1613, SEP-2106
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": _PHONE, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
X_MCP_HEADER: Final[dict[str, Any]] = {  # SEP-2243
    "type": "object",
    "properties": {
        "region": {"type": "string", "description": "Where", "x-mcp-header": "Region"},
        "query": {"type": "string", "description": "What"},
    },
    "required": ["region"],
}


async def _repeat(call: ToolCalled) -> CallToolResult:
    return text_result(json.dumps(call.params.arguments or {}, sort_keys=True))


TOOLS: Final = (
    tool("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", _repeat, JSON_SCHEMA_2020_12),
    tool("test_x_mcp_header", "Tool with an argument that a header repeats", _repeat, X_MCP_HEADER),
)
