"""The trust file: which keys may sign for which servers, said by the holders of an offline root key.

Pure: no I/O, no clock. The file is one DSSE envelope in its RFC 8785 form; its rules follow TUF's (specification 1.0.33,
§5.3), as far as there is one role:

1. The root keys that an operator accepted signed it, as many as their threshold asks for.
2. A file that names other root keys is signed by as many of those, too: nobody hands the root on alone.
3. Its version is not below the highest that was seen (rollback), and it has not ended (freeze).
4. A signer's key counts within its own time, and not once it is revoked, whenever it signed.
5. The rule with the longest prefix decides about a server; a namespace ends with `/`, so that none is the beginning of
   another's name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Digest, Json, JsonObject, parse_object
from mediator.evidence import Seal
from mediator.identity.dsse import PublicKey, SigningKey, parse_envelope, sign_envelope, verify_envelope
from mediator.identity.statement import Act, Operators, verify_statement
from mediator.manifest.fields import Fields, malformed, read_fields, write_moment
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.trust")

PAYLOAD_TYPE: Final = "application/vnd.mcp-mediator.trust+json"
SKEW_MS: Final = 30_000
"""How far the signers' and reviewers' clocks may run ahead of ours: the house's one figure for skew."""

_PREFIX: Final = re.compile(r"[a-zA-Z0-9.-]+/([a-zA-Z0-9._-]+)?")
_SUBJECT: Final = ("operators", "root")
_FILE: Final = ("version", "issued", "expires", "root", "signers", "rules")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RootRole:
    """The root keys by name, and how many of them must sign."""

    keys: Mapping[str, PublicKey]
    threshold: int

    def as_form(self) -> JsonObject:
        """The role as it stands in the trust file, and in the statement of an operator who accepts it."""
        return {
            "keys": [{"name": name, "key": self.keys[name].text} for name in sorted(self.keys)],
            "threshold": self.threshold,
        }

    def counts(self, keyids: Iterable[str]) -> int:
        """How many of the role's keys are among these."""
        return len({key.keyid for key in self.keys.values()} & {*keyids})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """When and why a signer's key was taken out of use."""

    at: int
    why: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that may sign manifests, by the name of who holds it; moments are milliseconds since the epoch."""

    name: str
    key: PublicKey
    valid_from: int
    valid_until: int
    revoked: Revocation | None = None

    def why_not(self, now_ms: int) -> str | None:
        """Say why a signature of this key counts for nothing now, or None."""
        if self.revoked is not None:
            return f"revoked at {write_moment(self.revoked.at)} ({self.revoked.why})"
        if not self.valid_from <= now_ms < self.valid_until:
            return f"good from {write_moment(self.valid_from)} to {write_moment(self.valid_until)}"
        return None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignerRule:
    """Who may sign for the servers under one prefix, how many of them must, and from when until when."""

    prefix: str
    signers: frozenset[str]
    """Key ids."""
    threshold: int
    valid_from: int
    valid_until: int

    def covers(self, server_name: str) -> bool:
        """Tell whether the rule is about this server."""
        return server_name.startswith(self.prefix) if self.prefix.endswith("/") else server_name == self.prefix


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFile:
    """What a trust file says, well formed and not verified."""

    version: int
    issued: int
    expires: int
    root: RootRole
    signers: Mapping[str, Signer]
    """By key id."""
    rules: tuple[SignerRule, ...]
    """Longest prefix first."""

    def as_form(self) -> JsonObject:
        """The file's payload."""
        ordered = sorted(self.signers.values(), key=lambda signer: signer.name)
        return {
            "version": self.version,
            "issued": write_moment(self.issued),
            "expires": write_moment(self.expires),
            "root": self.root.as_form(),
            "signers": [_signer_form(signer) for signer in ordered],
            "rules": [self._rule_form(rule) for rule in sorted(self.rules, key=lambda rule: rule.prefix)],
        }

    def _rule_form(self, rule: SignerRule) -> Json:
        return {
            "prefix": rule.prefix,
            "signers": [*sorted(self.signers[keyid].name for keyid in rule.signers)],
            "threshold": rule.threshold,
            "from": write_moment(rule.valid_from),
            "until": write_moment(rule.valid_until),
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignerTrust:
    """Who may sign manifests: that the accepted root said exactly this, and that it has not ended."""

    file: TrustFile
    digest: Digest
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def keys(self) -> Mapping[str, PublicKey]:
        """The signers' keys by key id, those that count for nothing now among them."""
        return {keyid: signer.key for keyid, signer in self.file.signers.items()}

    def name_of(self, keyid: str) -> str:
        """The name of who holds a signer's key."""
        return self.file.signers[keyid].name

    def find_rule(self, server_name: str) -> SignerRule | None:
        """The rule that decides about this server, if there is one."""
        return next((rule for rule in self.file.rules if rule.covers(server_name)), None)


def parse_trust(raw: bytes) -> TrustFile:
    """Read what a trust file says, unverified; raises `Refused(MALFORMED)` naming the place."""
    return _read_file(parse_object(parse_envelope(raw).payload))


def sign_trust(said: TrustFile, keys: Sequence[SigningKey]) -> bytes:
    """Return the trust file, signed by these root keys; raises `Refused(MALFORMED)` for what could not be read back."""
    raw = sign_envelope(said.as_form(), PAYLOAD_TYPE, keys)
    parse_trust(raw)
    return raw


def verify_trust(raw: bytes, accepted: RootRole, now_ms: int, seen_version: int) -> SignerTrust:
    """Return what the root says, as the accepted root keys and the time bear it out; raises `Refused`, nothing else."""
    envelope = parse_envelope(raw)
    said = _read_file(parse_object(envelope.payload))
    known = {key.keyid: key for role in (said.root, accepted) for key in role.keys.values()}
    signed = verify_envelope(envelope, PAYLOAD_TYPE, known)
    # TUF 5.3.4: signed by a threshold of the old keys, and by one of the new.
    if (count := accepted.counts(signed.signers)) < accepted.threshold:
        needed = f"{accepted.threshold} of the root keys that were accepted, not {count}"
        detail = f"signed by {needed}: an operator looks at it, and accepts its root with `mediator trust accept`"
        raise Refused(Reason.BAD_CREDENTIAL, f"expected it {detail}")
    if said.root != accepted and said.root.counts(signed.signers) < said.root.threshold:
        needed = f"{said.root.threshold} of the root keys that it names"
        raise Refused(Reason.BAD_CREDENTIAL, f"expected it signed by {needed}, too: nobody hands the root on alone")
    # TUF 5.3.5: no rollback.
    if said.version < seen_version:
        detail = f"version {said.version} is below {seen_version}, which was seen before: an old trust file came back"
        raise Refused(Reason.BAD_CREDENTIAL, detail)
    if said.issued > now_ms + SKEW_MS:
        raise Refused(Reason.BAD_CREDENTIAL, f"issued in the future, at {write_moment(said.issued)}")
    # TUF 5.3.10: no freeze.
    if said.expires <= now_ms:
        detail = f"ended at {write_moment(said.expires)}: the root's holder renews it with `mediator trust renew`"
        raise Refused(Reason.EXPIRED_CREDENTIAL, detail)
    return SignerTrust(file=said, digest=signed.digest, seal=_SEAL)


def trust_subject(root: RootRole, operators: Operators) -> JsonObject:
    """Return what a `trust.accept` statement is about: the root keys, and the operators file by digest."""
    return {"operators": operators.digest, "root": root.as_form()}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The root keys that an operator accepted, beside the operators file, and the serial of that statement."""

    root: RootRole
    serial: int


def read_acceptance(raw: bytes, operators: Operators) -> Acceptance:
    """Return what an operator's statement accepts, with the operators file as it stands.

    Raises `Refused`: `MALFORMED`, `UNKNOWN_KEY`, `BAD_CREDENTIAL`.
    """
    statement = verify_statement(raw, operators, Act.TRUST_ACCEPT)
    subject = read_fields(statement.subject, "/subject", _SUBJECT)
    if subject.members["operators"] != operators.digest:
        raise Refused(
            Reason.BAD_CREDENTIAL,
            "the operators file is not as it was accepted: an operator looks at it and accepts it with "
            "`mediator trust accept`, or the edit is undone",
        )
    return Acceptance(root=_read_root(subject), serial=statement.serial)


def accept_trust(raw: bytes, statement: bytes, operators: Operators, now_ms: int, seen_version: int = 0) -> SignerTrust:
    """Return what the trust file says under the root that an operator accepted; raises as the two steps do."""
    return verify_trust(raw, read_acceptance(statement, operators).root, now_ms, seen_version)


def _read_file(payload: JsonObject) -> TrustFile:
    top = read_fields(payload, "", _FILE)
    issued, expires = top.moment("issued"), top.moment("expires")
    if expires <= issued:
        top.fail("expires", "a moment after `issued`")
    signers: dict[str, Signer] = {}
    for entry in top.each("signers", ("name", "key", "from", "until", "revoked")):
        signer = _read_signer(entry)
        if signer.key.keyid in signers or any(signer.name == other.name for other in signers.values()):
            raise malformed(entry.where, "the same name or key twice: each signer has one key here")
        signers[signer.key.keyid] = signer
    keyids = {signer.name: keyid for keyid, signer in signers.items()}
    rules = [
        _read_rule(entry, keyids) for entry in top.each("rules", ("prefix", "signers", "threshold", "from", "until"))
    ]
    if len({rule.prefix for rule in rules}) != len(rules):
        top.fail("rules", "one rule a prefix")
    return TrustFile(
        version=top.count("version", 1),
        issued=issued,
        expires=expires,
        root=_read_root(top),
        signers=MappingProxyType(signers),
        rules=tuple(sorted(rules, key=lambda rule: -len(rule.prefix))),
    )


def _read_root(holder: Fields) -> RootRole:
    role = holder.fields("root", ("keys", "threshold"))
    keys: dict[str, PublicKey] = {}
    for entry in role.each("keys", ("name", "key")):
        name, key = entry.text("name"), _read_key(entry)
        if name in keys or key in keys.values():
            raise malformed(entry.where, "the same name or key twice: each holder has one root key")
        keys[name] = key
    if not keys:
        role.fail("keys", "at least one root key")
    return RootRole(keys=keys, threshold=role.count("threshold", 1, len(keys)))


def _read_signer(entry: Fields) -> Signer:
    valid_from, valid_until = _read_span(entry)
    revoked: Revocation | None = None
    if entry.members["revoked"] is not None:
        revocation = entry.fields("revoked", ("at", "why"))
        revoked = Revocation(at=revocation.moment("at"), why=revocation.text("why"))
    return Signer(
        name=entry.text("name"), key=_read_key(entry), valid_from=valid_from, valid_until=valid_until, revoked=revoked
    )


def _signer_form(signer: Signer) -> Json:
    return {
        "name": signer.name,
        "key": signer.key.text,
        "from": write_moment(signer.valid_from),
        "until": write_moment(signer.valid_until),
        "revoked": None
        if signer.revoked is None
        else {"at": write_moment(signer.revoked.at), "why": signer.revoked.why},
    }


def _read_key(entry: Fields) -> PublicKey:
    try:
        return PublicKey.from_text(entry.text("key"))
    except Refused as error:
        raise malformed(f"{entry.where}/key", error.detail) from error


def _read_rule(entry: Fields, keyids: Mapping[str, str]) -> SignerRule:
    named = entry.items("signers")
    signers = {keyids[name] for name in named if isinstance(name, str) and name in keyids}
    if not signers or len(signers) != len(named):
        entry.fail("signers", "names out of `/signers`, at least one and none twice")
    valid_from, valid_until = _read_span(entry)
    return SignerRule(
        prefix=entry.text("prefix", _PREFIX, "a namespace such as `io.example/`, or one whole name"),
        signers=frozenset(signers),
        threshold=entry.count("threshold", 1, len(signers)),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _read_span(entry: Fields) -> tuple[int, int]:
    valid_from, valid_until = entry.moment("from"), entry.moment("until")
    if valid_until <= valid_from:
        entry.fail("until", "a moment after `from`")
    return valid_from, valid_until
