"""Second opinions: everybody who is to be heard about exactly this request allows it, or it is denied.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json
from mediator.effect import Effect
from mediator.mediation.opinion import (
    NOBODY_ELSES,
    Answer,
    DecisionPoint,
    Opinion,
    OpinionRequest,
    find_awaited,
    opinion_form,
    parse_opinion,
    refuse_unless_all_allow,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise

POINTS = (
    DecisionPoint(name="house", effects=frozenset({Effect.SEND, Effect.EXEC})),
    DecisionPoint(name="group", effects=frozenset({Effect.SEND})),
)
HASH = "sha256:this"


def said(of: str, answer: Answer = Answer.ALLOW, request_hash: str = HASH) -> Opinion:
    return Opinion(of=of, request_hash=request_hash, answer=answer)


def stop_of(effect: Effect, *opinions: Opinion) -> Refused | None:
    try:
        refuse_unless_all_allow(POINTS, effect, opinions, HASH)
    except Refused as stop:
        return stop
    return None


@promise("P7")
def test_each_that_is_named_for_an_effect_is_to_be_heard_about_exactly_this_request() -> None:
    """Design 4: an opinion of another request is none."""
    assert find_awaited(POINTS, Effect.READ, (), HASH) == ()
    assert find_awaited(POINTS, Effect.EXEC, (), HASH) == ("house",)
    assert find_awaited(POINTS, Effect.SEND, (), HASH) == ("house", "group")
    assert find_awaited(POINTS, Effect.SEND, (said("group"),), HASH) == ("house",)
    assert find_awaited(POINTS, Effect.SEND, (said("group", request_hash="sha256:other"),), HASH) == ("house", "group")
    assert find_awaited(POINTS, Effect.SEND, (said("stranger"),), HASH) == ("house", "group")


@promise("P7")
def test_all_must_allow() -> None:
    """P7: silence, a denial, and whoever could not be asked deny."""
    both = (said("house"), said("group"))
    assert stop_of(Effect.READ) is None
    assert stop_of(Effect.SEND, *both) is None
    assert stop_of(Effect.SEND, *both, said("stranger", Answer.DENY)) is None
    assert stop_of(Effect.EXEC, said("house"), said("group", Answer.DENY)) is None  # it is not asked about those
    for opinions, reason in (
        ((), Reason.DENIED_BY_POLICY),
        ((said("house"),), Reason.DENIED_BY_POLICY),
        ((said("house"), said("group", Answer.DENY)), Reason.DENIED_BY_POLICY),
        ((said("house"), said("group", Answer.UNAVAILABLE)), Reason.POLICY_ERROR),
        ((*both, said("group", Answer.DENY)), Reason.DENIED_BY_POLICY),
    ):
        stop = stop_of(Effect.SEND, *opinions)
        assert stop is not None
        assert stop.reason is reason


def test_whoever_denies_is_named() -> None:
    """P11: the agent reads who says no; why is that one's own affair."""
    stop = stop_of(Effect.EXEC, said("house", Answer.DENY))
    assert stop is not None
    assert stop.sentence == "the decision point `house` denies it"
    away = stop_of(Effect.EXEC, said("house", Answer.UNAVAILABLE))
    assert away is not None
    assert (away.sentence, away.remedy) == (
        "the decision point `house` could not be asked",
        "try again later, or tell the operator",
    )


@pytest.mark.parametrize("answer", list(Answer), ids=str)
def test_an_opinion_is_recalled_as_it_was_recorded(answer: Answer) -> None:
    """P8."""
    assert parse_opinion(opinion_form(said("house", answer))) == said("house", answer)


BROKEN: dict[str, Json] = {
    "nothing": None,
    "a text": "allow",
    "no name": {"request_hash": HASH, "answer": "allow"},
    "another answer": {"of": "house", "request_hash": HASH, "answer": "maybe"},
    "more than that": {"of": "house", "request_hash": HASH, "answer": "allow", "why": "x"},
}


@pytest.mark.parametrize("form", BROKEN.values(), ids=list(BROKEN))
def test_another_form_is_refused(form: Json) -> None:
    """P8: what cannot be read is not guessed."""
    with pytest.raises(Refused) as stop:
        parse_opinion(form)
    assert stop.value.reason is Reason.MALFORMED


@promise("P7")
async def test_where_nobody_can_be_asked_whoever_is_named_is_unavailable() -> None:
    """P7."""
    request = OpinionRequest(
        agent="a", agent_class="c", team="", owner="o", server="s", name="n", kind="tool", effect="send",
        method="tools/call", task="t", purpose="p", chain=("a",), proof="dpop", arguments={}, request_hash=HASH,
    )  # fmt: skip
    assert await NOBODY_ELSES.ask(("house",), request) == (said("house", Answer.UNAVAILABLE),)
