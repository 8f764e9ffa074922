"""Cases of a policy set: a request, and what the set must answer. Read from JSON, so that an author needs no Python.

A file is `{"tools": [...], "prompts": [...], "resources": [...], "cases": [...]}`: it carries the facts of its own items
and needs no pins. Whatever a case leaves out has a plain value, so that a case says only what it is about: a covered call
of one bearer agent's task. A case names its item by `tool`, `prompt` or `resource`.
A word that is not known is an error: a misspelt fact would test something else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar, assert_never, final

from mediator.canonical import Json, JsonObject, parse_object
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.policy.decision import Decision, Verdict
from mediator.policy.engine import PolicyEngine
from mediator.policy.request import (
    CALL_GROUPS,
    RESOURCE_INPUT_SCHEMA,
    AccessRequest,
    Action,
    AgentFacts,
    ApprovalFacts,
    AskFacts,
    BaseFacts,
    ChainFacts,
    GrantFacts,
    ItemFacts,
    TaskFacts,
    prompt_input_schema,
)
from mediator.refusal import Reason, Refused

_T = TypeVar("_T", str, int, bool)
_SEP: Final = ", "
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
    request: AccessRequest
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


def result_of(file: str, case: PolicyCase, engine: PolicyEngine) -> CaseResult:
    """Return what becomes of the case when this engine is asked."""
    decision = engine.evaluate(case.request)
    return CaseResult(
        file=file,
        name=case.name,
        passed=case.expected.is_met_by(decision),
        expected=str(case.expected),
        got=_told(decision.verdict, decision.reason, decision.determining),
    )


def parse_cases(raw: bytes) -> CaseFile:
    """Return the cases of a file.

    Raises `Refused` (`MALFORMED`), which says where, for anything that is not such a file.
    """
    file = _Fields(parse_object(raw), "the file")
    items = tuple(
        _item(kind, _Fields(item, f"{kind}s/{index}"))
        for kind in ItemKind
        for index, item in enumerate(file.list_of(f"{kind}s"))
    )
    cases = tuple(_case(_Fields(case, f"cases/{index}")) for index, case in enumerate(file.list_of("cases")))
    file.end()
    if not cases:
        _wrong("the file", "holds no case")
    return CaseFile(items=items, cases=cases)


class _Fields:
    """The members of one object, taken one by one; what is left at the end was not known."""

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            _wrong(where, "is no object")
        self._left: Final[JsonObject] = dict(value)
        self._where: Final = where

    def take(self, name: str, default: _T) -> _T:
        value = self._left.pop(name, default)
        if type(value) is not type(default):
            _wrong(f"{self._where}/{name}", f"is not of the type of `{default}`")
        return value

    def words(self, name: str, default: frozenset[str] = frozenset()) -> frozenset[str]:
        return default if name not in self._left else frozenset(self.texts(name))

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.list_of(name)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            _wrong(f"{self._where}/{name}", "holds something that is no text")
        return texts

    def list_of(self, name: str) -> list[Json]:
        value = self._left.pop(name, [])
        if not isinstance(value, list):
            _wrong(f"{self._where}/{name}", "is no list")
        return value

    def object(self, name: str) -> JsonObject:
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            _wrong(f"{self._where}/{name}", "is no object")
        return value

    def fields(self, name: str) -> _Fields:
        return _Fields(self._left.pop(name, {}), f"{self._where}/{name}")

    def has(self, name: str) -> bool:
        return name in self._left

    def end(self) -> None:
        for name in sorted(self._left):
            _wrong(f"{self._where}/{name}", "is not known")


def _item(kind: ItemKind, fields: _Fields) -> ItemFacts:
    item = ItemFacts(
        kind=kind,
        server=fields.take("server", "files"),
        name=fields.take(kind.value, _PLAIN_NAMES[kind]),
        effect=_one_of(Effect, fields.take("effect", "read")),
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


def _input_schema(kind: ItemKind, fields: _Fields) -> JsonObject:
    match kind:
        case ItemKind.TOOL:
            return fields.object("input_schema")
        case ItemKind.PROMPT:
            return prompt_input_schema(fields.texts("arguments"))
        case ItemKind.RESOURCE:
            return RESOURCE_INPUT_SCHEMA
        case _:
            assert_never(kind)


def _case(fields: _Fields) -> PolicyCase:
    name = fields.take("name", "")
    if not name:
        _wrong("a case", "has no name")
    kind = next((kind for kind in ItemKind if fields.has(kind.value)), ItemKind.TOOL)
    server, _, item = fields.take(kind.value, f"files/{_PLAIN_NAMES[kind]}").partition("/")
    action = _action(kind, fields.take("action", CALL_GROUPS[kind]))
    request = AccessRequest(
        principal=_agent(fields.fields("agent")),
        action=action,
        kind=kind,
        server=server,
        name=item,
        base=_base(kind, fields.fields("context")) if action is not Action.LIST else None,
        arguments=fields.object("arguments") if action is Action.CALL else None,
        ask=_ask(fields.fields("ask")) if action is Action.ELICIT else None,
    )
    expected = _expected(fields.fields("expect"))
    fields.end()
    return PolicyCase(name=name, request=request, expected=expected)


def _action(kind: ItemKind, word: str) -> Action:
    if word == CALL_GROUPS[kind]:
        return Action.CALL
    known = [CALL_GROUPS[kind], *(action for action in Action if action is not Action.CALL)]
    if word not in known:
        _wrong(f"`{word}`", f"is none of {_SEP.join(known)}")
    return Action(word)


def _ask(fields: _Fields) -> AskFacts:
    ask = AskFacts(mode=fields.take("mode", "form"), url=fields.take("url", "") if fields.has("url") else None)
    fields.end()
    return ask


def _agent(fields: _Fields) -> AgentFacts:
    agent = AgentFacts(
        id=fields.take("id", "agent-1"),
        owner=fields.take("owner", "owner@example.com"),
        agent_class=fields.take("class", "assistant"),
        team=fields.take("team", ""),
    )
    fields.end()
    return agent


def _base(kind: ItemKind, fields: _Fields) -> BaseFacts:
    base = BaseFacts(
        chain=_chain(fields.fields("chain")),
        grant=_grant(fields.fields("grant")),
        task=_task(fields.fields("task")),
        destination=fields.words("destination"),
        proof=fields.take("proof", "bearer"),
        approval=_approval(fields.fields("approval")) if fields.has("approval") else None,
        justified=fields.take("justified", default=False),
        now_ms=fields.take("now", 1_000_000),
        protocol=fields.take("protocol", "2026-07-28"),
        method=fields.take("method", _PLAIN_METHODS[kind]),
        request_hash=fields.take("request_hash", "sha256:this-request"),
        provenance=fields.words("provenance"),
    )
    fields.end()
    return base


def _chain(fields: _Fields) -> ChainFacts:
    chain = ChainFacts(
        depth=fields.take("depth", 0),
        root=fields.take("root", "owner@example.com"),
        members=fields.words("members", frozenset({"agent-1"})),
        connectors=fields.words("connectors"),
    )
    fields.end()
    return chain


def _grant(fields: _Fields) -> GrantFacts:
    grant = GrantFacts(
        id=fields.take("id", "grant-1"),
        covers=fields.take("covers", default=True),
        purpose=fields.take("purpose", "a case"),
        expires_ms=fields.take("expires", 2_000_000),
    )
    fields.end()
    return grant


def _task(fields: _Fields) -> TaskFacts:
    task = TaskFacts(
        id=fields.take("id", "task-1"),
        labels=fields.words("labels"),
        calls=fields.take("calls", 0),
        age_ms=fields.take("age", 0),
        novel=fields.words("novel"),
    )
    fields.end()
    return task


def _approval(fields: _Fields) -> ApprovalFacts:
    approval = ApprovalFacts(
        approver=fields.take("approver", "reviewer@example.com"),
        at_ms=fields.take("at", 1_000_000),
        request_hash=fields.take("request_hash", "sha256:this-request"),
    )
    fields.end()
    return approval


def _expected(fields: _Fields) -> Expected:
    expected = Expected(
        verdict=_one_of(Verdict, fields.take("verdict", "")),
        policies=tuple(sorted(fields.texts("policies"))) if fields.has("policies") else None,
        reason=_one_of(Reason, fields.take("reason", "")) if fields.has("reason") else None,
    )
    fields.end()
    return expected


_E = TypeVar("_E", Effect, Verdict, Reason)


def _one_of(kind: type[_E], word: str) -> _E:
    if word not in set(kind):
        _wrong(f"`{word}`", f"is none of {_SEP.join(kind)}")
    return kind(word)


def _wrong(where: str, what: str) -> NoReturn:
    raise Refused(Reason.MALFORMED, f"{where} {what}")


def _told(verdict: Verdict, reason: Reason | None, policies: tuple[str, ...] | None) -> str:
    why = f" {reason}" if reason else ""
    by = f" by {_SEP.join(policies)}" if policies else ""
    return f"{verdict}{why}{by}"
