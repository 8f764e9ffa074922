"""The policy engine in Cedar: a prepared set of policies over the pinned items, and the tooling for its authors.

Decides nothing itself: it prepares handles, asks Cedar, and believes an answer only if there is nothing wrong with it.
Rules:

- A set with anything wrong in it is not prepared at all (`PolicySetInvalid`).
- Any error in an answer is a denial, even beside an allow: Cedar skips a policy that fails, be it a forbid.
- Cedar always gets a schema, and a context that holds what the schema declares and nothing else.
- Of the set, only the policies that can match are asked; of the context, only the attributes that they name. Equal
  questions have equal answers, so answers are remembered, bounded in number and in size. A delegation or an
  approval is rare beside calls: it is asked about whole, each time.
- What is asked for an explanation is asked in the same way, with other attributes, and no call goes by the answer.
- Cedar's own error texts echo the context: they go nowhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Any, Final, TypeVar, final

import cedarpy

from mediator.canonical import DEPTH_CEILING, Digest, JsonLimits, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.kind import ItemKind
from mediator.policy.approving import ApprovalQuestion, read_approval
from mediator.policy.cases import CaseResult, CaseRun, parse_cases, result_of, run_of
from mediator.policy.context import approval_of_this_request, read_delegation
from mediator.policy.decision import Decision, Verdict
from mediator.policy.entities import (
    APPROVING,
    DELEGATION,
    agent_entity,
    approver_entity,
    entities_of,
    entities_of_approval,
    entities_of_delegation,
    question_of,
)
from mediator.policy.escapes import escapable_patterns
from mediator.policy.explanation import SOMEBODY, Sight
from mediator.policy.finding import PolicyFinding, PolicySetInvalid, Severity
from mediator.policy.firing import Roster, never_firing
from mediator.policy.loading import load_policies
from mediator.policy.policy import Policy
from mediator.policy.request import (
    BY_AGENT,
    BY_OWNER,
    PROVEN,
    UNPROVEN,
    AccessRequest,
    Action,
    AgentFacts,
    ApprovalFacts,
    BaseFacts,
    DelegationRequest,
    ItemFacts,
    JustificationFacts,
    key_of,
)
from mediator.policy.schema import (
    AskReader,
    ContextReader,
    ItemSchema,
    prepare_items,
    text_for_approval,
    text_for_delegation,
)
from mediator.policy.slicing import Entity, PolicyIndex, named_or_forbidding
from mediator.policy.types import Paths
from mediator.refusal import Reason, Refused

__all__ = [
    "CaseResult", "CaseRun", "CedarEngine", "PolicyFinding", "PolicySetInvalid", "Severity",
    "check_policies", "policy_set_digest", "prepare_engine", "read_policies", "run_cases",
]  # fmt: skip

SUBJECTS_MAX: Final = 65_536  # agent, action and item: five references each
ENTITIES_MAX: Final = 4_096  # 12 kB each, and only where a condition looks at agent or item
SLICES_MAX: Final = 2_048  # 40 kB each: most of it the schema of a question
ANSWERS_MAX: Final = 8_192
ANSWER_CONTEXT_MAX_BYTES: Final = 2_048  # a longer context is asked each time: together 16 MiB at most

_COMPILED_LIMITS: Final = JsonLimits(bytes_max=64 * 1024 * 1024, depth_max=DEPTH_CEILING)  # some ninety `&&`
_FAILED_POLICY: Final = re.compile(r"\Aerror while evaluating policy `policy([0-9]+)`")
_PROVE: Final = (
    "get a token that is bound to a key of yours (a DPoP proof at the token endpoint), and send a proof with each call"
)
_JUSTIFY: Final = (
    'say why in `_meta["org.mcp-mediator/justification"]`, or ask the task\'s owner for a task opened with `--because`'
)
_HAVE_JUSTIFIED: Final = "ask the task's owner for a task opened with `--because`"
_APPROVE: Final = "ask for a human approval of exactly this request, then send it again unchanged"
_JUSTIFIED_AT_LENGTH: Final = 500  # bytes: as long as a justification may be in ASCII

_Request = TypeVar("_Request", AccessRequest, DelegationRequest, ApprovalQuestion)


def policy_set_digest(policy_text: Mapping[str, str]) -> Digest:
    """Return the digest that a statement names to put exactly these files in force."""
    return digest_of(dict(policy_text))


def prepare_engine(policy_text: Mapping[str, str], items: Iterable[ItemFacts]) -> CedarEngine:
    """Return the engine over these policies (by file name) and these pinned items.

    Raises `PolicySetInvalid`, with everything that was found, unless the whole set is fit.
    """
    schemas = prepare_items(items)
    loaded = load_policies(policy_text, schemas, _Compiler())
    if not loaded.is_fit:
        raise PolicySetInvalid(loaded.findings)
    return CedarEngine(digest=policy_set_digest(policy_text), policies=loaded.policies, items=schemas)


def check_policies(
    policy_text: Mapping[str, str], items: Iterable[ItemFacts], roster: Roster | None = None
) -> list[PolicyFinding]:
    """Return everything that is wrong with these policies over these items: errors first, then warnings.

    Beyond what keeps a set from being in force, that is what looks like a guard and is none.
    """
    schemas = prepare_items(items)
    loaded = load_policies(policy_text, schemas, _Compiler())
    doubts = (*never_firing(loaded.policies, schemas, roster), *escapable_patterns(loaded.policies))
    return sorted((*loaded.findings, *doubts), key=lambda finding: finding.severity is not Severity.ERROR)


def read_policies(policy_text: Mapping[str, str]) -> tuple[Policy, ...]:
    """Return the policies of these files that can be read, whether or not the set is fit."""
    return load_policies(policy_text, {}, _Compiler()).policies


def run_cases(policy_text: Mapping[str, str], cases: Mapping[str, bytes]) -> CaseRun:
    """Return what becomes of each case of these files; of a file that cannot be read, one result that says why.

    Raises `PolicySetInvalid` if the policies are wrong by themselves.
    """
    results: list[CaseResult] = []
    for file in sorted(cases):
        try:
            parsed = parse_cases(cases[file])
            engine = prepare_engine(policy_text, parsed.items)
        except (Refused, ValueError) as error:
            why = error.detail if isinstance(error, Refused) else str(error)
            results.append(CaseResult(file=file, name="", passed=False, expected="a file of cases", got=why))
            continue
        results += [result_of(file, case, engine) for case in parsed.cases]
    return run_of(results, read_policies(policy_text))


@final
class _Compiler:
    """Cedar's parser and validator, as `load_policies` asks for them."""

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

    def validate(self, texts: Sequence[str], schema: str) -> Sequence[tuple[int, str]]:
        found = cedarpy.validate_policies("\n".join(texts), schema)
        if not found.validation_passed and not found.errors:
            return [(index, "not valid") for index in range(len(texts))]
        return [
            (int(error.policy_id.removeprefix("policy")), re.sub(r"\Afor policy `policy[0-9]+`, ", "", error.error))
            for error in found.errors
        ]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Subject:
    """Who asks, which action, which item; and the same as Cedar is told it."""

    agent: AgentFacts
    action: Entity
    item: ItemSchema
    question: Mapping[str, Mapping[str, str]]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Slice:
    """The policies that can matter, and what they want to see. `policies` stand in the order of the handle's."""

    policies: tuple[Policy, ...]
    handle: cedarpy.PolicySet
    schema: cedarpy.Schema
    wanted: Paths
    read: ContextReader
    read_ask: AskReader
    asks_for_approval: bool
    asks_for_proof: bool
    asks_for_justification: bool
    looks_at_entities: bool
    first_subject: _Subject


