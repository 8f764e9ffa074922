"""What the decision point is asked: who, does what, with which item, under which circumstances.

An item is what a server offers: a tool, a prompt, a family of resources. Names of one kind say nothing of another.
Besides, one agent hands a part of its authority to another: that is asked about agents alone, and no item.

Plain values only, gathered and computed by others: nothing here verifies, resolves or decides. Times are integers in
milliseconds, since policies compare longs. `pin`, `opaque` and `nulls` of a policy's context are not asked for: the
engine computes them from the facts of the item that it was prepared with.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.kind import ItemKind


@unique
class Action(StrEnum):
    """What is wanted: by an agent of an item, or by a server of the agent's client in the course of a call of an item.

    A `CALL` is whatever reaches the server for an item: to call a tool, to get a prompt, to read a resource, to
    complete an argument of one, to subscribe to one. `context.method` tells them apart.
    """

    CALL = "call"
    LIST = "list"
    ELICIT = "elicit"
    SAMPLE = "sample"
    LIST_ROOTS = "list_roots"

    @property
    def is_ask(self) -> bool:
        """Tell whether it is a server that asks."""
        return self in _ASKS


DELEGATE: Final = "delegate"
"""How policies spell that one agent hands a part of its authority to another. It is done to an agent, not to an item."""

_ASKS: Final = frozenset({Action.ELICIT, Action.SAMPLE, Action.LIST_ROOTS})
CALL_GROUPS: Final[Mapping[ItemKind, str]] = MappingProxyType(
    {ItemKind.TOOL: "call_tool", ItemKind.PROMPT: "get_prompt", ItemKind.RESOURCE: "read_resource"}
)
"""The group of the own actions of each kind, in policies."""

KIND_PREFIXES: Final = tuple(f"{kind}:" for kind in ItemKind if kind is not ItemKind.TOOL)
"""How no tool's name may begin: its own action could not be told from a prompt's or a resource's."""

RESOURCE_INPUT_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"uri": {"type": "string"}},
    "required": ["uri"],
}
"""What a policy may read of the reading of a resource."""


def prompt_input_schema(arguments: Iterable[str]) -> JsonObject:
    """Return what a policy may read of the getting of a prompt with arguments of these names.

    All are optional, whatever the prompt requires: while an argument is being completed the others may not be there.
    """
    return {"type": "object", "properties": {name: {"type": "string"} for name in arguments}}


def key_of(kind: ItemKind, server: str, name: str) -> str:
    """Return the name of an item's own action in policies, by which no two items go."""
    return f"{server}/{name}" if kind is ItemKind.TOOL else f"{server}/{kind}:{name}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """The principal: one agent instance, the human who answers for it, its class and its team (may be empty)."""

    id: str
    owner: str
    agent_class: str
    team: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """The resource: one pinned item, as its owner declared it and its reviewer pinned it.

    `digest` is the pin's. `targets` are JSON pointers into the arguments: what names a path, an address, an amount.
    """

    kind: ItemKind
    server: str
    name: str
    effect: Effect
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    digest: str
    targets: tuple[str, ...]
    input_schema: JsonObject = field(hash=False)
    domain: str

    @property
    def key(self) -> str:
        """`server/tool`, `server/prompt:NAME` or `server/resource:FAMILY`: the item's own action in policies."""
        return key_of(self.kind, self.server, self.name)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """The delegation chain that we minted: how deep, from whom, through whom, over which connectors."""

    depth: int
    root: str
    members: frozenset[str]
    connectors: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFacts:
    """The grant that the call stands on. `covers` is the core's own answer: item, arguments, effect, and P6."""

    id: str
    covers: bool
    purpose: str
    expires_ms: int


