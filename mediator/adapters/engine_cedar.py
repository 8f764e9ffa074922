"""The policy engine in Cedar: a prepared set of policies over the pinned tools, and the tooling for its authors.

Decides nothing itself: it prepares handles, asks Cedar, and believes an answer only if there is nothing wrong with it.
Rules:

- A set with anything wrong in it is not prepared at all (`PolicySetInvalid`).
- Any error in an answer is a denial, even beside an allow: Cedar skips a policy that fails, be it a forbid.
- Cedar always gets a schema, and a context that holds what the schema declares and nothing else.
- Of the set, only the policies that can match are asked; of the context, only the attributes that they name. Equal
  questions have equal answers, so answers are remembered, bounded in number and in size.
- Cedar's own error texts echo the context: they go nowhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NoReturn, final

import cedarpy

from mediator.canonical import Digest, JsonLimits, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.policy.cases import CaseResult, PolicyCase, parse_cases, told
from mediator.policy.context import approval_of_this_request
from mediator.policy.decision import Decision, Verdict
from mediator.policy.finding import PolicyFinding, PolicySetInvalid, Severity
from mediator.policy.loading import load_policies
from mediator.policy.policy import Policy, Uid
from mediator.policy.request import AccessRequest, Action, AgentFacts, ApprovalFacts, ToolFacts
from mediator.policy.schema import ContextReader, ToolSchema, agent_entity, entities_of, prepare_tool
from mediator.policy.slicing import PolicyIndex
from mediator.refusal import Reason, Refused

__all__ = [
    "CaseResult", "CedarEngine", "PolicyFinding", "PolicySetInvalid", "Severity",
    "check_policies", "policy_set_digest", "prepare_engine", "run_cases",
]  # fmt: skip

PAIRS_MAX: Final = 4_096  # agent and tool: two small handles each
SLICES_MAX: Final = 1_024
ANSWERS_MAX: Final = 8_192
ANSWER_CONTEXT_MAX_BYTES: Final = 2_048  # a longer context is asked each time: together 16 MiB at most

_COMPILED_LIMITS: Final = JsonLimits(bytes_max=64 * 1024 * 1024, depth_max=2_000)  # four levels to each `&&`
_FAILED_POLICY: Final = re.compile(r"\Aerror while evaluating policy `policy([0-9]+)`")
_APPROVE: Final = "ask for a human approval of exactly this request, then send it again unchanged"
# Asked about, never granted: an approver that no policy can name.
_SOMEBODY: Final = "(an approver)"


def policy_set_digest(policy_text: Mapping[str, str]) -> Digest:
    """Return the digest that a statement names to put exactly these files in force."""
    return digest_of(dict(policy_text))


def prepare_engine(policy_text: Mapping[str, str], tools: Iterable[ToolFacts]) -> CedarEngine:
    """Return the engine over these policies (by file name) and these pinned tools.

    Raises `PolicySetInvalid`, with everything that was found, unless the whole set is fit.
    """
    schemas = _prepare_tools(tools)
    loaded = load_policies(policy_text, schemas, _Compiler())
    if not loaded.is_fit:
        raise PolicySetInvalid(loaded.findings)
    return CedarEngine(digest=policy_set_digest(policy_text), policies=loaded.policies, tools=schemas)


def check_policies(policy_text: Mapping[str, str], tools: Iterable[ToolFacts]) -> list[PolicyFinding]:
    """Return everything that is wrong with these policies over these tools: errors first, then warnings."""
    loaded = load_policies(policy_text, _prepare_tools(tools), _Compiler())
    return sorted(loaded.findings, key=lambda finding: finding.severity is not Severity.ERROR)


def run_cases(policy_text: Mapping[str, str], cases: Mapping[str, bytes]) -> list[CaseResult]:
    """Return what becomes of each case of these files; of a file that cannot be read, one result that says why.

    Raises `PolicySetInvalid` if the policies are wrong by themselves.
    """
    results: list[CaseResult] = []
    for file in sorted(cases):
        try:
            parsed = parse_cases(cases[file])
            engine = prepare_engine(policy_text, parsed.tools)
        except (Refused, ValueError) as error:
            why = error.detail if isinstance(error, Refused) else str(error)
            results.append(CaseResult(file=file, name="", passed=False, expected="a file of cases", got=why))
            continue
        results += [_result_of(file, case, engine) for case in parsed.cases]
    return results


def _result_of(file: str, case: PolicyCase, engine: CedarEngine) -> CaseResult:
    decision = engine.evaluate(case.request)
    return CaseResult(
        file=file,
        name=case.name,
        passed=case.expected.is_met_by(decision),
        expected=str(case.expected),
        got=told(decision),
    )


def _prepare_tools(tools: Iterable[ToolFacts]) -> dict[str, ToolSchema]:
    schemas: dict[str, ToolSchema] = {}
    for tool in tools:
        if tool.key in schemas:
            message = f"the tool `{tool.key}` stands twice"
            raise ValueError(message)
        schemas[tool.key] = prepare_tool(tool)
    return schemas


@final
class _Compiler:
    """Cedar's parser and validator, as `load_policies` asks for them."""

    def __init__(self) -> None:
        self._schema = lru_cache(maxsize=64)(cedarpy.Schema.from_str)

    def compile(self, text: str) -> JsonObject:
        compiled = cedarpy.policies_to_json_str(text)
        try:
            found = parse_object(compiled.encode(), _COMPILED_LIMITS)
        except Refused as error:
            message = "nested too deeply, or too large"
            raise ValueError(message) from error
        match found:
            case {"templates": {**templates}, "staticPolicies": {**policies}} if not templates and len(policies) == 1:
                (policy,) = policies.values()
                assert isinstance(policy, dict)
                return policy
            case _:
                message = "one policy without slots was expected; a policy ends with `;`"
                raise ValueError(message)

    def validate(self, text: str, schema: str) -> tuple[str, ...]:
        found = cedarpy.validate_policies(text, self._schema(schema))
        if found.validation_passed:
            return ()
        return tuple(error.error.removeprefix("for policy `policy0`, ") for error in found.errors) or ("not valid",)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slice:
    """The policies that can matter for some agents, one action and one tool; and what they want to see."""

    policies: tuple[Policy, ...]
    handle: cedarpy.PolicySet
    schema: cedarpy.Schema
    read: ContextReader
    asks_for_approval: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Prepared:
    """All that stands before a call comes: the slice, the entities, and who, does what, with what."""

    slice: _Slice
    entities: cedarpy.Entities
    question: Mapping[str, Mapping[str, str]]