@final
class CedarEngine:
    """A prepared set of policies; fills `PolicyEngine`. Made by `prepare_engine`."""

    def __init__(self, *, digest: Digest, policies: Iterable[Policy], items: Mapping[str, ItemSchema]) -> None:
        self._digest: Final = digest
        self._items: Final = dict(items)
        self._policies: Final = {policy.id: policy for policy in policies}
        self._index: Final = PolicyIndex(self._policies.values())
        self._slices: dict[tuple[ItemKind, str, tuple[str, ...]], _Slice] = {}
        self._delegation: Final = cedarpy.Schema.from_str(text_for_delegation())
        self._approval: Final = cedarpy.Schema.from_str(text_for_approval())
        self._sliced_for: Final = lru_cache(maxsize=SUBJECTS_MAX)(self._slice_for)
        self._entities: Final = lru_cache(maxsize=ENTITIES_MAX)(self._entities_of)
        self._remembered: Final = lru_cache(maxsize=ANSWERS_MAX)(self._ask)

    @property
    def digest(self) -> str:
        """The digest of the policy set."""
        return self._digest

    def evaluate(self, request: AccessRequest) -> Decision:
        """Answer, whatever is asked."""
        return self._answer_of(self._evaluate, request)

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        """Answer, whatever is to be handed on to whom."""
        return self._answer_of(self._evaluate_delegation, request)

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        """Answer, whoever approves what."""
        return self._answer_of(self._evaluate_approval, question)

    def sight_of(self, request: AccessRequest) -> Sight:
        """Return what is looked at to answer; raises `Refused` for arguments that no policy can be shown."""
        sliced, _ = self._sliced_for(*_subject_of(request))
        return Sight(
            item=self._items[request.key].item,
            policies=sliced.policies,
            attributes=_attributes_of(request, sliced),
            shape=self._items[request.key].question_context(request.action, sliced.wanted),
        )

    def evaluate_with(self, request: AccessRequest, attributes: JsonObject) -> Decision:
        """Answer the same question with other attributes in its context: an explanation, never a call."""
        return self._answer_of(lambda asked: self._answer(*self._sliced_for(*_subject_of(asked)), attributes), request)

    def _answer_of(self, evaluate: Callable[[_Request], Decision], request: _Request) -> Decision:
        try:
            return evaluate(request)
        except Refused as stop:
            return replace(self._denied(stop.reason), sentence=stop.sentence, remedy=stop.remedy)
        except BaseException as error:
            # The one place where every error of the engine becomes its denial. A panic in Rust is no `Exception`.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                return self._denied(Reason.POLICY_ERROR)
            raise

    def _evaluate(self, request: AccessRequest) -> Decision:
        sliced, subject = self._sliced_for(*_subject_of(request))
        if request.action is not Action.CALL:
            return self._evaluate_other(request, sliced, subject)
        base, arguments = request.base, request.arguments
        if base is None or arguments is None:
            return self._denied(Reason.POLICY_ERROR)
        attributes, opaque, secrets = sliced.read(base, arguments)
        decision = self._answer(sliced, subject, attributes)
        if decision.reason is Reason.DENIED_BY_POLICY:
            for reason, remedy, turning in _turnings(sliced, base):
                # The design's one question more: would this fact, were it so, turn the denial?
                turned = sliced.read(turning, arguments).attributes
                if self._answer(sliced, subject, turned).verdict is Verdict.ALLOW:
                    decision = replace(decision, reason=reason, remedy=remedy)
                    break
            else:
                if secrets and any(self._policies[name].mentions.reads("secrets") for name in decision.determining):
                    told = ", ".join(f"`{pointer}`" for pointer in secrets)
                    decision = replace(decision, remedy=f"leave out what looks like a key or a token at {told}")
        return replace(decision, opaque=opaque) if opaque else decision

    def _evaluate_other(self, request: AccessRequest, sliced: _Slice, subject: _Subject) -> Decision:
        if request.action is Action.LIST:
            return self._answer(sliced, subject, {})
        if request.base is None or (request.ask is None) is (request.action is Action.ELICIT):
            return self._denied(Reason.POLICY_ERROR)
        # Nobody is asked for an approval in the middle of a call: a denial of what a server asks is plain.
        return self._answer(sliced, subject, sliced.read_ask(request.base, request.ask))

    def _evaluate_delegation(self, request: DelegationRequest) -> Decision:
        who, whom = agent_entity(request.principal), agent_entity(request.receiver)
        policies = named_or_forbidding(self._index.slice_for(who, DELEGATION, whom))
        entities = entities_of_delegation(request.principal, request.receiver)
        answer = cedarpy.is_authorized(
            question_of(who, DELEGATION, whom) | {"context": canonical_bytes(read_delegation(request)).decode()},
            _handle_of(policies),
            cedarpy.Entities.from_json_str(canonical_bytes(entities).decode()),
            self._delegation,
        )
        return self._decided(answer, policies, "no policy allows this delegation")

    def _evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        item = self._item_named(question.kind, question.server, question.name)
        who, whereon = approver_entity(question.principal), item.resource()
        policies = tuple(one for one in self._index.slice_for(who, APPROVING, whereon) if one.names_approval)
        entities = entities_of_approval(question.principal, item.item)
        answer = cedarpy.is_authorized(
            question_of(who, APPROVING, whereon) | {"context": canonical_bytes(read_approval(question)).decode()},
            _handle_of(policies),
            cedarpy.Entities.from_json_str(canonical_bytes(entities).decode()),
            self._approval,
        )
        return self._decided(answer, policies, "no policy lets this person approve it")

    def _answer(self, sliced: _Slice, subject: _Subject, attributes: JsonObject) -> Decision:
        context = canonical_bytes(attributes).decode()
        ask = self._remembered if len(context) <= ANSWER_CONTEXT_MAX_BYTES else self._ask
        return ask(sliced, subject, context)

    def _ask(self, sliced: _Slice, subject: _Subject, context: str) -> Decision:
        question = {**subject.question, "context": context}
        answer = cedarpy.is_authorized(question, sliced.handle, self._entities(subject), sliced.schema)
        return self._decided(answer, sliced.policies, "no policy allows this call")

    def _decided(self, answer: cedarpy.AuthzResult, policies: Sequence[Policy], if_silent: str) -> Decision:
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            failed = (_FAILED_POLICY.match(error) for error in answer.diagnostics.errors)
            return self._denied(Reason.POLICY_ERROR, [policies[int(found[1])] for found in failed if found])
        determining = [policies[int(name.removeprefix("policy"))] for name in answer.diagnostics.reasons]
        if answer.decision is not cedarpy.Decision.Allow:
            return self._denied(Reason.DENIED_BY_POLICY, determining, if_silent)
        return Decision(
            verdict=Verdict.ALLOW,
            determining=_ids_of(determining),
            policy_digest=self._digest,
            obligations=frozenset(policy.obligation for policy in determining if policy.obligation),
        )

    def _denied(self, reason: Reason, determining: Iterable[Policy] = (), if_silent: str | None = None) -> Decision:
        policies = sorted(determining, key=lambda policy: policy.id)
        sentence = policies[0].reason if policies else if_silent
        return Decision(
            verdict=Verdict.DENY,
            determining=_ids_of(policies),
            policy_digest=self._digest,
            reason=reason,
            sentence=sentence if reason is Reason.DENIED_BY_POLICY else None,
        )

    # --- preparation, once for many calls -----------------------------------------------------------------------------

    def _slice_for(
        self, agent: AgentFacts, action: Action, kind: ItemKind, server: str, name: str
    ) -> tuple[_Slice, _Subject]:
        item = self._item_named(kind, server, name)
        who, what, whereon = agent_entity(agent), item.action(action), item.resource()
        policies = self._index.slice_for(who, what, whereon)
        if action.is_ask:
            policies = named_or_forbidding(policies)
        subject = _Subject(agent=agent, action=what, item=item, question=question_of(who, what, whereon))
        # Listings ask the same of every item of a kind, so these share their slices, as do those that servers ask of;
        # a call's context is its item's own.
        place = (kind, what.uid.id, tuple(policy.id for policy in policies))
        if (sliced := self._slices.get(place)) is None:
            if len(self._slices) >= SLICES_MAX:
                self._slices.pop(next(iter(self._slices)), None)
            sliced = self._slices[place] = _slice_of(policies, subject, action)
        # Scopes matched already. If no condition looks at who and what, the answer is the same for all of this slice.
        return sliced, subject if sliced.looks_at_entities else sliced.first_subject

    def _item_named(self, kind: ItemKind, server: str, name: str) -> ItemSchema:
        item = self._items.get(key := key_of(kind, server, name))
        if item is None or item.item.kind is not kind:  # a tool that calls itself as prompts are named is no prompt
            message = f"the engine was not prepared with the {kind} `{key}`"
            raise LookupError(message)
        return item

    @staticmethod
    def _entities_of(subject: _Subject) -> cedarpy.Entities:
        entities = entities_of(subject.agent, subject.action, subject.item.item)
        return cedarpy.Entities.from_json_str(canonical_bytes(entities).decode())


