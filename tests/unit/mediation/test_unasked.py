"""Unit tests of mediator/mediation/unasked.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.mediation.unasked import Unasked, find_unasked
from mediator.policy.request import AskFacts
from mediator.refusal import Reason, Refused
from mediator.wire.methods import AskMethod
from tests.promises import promise

FILLED: JsonObject = {"action": "accept", "content": {"a": 1}}
AGREED: JsonObject = {"action": "accept"}
SAMPLED: JsonObject = {"role": "assistant", "content": {"type": "text", "text": "x"}}
BY_FORM, BY_URL = AskFacts(mode="form"), AskFacts(mode="url")
ELICITED = Unasked(AskMethod.ELICIT, (BY_FORM,))


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({}, []),
        ({"a": FILLED}, []),
        ({"a": FILLED, "b": FILLED}, [ELICITED]),
        ({"b": AGREED}, [Unasked(AskMethod.ELICIT, (BY_FORM, BY_URL))]),
        ({"b": {"roots": []}, "c": {"roots": []}}, [Unasked(AskMethod.ROOTS, (BY_FORM,))]),
        ({"b": {**FILLED, **SAMPLED}}, [ELICITED, Unasked(AskMethod.SAMPLE, (BY_FORM,))]),
    ],
    ids=str,
)
def test_what_was_not_asked_would_have_to_be_permitted(answers: JsonObject, found: list[Unasked]) -> None:
    """ADR 11: as each question that it may be the answer to."""
    assert find_unasked(answers, {"a": AskMethod.ELICIT}) == found


@pytest.mark.parametrize("answer", [SAMPLED, {}, 7, None, {"action": ["accept"]}], ids=str)
def test_what_was_asked_is_answered_in_its_form(answer: Json) -> None:
    """Ours: an agent may correct itself."""
    with pytest.raises(Refused, match="/inputResponses/a: expected an answer to `elicitation/create`") as stop:
        find_unasked({"a": answer}, {"a": AskMethod.ELICIT})
    assert stop.value.reason is Reason.ARGUMENTS_INVALID


@promise("P8")
def test_the_order_of_the_agent_makes_no_difference() -> None:
    """Ours: a record keeps them in the order of RFC 8785, and is replayed."""
    asked = {"a": AskMethod.ROOTS, "b": AskMethod.ROOTS}
    told: list[str | None] = []
    for answers in ({"b": 1, "a": 1}, {"a": 1, "b": 1}):
        with pytest.raises(Refused) as stop:
            find_unasked({**answers}, asked)
        told.append(stop.value.detail)
    assert told[0] == told[1]
