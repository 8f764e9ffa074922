"""The snapshot of what operators put in force: keys, pins, policies; and what was left out of it, and why.

Files are read here, once; what they say counts only where a statement or a signature carries it. A policy set that no
operator put in force stops the start (P7); a pin that does not hold does not exist, and is reported.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, assert_never

from mediator.adapters.engine_cedar import CedarEngine, policy_set_digest, prepare_engine
from mediator.adapters.minter_jwt import jwk_set
from mediator.assembly.folder import Folder, find_file, naming, read_file, read_operators
from mediator.assembly.issuer import IssuerKeys
from mediator.assembly.seen import (
    Signed,
    read_seen_pins,
    read_seen_trust,
    refuse_older,
    remember,
    remember_pins,
    remember_trust,
)
from mediator.canonical import Digest, JsonObject, parse_object
from mediator.identity.keys import KeySet, Retirement, key_set
from mediator.identity.statement import Act, Operators, verify_statement
from mediator.identity.terms import ClaimMapping, ClaimOr, IssuerTerms
from mediator.manifest.lock import SignedApproval, parse_lock, words_that_verify
from mediator.manifest.pin import PinProblem, PinSet, load_pins
from mediator.manifest.pinned import PinnedItem, PinnedPrompt, PinnedResource, PinnedTool, ReviewRule
from mediator.manifest.put_back import find_put_back, without
from mediator.manifest.trust import Acceptance, SignerTrust, read_acceptance, verify_trust
from mediator.mediation.opinion import DecisionPoint
from mediator.mediation.trust import CallLimits, TrustSnapshot
from mediator.policy.finding import PolicySetInvalid
from mediator.policy.request import RESOURCE_INPUT_SCHEMA, ItemFacts, prompt_input_schema
from mediator.refusal import Reason, Refused
from mediator.settings.issuers import IssuerSettings
from mediator.settings.sections import Settings

TRUST_FILE: Final = "trust.json"
TRUST_STATEMENT_FILE: Final = "trust.dsse.json"
PINS_FILE: Final = "pins.lock"
ENVELOPE_FILE: Final = "manifest.dsse.json"
ACTIVATION_FILE: Final = "active.dsse.json"
_NOTHING: Final[Mapping[str, JsonObject | None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTrust:
    """The snapshot, and the pins that do not exist although somebody wrote them down."""

    snapshot: TrustSnapshot
    problems: tuple[PinProblem, ...]


def load_trust(
    folder: Folder,
    settings: Settings,
    issuer: IssuerKeys,
    base_url: str,
    now_ms: int,
    published: Mapping[str, JsonObject | None] = _NOTHING,
) -> LoadedTrust:
    """Return what is trusted now; raises `Refused` naming the file that cannot be used, and the next step."""
    operators = read_operators(folder)
    pins, problems = load_pin_set(folder, settings, operators, now_ms)
    policies = _engine(folder, settings, operators, pins)
    remember_signed(folder, settings, operators, now_ms)
    snapshot = TrustSnapshot(
        keys=load_keys(folder, settings, issuer, base_url, published),
        pins=pins,
        policies=policies,
        limits=CallLimits(
            deadline_seconds=settings.limits.deadline_seconds,
            result_bytes_max=settings.limits.result_bytes_max,
            clock_skew_seconds=settings.delegation.clock_skew_seconds,
            input_seconds=settings.limits.input_seconds,
            quotas=settings.quotas,
        ),
        audience=base_url,
        tenant=settings.tenant,
        decision_points=decision_points_of(settings),
    )
    return LoadedTrust(snapshot=snapshot, problems=problems)


def decision_points_of(settings: Settings) -> tuple[DecisionPoint, ...]:
    """Return who is to be heard beside our own policies."""
    return tuple(DecisionPoint(name=one.name, effects=frozenset(one.effects)) for one in settings.decision_points)


def load_keys(
    folder: Folder,
    settings: Settings,
    issuer: IssuerKeys,
    base_url: str,
    published: Mapping[str, JsonObject | None] = _NOTHING,
) -> KeySet:
    """Return the issuers whose tokens are looked at, with these keys of the local one, and what others publish now.

    Raises `Refused` naming the file, and for an issuer of our own name: its keys would be ours.
    """
    issuers: dict[str, tuple[JsonObject | None, tuple[str, ...]]] = {}
    retired: dict[str, Mapping[str, Retirement]] = {}
    terms: dict[str, IssuerTerms] = {}
    for one in settings.issuers:
        name = one.issuer or base_url
        if name in issuers or (not one.local and name == base_url):
            detail = f"issuer `{one.name}` has the name of another, `{name}`: nobody could tell their tokens apart"
            raise Refused(Reason.MALFORMED, detail, remedy="give each `[[issuer]]` its own `issuer`")
        terms[name] = terms_of(one)
        if one.keys_url is not None:
            issuers[name] = (published.get(name), one.algorithms)
        elif one.keys_file is None:
            issuers[name], retired[name] = (jwk_set(*issuer.all_public), ("EdDSA",)), issuer.retirements
        else:
            file = folder.root / one.keys_file
            raw = read_file(file)
            with naming(file):
                issuers[name] = (parse_object(raw), one.algorithms)
                key_set({name: issuers[name]})
    return key_set(issuers, retired, terms)


def terms_of(issuer: IssuerSettings) -> IssuerTerms:
    """Return on which terms this issuer's tokens are taken."""
    mapping: ClaimMapping | None = None
    if issuer.opens_tasks:
        mapping = ClaimMapping(
            name=issuer.name,
            agent_claim=issuer.agent_claim,
            owner=ClaimOr(fixed=issuer.owner, claim=issuer.owner_claim),
            agent_class=ClaimOr(fixed=issuer.agent_class, claim=issuer.class_claim),
            team=ClaimOr(fixed=issuer.team, claim=issuer.team_claim),
            scope_claim=issuer.scope_claim,
        )
    return IssuerTerms(audience=issuer.audience, types=issuer.token_types, opens=mapping)


