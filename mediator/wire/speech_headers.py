"""What a modern request says in its headers too: the method, the tool's name, and arguments that its schema names.

Pure. MCP 2026-07-28, Streamable HTTP, "Request Metadata": a server refuses a request whose headers and body differ,
so both are made of the same values, and no value can end a header line.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.wire.hearing import nonsense

ParamHeaders: TypeAlias = tuple[tuple[tuple[str, ...], str], ...]
"""Where in the arguments a value stands, and the name of the header that repeats it."""

_ANNOTATION: Final = "x-mcp-header"
_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_WRAPPED: Final = re.compile(r"=\?base64\?.*\?=")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_TYPES: Final = ("string", "integer", "boolean")

# JSON Schema 2020-12: the keywords under which schemas stand, by the shape of their value. Not here: what holds data.
_MAPS: Final = ("patternProperties", "dependentSchemas", "$defs", "definitions")
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE: Final = (
    "items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties",
    "not", "if", "then", "else", "contentSchema",
)  # fmt: skip


def header_value(text: str) -> str:
    """Return the text as a header's value: as it is where that is safe, else wrapped (`=?base64?...?=`)."""
    if text == "" or (_PLAIN.fullmatch(text) and not _WRAPPED.fullmatch(text)):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode('ascii')}?="


def param_headers(input_schema: Json) -> ParamHeaders:
    """Return which arguments a tool's pinned schema wants repeated in `Mcp-Param-*`.

    Raises `Refused(TOOL_SERVER_INVALID)` for an annotation that the protocol forbids: such a tool is not callable.
    """
    found: list[tuple[tuple[str, ...], str]] = []
    for path, name in _annotations(input_schema):
        if any(name.lower() == other.lower() for _, other in found):
            raise nonsense(f"its pinned schema annotates two arguments with `{_ANNOTATION}: {name}`")
        found.append((path, name))
    return tuple(found)


def params_in_headers(wanted: ParamHeaders, arguments: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield each header and its value for these arguments; an argument that is absent or null has none."""
    for path, name in wanted:
        value: Json = arguments
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        match value:
            case str():
                yield f"Mcp-Param-{name}", header_value(value)
            case bool() | int() | float():
                yield f"Mcp-Param-{name}", canonical_bytes(value).decode("ascii")
            case _:
                pass


def _annotations(root: Json) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each annotated property with its path; the walk enters every schema position and follows no reference."""
    waiting: list[tuple[tuple[str, ...] | None, Json]] = [((), root)]
    while waiting:
        path, schema = waiting.pop()
        if not isinstance(schema, dict):
            continue
        if _ANNOTATION in schema:
            name = schema[_ANNOTATION]
            if not path or not isinstance(name, str) or not _TOKEN.fullmatch(name):
                raise nonsense(f"its pinned schema has `{_ANNOTATION}` where, or as what, none may stand")
            if schema.get("type") not in _TYPES:
                raise nonsense(f"its pinned schema has `{_ANNOTATION}` on what is no string, integer or boolean")
            yield path, name
        waiting.extend(_below(path, schema))


def _below(path: tuple[str, ...] | None, schema: JsonObject) -> Iterator[tuple[tuple[str, ...] | None, Json]]:
    for keyword, value in schema.items():
        if keyword == "properties" and isinstance(value, dict):
            yield from ((None if path is None else (*path, name), child) for name, child in value.items())
        elif keyword in _MAPS and isinstance(value, dict):
            yield from ((None, child) for child in value.values())
        elif keyword in _LISTS and isinstance(value, list):
            yield from ((None, child) for child in value)
        elif keyword in _SINGLE:
            yield None, value
