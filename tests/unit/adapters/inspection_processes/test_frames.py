"""Unit tests of mediator/adapters/inspection_processes/frames.py: what one end writes, the other reads.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.inspection_processes import frames
from mediator.canonical import Digest, JsonObject, canonical_bytes, digest_of
from mediator.inspection.judgement import Judgement
from mediator.inspection.written import Examined, Written
from mediator.mediation.dialect import Dialect
from mediator.mediation.examination import Examination
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import HearingLimits
from mediator.wire.methods import CallMethod, Era

DIALECT = Dialect(request_id="a", era=Era.MODERN, method="resources/read", identity={"name": "m", "version": "1"})
JUDGEMENT = Judgement(
    is_protocol_error=False, is_error=True, body_digest=Digest(digest_of(1)), size_bytes=9, removed=1, noise=2
)


def deep(levels: int) -> JsonObject:
    value: JsonObject = {}
    for _ in range(levels):
        value = {"properties": value}
    return value


@pytest.mark.parametrize("schema", [None, {"type": "object"}, deep(90)])
@pytest.mark.parametrize("media_types", [None, (), ("text/plain",)])
@pytest.mark.parametrize("dialect", [DIALECT, Dialect(request_id=1, era=Era.LEGACY, method=None, identity={})])
def test_a_question_is_read_as_it_was_asked(
    schema: JsonObject | None, media_types: tuple[str, ...] | None, dialect: Dialect
) -> None:
    """Ours: also of a schema as deep as any that is pinned."""
    asked = Examination(
        method=CallMethod.RESOURCE,
        bytes_max=5,
        output_schema=schema,
        media_types=media_types,
        noise=3,
        dialect=dialect,
    )
    assert frames.read_question(frames.examine_head(asked)) == asked


def test_a_glance_asks_for_nothing_more() -> None:
    """Ours."""
    assert frames.read_question(frames.glance_head()) is None


@pytest.mark.parametrize(
    "glance", [Glance(sight=Sight.RESULT, id=1), Glance(sight=Sight.ERROR, code=-3), Glance(sight=Sight.OTHER)]
)
def test_a_glance_comes_back(glance: Glance) -> None:
    """Ours."""
    head = frames.read_facts(frames.glance_answer(glance))
    assert frames.read_refusal(head) is None
    assert frames.read_glance(head) == glance


def test_what_may_leave_comes_back() -> None:
    """Ours: to whom it is said is not believed but known."""
    examined = Examined(judgement=JUDGEMENT, written=Written(raw=b"{}", request_id="a", era=Era.MODERN, code=None))
    head = frames.read_facts(frames.examined_answer(examined))
    assert frames.read_examined(head, b"{}", DIALECT) == examined


def test_a_refusal_comes_back_and_a_bug_of_a_worker_is_our_own() -> None:
    """House style: the operator's record gets the detail."""
    stop = frames.read_refusal(frames.read_facts(frames.refused_answer(Refused(Reason.RESULT_TOO_LARGE, "d"))))
    assert stop is not None
    assert (stop.reason, stop.detail) == (Reason.RESULT_TOO_LARGE, "d")
    bug = frames.read_refusal(frames.read_facts(frames.failed_answer(ValueError("\ud800" * 9000))))
    assert bug is not None
    assert bug.reason is Reason.INTERNAL
    assert len(frames.failed_answer(ValueError("\ud800" * 9000))) < frames.HEAD_BYTES_MAX


def test_the_limits_of_reading_are_told() -> None:
    """Ours."""
    told = HearingLimits(json_depth_max=9, json_values_max=50)
    read = frames.read_limits(frames.limits_words(told))
    assert (read.json_depth_max, read.json_values_max) == (9, 50)


@pytest.mark.parametrize("head", [b"", b"[]", b"{", b'{"a":1,"a":1}'])
def test_a_head_that_is_none_is_nonsense(head: bytes) -> None:
    """Ours: what a worker has read was not ours."""
    with pytest.raises(ValueError):
        frames.read_facts(head)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ({}, b"{}"),
        ({"judgement": {}, "code": None}, b"{}"),
        ({"sight": "result"}, b""),
        ({"sight": "else", "id": 1, "code": None}, b""),
        (frames.read_facts(canonical_bytes({"judgement": {"is_error": True}, "code": 1})), b"{}"),
    ],
)
def test_facts_that_are_none_are_nonsense(head: JsonObject, body: bytes) -> None:
    """Ours."""
    with pytest.raises(ValueError):
        frames.read_glance(head)
    with pytest.raises(ValueError):
        frames.read_examined(head, body, DIALECT)
