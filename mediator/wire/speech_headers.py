"""What a modern request says in its headers too: the method, the tool's name, and arguments that its schema declares.

Pure. MCP 2026-07-28, Streamable HTTP, "Request Metadata": a server refuses a request whose headers and body differ,
so both are made of the same values, and no value can end a header line. What an agent sent as headers is not in it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.wire.methods import MCP_TASK_METHODS, CallMethod
from mediator.wire.param_headers import ParamHeader
from mediator.wire.speech import Forwarded, Tongue

_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_NAMED: Final = MCP_TASK_METHODS | {CallMethod.TOOL, CallMethod.PROMPT, CallMethod.RESOURCE}
_WRAPPED: Final = re.compile(r"=\?base64\?.*\?=")


def encode_header_value(text: str) -> str:
    """Return the text as a header's value: as it is where that is safe, else wrapped (`=?base64?...?=`)."""
    if text == "" or (_PLAIN.fullmatch(text) and not _WRAPPED.fullmatch(text)):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode('ascii')}?="


def request_headers(tongue: Tongue, method: str) -> list[tuple[str, str]]:
    """Return the headers of one modern request."""
    return [("MCP-Protocol-Version", tongue.version), ("Mcp-Method", method)]


def call_headers(
    tongue: Tongue, forwarded: Forwarded, declared: tuple[ParamHeader, ...], arguments: JsonObject
) -> list[tuple[str, str]]:
    """Return the headers of one modern call, with each argument that the pinned schema declares."""
    headers = request_headers(tongue, forwarded.method)
    if forwarded.method in _NAMED:
        headers.append(("Mcp-Name", encode_header_value(forwarded.name)))
    headers.extend(_params(declared, arguments))
    return headers


def _params(declared: tuple[ParamHeader, ...], arguments: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield the header of each declared argument that has a value; absent and null have none."""
    for one in declared:
        value: Json = arguments
        for step in one.path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, bool):
            yield f"Mcp-Param-{one.name}", "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield f"Mcp-Param-{one.name}", encode_header_value(str(value))