@unique
class Novel(StrEnum):
    """In which respect a call is new to its agent: nothing like it was allowed to that agent for so many days."""

    TOOL = "tool"
    SERVER = "server"
    EFFECT = "effect"
    DESTINATION = "destination"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What this task has seen and done so far; `novel` says in which respects (`Novel`) the call is new to its agent."""

    id: str
    labels: frozenset[str]
    calls: int
    age_ms: int
    novel: frozenset[str]
    denials: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What the declared targets of a call name: hosts (with their ports) or names of where data goes, and paths.

    The path of a URL stands behind its host. `unread` are pointers to targets that are no text, in which nothing is seen.
    """

    hosts: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


BY_AGENT: Final = "agent"
"""`by` of a justification that an agent wrote: the one that calls, or one that handed its authority on."""

BY_OWNER: Final = "owner"
"""`by` of one that the task's owner signed when the task was opened."""

NO_TARGETS: Final = TargetFacts()
"""Of what has no targets."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JustificationFacts:
    """Why the call is made: whose words those are (`BY_AGENT`, `BY_OWNER`), in how many bytes. What they say is for people."""

    by: str
    size_bytes: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFacts:
    """A human's approval that was found for this task: by whom, when, and of exactly which request."""

    approver: str
    at_ms: int
    request_hash: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AskFacts:
    """How a server asks the human: `form` or `url`, and then where the human is sent. The server's own words."""

    mode: str
    url: str | None = None


UNPROVEN: Final = "bearer"
"""`proof` of a credential beside which nothing was shown: whoever holds it can use it."""

PROVEN: Final = "dpop"
"""`proof` of one that is bound to a key, which was proven for this very request."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """The circumstances that every policy may read, whatever the item.

    `method` is the agent's, also where a server asks for something in the course of it.
    `destination` are the domains that the item is declared to send to, `targets` what this call's own arguments name.
    `proof` says how the credential was presented: `UNPROVEN`, or which key was proven beside it. `justified` tells whether an intent
    names this call (P6). `provenance` names where the arguments' values came from. `utc_offset_seconds` is the operator's
    zone at `now_ms`.
    """

    chain: ChainFacts
    grant: GrantFacts
    task: TaskFacts
    destination: frozenset[str]
    targets: TargetFacts
    proof: str
    approval: ApprovalFacts | None
    justified: bool
    justification: JustificationFacts | None
    now_ms: int
    utc_offset_seconds: int
    protocol: str
    method: str
    request_hash: str
    provenance: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """One question to the decision point.

    A `LIST` is asked on stable facts alone (agent, item, server, domain), for listings are cached by them: `base` and
    `arguments` are None. A `CALL` carries both. What a server asks carries `base`, and if it is an `ELICIT` the `ask`.
    A request that lacks what it should carry is denied, not guessed at.
    """

    principal: AgentFacts
    action: Action
    kind: ItemKind
    server: str
    name: str
    base: BaseFacts | None
    arguments: JsonObject | None = field(hash=False)
    ask: AskFacts | None = None

    @property
    def key(self) -> str:
        """The item's own action, as `ItemFacts.key`."""
        return key_of(self.kind, self.server, self.name)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DelegatedFacts:
    """What the receiver would get: the new grant, which the core has found to be no wider than the one it comes from.

    `servers` are the local names of all servers that its patterns reach, never a pattern. `depth` is the new grant's,
    `max_depth` the deepest that may come of it. `max_calls` is None where the grant sets no bound of its own.
    """

    effects: frozenset[Effect]
    servers: frozenset[str]
    depth: int
    max_depth: int
    minutes: int
    max_calls: int | None
    is_connector: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRequest:
    """One question about a delegation: may this agent hand that much of its authority to that one?

    `chain`, `grant_id`, `purpose` and `expires_ms` are of the grant that is handed on from; `proof` says how the
    delegating agent presented its credential.
    """

    principal: AgentFacts
    receiver: AgentFacts
    chain: ChainFacts
    grant_id: str
    purpose: str
    expires_ms: int
    delegated: DelegatedFacts
    now_ms: int
    proof: str