def _subject_of(request: AccessRequest) -> tuple[AgentFacts, Action, ItemKind, str, str]:
    return request.principal, request.action, request.kind, request.server, request.name


def _attributes_of(request: AccessRequest, sliced: _Slice) -> JsonObject:
    if request.base is None:
        return {}
    if request.action is Action.CALL:
        return sliced.read(request.base, request.arguments or {}).attributes
    return sliced.read_ask(request.base, request.ask)


def _turnings(sliced: _Slice, base: BaseFacts) -> list[tuple[Reason, str, BaseFacts]]:
    """Return what might turn a denial, each as a reason, a remedy and the facts as they would be: only what is asked for.

    Where it takes several, fewer come first, and of those together the first is named: a proof, then a justification. An
    approval is the last, for it is of one request, and would be used up by a call that fails.
    """
    missing: list[tuple[Reason, str, dict[str, Any]]] = []
    if sliced.asks_for_proof and base.proof == UNPROVEN:
        missing.append((Reason.PROOF_REQUIRED, _PROVE, {"proof": PROVEN}))
    if sliced.asks_for_justification:
        by = (BY_AGENT, BY_OWNER) if base.justification is None else (BY_OWNER,)
        for author in by:
            why = JustificationFacts(by=author, size_bytes=_JUSTIFIED_AT_LENGTH)
            remedy = _JUSTIFY if author == BY_AGENT else _HAVE_JUSTIFIED
            if base.justification != why:
                missing.append((Reason.JUSTIFICATION_REQUIRED, remedy, {"justification": why}))
    if sliced.asks_for_approval and approval_of_this_request(base) is None:
        approval = ApprovalFacts(approver=SOMEBODY, at_ms=base.now_ms, request_hash=base.request_hash)
        missing.append((Reason.APPROVAL_REQUIRED, _APPROVE, {"approval": approval}))
    turnings: list[tuple[Reason, str, BaseFacts]] = []
    for count in range(1, 4):
        for together in combinations(missing, count):
            if len({reason for reason, _, _ in together}) == count:
                facts = {name: fact for _, _, added in together for name, fact in added.items()}
                turnings.append((together[0][0], together[0][1], replace(base, **facts)))
    return turnings


def _slice_of(policies: tuple[Policy, ...], subject: _Subject, action: Action) -> _Slice:
    mentions = [policy.mentions for policy in policies]
    wanted = frozenset(path for mention in mentions for path in mention.paths)
    return _Slice(
        policies=policies,
        handle=_handle_of(policies),
        schema=cedarpy.Schema.from_str(subject.item.question_text(action, wanted)),
        wanted=wanted,
        read=subject.item.reader(wanted),
        read_ask=subject.item.ask_reader(wanted),
        asks_for_approval=any(mention.reads("approval") for mention in mentions),
        asks_for_proof=any(mention.reads("proof") for mention in mentions),
        asks_for_justification=any(mention.reads("justification") for mention in mentions),
        looks_at_entities=any(mention.looks_at_entities for mention in mentions),
        first_subject=subject,
    )


def _handle_of(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    """Return the policies as the engine names them: by their place."""
    return cedarpy.PolicySet.from_str("\n".join(policy.source.text for policy in policies))


def _ids_of(policies: Iterable[Policy]) -> tuple[str, ...]:
    return tuple(sorted(policy.id for policy in policies))
