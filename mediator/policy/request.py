"""What the decision point is asked: who, does what, with which tool, under which circumstances.

Plain values only, gathered and computed by others: nothing here verifies, resolves or decides. Times are integers in
milliseconds, since policies compare longs. `pin`, `opaque` and `nulls` of a policy's context are not asked for: the
engine computes them from the tool facts that it was prepared with.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import final

from mediator.canonical import JsonObject
from mediator.effect import Effect


@unique
class Action(StrEnum):
    """What an agent wants of a tool: to call it, or merely to see that it is there."""

    CALL = "call_tool"
    LIST = "list"


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
class ToolFacts:
    """The resource: one pinned tool, as its owner declared it and its reviewer pinned it.

    `digest` is the pin's. `targets` are JSON pointers into the arguments: what names a path, an address, an amount.
    """

    server: str
    tool: str
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
        """`server/tool`: the name of the tool's own action in policies."""
        return f"{self.server}/{self.tool}"


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
    """The grant that the call stands on. `covers` is the core's own answer: tool, arguments, effect, and P6."""

    id: str
    covers: bool
    purpose: str
    expires_ms: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What this task has seen and done so far; `novel` names what it meets for the first time."""

    id: str
    labels: frozenset[str]
    calls: int
    age_ms: int
    novel: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFacts:
    """A human's approval that was found for this task: by whom, when, and of exactly which request."""

    approver: str
    at_ms: int
    request_hash: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """The circumstances that every policy may read, whatever the tool.

    `proof` says how the credential was presented (`bearer`, `dpop`, ..., `none`). `justified` tells whether an intent
    names this call (P6). `provenance` names where the arguments' values came from.
    """

    chain: ChainFacts
    grant: GrantFacts
    task: TaskFacts
    destination: frozenset[str]
    proof: str
    approval: ApprovalFacts | None
    justified: bool
    now_ms: int
    protocol: str
    request_hash: str
    provenance: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """One question to the decision point.

    A `LIST` is asked on stable facts alone (agent, tool, server, domain), for listings are cached by them: `base` and
    `arguments` are None. A `CALL` carries both; one that lacks either is denied, not guessed at.
    """

    principal: AgentFacts
    action: Action
    server: str
    tool: str
    base: BaseFacts | None
    arguments: JsonObject | None = field(hash=False)

    @property
    def key(self) -> str:
        """`server/tool`, as `ToolFacts.key`."""
        return f"{self.server}/{self.tool}"
