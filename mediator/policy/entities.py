"""The entities of a question, as policies name them: who asks, for which action, of which item; and what each is in.

Of a delegation both are agents, and each is in its class and its team. Of an approval the principal is a person.

Slicing and the engine are told the same here, so that a policy is left out only where the engine would not match it.
What the entities may hold is declared in `schema.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.kind import ItemKind
from mediator.policy.approving import APPROVE, OPERATOR_TYPE, ROLE_TYPE, ApproverFacts
from mediator.policy.policy import Uid
from mediator.policy.projection import ACTION_TYPE
from mediator.policy.request import DELEGATE, AgentFacts, ItemFacts
from mediator.policy.slicing import Entity

ITEM_TYPES: Final[Mapping[ItemKind, str]] = MappingProxyType(
    {ItemKind.TOOL: "Tool", ItemKind.PROMPT: "Prompt", ItemKind.RESOURCE: "Resource"}
)
"""The entity type of each kind, without the namespace."""

DELEGATION: Final = Entity(uid=Uid(ACTION_TYPE, DELEGATE), within=frozenset())
"""The action of handing authority on. It is in no group: no policy over calls speaks of it."""

APPROVING: Final = Entity(uid=Uid(ACTION_TYPE, APPROVE), within=frozenset())
"""The action of approving a request, likewise."""


def item_entity(item: ItemFacts) -> Entity:
    """Return the item in its server in its domain."""
    return Entity(uid=_item_uid(item), within=frozenset({_server_uid(item), *_domain_uids(item)}))


def agent_entity(agent: AgentFacts) -> Entity:
    """Return the agent instance in its class and its team."""
    groups = {Uid("Mediator::AgentClass", agent.agent_class), Uid("Mediator::Team", agent.team)}
    return Entity(uid=Uid("Mediator::Agent", agent.id), within=frozenset(uid for uid in groups if uid.id))


def approver_entity(approver: ApproverFacts) -> Entity:
    """Return the person in each of their roles."""
    roles = frozenset(Uid(f"Mediator::{ROLE_TYPE}", role) for role in approver.roles)
    return Entity(uid=Uid(f"Mediator::{OPERATOR_TYPE}", approver.name), within=roles)


def entities_of(agent: AgentFacts, action: Entity, item: ItemFacts) -> list[Json]:
    """Return the entities of an evaluation, in the engine's JSON form: agent, action and item, and what they are in."""
    return [*_entities_of_agent(agent), _entity(action.uid, {}, action.within), *_entities_of_item(item)]


def entities_of_approval(approver: ApproverFacts, item: ItemFacts) -> list[Json]:
    """Return the entities of the question whether this person may approve a request about this item."""
    itself = approver_entity(approver)
    roles = sorted(itself.within)
    return [
        _entity(itself.uid, {"name": approver.name}, roles),
        *(_entity(role) for role in roles),
        _entity(APPROVING.uid),
        *_entities_of_item(item),
    ]


def entities_of_delegation(agent: AgentFacts, receiver: AgentFacts) -> list[Json]:
    """Return the entities of the question whether this agent may hand authority to that one.

    What both are in, or who answers for both, stands once. Two agents of one id stand twice if their facts differ: the
    engine takes no such question.
    """
    found = [*_entities_of_agent(agent), *_entities_of_agent(receiver), _entity(DELEGATION.uid)]
    return [entity for index, entity in enumerate(found) if entity not in found[:index]]


def question_of(who: Entity, what: Entity, whereon: Entity) -> dict[str, Mapping[str, str]]:
    """Return who asks for which action of what, as the engine is told it."""
    return {"principal": who.uid._asdict(), "action": what.uid._asdict(), "resource": whereon.uid._asdict()}


def _entities_of_agent(agent: AgentFacts) -> list[JsonObject]:
    itself, owner = agent_entity(agent), Uid("Mediator::User", agent.owner)
    groups = sorted(itself.within)
    return [
        _entity(itself.uid, {"owner": {"__entity": _uid_json(owner)}}, groups),
        _entity(owner, {"name": agent.owner}),
        *(_entity(group) for group in groups),
    ]


def _entities_of_item(item: ItemFacts) -> list[JsonObject]:
    own: JsonObject = {
        "server": item.server,
        "name": item.name,
        "domain": item.domain,
        "effect": str(item.effect),
        "sensitivity": item.sensitivity,
        "reads_from": [*sorted(item.reads_from)],
        "sends_to": [*sorted(item.sends_to)],
        "result_labels": [*sorted(item.result_labels)],
        "targets": [*sorted(item.targets)],
        "digest": item.digest,
    }
    domains = _domain_uids(item)
    return [
        _entity(_item_uid(item), own, [_server_uid(item)]),
        _entity(_server_uid(item), {}, domains),
        *(_entity(domain) for domain in domains),
    ]


def _item_uid(item: ItemFacts) -> Uid:
    return Uid(f"Mediator::{ITEM_TYPES[item.kind]}", f"{item.server}/{item.name}")


def _server_uid(item: ItemFacts) -> Uid:
    return Uid("Mediator::Server", item.server)


def _domain_uids(item: ItemFacts) -> tuple[Uid, ...]:
    return (Uid("Mediator::Domain", item.domain),) if item.domain else ()


def _entity(uid: Uid, attributes: JsonObject | None = None, parents: Iterable[Uid] = ()) -> JsonObject:
    return {"uid": _uid_json(uid), "attrs": attributes or {}, "parents": [_uid_json(parent) for parent in parents]}


def _uid_json(uid: Uid) -> JsonObject:
    return {"type": uid.type, "id": uid.id}
