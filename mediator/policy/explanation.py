"""Why an answer came out as it did: which policies, which facts, and which single change would turn it.

Pure: the engine that is asked again is a value, prepared by somebody else. Nothing here decides: an explanation is told
to an operator, and no call is let through by it. Its questions are bounded in number, and it says when they ran out.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol, final

from mediator.canonical import Json, JsonObject
from mediator.policy.changes import ABSENT, Change, changes_of, value_at
from mediator.policy.conditions import formula_of, terms_of
from mediator.policy.decision import Decision
from mediator.policy.policy import Policy
from mediator.policy.request import AccessRequest, ItemFacts
from mediator.policy.types import Path, Record
from mediator.refusal import Reason

QUESTIONS_MAX: Final = 200  # some 20 ms of the engine's time
SOMEBODY: Final = "(an approver)"
"""Asked about, never granted: an approver that no policy can name."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What an engine looks at for one question: its item, the policies that can matter, and what these are shown."""

    item: ItemFacts
    policies: tuple[Policy, ...]
    attributes: JsonObject
    shape: Record


class ExplainableEngine(Protocol):
    """An engine that can tell what it looks at, and be asked about something else."""

    def evaluate(self, request: AccessRequest) -> Decision:
        """Answer, as ever."""
        ...

    def sight_of(self, request: AccessRequest) -> Sight:
        """Return what is looked at; raises `Refused` for arguments that no policy can be shown."""
        ...

    def evaluate_with(self, request: AccessRequest, attributes: JsonObject) -> Decision:
        """Answer the same question with other attributes in its context."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One attribute that a policy of the slice names, by its path, and its value; `is_there`: it has one."""

    path: Path
    value: Json
    is_there: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """A change that turns the verdict, and what the engine answers then."""

    change: Change
    decision: Decision


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One answer, explained. `policies` are those of the slice; `is_cut`: more changes could have been tried."""

    request: AccessRequest
    item: ItemFacts
    decision: Decision
    policies: tuple[Policy, ...]
    facts: tuple[Fact, ...]
    turnings: tuple[Turning, ...]
    is_cut: bool

    @property
    def decisive(self) -> tuple[Policy, ...]:
        """The policies that made the answer, or that failed."""
        return tuple(policy for policy in self.policies if policy.id in self.decision.determining)

    @property
    def considered(self) -> tuple[Policy, ...]:
        """The policies that could have, and did not."""
        return tuple(policy for policy in self.policies if policy.id not in self.decision.determining)


def explain(engine: ExplainableEngine, request: AccessRequest) -> Explanation:
    """Return why the engine answers this request as it does; raises `Refused` as `sight_of`."""
    sight, decision = engine.sight_of(request), engine.evaluate(request)
    paths = sorted({path for policy in sight.policies for path in policy.mentions.paths if path})
    turnings: list[Turning] = []
    is_cut = False
    for asked, change in enumerate(_changes(request, sight, paths)):
        if asked == QUESTIONS_MAX:
            is_cut = True
            break
        turned = engine.evaluate_with(request, change.attributes)
        if turned.verdict is not decision.verdict and turned.reason is not Reason.POLICY_ERROR:
            turnings.append(Turning(change=change, decision=turned))
    return Explanation(
        request=request,
        item=sight.item,
        decision=decision,
        policies=sight.policies,
        facts=tuple(_fact(sight, path) for path in paths),
        turnings=tuple(turnings),
        is_cut=is_cut,
    )


def _changes(request: AccessRequest, sight: Sight, paths: list[Path]) -> Iterator[Change]:
    terms = [term for policy in sight.policies for term in terms_of(formula_of(policy.conditions))]
    base = request.base
    known: JsonObject = {"approver": SOMEBODY}
    if base is not None:
        known |= {"at": base.now_ms, "request_hash": base.request_hash}
    return changes_of(sight.attributes, sight.shape, paths, terms, known)


def _fact(sight: Sight, path: Path) -> Fact:
    value = value_at(sight.attributes, path)
    return Fact(path=path, value=value, is_there=value != ABSENT)
