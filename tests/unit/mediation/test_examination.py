"""Unit tests of mediator/mediation/examination.py. That it judges as `inspect` does is a law (`laws/`).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject, parse_object
from mediator.mediation.dialect import Dialect
from mediator.mediation.examination import Examination, examine
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import Notification, Response
from mediator.wire.methods import CallMethod, Era

SCHEMA: JsonObject = {"type": "object", "required": ["n"]}


def examination(schema: JsonObject | None = SCHEMA) -> Examination:
    return Examination(
        method=CallMethod.TOOL,
        bytes_max=1000,
        output_schema=schema,
        media_types=None,
        noise=2,
        dialect=Dialect(request_id=7, era=Era.LEGACY, method="tools/call", identity={}),
    )


def test_an_answer_that_may_leave_is_written_for_who_asked() -> None:
    """Ours: the reply is the agent's message, under its own id."""
    result: JsonObject = {"content": [], "structuredContent": {"n": 1}}
    examined = examine(Response(id=1, result=result, error=None), 100, examination())
    assert parse_object(examined.written.raw) == {"jsonrpc": "2.0", "id": 7, "result": result}
    assert (examined.judgement.size_bytes, examined.judgement.noise) == (100, 2)


def test_an_answer_that_misses_the_pinned_schema_is_refused() -> None:
    """Issue 2: poisoned result."""
    with pytest.raises(Refused) as stop:
        examine(Response(id=1, result={"content": [], "structuredContent": {}}, error=None), 100, examination())
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


def test_what_is_no_answer_is_refused() -> None:
    """Ours: it was seen to be one; whoever says otherwise now is not believed."""
    with pytest.raises(Refused) as stop:
        examine(Notification(method="a", params={}), 100, examination(None))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID
