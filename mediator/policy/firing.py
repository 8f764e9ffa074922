"""Policies that can never fire: what their scopes name is not here, or their conditions contradict each other.

A forbid that never fires looks like a guard, and a permit that never does like a door. Told are only those of which it
is certain, as things stand here: by the items that are pinned, the agents that the settings know, and the formula that
`conditions.py` makes. What is pinned or added later may make them fire, so each is a warning.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never, final

from mediator.policy.conditions import All, Atom, Either, Formula, Literal, conjuncts_of, formula_of
from mediator.policy.finding import PolicyFinding, Severity
from mediator.policy.policy import Policy, Uid, finding_of, is_item_action
from mediator.policy.request import Action
from mediator.policy.schema import ItemSchema
from mediator.policy.slicing import Entity, may_matter
from mediator.policy.types import Path

_AGENTS: Final = frozenset({("principal",), ("resource",)})
_OWNERS: Final = frozenset({("principal", "owner", "name"), ("resource", "owner", "name")})
_KINDS: Final = {
    "Mediator::Agent": "agent",
    "Mediator::AgentClass": "class of agents",
    "Mediator::Team": "team",
}
_LONG_MIN: Final = -(2**63)
_LONG_MAX: Final = 2**63 - 1
_OPPOSITES: Final = {"!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_BOUNDS: Final[Mapping[str, Callable[[int], tuple[int, int]]]] = {
    "==": lambda value: (value, value),
    "<": lambda value: (_LONG_MIN, value - 1),
    "<=": lambda value: (_LONG_MIN, value),
    ">": lambda value: (value + 1, _LONG_MAX),
    ">=": lambda value: (value, _LONG_MAX),
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Everybody whom the settings know: agents by name, their classes, teams and owners."""

    agents: frozenset[str]
    classes: frozenset[str]
    teams: frozenset[str]
    owners: frozenset[str]

    def knows(self, uid: Uid) -> bool:
        """Tell whether there is such an agent, class or team; of what is neither it does not speak."""
        match _KINDS.get(uid.type):
            case "agent":
                return uid.id in self.agents
            case "class of agents":
                return uid.id in self.classes
            case "team":
                return uid.id in self.teams
            case _:
                return True


def never_firing(
    policies: Iterable[Policy], items: Mapping[str, ItemSchema], roster: Roster | None
) -> Iterator[PolicyFinding]:
    """Yield a finding for each reason why one of these policies can never fire here.

    Without a roster, as where tokens of other issuers name agents and owners, nobody is unknown.
    """
    places = _places_of(items.values())
    for policy in policies:
        if roster is not None:
            yield from _unknown_agents(policy, roster)
        if _meets_nothing(policy, items.values(), places):
            message = "everything that its scope names is here, and nothing that is pinned is all of it at once"
            remedy = "look at action and resource together: an item is in one server, and has one effect"
            yield finding_of(policy, message, remedy, Severity.WARNING)
        if (why := _contradiction(formula_of(policy.conditions))) is not None:
            remedy = "mend the condition, or drop the policy"
            yield finding_of(policy, f"its conditions can never be met: {why}", remedy, Severity.WARNING)


# --- the scope -------------------------------------------------------------------------------------------------------


def _unknown_agents(policy: Policy, roster: Roster) -> Iterator[PolicyFinding]:
    named = [*policy.principal.uids, *policy.resource.uids]
    owners: list[str] = []
    for part in conjuncts_of(formula_of(policy.conditions)):
        if isinstance(part, Atom) and part.holds and (term := part.term) is not None:
            if term.path in _AGENTS and term.entity_type:
                named += [Uid(term.entity_type, str(value)) for value in term.values]
            elif term.path in _OWNERS and term.operator == "==":
                owners += map(str, term.values)
    for uid in named:
        if not roster.knows(uid):
            message = f"there is no {_KINDS[uid.type]} `{uid.id}` here"
            yield _unknown(policy, message)
    for owner in owners:
        if owner not in roster.owners:
            yield _unknown(policy, f"nobody called `{owner}` answers for any agent here")


def _unknown(policy: Policy, message: str) -> PolicyFinding:
    remedy = "look at its spelling; or add the `[[agent]]` to mediator.toml, and the policy applies"
    return finding_of(policy, message, remedy, Severity.WARNING)


def _meets_nothing(policy: Policy, items: Iterable[ItemSchema], places: frozenset[Uid]) -> bool:
    """Tell whether what it names exists, each for itself, and never together in one item.

    One that names effects or kinds alone is for whatever will be pinned; one that names what is not pinned is told of
    elsewhere, by that name; and of what servers ask, of listings and delegations this does not speak.
    """
    particular = [uid for uid in policy.resource.uids if uid.type not in _KINDS]
    named = [uid.id for uid in policy.action.uids]
    if not named or not (particular or _are_particular(named)):
        return False
    actions = {action.id for action in places if action.type == ""}
    if not set(particular) <= places or not all(name in actions for name in named if not name.startswith("effect:")):
        return False
    return not any(may_matter(policy, *_called(item)) for item in items)


def _are_particular(actions: Iterable[str]) -> bool:
    return any(is_item_action(name) or name.startswith(("server:", "domain:")) for name in actions)


def _called(item: ItemSchema) -> tuple[Entity, Entity]:
    return item.action(Action.CALL), item.resource()


def _places_of(items: Iterable[ItemSchema]) -> frozenset[Uid]:
    """Return what can be named of these items: resources as they are, actions without a type."""
    found: set[Uid] = set()
    for item in items:
        resource = item.resource()
        found |= {resource.uid, *resource.within}
        found |= {Uid("", name) for name in (item.item.key, *item.groups)}
    return frozenset(found)


# --- the conditions --------------------------------------------------------------------------------------------------


def _contradiction(formula: Formula) -> str | None:
    """Return why this can never be so, if that is certain."""
    match formula:
        case Atom(node={"Value": bool() as value}, holds=holds):
            return None if value is holds else f"`{str(value).lower()}` is asked to be otherwise"
        case Atom():
            return None
        case All():
            parts = tuple(conjuncts_of(formula))
            return next((why for part in parts if (why := _contradiction(part))), None) or _among(parts)
        case Either(parts=parts):
            found = [_contradiction(part) for part in parts]
            return next(iter(found), None) if None not in found else None
        case _:
            assert_never(formula)


def _among(parts: Iterable[Formula]) -> str | None:
    """Return which of these cannot be so together."""
    asked: dict[str, bool] = {}
    equals: dict[Path, tuple[str, Literal]] = {}
    bounds: dict[Path, tuple[int, int]] = {}
    for part in parts:
        if not isinstance(part, Atom):
            continue
        term = part.term
        name = "a condition" if term is None else f"`{'.'.join(term.path)}`"
        if asked.setdefault(repr(part.node), part.holds) is not part.holds:
            return f"{name} is asked to be so, and not to be so"
        if term is None or len(term.values) != 1:
            continue
        value, operator = term.values[0], term.operator if part.holds else _OPPOSITES.get(term.operator, "")
        if operator == "==" and equals.setdefault(term.path, (term.entity_type, value)) != (term.entity_type, value):
            return f"{name} is asked to be two things at once"
        if type(value) is int and operator in _BOUNDS:
            low, high = bounds.get(term.path, (_LONG_MIN, _LONG_MAX))
            lowest, highest = _BOUNDS[operator](value)
            bounds[term.path] = low, high = max(low, lowest), min(high, highest)
            if low > high:
                return f"{name} is asked to be at least {low} and at most {high}"
    return None
