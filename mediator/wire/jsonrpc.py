"""Bytes into one JSON-RPC 2.0 message: a request, a notification or a response. Form only, no meaning.

Pure. Batches are refused: the protocol dropped them in 2025-06-18, and one message is one decision.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from mediator.canonical import DEFAULT_LIMITS, JsonLimits, JsonObject, parse_json
from mediator.refusal import Reason, Refused

RequestId: TypeAlias = int | str

# JSON-RPC 2.0 §5.1
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
# MCP: a resource that is not there (until 2025-11-25), a client that cannot be asked (2026-07-28)
RESOURCE_NOT_FOUND: Final = -32002
MISSING_CAPABILITY: Final = -32021

_NAME: Final = re.compile(r"[A-Za-z0-9_$-]+(?:[./][A-Za-z0-9_$-]+)*")
_ID_LENGTH_MAX: Final = 256  # ours: an id goes into records and spans; a UUID has 36 characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A message that wants an answer under its id."""

    id: RequestId
    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message that wants none."""

    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: `result` or `error`, never both."""

    id: RequestId | None
    result: JsonObject | None
    error: JsonObject | None


Message: TypeAlias = Request | Notification | Response


def parse_message(body: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> Message:
    """Read one JSON-RPC message.

    Raises `Refused`: as `parse_json`, and `MALFORMED` (-32600) for JSON that is no such message.
    """
    value = parse_json(body, limits)
    if not isinstance(value, dict):
        raise _invalid("a message is one object; batches are not served")
    if value.get("jsonrpc") != "2.0":
        raise _invalid("`jsonrpc` must be `2.0`")
    if "method" in value:
        return _parse_call(value)
    return _parse_response(value)


def find_request_id(body: JsonObject) -> RequestId | None:
    """Return the id under which a refusal of this message can be sent, if it has a usable one."""
    request_id = body.get("id")
    if isinstance(request_id, str):
        return request_id if len(request_id) <= _ID_LENGTH_MAX else None
    return request_id if isinstance(request_id, int) and not isinstance(request_id, bool) else None


def _parse_call(value: JsonObject) -> Request | Notification:
    method, params = value["method"], value.get("params", {})
    if not isinstance(method, str):
        raise _invalid("`method` must be a string")
    if not isinstance(params, dict):
        raise _invalid("`params` must be an object")
    if "result" in value or "error" in value:
        raise _invalid("a message with a `method` has no `result` and no `error`")
    if "id" not in value:
        if not _NAME.fullmatch(method):  # nobody is told that it names nothing, so it is said here
            raise _invalid("the `method` of a notification is no name")
        return Notification(method=method, params=params)
    request_id = find_request_id(value)
    if request_id is None:  # MCP: the id must not be null
        raise _invalid(f"`id` must be an integer or a string of at most {_ID_LENGTH_MAX} characters")
    return Request(id=request_id, method=method, params=params)


def _parse_response(value: JsonObject) -> Response:
    result, error = value.get("result"), value.get("error")
    request_id = find_request_id(value)
    if ("result" in value) == ("error" in value):
        raise _invalid("a message has a `method`, or a `result`, or an `error`")
    if "result" in value:
        if not isinstance(result, dict) or request_id is None:
            raise _invalid("a `result` is an object and stands under an `id`")
        return Response(id=request_id, result=result, error=None)
    if not isinstance(error, dict):
        raise _invalid("an `error` is an object")
    return Response(id=request_id, result=None, error=error)


def _invalid(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, code=INVALID_REQUEST, sentence=detail)
