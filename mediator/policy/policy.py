"""One policy as its author wrote it, and as the engine read it: scope, what it names, what its annotations promise.

Reads the engine's JSON form of a single policy, given as plain JSON. Whether the conditions are well typed is not
asked here; what is asked is what every policy owes its readers: an `@id`, a `@reason` and nothing that we do not know.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, final

from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.policy.approving import APPROVE
from mediator.policy.decision import Obligation
from mediator.policy.finding import PolicyFinding, Severity
from mediator.policy.projection import ACTION_TYPE, Mentions, mentions_of
from mediator.policy.request import CALL_GROUPS, DELEGATE, Action
from mediator.policy.source import Source

REASON_MAX: Final = 300  # characters: one sentence, which an agent reads
_KNOWN_ANNOTATIONS: Final = frozenset({"id", "reason", "obligation"})
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.ASCII)
OPEN_GROUPS: Final = ("effect:", "server:", "domain:")  # of actions, of items of every kind
_SHARED_ACTIONS: Final = (*(action.value for action in Action if action is not Action.CALL), DELEGATE, APPROVE)
_KNOWN_ACTIONS: Final = (*CALL_GROUPS.values(), *_SHARED_ACTIONS)
_TYPES_OF_AGENTS: Final = frozenset({"Mediator::Agent", "Mediator::AgentClass", "Mediator::Team"})


class Uid(NamedTuple):
    """An entity's name: its type and its id."""

    type: str
    id: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a policy asks of its principal, action or resource: `op` is `==`, `in` or nothing; `type` may be nothing."""

    op: str = ""
    uids: tuple[Uid, ...] = ()
    type: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy."""

    id: str
    source: Source
    forbids: bool
    reason: str
    obligation: Obligation | None
    principal: Scope
    action: Scope
    resource: Scope
    mentions: Mentions
    conditions: Json = field(default=None, hash=False, repr=False)
    """As the engine read them: a list of `{kind, body}`."""

    @property
    def items(self) -> tuple[str, ...]:
        """The items that the scope names one by one, by their own actions."""
        return tuple(uid.id for uid in self.action.uids if is_item_action(uid.id))

    @property
    def names_items_only(self) -> bool:
        """Tell whether it applies to calls of those items and to nothing else: then their arguments may be read."""
        return bool(self.items) and len(self.items) == len(self.action.uids)

    @property
    def names_delegation(self) -> bool:
        """Tell whether the scope names `delegate`: nothing else permits a delegation."""
        return any(uid.id == DELEGATE for uid in self.action.uids)

    @property
    def names_delegation_only(self) -> bool:
        """Tell whether it applies to delegations and to nothing else."""
        return self.names_delegation and all(uid.id == DELEGATE for uid in self.action.uids)

    @property
    def names_approval(self) -> bool:
        """Tell whether the scope names `approve`: nothing else decides who may approve."""
        return any(uid.id == APPROVE for uid in self.action.uids)

    @property
    def names_approval_only(self) -> bool:
        """Tell whether it applies to approvals and to nothing else."""
        return self.names_approval and all(uid.id == APPROVE for uid in self.action.uids)

    @property
    def is_done_to_agents_only(self) -> bool:
        """Tell whether its resource can be an agent and nothing else."""
        types = ({uid.type for uid in self.resource.uids} | {self.resource.type}) - {""}
        return bool(types) and types <= _TYPES_OF_AGENTS

    @property
    def may_decide_delegations(self) -> bool:
        """Tell whether delegations are its business: it names them, or it forbids anything at all."""
        forbids_anything = self.forbids and self.action == Scope()
        return self.names_delegation or (forbids_anything and (self.resource == Scope() or self.is_done_to_agents_only))

    @property
    def actions(self) -> frozenset[str]:
        """Every action that is named, in the scope or in a condition."""
        return self.mentions.actions | {uid.id for uid in self.action.uids}


def is_item_action(name: str) -> bool:
    """Tell whether the action is an item's own (`server/tool`), not a group."""
    return "/" in name and not name.startswith(OPEN_GROUPS)


def policy_from(compiled: JsonObject, source: Source) -> Policy | list[PolicyFinding]:
    """Return the policy, or what it lacks."""
    annotations = compiled.get("annotations")
    words = {name: word or "" for name, word in annotations.items()} if isinstance(annotations, dict) else {}
    texts = {name: word for name, word in words.items() if isinstance(word, str)}
    policy = Policy(
        id=texts.get("id", ""),
        source=source,
        forbids=compiled.get("effect") == "forbid",
        reason=texts.get("reason", ""),
        obligation=_obligation_named(texts.get("obligation")),
        principal=_scope_from(compiled.get("principal")),
        action=_scope_from(compiled.get("action")),
        resource=_scope_from(compiled.get("resource")),
        mentions=mentions_of(compiled.get("conditions")),
        conditions=compiled.get("conditions"),
    )
    return list(_faults_of(policy, texts)) or policy


