"""Headers that repeat arguments: what a pinned schema declares by `x-mcp-header`, and whether headers and body agree.

Pure. MCP 2026-07-28, Streamable HTTP, "Custom Headers from Tool Parameters": a declared header and its argument are
there together and equal, or both absent. An intermediary may have routed on the header; we decide on the body alone,
and a call that tells the two of us different things is refused. Headers that no schema declares are believed by nobody
and go no further. Over stdio and in the legacy era there is nothing to compare.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from mediator.canonical import Digest, Json, JsonObject, digest_of_bytes, pointer_to
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Transport
from mediator.wire.call import Call
from mediator.wire.envelope import HEADER_MISMATCH
from mediator.wire.methods import Era

ANNOTATION: Final = "x-mcp-header"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_TYPES: Final = frozenset({"string", "integer", "boolean"})  # a `number` has no spelling that all agree on

# Where else a schema stands (JSON Schema 2020-12). No fixed path of arguments leads there: an annotation is invalid.
_ONE: Final = frozenset(
    {
        *("items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties"),
        *("not", "if", "then", "else", "contentSchema"),
    }
)
_SEVERAL: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME: Final = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

_Path: TypeAlias = "tuple[str, ...] | None"  # of arguments, from the root; nothing: no fixed one


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamHeader:
    """One declaration: the header's name in lower case without its prefix, and where its argument stands."""

    name: str
    path: tuple[str, ...]
    kind: str


def declared_headers(input_schema: JsonObject) -> tuple[ParamHeader, ...]:
    """Return what the schema declares; nothing at all if any declaration is invalid.

    Clients drop a tool whose declarations are invalid and send no headers for it, so there is nothing to compare.
    """
    found: dict[str, ParamHeader] = {}
    for path, schema in _schemas(input_schema):
        if ANNOTATION not in schema:
            continue
        declared = _declaration(path, schema)
        if declared is None or declared.name in found:
            return ()
        found[declared.name] = declared
    return tuple(found.values())


def check_param_headers(declared: tuple[ParamHeader, ...], call: Call) -> None:
    """Raise `Refused(HEADER_MISMATCH)` (-32020) unless each declared header and its argument agree."""
    if call.era is not Era.MODERN or call.transport is not Transport.HTTP:
        return
    for one in declared:
        came = [digest for name, digest in call.param_headers if name == one.name]
        spellings = _spellings(_find(call.arguments, one.path), one.kind)
        if not came and not spellings:
            continue
        # Missing, or once too often (readers of the first and of the last would disagree), or something else.
        if len(came) != 1 or came[0] not in spellings:
            raise _mismatch(one)


def _declaration(path: _Path, schema: JsonObject) -> ParamHeader | None:
    token, kind = schema[ANNOTATION], schema.get("type")
    if not path or not isinstance(token, str) or not isinstance(kind, str):
        return None
    if _TOKEN.fullmatch(token) is None or kind not in _TYPES:
        return None
    return ParamHeader(name=token.lower(), path=path, kind=kind)


def _schemas(root: JsonObject) -> Iterator[tuple[_Path, JsonObject]]:
    """Yield every place of the schema at which a schema stands; `$ref` is followed nowhere."""
    waiting: list[tuple[_Path, Json]] = [((), root)]
    while waiting:
        path, schema = waiting.pop()
        if isinstance(schema, dict):
            yield path, schema
            for keyword, value in schema.items():
                waiting.extend(_children(path, keyword, value))


def _children(path: _Path, keyword: str, value: Json) -> Iterator[tuple[_Path, Json]]:
    if keyword == "properties" and isinstance(value, dict):
        for name, child in value.items():
            yield (None if path is None else (*path, name)), child
    elif keyword in _ONE:
        yield None, value
    elif keyword in _SEVERAL and isinstance(value, list):
        for child in value:
            yield None, child
    elif keyword in _BY_NAME and isinstance(value, dict):
        for child in value.values():
            yield None, child


def _find(arguments: JsonObject, path: tuple[str, ...]) -> Json:
    """Return the argument at this path; `None` where there is none, as for null: neither has a header."""
    value: Json = arguments
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _spellings(value: Json, kind: str) -> frozenset[Digest]:
    """Return the digests of every text that spells this argument in a header; none where it cannot stand there."""
    match value:
        case bool():
            texts = ["true" if value else "false"]
        case str():
            texts = [value]
        case int() if kind == "integer":  # compared as numbers: a client that counts in doubles writes the second
            texts = [str(value), f"{value}.0"]
        case int() | float():
            texts = [str(value)]
        case _:
            texts = []
    return frozenset(digest_of_bytes(text.encode()) for text in texts)


def _mismatch(declared: ParamHeader) -> Refused:
    detail = f"`mcp-param-{declared.name}` is not the argument `{pointer_to(*declared.path)}`"
    return Refused(Reason.HEADER_MISMATCH, detail, sentence=detail, code=HEADER_MISMATCH)
