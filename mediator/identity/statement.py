"""Statements: what an operator did, signed with that person's key; the mediator obeys these and not rows or files.

Pure: no I/O, no clock. It says who did what, not whether it takes effect: `manifest/pin.py` reads approvals,
policy loading reads activations, the task commands read openings. Rules:

- One statement, one act, one person, one signature.
- `who` is the keyholder whose key signed, and that keyholder may do such an act.
- A keyholder is an operator (a person, in the operators file) or an agent's profile key, which may open and
  complete tasks and nothing else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, final

from mediator.canonical import SAFE_INTEGER, Digest, Json, JsonObject, canonical_bytes, digest_of_bytes, parse_object
from mediator.evidence import Seal
from mediator.identity.dsse import PublicKey, SigningKey, parse_envelope, sign_envelope, verify_envelope
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.identity.statement")

PAYLOAD_TYPE: Final = "application/vnd.mcp-mediator.statement+json"
DEFAULT_TENANT: Final = "default"
_NAME_MAX: Final = 200


@unique
class Act(StrEnum):
    """What a statement can say was done. Closed; a string never changes its meaning."""

    PIN_APPROVE = "pin.approve"
    PIN_REJECT = "pin.reject"
    PIN_REVOKE = "pin.revoke"
    POLICY_ACTIVATE = "policy.activate"
    TASK_OPEN = "task.open"
    TASK_COMPLETE = "task.complete"
    TASK_RENEW = "task.renew"
    GRANT_REVOKE = "grant.revoke"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    FREEZE_RULE = "freeze.rule"
    UNFREEZE_RULE = "unfreeze.rule"
    TRUST_ACCEPT = "trust.accept"
    ISSUER_ROTATE = "issuer.rotate"
    APPROVE = "approve"
    DENY = "deny"


@unique
class Role(StrEnum):
    """What an operator is trusted with."""

    OPERATOR = "operator"
    REVIEWER = "reviewer"
    OWNER = "owner"


_ACTS: Final[Mapping[Role, frozenset[Act]]] = MappingProxyType(
    {
        Role.OPERATOR: frozenset(Act),
        # Everybody here can be let approve: which role may, and of what, is policy's to say.
        Role.REVIEWER: frozenset({Act.PIN_APPROVE, Act.PIN_REJECT, Act.PIN_REVOKE, Act.APPROVE, Act.DENY}),
        Role.OWNER: frozenset(
            {Act.TASK_OPEN, Act.TASK_COMPLETE, Act.TASK_RENEW, Act.GRANT_REVOKE, Act.APPROVE, Act.DENY}
        ),
    }
)
_PROFILE_ACTS: Final = frozenset({Act.TASK_OPEN, Act.TASK_COMPLETE})


class Keyholder(Protocol):
    """Whoever may make statements with a key."""

    @property
    def name(self) -> str:
        """How statements name them."""

    @property
    def public(self) -> PublicKey:
        """The key that they sign with."""

    def may(self, act: Act) -> bool:
        """Tell whether such an act is theirs to do."""


Keyholders: TypeAlias = Mapping[str, Keyholder]
"""Keyholders by key id."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person whose key the operators file names."""

    name: str
    public: PublicKey
    roles: frozenset[Role]

    def may(self, act: Act) -> bool:
        """Tell whether one of the person's roles covers the act."""
        return any(act in _ACTS[role] for role in self.roles)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileKey:
    """An agent's profile key: it opens and completes tasks (within its profile, which others check), no more."""

    name: str
    public: PublicKey

    def may(self, act: Act) -> bool:
        """Tell whether the act is opening or completing a task."""
        return act in _PROFILE_ACTS


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Operators(Mapping[str, Operator]):
    """The people whose keys sign, by key id, and the digest of the file that named them."""

    by_keyid: Mapping[str, Operator]
    digest: Digest

    def __getitem__(self, keyid: str) -> Operator:
        return self.by_keyid[keyid]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_keyid)

    def __len__(self) -> int:
        return len(self.by_keyid)

    def find_named(self, name: str) -> Operator | None:
        """The operator of that name, if there is one."""
        return next((operator for operator in self.by_keyid.values() if operator.name == name), None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStatement:
    """That this person did this, in their own words, under a signature that holds."""

    act: Act
    subject: JsonObject
    who: str
    at: int
    serial: int
    tenant: str
    keyid: str
    digest: Digest
    raw: bytes
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def parse_operators(raw: bytes) -> Operators:
    """Read the operators file: `{"version": 1, "operators": [{"name", "key", "roles"}]}`.

    Raises `Refused` (`MALFORMED`) naming the place. A name and a key each stand once; nobody is without a role.
    """
    match parse_object(raw):
        case {"version": int(version), "operators": list(entries), **rest} if (version, type(version)) == (
            1,
            int,
        ) and not rest:
            operators = [_parse_operator(entry, f"/operators/{index}") for index, entry in enumerate(entries)]
        case _:
            raise _malformed("/", 'expected `{"version": 1, "operators": [...]}` and no other member')
    by_keyid: dict[str, Operator] = {}
    for index, operator in enumerate(operators):
        if operator.public.keyid in by_keyid or any(operator.name == other.name for other in by_keyid.values()):
            raise _malformed(f"/operators/{index}", "the same name or key twice: each person has one key here")
        by_keyid[operator.public.keyid] = operator
    return Operators(by_keyid=MappingProxyType(by_keyid), digest=digest_of_bytes(raw))


def write_operators(operators: Mapping[str, Operator]) -> bytes:
    """Return the operators file that names these people."""
    entries: list[Json] = [
        {"key": person.public.text, "name": person.name, "roles": [*sorted(person.roles)]}
        for person in sorted(operators.values(), key=lambda person: person.name)
    ]
    return canonical_bytes({"operators": entries, "version": 1})


def sign_statement(
    key: SigningKey,
    *,
    act: Act,
    subject: JsonObject,
    who: str,
    at: int,
    serial: int,
    tenant: str = DEFAULT_TENANT,
) -> bytes:
    """Return the envelope of one statement."""
    payload: JsonObject = {
        "act": act.value,
        "at": at,
        "serial": serial,
        "subject": subject,
        "tenant": tenant,
        "who": who,
    }
    return sign_envelope(payload, PAYLOAD_TYPE, [key])


def verify_statement(raw: bytes, operators: Keyholders, expected: Act) -> VerifiedStatement:
    """Return the statement in an envelope, once its signer is known, is who it names, and may do this act.

    Raises `Refused`: `MALFORMED`, `UNKNOWN_KEY`, `BAD_CREDENTIAL`; nothing else whatever the bytes.
    """
    return verify_one_of(raw, operators, (expected,))


def verify_one_of(raw: bytes, operators: Keyholders, expected: Sequence[Act]) -> VerifiedStatement:
    """Return the statement of one of these acts; otherwise as `verify_statement`."""
    envelope = parse_envelope(raw)
    if len(envelope.signatures) != 1:
        raise _malformed("/signatures", "expected one: a statement is one person's word")
    keys = {keyid: holder.public for keyid, holder in operators.items()}
    verified = verify_envelope(envelope, PAYLOAD_TYPE, keys)
    holder = operators[verified.signers[0]]
    match verified.payload:
        case {
            "act": str(act),
            "at": int(at),
            "serial": int(serial),
            "subject": dict(subject),
            "tenant": str(tenant),
            "who": str(who),
            **rest,
        } if not rest and _is_count(at) and _is_count(serial):
            pass
        case _:
            raise _malformed(
                "/payload", "expected `act`, `at`, `serial`, `subject`, `tenant`, `who` and no other member"
            )
    if act not in expected:
        raise _malformed("/payload/act", f"expected {' or '.join(f'`{one}`' for one in expected)}")
    said = Act(act)
    if who != holder.name:
        raise Refused(Reason.BAD_CREDENTIAL, f"the statement names `{who}`, but its key is that of `{holder.name}`")
    if not holder.may(said):
        raise Refused(Reason.BAD_CREDENTIAL, f"`{who}` has no role that covers `{said}`")
    if tenant != DEFAULT_TENANT:
        raise _malformed("/payload/tenant", f"expected `{DEFAULT_TENANT}`")
    return VerifiedStatement(
        act=said,
        subject=subject,
        who=who,
        at=at,
        serial=serial,
        tenant=tenant,
        keyid=verified.signers[0],
        digest=verified.digest,
        raw=raw,
        seal=_SEAL,
    )


def _parse_operator(entry: Json, where: str) -> Operator:
    match entry:
        case {"name": str(name), "key": str(key), "roles": [_, *_] as roles, **rest} if not rest:
            pass
        case _:
            raise _malformed(where, "expected `name`, `key`, at least one of `roles`, and no other member")
    if not name.isprintable() or not 0 < len(name) <= _NAME_MAX or name != name.strip():
        raise _malformed(f"{where}/name", f"expected 1 to {_NAME_MAX} printable characters")
    if unknown := [role for role in roles if role not in tuple(Role)]:
        raise _malformed(f"{where}/roles", f"{len(unknown)} unknown: expected of {', '.join(Role)}")
    try:
        public = PublicKey.from_text(key)
    except Refused as error:
        raise _malformed(f"{where}/key", error.detail) from error
    return Operator(name=name, public=public, roles=frozenset(Role(str(role)) for role in roles))


def _is_count(number: int) -> bool:
    return not isinstance(number, bool) and 0 <= number <= SAFE_INTEGER


def _malformed(where: str, detail: str) -> Refused:
    return Refused(Reason.MALFORMED, f"`{where}`: {detail}")