def load_pin_set(
    folder: Folder, settings: Settings, operators: Operators, now_ms: int
) -> tuple[PinSet, tuple[PinProblem, ...]]:
    """Return the pins that hold now, and those that do not."""
    manifests = folder.manifests(settings)
    trust = read_signer_trust(folder, settings, operators, now_ms)
    envelopes = {
        file.parent.name: read_file(file) for file in sorted(manifests.glob(f"*/{ENVELOPE_FILE}")) if file.is_file()
    }
    rule = ReviewRule(reviewers=settings.manifests.reviewers, persons_differ=settings.manifests.persons_differ)
    lock = find_file(manifests / PINS_FILE)
    words = words_that_verify(parse_lock(lock), operators)
    highest = max((word.statement.serial for word in words), default=0)
    refuse_older(folder.state, Signed.PINS, highest, manifests / PINS_FILE)
    put_back = find_put_back(words, read_seen_pins(folder.state))
    pins, problems = load_pins(without(lock, put_back), envelopes, trust, operators, now_ms, rule)
    return pins, (*problems, *map(_was_put_back, put_back))


def _was_put_back(signed: SignedApproval) -> PinProblem:
    said = signed.approval
    detail = "older than what was seen of this file, and not in it then: put back, or late; approve it again"
    return PinProblem(server=said.server, tool=said.tool, detail=detail, kind=said.kind)


def read_signer_trust(folder: Folder, settings: Settings, operators: Operators, now_ms: int) -> SignerTrust:
    """Return who may sign manifests, by the root that an operator accepted; raises `Refused` naming the file."""
    manifests = folder.manifests(settings)
    accepted = _accepted(folder, settings, operators)
    with naming(manifests / TRUST_FILE):
        return verify_trust(read_file(manifests / TRUST_FILE), accepted.root, now_ms, *read_seen_trust(folder.state))


def _accepted(folder: Folder, settings: Settings, operators: Operators) -> Acceptance:
    file = folder.manifests(settings) / TRUST_STATEMENT_FILE
    with naming(file):
        accepted = read_acceptance(read_file(file), operators)
    refuse_older(folder.state, Signed.ACCEPTED, accepted.serial, file)
    return accepted


