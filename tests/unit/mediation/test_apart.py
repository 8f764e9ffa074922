"""Unit tests of mediator/mediation/apart.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.inspection.release import inspect
from mediator.inspection.result import LargeResult, ToolResult
from mediator.mediation.apart import examination_of, inspect_apart
from mediator.mediation.reply import dialect_of, reply_with
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod
from tests.simulated.corridor import FACTS
from tests.simulated.inspectors import InspectorsHere
from tests.simulated.permits import a_permit
from tests.simulated.pins import pinned

DEFINITION: JsonObject = {
    "name": "t",
    "inputSchema": {"type": "object"},
    "outputSchema": {"type": "object", "required": ["n"]},
}


def large(result: JsonObject) -> LargeResult:
    return LargeResult(raw=canonical_bytes({"jsonrpc": "2.0", "id": 3, "result": result}), is_error=False, noise=4)


async def test_what_is_released_apart_is_replied_with_as_what_is_released_here() -> None:
    """Ours: where it was looked at changes nothing of what an agent is told, nor of what is recorded."""
    result: JsonObject = {"content": [], "_meta": {"baggage": "x", "kept": 1}}
    permit = a_permit()
    frame = permit.committed.deliberation.call.frame
    apart = await inspect_apart(InspectorsHere(), permit, large(result), FACTS)
    size = len(large(result).raw)
    here = inspect(
        ToolResult(result=result, error=None, size_bytes=size, noise=4), permit.item, CallMethod.TOOL, 1 << 20
    )
    assert reply_with(frame, apart, FACTS) == reply_with(frame, here, FACTS)
    assert apart.facts() == here.facts()


async def test_a_reply_for_one_request_is_sent_to_no_other() -> None:
    """Ours: it was written for this id and this era."""
    permit = a_permit()
    frame = permit.committed.deliberation.call.frame
    released = await inspect_apart(InspectorsHere(), permit, large({"content": []}), FACTS)
    assert parse_object(reply_with(frame, released, FACTS).body or b"")["id"] == frame.request_id
    other = type(frame)(
        request_id="other", era=frame.era, version=frame.version, transport=frame.transport, method=frame.method
    )
    with pytest.raises(RuntimeError):
        reply_with(other, released, FACTS)


async def test_a_refusal_stays_one() -> None:
    """P7."""
    with pytest.raises(Refused) as stop:
        await inspect_apart(InspectorsHere(), a_permit(), large({"content": "none"}), FACTS)
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


def test_a_pin_is_told_in_plain_values() -> None:
    """Ours: the schema as it was signed, and to whom the answer is said."""
    tool = pinned(dict(DEFINITION))
    permit = a_permit(DEFINITION, schema=tool.schema)
    told = examination_of(permit, 2, FACTS)
    assert told.output_schema == DEFINITION["outputSchema"]
    assert (told.noise, told.bytes_max) == (2, permit.result_bytes_max)
    assert told.dialect == dialect_of(permit.committed.deliberation.call.frame, FACTS)
