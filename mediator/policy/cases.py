"""Cases of a policy set: a request, and what the set must answer. Read from JSON, so that an author needs no Python.

A file is `{"tools": [...], "prompts": [...], "resources": [...], "cases": [...]}`: it carries the facts of its own items
and needs no pins. Whatever a case leaves out has a plain value, so that a case says only what it is about: a covered call
of one bearer agent's task. A case names its item by `tool`, `prompt` or `resource`; or, with `delegate`, the agent to
which the case's agent hands a part of its authority, and then the context is that of a delegation; or, with `approve`, the
person who approves a request of the case's agent about that item, and then the context is that of an approval.
A word that is not known is an error: a misspelt fact would test something else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, assert_never, final

from mediator.canonical import JsonObject, parse_object
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.policy.approving import APPROVE, ApprovalQuestion
from mediator.policy.case_facts import agent_from, approval_from, base_from, delegation_from
from mediator.policy.case_fields import SEP, Fields, one_of, wrong
from mediator.policy.decision import Decision, Verdict
from mediator.policy.engine import PolicyEngine
from mediator.policy.policy import Policy
from mediator.policy.request import (
    CALL_GROUPS,
    DELEGATE,
    RESOURCE_INPUT_SCHEMA,
    AccessRequest,
    Action,
    AgentFacts,
    AskFacts,
    DelegationRequest,
    ItemFacts,
    prompt_input_schema,
)
from mediator.refusal import Reason

_MINUTES_MS: Final = 15 * 60_000
_PLAIN_NAMES: Final[Mapping[ItemKind, str]] = MappingProxyType(
    {ItemKind.TOOL: "read", ItemKind.PROMPT: "summarise", ItemKind.RESOURCE: "file:///srv/"}
)
_PLAIN_METHODS: Final[Mapping[ItemKind, str]] = MappingProxyType(
    {ItemKind.TOOL: "tools/call", ItemKind.PROMPT: "prompts/get", ItemKind.RESOURCE: "resources/read"}
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a case expects: a verdict, and if it says so, which policies made it and for which reason."""

    verdict: Verdict
    policies: tuple[str, ...] | None
    reason: Reason | None

    def is_met_by(self, decision: Decision) -> bool:
        """Tell whether the decision is what was expected."""
        return (
            decision.verdict is self.verdict
            and (self.policies is None or self.policies == decision.determining)
            and (self.reason is None or self.reason is decision.reason)
        )

    def __str__(self) -> str:
        return _told(self.verdict, self.reason, self.policies)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCase:
    """One case."""

    name: str
    request: AccessRequest | DelegationRequest | ApprovalQuestion
    expected: Expected


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """The items and cases of one file."""

    items: tuple[ItemFacts, ...]
    cases: tuple[PolicyCase, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of one case."""

    file: str
    name: str
    passed: bool
    expected: str
    got: str
    decisive: tuple[str, ...] = ()
    """The policies that made the answer; none where the answer is an error."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRun:
    """What became of all cases, and which policies of the set decided none of them."""

    results: tuple[CaseResult, ...]
    never_decisive: tuple[Policy, ...]


def run_of(results: Iterable[CaseResult], policies: Iterable[Policy]) -> CaseRun:
    """Return the run of these results: what no case turns on could be lost without a case that fails."""
    results = tuple(results)
    decisive = {policy for result in results for policy in result.decisive}
    return CaseRun(results=results, never_decisive=tuple(policy for policy in policies if policy.id not in decisive))


def result_of(file: str, case: PolicyCase, engine: PolicyEngine) -> CaseResult:
    """Return what becomes of the case when this engine is asked."""
    decision = _asked(engine, case.request)
    return CaseResult(
        file=file,
        name=case.name,
        passed=case.expected.is_met_by(decision),
        expected=str(case.expected),
        got=_told(decision.verdict, decision.reason, decision.determining),
        decisive=() if decision.reason is Reason.POLICY_ERROR else decision.determining,
    )


def _asked(engine: PolicyEngine, request: AccessRequest | DelegationRequest | ApprovalQuestion) -> Decision:
    match request:
        case AccessRequest():
            return engine.evaluate(request)
        case DelegationRequest():
            return engine.evaluate_delegation(request)
        case ApprovalQuestion():
            return engine.evaluate_approval(request)
        case _:
            assert_never(request)


def parse_cases(raw: bytes) -> CaseFile:
    """Return the cases of a file.

    Raises `Refused` (`MALFORMED`), which says where, for anything that is not such a file.
    """
    file = Fields(parse_object(raw), "the file")
    items = tuple(
        _item(kind, Fields(item, f"{kind}s/{index}"))
        for kind in ItemKind
        for index, item in enumerate(file.list_of(f"{kind}s"))
    )
    cases = tuple(_case(Fields(case, f"cases/{index}")) for index, case in enumerate(file.list_of("cases")))
    file.end()
    if not cases:
        wrong("the file", "holds no case")
    return CaseFile(items=items, cases=cases)


def call_of(
    agent: AgentFacts, item: ItemFacts, arguments: JsonObject, context: JsonObject, now_ms: int
) -> AccessRequest:
    """Return a call of this item by this agent at this time, in circumstances that are said as those of a case are.

    Plain is a covered call under a task of the agent's own, with a proof of its key. Raises `Refused` (`MALFORMED`),
    which says where.
    """
    plain: JsonObject = {
        "chain": {"root": agent.id, "members": [agent.id]},
        "grant": {"expires": now_ms + _MINUTES_MS},
        "destination": [*sorted(item.sends_to)],
        "now": now_ms,
    }
    return AccessRequest(
        principal=agent,
        action=Action.CALL,
        kind=item.kind,
        server=item.server,
        name=item.name,
        base=base_from(Fields({**plain, **context}, "the context"), _PLAIN_METHODS[item.kind]),
        arguments=arguments,
    )


def _item(kind: ItemKind, fields: Fields) -> ItemFacts:
    item = ItemFacts(
        kind=kind,
        server=fields.take("server", "files"),
        name=fields.take(kind.value, _PLAIN_NAMES[kind]),
        effect=one_of(Effect, fields.take("effect", "read")),
        sensitivity=fields.take("sensitivity", 0),
        reads_from=fields.words("reads_from"),
        sends_to=fields.words("sends_to"),
        result_labels=fields.words("result_labels"),
        digest=fields.take("digest", "sha256:" + "0" * 64),
        targets=fields.texts("targets"),
        input_schema=_input_schema(kind, fields),
        domain=fields.take("domain", ""),
    )
    fields.end()
    return item


def _input_schema(kind: ItemKind, fields: Fields) -> JsonObject:
    match kind:
        case ItemKind.TOOL:
            return fields.object("input_schema")
        case ItemKind.PROMPT:
            return prompt_input_schema(fields.texts("arguments"))
        case ItemKind.RESOURCE:
            return RESOURCE_INPUT_SCHEMA
        case _:
            assert_never(kind)


def _case(fields: Fields) -> PolicyCase:
    name = fields.take("name", "")
    if not name:
        wrong("a case", "has no name")
    request = _request(fields)
    expected = _expected(fields.fields("expect"))
    fields.end()
    return PolicyCase(name=name, request=request, expected=expected)


def _request(fields: Fields) -> AccessRequest | DelegationRequest | ApprovalQuestion:
    if fields.has(DELEGATE):
        return _delegation(fields)
    return _approval(fields) if fields.has(APPROVE) else _access(fields)


def _approval(fields: Fields) -> ApprovalQuestion:
    kind, server, item = _named(fields)
    agent = agent_from(fields.fields("agent"))
    return approval_from(fields.fields("context"), fields.fields(APPROVE), agent, kind, server, item)


def _delegation(fields: Fields) -> DelegationRequest:
    receiver = agent_from(fields.fields(DELEGATE), "agent-2")
    return delegation_from(fields.fields("context"), agent_from(fields.fields("agent")), receiver)


def _access(fields: Fields) -> AccessRequest:
    kind, server, item = _named(fields)
    action = _action(kind, fields.take("action", CALL_GROUPS[kind]))
    return AccessRequest(
        principal=agent_from(fields.fields("agent")),
        action=action,
        kind=kind,
        server=server,
        name=item,
        base=base_from(fields.fields("context"), _PLAIN_METHODS[kind]) if action is not Action.LIST else None,
        arguments=fields.object("arguments") if action is Action.CALL else None,
        ask=_ask(fields.fields("ask")) if action is Action.ELICIT else None,
    )


def _named(fields: Fields) -> tuple[ItemKind, str, str]:
    kind = next((kind for kind in ItemKind if fields.has(kind.value)), ItemKind.TOOL)
    server, _, item = fields.take(kind.value, f"files/{_PLAIN_NAMES[kind]}").partition("/")
    return kind, server, item


def _action(kind: ItemKind, word: str) -> Action:
    if word == CALL_GROUPS[kind]:
        return Action.CALL
    known = [CALL_GROUPS[kind], *(action for action in Action if action is not Action.CALL)]
    if word not in known:
        wrong(f"`{word}`", f"is none of {SEP.join(known)}")
    return Action(word)


def _ask(fields: Fields) -> AskFacts:
    ask = AskFacts(mode=fields.take("mode", "form"), url=fields.take("url", "") if fields.has("url") else None)
    fields.end()
    return ask


def _expected(fields: Fields) -> Expected:
    expected = Expected(
        verdict=one_of(Verdict, fields.take("verdict", "")),
        policies=tuple(sorted(fields.texts("policies"))) if fields.has("policies") else None,
        reason=one_of(Reason, fields.take("reason", "")) if fields.has("reason") else None,
    )
    fields.end()
    return expected


def _told(verdict: Verdict, reason: Reason | None, policies: tuple[str, ...] | None) -> str:
    why = f" {reason}" if reason else ""
    by = f" by {SEP.join(policies)}" if policies else ""
    return f"{verdict}{why}{by}"