def remember_signed(folder: Folder, settings: Settings, operators: Operators, now_ms: int) -> None:
    """Remember how high everything is that operators and roots have signed, so that no older file comes back."""
    manifests, policies = folder.manifests(settings), folder.policies(settings)
    activation = find_file(policies / ACTIVATION_FILE)
    remember(
        folder.state,
        accepted=_accepted(folder, settings, operators).serial,
        policies=0 if activation is None else verify_statement(activation, operators, Act.POLICY_ACTIVATE).serial,
    )
    trust = read_signer_trust(folder, settings, operators, now_ms)
    remember_trust(folder.state, trust.file.version, trust.digest)
    remember_pins(folder.state, find_file(manifests / PINS_FILE), operators)


def read_policies(policies: Path) -> Mapping[str, str]:
    """Return the policy files of a folder, by name; raises `Refused(MALFORMED)` for one that is not UTF-8."""
    texts = {}
    for file in sorted(policies.glob("*.cedar")):
        try:
            texts[file.name] = read_file(file).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(Reason.MALFORMED, f"`{file}` is not UTF-8 at byte {error.start}: save it as UTF-8") from error
    return texts


def item_facts(item: PinnedItem) -> ItemFacts:
    """Return what policy may know of a pinned item: what its owner declared and its reviewer tightened."""
    return ItemFacts(
        kind=item.kind,
        server=item.server,
        name=item.name,
        effect=item.effect,
        sensitivity=item.sensitivity,
        reads_from=item.reads_from,
        sends_to=item.sends_to,
        result_labels=item.result_labels,
        digest=item.digest,
        targets=tuple(sorted(item.targets)) if isinstance(item, PinnedTool) else (),
        input_schema=_input_schema(item),
        domain=item.server,
    )


def _input_schema(item: PinnedItem) -> JsonObject:
    match item:
        case PinnedTool():
            return _object(item.definition, "inputSchema")
        case PinnedPrompt():
            return prompt_input_schema(_argument_names(item.definition))
        case PinnedResource():
            return RESOURCE_INPUT_SCHEMA
        case _:
            assert_never(item)


def _argument_names(definition: JsonObject) -> Iterator[str]:
    arguments = definition.get("arguments")
    for argument in arguments if isinstance(arguments, list) else []:
        name = argument.get("name") if isinstance(argument, dict) else None
        if isinstance(name, str):
            yield name


def _engine(folder: Folder, settings: Settings, operators: Operators, pins: PinSet) -> CedarEngine:
    policies = folder.policies(settings)
    texts = read_policies(policies)
    digest = policy_set_digest(texts)
    active = _activated(folder.state, policies / ACTIVATION_FILE, operators)
    if active != digest:
        detail = (
            f"the policies in `{policies}` were not put in force as they stand: an operator runs "
            "`mediator policy check` and `mediator policy activate`, or the edit is undone"
        )
        raise Refused(Reason.POLICY_ERROR, detail)
    try:
        return prepare_engine(texts, [item_facts(item) for item in pins.items])
    except PolicySetInvalid as error:
        raise Refused(Reason.POLICY_ERROR, f"{error}: run `mediator policy check`") from error


def _activated(state: Path, file: Path, operators: Operators) -> Digest:
    raw = find_file(file)
    if raw is None:
        raise Refused(Reason.POLICY_ERROR, f"`{file}` is missing: an operator runs `mediator policy activate`")
    with naming(file):
        statement = verify_statement(raw, operators, Act.POLICY_ACTIVATE)
    refuse_older(state, Signed.POLICIES, statement.serial, file)
    digest = statement.subject.get("digest")
    if not isinstance(digest, str):
        raise Refused(Reason.POLICY_ERROR, f"`{file}` names no digest: an operator runs `mediator policy activate`")
    return Digest(digest)


def _object(holder: JsonObject, name: str) -> JsonObject:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}
