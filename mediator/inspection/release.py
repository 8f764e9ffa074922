"""A result that was looked at -> Released: the only result that may leave.

Pure. What is checked, and in which order, stands in `judgement.py`. Here it becomes evidence: where it was checked in this
process (`inspect`), and where a process of ours looked at it apart (`release_apart`), for which the reply is written there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject, digest_of
from mediator.evidence import Seal
from mediator.inspection.expected import Expected
from mediator.inspection.judgement import Judgement, check_size, judge
from mediator.inspection.mcp_task import McpTask, check_mcp_task
from mediator.inspection.result import ToolResult
from mediator.inspection.written import Examined, Written
from mediator.manifest.family import FamilyForm
from mediator.manifest.pinned import PinnedItem, PinnedResource, PinnedTool
from mediator.wire.methods import CallMethod

_SEAL: Final = Seal("mediator.inspection.release")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A result, or a tool server's own error, that was looked at and may be sent.

    `body` is the result object (or the error object), or the reply that was written of it where it was looked at;
    `body_digest` the digest of the object's RFC 8785 form. `labels` are what the task has now seen; `removed` counts
    `_meta` keys that were taken out. An mcp task is without its server's id: by what an agent knows it is not this
    room's to say.
    """

    body: JsonObject | Written
    is_protocol_error: bool
    is_error: bool
    body_digest: Digest
    size_bytes: int
    labels: frozenset[str]
    removed: int
    noise: int
    mcp_task: McpTask | None = None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def facts(self) -> JsonObject:
        """Return what an outcome record says of the result: digests and counts, no text."""
        facts: JsonObject = {
            "digest": self.body_digest,
            "bytes": self.size_bytes,
            "is_error": self.is_error,
            "is_protocol_error": self.is_protocol_error,
            "labels": [*sorted(self.labels)],
            "removed": self.removed,
            "noise": self.noise,
        }
        return facts if self.mcp_task is None else {**facts, "mcp_task": self.mcp_task.facts()}


def expected_of(item: PinnedItem, method: CallMethod, bytes_max: int) -> Expected:
    """Return what the answer to this method of this item is held to."""
    output, media_types = None, None
    if isinstance(item, PinnedTool):
        output = item.schema.output
    elif isinstance(item, PinnedResource) and item.family.form is FamilyForm.PREFIX:
        media_types = (*item.family.media_types,)
    return Expected(method, bytes_max, output, media_types)


def inspect(result: ToolResult, item: PinnedItem, method: CallMethod, bytes_max: int) -> Released:
    """Return the result as it may leave.

    Raises `Refused`: `RESULT_TOO_LARGE`, `TOOL_SERVER_INVALID`.
    """
    body, judgement = judge(result, expected_of(item, method, bytes_max))
    return _release(body, judgement, item)


def inspect_mcp_task(result: ToolResult, item: PinnedItem, polled: str | None, bytes_max: int) -> Released:
    """Return an mcp task as it may leave: one that a call became or, `polled`, how that one stands; raises as `inspect`."""
    check_size(result, bytes_max)
    assert result.result is not None  # `is_mcp_task`
    expected = expected_of(item, CallMethod.TOOL, bytes_max)
    body, removed, mcp_task = check_mcp_task(result.result, expected, polled, result.size_bytes)
    judgement = Judgement(False, mcp_task.is_error, digest_of(body), result.size_bytes, removed, result.noise)  # noqa: FBT003 - by place, at each call
    return _release(body, judgement, item, mcp_task)


def release_apart(examined: Examined, item: PinnedItem) -> Released:
    """Return the result as it may leave, as a process of ours judged it that was told what `expected_of` this item says.

    Evidence is not carried between processes: what comes back is plain, and is sealed here. So this stands for `inspect`
    as far as the port `Inspectors` is filled by one that runs `examine`; nobody else may call it.
    """
    return _release(examined.written, examined.judgement, item)


def _release(
    body: JsonObject | Written, judgement: Judgement, item: PinnedItem, mcp_task: McpTask | None = None
) -> Released:
    return Released(
        body=body,
        is_protocol_error=judgement.is_protocol_error,
        is_error=judgement.is_error,
        body_digest=judgement.body_digest,
        size_bytes=judgement.size_bytes,
        labels=frozenset(item.result_labels),
        removed=judgement.removed,
        noise=judgement.noise,
        mcp_task=mcp_task,
        seal=_SEAL,
    )
