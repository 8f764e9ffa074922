"""What may leave, said as the agent's era says it: the whole message, in its RFC 8785 bytes.

Pure. It is apart from `reply.py` for the sake of a process that inspects apart: it knows no evidence and imports little.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.written import Written
from mediator.wire.jsonrpc import INVALID_PARAMS, RESOURCE_NOT_FOUND, RequestId
from mediator.wire.methods import CallMethod, Era

_CACHED: Final = frozenset({CallMethod.RESOURCE})
_MODERN_ONLY: Final = frozenset({"resultType", "ttlMs", "cacheScope"})


class Dialect(NamedTuple):
    """To whom something is said: the agent's request and era; and who says it, the mediator's own identity."""

    request_id: RequestId | None
    era: Era
    method: str | None
    identity: JsonObject


def write(body: JsonObject, dialect: Dialect, *, is_protocol_error: bool) -> Written:
    """Return the message with a result, or with an error, that may leave."""
    code: int | None = None
    if is_protocol_error:
        error = _error_of_era(body, dialect.era)
        code = _code(error)
        raw = message_bytes(dialect.request_id, "error", canonical_bytes(error))
    else:
        raw = message_bytes(dialect.request_id, "result", canonical_bytes(result_of_era(body, dialect)))
    return Written(raw, dialect.request_id, dialect.era, code)


def result_of_era(body: JsonObject, dialect: Dialect) -> JsonObject:
    """Say the same result as the era says it: the modern one tags and signs it, the legacy one does neither."""
    if dialect.era is Era.MODERN:
        meta = body.get("_meta")
        own = stamp(dialect.identity)
        if isinstance(meta, dict):
            own["_meta"] = {**meta, **_objects(own["_meta"])}
        # MCP 2026-07-28, `server/utilities/caching`: what is read may be kept, by nobody else; a server of an older era
        # says nothing of it.
        kept: JsonObject = {"ttlMs": body.get("ttlMs", 0), "cacheScope": "private"} if dialect.method in _CACHED else {}
        return {**own, **body, **kept, "_meta": own["_meta"]}  # what was released is complete, or an mcp task
    rest = {key: value for key, value in body.items() if key not in _MODERN_ONLY}
    if "structuredContent" in rest and not isinstance(rest["structuredContent"], dict):
        del rest["structuredContent"]  # before 2026-07-28 it is an object or absent; its schema was left out as well
    return rest


def stamp(identity: JsonObject) -> JsonObject:
    """Return what every result of the modern era says: that it is one, and whose."""
    return {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": identity}}


def message_bytes(request_id: RequestId | None, kind: str, body: bytes) -> bytes:
    """Return one message of JSON-RPC around a body in its RFC 8785 bytes."""
    return b'{"id":' + canonical_bytes(request_id) + b',"jsonrpc":"2.0","' + kind.encode() + b'":' + body + b"}"


def _error_of_era(error: JsonObject, era: Era) -> JsonObject:
    """Say the same error as the era says it: a resource that is not there has a code of its own in the legacy one."""
    if era is Era.MODERN and error.get("code") == RESOURCE_NOT_FOUND:
        return {**error, "code": INVALID_PARAMS}
    return error


def _code(error: JsonObject) -> int | None:
    code = error.get("code")
    return code if isinstance(code, int) else None


def _objects(value: Json) -> JsonObject:
    assert isinstance(value, dict)
    return value
