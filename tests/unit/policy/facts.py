"""Facts for tests of the decision point: a covered call of one bearer agent, and what a test wants otherwise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.policy.approving import ApprovalQuestion, ApproverFacts
from mediator.policy.request import (
    NO_TARGETS,
    RESOURCE_INPUT_SCHEMA,
    AccessRequest,
    Action,
    AgentFacts,
    ApprovalFacts,
    AskFacts,
    BaseFacts,
    ChainFacts,
    DelegatedFacts,
    DelegationRequest,
    GrantFacts,
    ItemFacts,
    TaskFacts,
    prompt_input_schema,
)

THIS_REQUEST: Final = "sha256:this"
AGENT: Final = AgentFacts(id="planner-1", owner="alice@example.com", agent_class="planner", team="research")
BASE: Final = BaseFacts(
    chain=ChainFacts(depth=0, root="planner-1", members=frozenset({"planner-1"}), connectors=frozenset()),
    grant=GrantFacts(id="grant-1", covers=True, purpose="tests", expires_ms=2_000),
    task=TaskFacts(id="task-1", labels=frozenset(), calls=0, age_ms=10, novel=frozenset()),
    destination=frozenset(),
    targets=NO_TARGETS,
    proof="bearer",
    approval=None,
    justified=False,
    justification=None,
    now_ms=1_000,
    utc_offset_seconds=3_600,
    protocol="2026-07-28",
    method="tools/call",
    request_hash=THIS_REQUEST,
    provenance=frozenset(),
)
RECEIVER: Final = AgentFacts(id="worker-1", owner="alice@example.com", agent_class="worker", team="research")
DELEGATION: Final = DelegationRequest(
    principal=AGENT,
    receiver=RECEIVER,
    chain=BASE.chain,
    grant_id="grant-1",
    purpose="tests",
    expires_ms=2_000,
    delegated=DelegatedFacts(
        effects=frozenset({Effect.READ}),
        servers=frozenset({"files"}),
        depth=1,
        max_depth=2,
        minutes=5,
        max_calls=None,
        is_connector=False,
    ),
    now_ms=1_000,
    proof="bearer",
)
APPROVING: Final = ApprovalQuestion(
    principal=ApproverFacts(name="bob@example.com", roles=frozenset({"operator"})),
    kind=ItemKind.TOOL,
    server="files",
    name="read",
    requester=AGENT,
    chain=BASE.chain,
    purpose="tests",
    request_hash=THIS_REQUEST,
    now_ms=1_000,
)
TOOL: Final = ItemFacts(
    kind=ItemKind.TOOL,
    server="files",
    name="read",
    effect=Effect.READ,
    sensitivity=1,
    reads_from=frozenset({"disk"}),
    sends_to=frozenset(),
    result_labels=frozenset(),
    digest="sha256:pin",
    targets=(),
    input_schema={"type": "object", "properties": {"path": {"type": "string"}}},
    domain="home",
)


def tool(key: str = "files/read", **changes: Any) -> ItemFacts:
    server, _, name = key.partition("/")
    return replace(TOOL, server=server, name=name, **changes)


def with_arguments(properties: JsonObject, key: str = "files/read", **keywords: Any) -> ItemFacts:
    return tool(key, input_schema={"type": "object", "properties": properties, **keywords})


def prompt(key: str = "files/summarise", *arguments: str, **changes: Any) -> ItemFacts:
    return tool(key, kind=ItemKind.PROMPT, input_schema=prompt_input_schema(arguments), **changes)


def resource(key: str = "files/file:///srv/", **changes: Any) -> ItemFacts:
    return tool(key, kind=ItemKind.RESOURCE, input_schema=RESOURCE_INPUT_SCHEMA, **changes)


def base(**changes: Any) -> BaseFacts:
    return replace(BASE, **changes)


def uncovered() -> BaseFacts:
    return base(grant=replace(BASE.grant, covers=False))


def approved(request_hash: str = THIS_REQUEST) -> ApprovalFacts:
    return ApprovalFacts(approver="bob@example.com", at_ms=900, request_hash=request_hash)


def call(key: str = "files/read", arguments: JsonObject | None = None, **changes: Any) -> AccessRequest:
    server, _, name = key.partition("/")
    request = AccessRequest(
        principal=AGENT,
        action=Action.CALL,
        kind=ItemKind.TOOL,
        server=server,
        name=name,
        base=BASE,
        arguments={} if arguments is None else arguments,
    )
    return replace(request, **changes)


def listing(key: str = "files/read", **changes: Any) -> AccessRequest:
    return replace(call(key), action=Action.LIST, base=None, arguments=None, **changes)


def ask(action: Action, key: str = "files/read", **changes: Any) -> AccessRequest:
    how = AskFacts(mode="form") if action is Action.ELICIT else None
    return replace(call(key), **{"action": action, "arguments": None, "ask": how, **changes})


def delegation(request: DelegationRequest = DELEGATION, **delegated: Any) -> DelegationRequest:
    """Return the delegation, with something else handed on."""
    return replace(request, delegated=replace(request.delegated, **delegated))
