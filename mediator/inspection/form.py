"""The form of a result: what MCP says that the answer to each method must look like, before anything of it is shown.

Pure. Each check raises `Refused(TOOL_SERVER_INVALID)` naming what is wrong, and returns the result without what only
the mediator may say, with the number of `_meta` keys that were taken out. No field is lost otherwise, known or not.
MCP 2025-11-25 and 2026-07-28: `server/tools`, `server/prompts`, `server/resources`, `server/utilities/completion`;
what is asked of an mcp task: SEP-2663 (how one stands: `mcp_task.py`).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.inspection.expected import Expected
from mediator.inspection.meta import without_our_meta, without_our_metas
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import MISSING_CAPABILITY, RESOURCE_NOT_FOUND
from mediator.wire.methods import CallMethod

_COMPLETIONS_MAX: Final = 100  # MCP `server/utilities/completion`
_DETAIL_MAX: Final = 1000  # characters: it may quote what the server wrote
_CODES_NOT_PASSED: Final = range(-32099, -31999)  # JSON-RPC 2.0 §5.1 and MCP `basic/index`: they steer the transport
_CODES_PASSED: Final = frozenset({RESOURCE_NOT_FOUND, MISSING_CAPABILITY})  # what is wrong with this one request
_OUR_CODES: Final = frozenset({-31401, -31403, -31503})  # a tool server does not refuse in our name
_NOT_ACKNOWLEDGED: Final = frozenset({"taskId", "status", "result", "error", "inputRequests"})
_ROLES: Final = ("user", "assistant")  # no set: what a server writes there may be anything


def check_form(body: JsonObject, expected: Expected) -> tuple[JsonObject, int]:
    """Return the result of the method that was asked as it may leave; raises `Refused(TOOL_SERVER_INVALID)`."""
    if not isinstance(body.get("_meta", {}), dict):
        raise invalid("`_meta` is not an object")
    match expected.method:
        case CallMethod.TOOL:
            return _tool_result(body, expected)
        case CallMethod.PROMPT:
            return _prompt_result(body)
        case CallMethod.RESOURCE:
            return _resource_result(body, expected)
        case CallMethod.COMPLETE:
            return _completion_result(body)
        case CallMethod.TASK_GET:
            raise invalid(
                "the answer to `tasks/get` is not about that task"
            )  # one that is, is looked at in `mcp_task.py`
        case CallMethod.TASK_UPDATE | CallMethod.TASK_CANCEL:
            return _acknowledgement(body)
        case _:
            return without_our_meta(body)


def check_error(error: Json) -> JsonObject:
    """Return the error of a tool server, where it is one that is its own to give."""
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    if (
        not isinstance(error, dict)
        or not isinstance(code, int)
        or isinstance(code, bool)
        or not isinstance(message, str)
    ):
        raise invalid("an error without a code or a message")
    if code in _OUR_CODES or (code in _CODES_NOT_PASSED and code not in _CODES_PASSED):
        raise invalid(f"an error code that is not a tool server's to give: {code}")
    return error


def _tool_result(body: JsonObject, expected: Expected) -> tuple[JsonObject, int]:
    if "isError" in body and not isinstance(body["isError"], bool):
        raise invalid("`isError` is not a boolean")
    content = _blocks(body.get("content"), "content")
    if "structuredContent" in body:
        if expected.output is not None:
            expected.output.check(body["structuredContent"])
    elif expected.output is not None and body.get("isError") is not True:
        raise invalid("the pinned output schema asks for `structuredContent`, which is absent")
    cleaned, removed = without_our_meta(body)
    blocks, more = without_our_metas(content)
    return (cleaned if blocks is content else {**cleaned, "content": blocks}), removed + more


def _prompt_result(body: JsonObject) -> tuple[JsonObject, int]:
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise invalid("`messages` is not a list")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise invalid("a message without a role that MCP knows")
        _blocks([message.get("content")], "content")
    cleaned, removed = without_our_meta(body)
    told: list[Json] = []
    for message in messages:
        assert isinstance(message, dict)  # checked above
        clean, count = without_our_meta(message)
        (block,), more = without_our_metas([clean.get("content")])
        told.append({**clean, "content": block})
        removed += count + more
    return {**cleaned, "messages": told}, removed


def _resource_result(body: JsonObject, expected: Expected) -> tuple[JsonObject, int]:
    contents = body.get("contents")
    if not isinstance(contents, list):
        raise invalid("`contents` is not a list")
    cleaned, removed = without_our_meta(body)
    told: list[Json] = []
    for content in contents:
        if not isinstance(content, dict) or not isinstance(content.get("uri"), str):
            raise invalid("contents without a `uri`")
        if isinstance(content.get("text"), str) is isinstance(content.get("blob"), str):
            raise invalid("contents have a `text` or a `blob`, and not both")
        media_type = content.get("mimeType")
        if expected.media_types is not None and media_type not in expected.media_types:
            raise invalid(f"contents of the media type `{media_type}`, which the pinned family does not hold")
        clean, count = without_our_meta(content)
        told.append(clean)
        removed += count
    return {**cleaned, "contents": told}, removed


def _completion_result(body: JsonObject) -> tuple[JsonObject, int]:
    completion = body.get("completion")
    values = completion.get("values") if isinstance(completion, dict) else None
    if not isinstance(values, list) or len(values) > _COMPLETIONS_MAX:
        raise invalid(f"a completion without a list of at most {_COMPLETIONS_MAX} `values`")
    if not all(isinstance(value, str) for value in values):
        raise invalid("a value of a completion that is no string")
    return without_our_meta(body)


def _acknowledgement(body: JsonObject) -> tuple[JsonObject, int]:
    # SEP-2663: an empty result. How the mcp task stands is asked for, and inspected, with `tasks/get`.
    if not _NOT_ACKNOWLEDGED.isdisjoint(body):
        raise invalid("an acknowledgement that says how an mcp task stands")
    return without_our_meta(body)


def _blocks(content: Json, member: str) -> list[Json]:
    if not isinstance(content, list):
        raise invalid(f"`{member}` is not a list")
    for block in content:
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise invalid("a content block without a type")
    return content


def invalid(detail: str) -> Refused:
    """Return the refusal of what a tool server sent."""
    return Refused(Reason.TOOL_SERVER_INVALID, detail[:_DETAIL_MAX])