@final
class CedarEngine:
    """A prepared set of policies; fills `PolicyEngine`. Made by `prepare_engine`."""

    def __init__(self, *, digest: Digest, policies: Iterable[Policy], tools: Mapping[str, ToolSchema]) -> None:
        self._digest: Final = digest
        self._tools: Final = dict(tools)
        self._policies: Final = {policy.id: policy for policy in policies}
        self._index: Final = PolicyIndex(self._policies.values())
        self._prepared: Final = lru_cache(maxsize=PAIRS_MAX)(self._prepare)
        self._sliced: Final = lru_cache(maxsize=SLICES_MAX)(self._slice)
        self._remembered: Final = lru_cache(maxsize=ANSWERS_MAX)(self._ask)

    @property
    def digest(self) -> str:
        """The digest of the policy set."""
        return self._digest

    def evaluate(self, request: AccessRequest) -> Decision:
        """Answer, whatever is asked."""
        try:
            return self._evaluate(request)
        except Refused as stop:
            return replace(self._denied(stop.reason), sentence=stop.sentence, remedy=stop.remedy)
        except BaseException as error:
            # The one place where every error of the engine becomes its denial. A panic in Rust is no `Exception`.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                return self._denied(Reason.POLICY_ERROR)
            raise

    def _evaluate(self, request: AccessRequest) -> Decision:
        prepared = self._prepared(request.principal, request.action, request.key)
        if request.action is Action.LIST:
            return self._answer(prepared, {})
        base, arguments = request.base, request.arguments
        if base is None or arguments is None:
            return self._denied(Reason.POLICY_ERROR)
        attributes, opaque = prepared.slice.read(base, arguments)
        decision = self._answer(prepared, attributes)
        if (
            decision.reason is Reason.DENIED_BY_POLICY
            and prepared.slice.asks_for_approval
            and approval_of_this_request(base) is None
        ):
            # The design's one question more: would an approval of this very request turn the denial?
            approval = ApprovalFacts(approver=_SOMEBODY, at_ms=base.now_ms, request_hash=base.request_hash)
            turned, _ = prepared.slice.read(replace(base, approval=approval), arguments)
            if self._answer(prepared, turned).verdict is Verdict.ALLOW:
                decision = replace(decision, reason=Reason.APPROVAL_REQUIRED, remedy=_APPROVE)
        return replace(decision, opaque=opaque) if opaque else decision

    def _answer(self, prepared: _Prepared, attributes: JsonObject) -> Decision:
        context = canonical_bytes(attributes).decode()
        return (self._remembered if len(context) <= ANSWER_CONTEXT_MAX_BYTES else self._ask)(prepared, context)

    def _ask(self, prepared: _Prepared, context: str) -> Decision:
        sliced = prepared.slice
        answer = cedarpy.is_authorized(
            {**prepared.question, "context": context}, sliced.handle, prepared.entities, sliced.schema
        )
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            failed = (_FAILED_POLICY.match(error) for error in answer.diagnostics.errors)
            return self._denied(Reason.POLICY_ERROR, [sliced.policies[int(found[1])] for found in failed if found])
        determining = [sliced.policies[int(name.removeprefix("policy"))] for name in answer.diagnostics.reasons]
        if answer.decision is not cedarpy.Decision.Allow:
            return self._denied(Reason.DENIED_BY_POLICY, determining)
        return Decision(
            verdict=Verdict.ALLOW,
            determining=_ids_of(determining),
            policy_digest=self._digest,
            obligations=frozenset(policy.obligation for policy in determining if policy.obligation),
        )

    def _denied(self, reason: Reason, determining: Iterable[Policy] = ()) -> Decision:
        policies = sorted(determining, key=lambda policy: policy.id)
        sentence = policies[0].reason if policies else "no policy allows this call"
        return Decision(
            verdict=Verdict.DENY,
            determining=_ids_of(policies),
            policy_digest=self._digest,
            reason=reason,
            sentence=sentence if reason is Reason.DENIED_BY_POLICY else None,
        )

    # --- preparation, each once for many calls ------------------------------------------------------------------------

    def _prepare(self, agent: AgentFacts, action: Action, key: str) -> _Prepared:
        if (tool := self._tools.get(key)) is None:
            _unknown_tool(key)
        principal, resource = agent_entity(agent), tool.resource()
        name = key if action is Action.CALL else str(action)
        policies = self._index.slice_for(principal, tool.action(name), resource)
        sliced = self._sliced(action, key, tuple(policy.id for policy in policies))
        entities = canonical_bytes(entities_of(agent, tool.tool)).decode()
        return _Prepared(
            slice=sliced,
            entities=cedarpy.Entities.from_json_str(entities, sliced.schema),
            question={
                "principal": _question(principal.uid),
                "action": _question(tool.action(name).uid),
                "resource": _question(resource.uid),
            },
        )

    def _slice(self, action: Action, key: str, names: tuple[str, ...]) -> _Slice:
        tool, policies = self._tools[key], tuple(self._policies[name] for name in names)
        wanted = frozenset(path for policy in policies for path in policy.mentions.paths if action is Action.CALL)
        schema = cedarpy.Schema.from_str(tool.text(wanted))
        return _Slice(
            policies=policies,
            handle=cedarpy.PolicySet.from_str("\n".join(policy.source.text for policy in policies)),
            schema=schema,
            read=tool.reader(wanted),
            asks_for_approval=any(policy.mentions.reads("approval") for policy in policies),
        )


def _ids_of(policies: Iterable[Policy]) -> tuple[str, ...]:
    return tuple(sorted(policy.id for policy in policies))


def _question(uid: Uid) -> Mapping[str, str]:
    return {"type": uid.type, "id": uid.id}


def _unknown_tool(key: str) -> NoReturn:
    message = f"the engine was not prepared with the tool `{key}`"
    raise LookupError(message)
