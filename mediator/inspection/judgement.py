"""A result that was looked at: what it may leave as, and what a record says of it. No evidence yet.

Pure, and all that a process that inspects apart needs: it imports no pin, no signature and no key. What is checked, in
this order, first failure wins:

1. size: not over the stricter of the settings' and the manifest's limit
2. form: an `error` that is an error, or a complete `result` of the method that was asked (`form.py`), with
   `structuredContent` that fits the pinned output schema
3. `_meta`: what is ours to say (our own prefix, trace context, the server's name of itself) is taken out

No field is lost otherwise, known or not. Nothing here changes text that a model will read: it passes or it does not.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import NamedTuple

from mediator.canonical import Digest, JsonObject, digest_of
from mediator.inspection.expected import Expected
from mediator.inspection.form import check_error, check_form, invalid
from mediator.inspection.result import ToolResult
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod


class Judgement(NamedTuple):
    """What a record says of a result that may leave: `Released` has the same, under seal."""

    is_protocol_error: bool
    is_error: bool
    body_digest: Digest
    size_bytes: int
    removed: int
    noise: int


def judge(result: ToolResult, expected: Expected) -> tuple[JsonObject, Judgement]:
    """Return the result (or the error) as it may leave, and what is to be said of it.

    Raises `Refused`: `RESULT_TOO_LARGE`, `TOOL_SERVER_INVALID`.
    """
    # 1. size
    check_size(result, expected.bytes_max)

    # 2. form
    if result.error is not None:
        error = check_error(result.error)
        return error, Judgement(True, True, digest_of(error), result.size_bytes, 0, result.noise)  # noqa: FBT003 - by place, at each call
    body = result.result
    if body is None:
        raise invalid("neither a result nor an error")
    # MCP 2026-07-28: absent means complete. What asks back is no result (`asking.py`).
    if body.get("resultType", "complete") != "complete":
        raise invalid("a result that is not complete")

    # 3. what is ours to say
    cleaned, removed = check_form(body, expected)
    is_error = expected.method is CallMethod.TOOL and body.get("isError") is True
    return cleaned, Judgement(False, is_error, digest_of(cleaned), result.size_bytes, removed, result.noise)  # noqa: FBT003 - as above


def check_size(result: ToolResult, bytes_max: int) -> None:
    """Raise `Refused` where a result is larger than it may be."""
    if result.size_bytes > bytes_max:
        raise Refused(Reason.RESULT_TOO_LARGE, f"{result.size_bytes} bytes where {bytes_max} are allowed")
