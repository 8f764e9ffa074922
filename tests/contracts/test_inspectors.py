"""The port `Inspectors`, over every filling of it: what is looked at apart is what would be seen here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
import pytest

from mediator.adapters.inspection_processes.pool import InspectionProcesses
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.release import inspect
from mediator.inspection.result import LargeResult, ToolResult
from mediator.mediation.apart import inspect_apart
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Inspectors
from mediator.mediation.reply import reply_with
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import HearingLimits
from mediator.wire.methods import CallMethod
from tests.promises import promise
from tests.simulated.corridor import FACTS
from tests.simulated.inspectors import InspectorsHere
from tests.simulated.permits import a_permit
from tests.simulated.pins import pinned

HEARING: Final = HearingLimits(json_values_max=20_000, json_depth_max=20)
DEFINITION: Final[JsonObject] = {
    "name": "t",
    "inputSchema": {"type": "object"},
    "outputSchema": {"type": "object", "properties": {"rows": {"type": "array", "items": {"required": ["n"]}}}},
}


@pytest.fixture(params=["here", "processes"])
async def inspectors(request: pytest.FixtureRequest) -> AsyncIterator[Inspectors]:
    if request.param == "here":
        yield InspectorsHere(HEARING)
        return
    processes = InspectionProcesses(HEARING)
    yield processes
    await processes.aclose()


def permit() -> Permit:
    return a_permit(DEFINITION, schema=pinned(dict(DEFINITION)).schema)


def rows(number: int, **more: Json) -> JsonObject:
    return {"rows": [{"n": row, "text": "é" * 40, **more} for row in range(number)]}


LARGE: Final[dict[str, JsonObject]] = {
    "128 kB": {"content": [], "structuredContent": rows(1200)},
    "1 MB of text": {"content": [{"type": "text", "text": "line \n" * 180_000}], "structuredContent": {}},
    "doubles": {"content": [], "structuredContent": rows(2000, x=0.1, y=1e300)},
    "with what is ours to say": {"content": [], "structuredContent": rows(2000), "_meta": {"baggage": "x"}},
    "10 MB": {"content": [{"type": "image", "data": "QUJD" * 2_500_000}], "structuredContent": {}},
    "a failure of the tool": {"content": [{"type": "text", "text": "x" * 200_000}], "isError": True},
}


@promise("P8")
@pytest.mark.parametrize("case", LARGE)
async def test_a_large_answer_is_replied_with_as_if_it_were_inspected_here(inspectors: Inspectors, case: str) -> None:
    """The issue: large results (10 MB), unchanged."""
    leave, body = permit(), LARGE[case]
    raw = canonical_bytes({"jsonrpc": "2.0", "id": 3, "result": body})
    frame = leave.committed.deliberation.call.frame

    with anyio.fail_after(20):
        assert await inspectors.glance(raw) == Glance(sight=Sight.RESULT, id=3)
        apart = await inspect_apart(inspectors, leave, LargeResult(raw=raw, is_error=False, noise=1), FACTS)

    result = ToolResult(result=body, error=None, size_bytes=len(raw), noise=1)
    here = inspect(result, leave.item, CallMethod.TOOL, leave.result_bytes_max)
    assert apart.facts() == here.facts()
    assert reply_with(frame, apart, FACTS) == reply_with(frame, here, FACTS)


HOSTILE: Final[dict[str, bytes]] = {
    "deep": b'{"jsonrpc":"2.0","id":3,"result":' + b'{"a":' * 30_000 + b"1" + b"}" * 30_000 + b"}",
    "full": b'{"jsonrpc":"2.0","id":3,"result":{"content":[' + b"1," * 90_000 + b"1]}}",
    "a key twice": b'{"jsonrpc":"2.0","id":3,"result":{"a":"' + b"x" * 200_000 + b'","a":1}}',
    "no end": b'{"jsonrpc":"2.0","id":3,"result":{"a":"' + b"x" * 200_000,
    "no text": b'{"jsonrpc":"2.0","id":3,"result":{"a":"' + b"\xff" * 200_000 + b'"}}',
}


@promise("P7")
@pytest.mark.parametrize("case", HOSTILE)
async def test_what_is_no_message_is_seen_to_be_none(inspectors: Inspectors, case: str) -> None:
    """Ours: strictly read, there as here, and the next one is read."""
    with anyio.fail_after(20):
        seen = await inspectors.glance(HOSTILE[case])
        assert isinstance(seen, Refused)
        assert seen.reason is Reason.TOOL_SERVER_INVALID
        assert await inspectors.glance(b'{"jsonrpc":"2.0","method":"a"}') == Glance(sight=Sight.OTHER)


@promise("P7")
async def test_what_misses_the_pinned_schema_and_what_is_too_large_is_refused(inspectors: Inspectors) -> None:
    """Issue 2: poisoned result; the stricter of two limits."""
    bad: JsonObject = {"content": [{"type": "text", "text": "x" * 200_000}], "structuredContent": {"rows": [{}]}}
    raw = canonical_bytes({"jsonrpc": "2.0", "id": 3, "result": bad})
    small = a_permit(DEFINITION, schema=pinned(dict(DEFINITION)).schema, result_bytes_max=200_000)
    for leave, reason in ((permit(), Reason.TOOL_SERVER_INVALID), (small, Reason.RESULT_TOO_LARGE)):
        with anyio.fail_after(20), pytest.raises(Refused) as stop:
            await inspect_apart(inspectors, leave, LargeResult(raw=raw, is_error=False, noise=0), FACTS)
        assert stop.value.reason is reason