def finding_of(policy: Policy, message: str, remedy: str, severity: Severity = Severity.ERROR) -> PolicyFinding:
    """Return a finding about this policy, where it stands."""
    where = policy.source
    return PolicyFinding(
        file=where.file, line=where.line, policy_id=policy.id, message=message, remedy=remedy, severity=severity
    )


def _faults_of(policy: Policy, annotations: dict[str, str]) -> Iterator[PolicyFinding]:
    if not _ID.fullmatch(policy.id):
        yield finding_of(
            policy,
            "a policy needs an `@id` of lower-case letters, digits, `.`, `_` and `-`, at most 80",
            'write `@id("what-it-says")` above it',
        )
    if not policy.reason.strip() or len(policy.reason) > REASON_MAX or not policy.reason.isprintable():
        yield finding_of(
            policy,
            f"a policy needs a `@reason`: one printable sentence of at most {REASON_MAX} characters",
            'write `@reason("...")` above it; the agent may read it',
        )
    for name in sorted(annotations.keys() - _KNOWN_ANNOTATIONS):
        yield finding_of(policy, f"the annotation `@{name}` is not known", "known are @id, @reason and @obligation")
    if "obligation" in annotations and policy.obligation is None:
        known = ", ".join(f"`{duty}`" for duty in Obligation)
        yield finding_of(policy, f"the obligation `{annotations['obligation']}` is not known", f"known are {known}")
    if "obligation" in annotations and policy.forbids:
        yield finding_of(policy, "an obligation stands on a forbid, which leaves nothing to do", "put it on a permit")
    if policy.obligation is Obligation.TWO_APPROVERS and not policy.names_approval_only:
        yield finding_of(
            policy,
            f"the obligation `{policy.obligation}` is a duty of who approves, and stands on a policy of something else",
            f'put it on a permit with `action == {ACTION_TYPE}::"{APPROVE}"`',
        )
    yield from _faults_of_scope(policy)


def _faults_of_scope(policy: Policy) -> Iterator[PolicyFinding]:
    for name in sorted(policy.actions):
        if name.startswith("effect:") and name.removeprefix("effect:") not in set(Effect):
            yield finding_of(policy, f"there is no effect `{name}`", f"effects are {', '.join(Effect)}")
        elif not (name in _KNOWN_ACTIONS or name.startswith(OPEN_GROUPS) or is_item_action(name)):
            yield finding_of(
                policy,
                f"there is no action `{name}`",
                f"actions are {', '.join(f'`{known}`' for known in _KNOWN_ACTIONS)}, `effect:...`, `server:...`, "
                "`domain:...`, `server/tool`, `server/prompt:NAME` and `server/resource:FAMILY`",
            )
    if policy.action.op == "==" and not policy.items and policy.action.uids[0].id not in _SHARED_ACTIONS:
        yield finding_of(
            policy,
            f"the action is never equal to the group `{policy.action.uids[0].id}`: the policy would never apply",
            "write `action in`",
        )
    if policy.mentions.reads("args") and not policy.names_items_only:
        yield finding_of(
            policy,
            "a policy that is scoped to a group of actions reads `context.args`, which every item types differently",
            f'name the items in its scope: `action == {ACTION_TYPE}::"server/tool"`',
        )


def _obligation_named(word: str | None) -> Obligation | None:
    return Obligation(word) if word in set(Obligation) else None


def _scope_from(compiled: Json) -> Scope:
    match compiled:
        case {"op": "is", "entity_type": str(kind), "in": inner}:
            return Scope(op="in", uids=_uids_from(inner), type=kind)
        case {"op": "is", "entity_type": str(kind)}:
            return Scope(type=kind)
        case {"op": "==" | "in" as op}:
            return Scope(op=op, uids=_uids_from(compiled))
        case _:  # `All`
            return Scope()


def _uids_from(compiled: Json) -> tuple[Uid, ...]:
    match compiled:
        case {"entity": {"type": str(kind), "id": str(name)}}:
            return (Uid(kind, name),)
        case {"entities": [*entities]}:
            return tuple(uid for entity in entities for uid in _uids_from({"entity": entity}))
        case _:
            return ()
