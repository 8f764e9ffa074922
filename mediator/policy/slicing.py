"""Which policies can possibly matter for one agent, one action and one item.

Looks at the policies' scopes alone. A policy is left out only if its scope cannot match, so the answer over the slice
is the answer over the whole set; a policy that is left out costs nothing, however many there are.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple, final

from mediator.policy.policy import Policy, Scope, Uid


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One of principal, action and resource: itself, and everything that it is in, however far up."""

    uid: Uid
    within: frozenset[Uid]


class _Key(NamedTuple):
    """What a scope asks for: nothing, to be this one, or to be in this one."""

    op: str
    uid: Uid | None


_ANYONE: Final = _Key("", None)


@final
class PolicyIndex:
    """The policies, by what their scopes ask of principal, action and resource."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._by_scope: Final[defaultdict[tuple[_Key, _Key, _Key], list[Policy]]] = defaultdict(list)
        for policy in policies:
            for keys in product(_asked_by(policy.principal), _asked_by(policy.action), _asked_by(policy.resource)):
                self._by_scope[keys].append(policy)

    def slice_for(self, principal: Entity, action: Entity, resource: Entity) -> tuple[Policy, ...]:
        """Return the policies whose scopes match, by id."""
        found = {
            policy.id: policy
            for keys in product(_answered_by(principal), _answered_by(action), _answered_by(resource))
            for policy in self._by_scope.get(keys, ())
            if _are_of_types(policy, principal, action, resource)
        }
        return tuple(found[name] for name in sorted(found))


def named_or_forbidding(policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """Return the policies without those that permit any action at all.

    What a server asks and what an agent hands on are denied unless an operator says so: who permits anything has not
    named them, and may have written before they were.
    """
    return tuple(policy for policy in policies if policy.forbids or policy.action.uids)


def may_matter(policy: Policy, action: Entity, resource: Entity) -> bool:
    """Tell whether the policy's scope matches this action and resource, whoever asks."""
    sides = ((policy.action, action), (policy.resource, resource))
    return all(
        not set(_asked_by(scope)).isdisjoint(_answered_by(entity)) and scope.type in {"", entity.uid.type}
        for scope, entity in sides
    )


def _asked_by(scope: Scope) -> list[_Key]:
    return [_Key(scope.op, uid) for uid in scope.uids] or [_ANYONE]


def _answered_by(entity: Entity) -> list[_Key]:
    return [_ANYONE, _Key("==", entity.uid), *(_Key("in", uid) for uid in {entity.uid, *entity.within})]


def _are_of_types(policy: Policy, *entities: Entity) -> bool:
    scopes = (policy.principal, policy.action, policy.resource)
    return all(scope.type in {"", entity.uid.type} for scope, entity in zip(scopes, entities, strict=True))
