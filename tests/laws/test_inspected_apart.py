"""A law: where an answer is read and inspected changes nothing. Same reply, same facts, or the same refusal.

`here` is the way of a small answer, `apart` the way of a large one: seen at a glance, and examined, through the very bytes
that go to a worker and come back. That a real process answers so, too, is in `contracts/test_inspectors.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final, TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mediator.adapters.inspection_processes import frames
from mediator.adapters.inspection_processes.worker import Desk
from mediator.canonical import JsonObject
from mediator.inspection.asking import asks_back
from mediator.inspection.release import inspect, release_apart
from mediator.inspection.result import ToolResult
from mediator.manifest.family import FamilyForm
from mediator.mediation.apart import examination_of
from mediator.mediation.permit import _SEAL, Permit
from mediator.mediation.reply import Reply, reply_with
from mediator.refusal import Refused
from mediator.wire.hearing import Answer, HearingLimits, Listener
from mediator.wire.methods import CallMethod
from tests.laws.json_instances import ANYTHING, TEXT, instances
from tests.promises import promise
from tests.simulated.corridor import FACTS
from tests.simulated.judged import a_call, a_prompt, a_resource
from tests.simulated.permits import a_permit
from tests.simulated.pins import pinned

ID: Final = 7
OUTPUT: Final[JsonObject] = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "number"}}}}},
    "required": ["rows"],
}
DEFINITION: Final[JsonObject] = {"name": "t", "inputSchema": {"type": "object"}, "outputSchema": OUTPUT}
FAMILY: Final = a_resource("test://logs/", FamilyForm.PREFIX, "text/plain")

META: Final = st.dictionaries(
    st.sampled_from(["traceparent", "baggage", "org.mcp-mediator/refusal", "com.example/x"]), ANYTHING, max_size=3
)
BLOCKS: Final = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}, optional={"_meta": META, "resource": ANYTHING}),
    max_size=3,
)
CONTENTS: Final = st.lists(
    st.fixed_dictionaries(
        {"uri": TEXT, "text": TEXT},
        optional={"mimeType": st.sampled_from(["text/plain", "text/html"]), "_meta": META},
    ),
    max_size=2,
)
RESULTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "content": BLOCKS | ANYTHING,
        "contents": CONTENTS,
        "messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": ANYTHING}), max_size=2),
        "structuredContent": instances(OUTPUT, OUTPUT) | ANYTHING,
        "isError": st.booleans() | ANYTHING,
        "resultType": st.sampled_from(["complete", "input_required", "later"]),
        "ttlMs": ANYTHING,
        "_meta": META | ANYTHING,
        "x": ANYTHING,
    },
)
GOOD: Final = st.fixed_dictionaries(
    {"content": BLOCKS, "structuredContent": instances(OUTPUT, OUTPUT)},
    optional={"isError": st.booleans(), "_meta": META, "x": ANYTHING},
)
ERRORS: Final = st.fixed_dictionaries(
    {"code": st.sampled_from([-32602, -32002, -32000, -31401, 5, 1.5, None]), "message": TEXT},
    optional={"data": ANYTHING},
)
MESSAGES: Final = st.one_of(
    st.fixed_dictionaries({"id": st.just(ID), "result": GOOD}),
    st.fixed_dictionaries({"id": st.just(ID), "result": RESULTS}),
    st.fixed_dictionaries({"id": st.sampled_from([ID, None, "x"]), "error": ERRORS}),
    st.fixed_dictionaries({"id": ANYTHING}, optional={"result": RESULTS, "error": ERRORS, "method": TEXT}),
)
MODERN: Final = ("modern", "2026-07-28")
LATER: Final[dict[str, Any]] = {"id": ID, "result": {"resultType": "later", "content": []}}
MISFIT: Final[dict[str, Any]] = {"id": ID, "result": {"content": [], "structuredContent": {"rows": [{"n": "1"}]}}}
WITHOUT: Final[dict[str, Any]] = {"id": ID, "result": {"content": []}}
OTHER_MEDIA: Final[dict[str, Any]] = {
    "id": ID,
    "result": {"contents": [{"uri": "test://logs/a", "text": "", "mimeType": "text/html"}]},
}
ERAS: Final = st.sampled_from([("modern", "2026-07-28"), ("legacy", "2025-11-25")])
Told: TypeAlias = tuple[Reply, JsonObject] | tuple[str, str] | str


def permit_for(kind: str, era: str, version: str) -> Permit:
    """Return leave to call a tool with an output schema, or to ask of a prompt or of a family of resources."""
    permit = a_permit(DEFINITION, schema=pinned(dict(DEFINITION)).schema)
    method = {"tool": CallMethod.TOOL, "prompt": CallMethod.PROMPT, "resource": CallMethod.RESOURCE}[kind]
    deliberation = permit.committed.deliberation
    object.__setattr__(deliberation, "call", a_call(era=era, version=version, method=str(method)))
    item = {"tool": permit.item, "prompt": a_prompt(), "resource": FAMILY}[kind]
    return replace(permit, item=item, forwarded=replace(permit.forwarded, method=method), seal=_SEAL)


def told(raw: bytes, permit: Permit, *, large_bytes: int) -> Told:
    """Return what an agent is told of this message and what is recorded, or why it is refused, or what else it is."""
    hearing = HearingLimits(large_bytes=large_bytes, json_depth_max=12, json_values_max=200)
    listener = Listener(request_id=ID, result_bytes_max=permit.result_bytes_max, limits=hearing)
    desk = Desk(hearing)
    frame = permit.committed.deliberation.call.frame
    try:
        seen = None
        if listener.is_large(raw):
            facts = frames.read_facts(desk.answer(frames.glance_head(), raw)[0])
            seen = frames.read_refusal(facts) or frames.read_glance(facts)
        heard = listener.hear(raw, seen)
        if not isinstance(heard, Answer):
            return repr(heard)
        if heard.raw is not None:
            examination = examination_of(permit, 3, FACTS)
            head, body = desk.answer(frames.examine_head(examination), heard.raw)
            if (refused := frames.read_refusal(frames.read_facts(head))) is not None:
                raise refused
            examined = frames.read_examined(frames.read_facts(head), body, examination.dialect)
            released = release_apart(examined, permit.item)
        else:
            result = ToolResult(result=heard.result, error=heard.error, size_bytes=heard.size_bytes, noise=3)
            if asks_back(result):
                return repr(heard)
            released = inspect(result, permit.item, permit.forwarded.method, permit.result_bytes_max)
    except Refused as refused:
        return refused.reason, refused.detail
    return reply_with(frame, released, FACTS), released.facts()


@promise("P7", "P8")
@settings(deadline=None)
@given(
    message=MESSAGES,
    kind=st.sampled_from(["tool", "prompt", "resource"]),
    era=ERAS,
    beyond=st.sampled_from([-1, 0, 1, 1000]),
    ascii_only=st.booleans(),
)
@example(message=LATER, kind="tool", era=MODERN, beyond=1, ascii_only=True)
@example(message=MISFIT, kind="tool", era=MODERN, beyond=1, ascii_only=True)
@example(message=WITHOUT, kind="tool", era=MODERN, beyond=1, ascii_only=True)
@example(message=OTHER_MEDIA, kind="resource", era=MODERN, beyond=1, ascii_only=True)
def test_where_an_answer_is_inspected_changes_nothing(
    message: dict[str, Any], kind: str, era: tuple[str, str], beyond: int, ascii_only: bool
) -> None:
    """The issue: results over 128 kB are inspected off the loop. `beyond`: by how much it is over the threshold."""
    raw = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=ascii_only).encode()
    permit = permit_for(kind, *era)
    here = told(raw, permit, large_bytes=len(raw))
    assert told(raw, permit, large_bytes=len(raw) - beyond) == here


TEXTS: Final = st.binary(max_size=60) | st.sampled_from(
    [
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[],"content":[]}}',
        b'{"jsonrpc":"2.0","id":7,"id":7,"result":{"content":[]}}',
        b'{"jsonrpc":"2.0","id":8,"result":{"content":[]}}',
        b'{"jsonrpc":"2.0","id":7,"result":{"content":' + b"[" * 40 + b"]" * 40 + b"}}",
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[' + b",".join([b"1"] * 300) + b"]}}",
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"\\ud800"}]}}',
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"\xff"}]}}',
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[],"structuredContent":{"rows":[{"n":1e999}]}}}',
        b'{"jsonrpc":"2.0","id":7,"result":{"content":[],"structuredContent":{"rows":[{"n":1e20}]}}}',
        b'[{"jsonrpc":"2.0","id":7,"result":{"content":[]}}]',
    ]
)


@promise("P7")
@settings(deadline=None)
@given(raw=TEXTS, kind=st.sampled_from(["tool", "resource"]))
def test_a_hostile_answer_is_refused_for_the_same_reason(raw: bytes, kind: str) -> None:
    """Ours: deep, full, doubled keys, another's id, a number without a value, no text at all."""
    permit = permit_for(kind, "modern", "2026-07-28")
    assert told(raw, permit, large_bytes=0 if raw else -1) == told(raw, permit, large_bytes=len(raw))
