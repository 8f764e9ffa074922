"""ToolResult + PinnedTool -> Released: the only result that may leave.

Pure. What is checked, in this order, first failure wins:

1. size: not over the stricter of the settings' and the manifest's limit
2. form: a `result` that is a complete tool result, or an `error` that is an error; nothing that asks back
3. schema: `structuredContent` fits the pinned output schema, which a result without an error must carry
4. `_meta`: what is ours to say (our own prefix, trace context, the server's name of itself) is taken out

No field is lost otherwise, known or not. Nothing here changes text that a model will read: it passes or it does not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, Json, JsonObject, canonical_bytes, digest_of_bytes
from mediator.evidence import Seal
from mediator.inspection.result import ToolResult
from mediator.manifest.pinned import PinnedTool
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.inspection.release")

OUR_PREFIX: Final = "org.mcp-mediator/"
_OURS: Final = frozenset({"traceparent", "tracestate", "baggage", "io.modelcontextprotocol/serverInfo"})
_CODES_NOT_PASSED: Final = range(-32099, -31999)  # JSON-RPC 2.0 §5.1 and MCP `basic/index`: they steer the transport
_OUR_CODES: Final = frozenset({-31401, -31403, -31503})  # a tool server does not refuse in our name


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A result, or a tool server's own error, that was looked at and may be sent.

    `body` is the result object (or the error object), `body_digest` the digest of its RFC 8785 form.
    `labels` are what the task has now seen; `removed` counts `_meta` keys that were taken out.
    """

    body: JsonObject
    is_protocol_error: bool
    is_error: bool
    body_digest: Digest
    size_bytes: int
    labels: frozenset[str]
    removed: int
    noise: int
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def facts(self) -> JsonObject:
        """Return what an outcome record says of the result: digests and counts, no text."""
        return {
            "digest": self.body_digest,
            "bytes": self.size_bytes,
            "is_error": self.is_error,
            "is_protocol_error": self.is_protocol_error,
            "labels": [*sorted(self.labels)],
            "removed": self.removed,
            "noise": self.noise,
        }


def inspect(result: ToolResult, tool: PinnedTool, bytes_max: int) -> Released:
    """Return the result as it may leave.

    Raises `Refused`: `RESULT_TOO_LARGE`, `TOOL_SERVER_INVALID`.
    """
    # 1. size
    if result.size_bytes > bytes_max:
        raise Refused(Reason.RESULT_TOO_LARGE, f"{result.size_bytes} bytes where {bytes_max} are allowed")

    # 2. form
    if result.error is not None:
        return _release(_checked_error(result.error), result, tool, removed=0, is_protocol_error=True, is_error=True)
    body = result.result
    if body is None:
        raise _invalid("neither a result nor an error")
    _check_form(body)

    # 3. schema
    is_error = body.get("isError") is True
    if "structuredContent" in body:
        tool.schema.check_result(body["structuredContent"])
    elif tool.schema.has_output and not is_error:
        raise _invalid("the pinned output schema asks for `structuredContent`, which is absent")

    # 4. what is ours to say
    cleaned, removed = _without_ours(body)
    return _release(cleaned, result, tool, removed=removed, is_protocol_error=False, is_error=is_error)


def _release(
    body: JsonObject, result: ToolResult, tool: PinnedTool, *, removed: int, is_protocol_error: bool, is_error: bool
) -> Released:
    return Released(
        body=body,
        is_protocol_error=is_protocol_error,
        is_error=is_error,
        body_digest=digest_of_bytes(canonical_bytes(body)),
        size_bytes=result.size_bytes,
        labels=frozenset(tool.result_labels),
        removed=removed,
        noise=result.noise,
        seal=_SEAL,
    )


def _check_form(body: JsonObject) -> None:
    # MCP 2026-07-28, MRTR: absent means complete; anything else asks back, and we offered to answer nothing.
    if body.get("resultType", "complete") != "complete":
        raise _invalid("a result that is not complete")
    if "isError" in body and not isinstance(body["isError"], bool):
        raise _invalid("`isError` is not a boolean")
    if not isinstance(body.get("_meta", {}), dict):
        raise _invalid("`_meta` is not an object")
    content = body.get("content")
    if not isinstance(content, list):
        raise _invalid("`content` is not a list")
    for block in content:
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise _invalid("a content block without a type")


def _checked_error(error: JsonObject) -> JsonObject:
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(message, str):
        raise _invalid("an error without a code or a message")
    if code in _CODES_NOT_PASSED or code in _OUR_CODES:
        raise _invalid(f"an error code that is not a tool server's to give: {code}")
    return error


def _without_ours(body: JsonObject) -> tuple[JsonObject, int]:
    """Take out what only we may say: of the result, of each content block, and of a resource that one embeds."""
    cleaned, removed = _without_our_meta(body)
    content = cleaned["content"]
    assert isinstance(content, list)  # checked with the form
    if any("_meta" in block or "resource" in block for block in content if isinstance(block, dict)):
        blocks: list[Json] = []
        for block in content:
            assert isinstance(block, dict)  # checked with the form
            clean_block, count = _without_our_meta(block)
            resource = clean_block.get("resource")
            if isinstance(resource, dict):
                clean_resource, more = _without_our_meta(resource)
                clean_block, count = {**clean_block, "resource": clean_resource}, count + more
            removed += count
            blocks.append(clean_block)
        cleaned = {**cleaned, "content": blocks}
    return cleaned, removed


def _without_our_meta(holder: JsonObject) -> tuple[JsonObject, int]:
    meta = holder.get("_meta")
    if not isinstance(meta, dict):
        return holder, 0
    kept = {key: value for key, value in meta.items() if key not in _OURS and not key.startswith(OUR_PREFIX)}
    rest = {key: value for key, value in holder.items() if key != "_meta"}
    return ({**rest, "_meta": kept} if kept else rest), len(meta) - len(kept)


def _invalid(detail: str) -> Refused:
    return Refused(Reason.TOOL_SERVER_INVALID, detail)
