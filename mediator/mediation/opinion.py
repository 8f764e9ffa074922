"""Second opinions: what decision points outside say of a call that our own policies allow.

Pure. Each decision point that is configured for an effect must allow the call; one that denies, cannot be asked, or answers
anything else denies it (P7). An opinion is of exactly one request, by its hash: it is asked for by the shell after an allow,
enters the circumstances, and the call is judged again with it, so that a replay has it too. None ever permits by itself.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Protocol, final

from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.refusal import Reason, Refused


@unique
class Answer(StrEnum):
    """What a decision point says."""

    ALLOW = "allow"
    DENY = "deny"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPoint:
    """One that is asked: its name, and for which effects."""

    name: str
    effects: frozenset[Effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the decision point of this name said of the request of this hash."""

    of: str
    request_hash: str
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionRequest:
    """What decision points are told of a call: neutral words, JSON values. `arguments` are the canonical ones."""

    agent: str
    agent_class: str
    team: str
    owner: str
    server: str
    name: str
    kind: str
    effect: str
    method: str
    task: str
    purpose: str
    chain: tuple[str, ...]
    proof: str
    arguments: JsonObject
    request_hash: str


class SecondOpinions(Protocol):
    """Who asks decision points; raises nothing but cancellation: whoever cannot be asked is unavailable."""

    async def ask(self, names: Sequence[str], request: OpinionRequest) -> tuple[Opinion, ...]:
        """Return one opinion of each of these."""
        ...


@final
class NobodyElsesOpinion:
    """Fills `SecondOpinions` where there are none to be had: whoever is named is unavailable."""

    async def ask(self, names: Sequence[str], request: OpinionRequest) -> tuple[Opinion, ...]:
        """Nobody answers."""
        return tuple(Opinion(of=name, request_hash=request.request_hash, answer=Answer.UNAVAILABLE) for name in names)


NOBODY_ELSES: Final = NobodyElsesOpinion()


def find_awaited(
    points: Sequence[DecisionPoint], effect: Effect, opinions: Sequence[Opinion], request_hash: str
) -> tuple[str, ...]:
    """Return the names of those who are to be heard about this request, and were not yet."""
    heard = {opinion.of for opinion in opinions if opinion.request_hash == request_hash}
    return tuple(point.name for point in points if effect in point.effects and point.name not in heard)


def refuse_unless_all_allow(
    points: Sequence[DecisionPoint], effect: Effect, opinions: Sequence[Opinion], request_hash: str
) -> None:
    """Raise `Refused` unless everybody who is to be heard about this request was, and allows it.

    `DENIED_BY_POLICY` where one denies, or was not asked; `POLICY_ERROR` where one could not be.
    """
    if awaited := find_awaited(points, effect, opinions, request_hash):
        raise Refused(Reason.DENIED_BY_POLICY, f"not heard yet: {', '.join(awaited)}")
    wanted = {point.name for point in points if effect in point.effects}
    for opinion in opinions:
        if opinion.of not in wanted or opinion.request_hash != request_hash or opinion.answer is Answer.ALLOW:
            continue
        if opinion.answer is Answer.DENY:
            sentence = f"the decision point `{opinion.of}` denies it"
            raise Refused(Reason.DENIED_BY_POLICY, sentence, sentence=sentence)
        raise Refused(
            Reason.POLICY_ERROR,
            f"the decision point `{opinion.of}` could not be asked",
            sentence=f"the decision point `{opinion.of}` could not be asked",
            remedy="try again later, or tell the operator",
        )


def opinion_form(opinion: Opinion) -> JsonObject:
    """Return the JSON form that a record keeps."""
    return {"of": opinion.of, "request_hash": opinion.request_hash, "answer": str(opinion.answer)}


def parse_opinion(form: Json) -> Opinion:
    """Return what `opinion_form` wrote; raises `Refused(MALFORMED)` for any other form."""
    match form:
        case {"of": str(of), "request_hash": str(request_hash), "answer": str(answer), **rest} if (
            not rest and answer in tuple(Answer)
        ):
            return Opinion(of=of, request_hash=request_hash, answer=Answer(answer))
        case _:
            raise Refused(Reason.MALFORMED, "a recorded opinion cannot be read")
