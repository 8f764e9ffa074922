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

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject, parse_object
from mediator.evidence import Seal
from mediator.identity.dsse import (
    PublicKey,
    SigningKey,
    keep_signatures,
    parse_envelope,
    sign_envelope,
    verify_envelope,
)
from mediator.identity.statement import Act, Operators, verify_statement
from mediator.manifest.fields import read_fields, write_moment
from mediator.manifest.trust_file import RootRole, SignerRule, TrustFile, read_root, read_trust_file
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.trust")

PAYLOAD_TYPE: Final = "application/vnd.mcp-mediator.trust+json"
SKEW_MS: Final = 30_000
"""How far the signers' and reviewers' clocks may run ahead of ours: the house's one figure for skew."""

_SUBJECT: Final = ("operators", "root")


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
    return read_trust_file(parse_object(parse_envelope(raw).payload))


def sign_trust(said: TrustFile, keys: Sequence[SigningKey]) -> bytes:
    """Return the trust file, signed by these root keys; raises `Refused(MALFORMED)` for what could not be read back."""
    raw = sign_envelope(said.as_form(), PAYLOAD_TYPE, keys)
    parse_trust(raw)
    return raw


def verify_trust(
    raw: bytes, accepted: RootRole, now_ms: int, seen_version: int, seen_digest: Digest | None = None
) -> SignerTrust:
    """Return what the root says, as the accepted root keys and the time bear it out; raises `Refused`, nothing else.

    `seen_digest` is of what the highest version that was seen said, where that is known.
    """
    envelope = parse_envelope(raw)
    said = read_trust_file(parse_object(envelope.payload))
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
    # Ours: a version says one thing once. Two of them are two truths, of which everybody sees the one they are shown.
    if said.version == seen_version and seen_digest not in {None, signed.digest}:
        detail = f"version {said.version} was seen before: same version, other content; the root's holder looks at both"
        remedy = "put the file back that was there, or let the root's holder sign a higher version"
        raise Refused(Reason.BAD_CREDENTIAL, detail, remedy=remedy)
    if said.issued > now_ms + SKEW_MS:
        raise Refused(Reason.BAD_CREDENTIAL, f"issued in the future, at {write_moment(said.issued)}")
    # TUF 5.3.10: no freeze.
    if said.expires <= now_ms:
        detail = f"ended at {write_moment(said.expires)}: the root's holder renews it with `mediator trust renew`"
        raise Refused(Reason.EXPIRED_CREDENTIAL, detail)
    return SignerTrust(file=said, digest=signed.digest, seal=_SEAL)


def as_handed_on(raw: bytes) -> bytes:
    """Return the trust file with the signatures of the root that it names alone.

    Once that root is accepted, whoever handed it on is nobody whom a reader knows. It verifies nothing else; raises
    `Refused` where that root did not sign.
    """
    envelope = parse_envelope(raw)
    root = parse_trust(raw).root
    signed = [signature.keyid for signature in envelope.signatures]
    if root.counts(signed) < root.threshold:
        needed = f"{root.threshold} of the root keys that it names"
        raise Refused(Reason.BAD_CREDENTIAL, f"expected it signed by {needed}: nobody accepts a root that says nothing")
    return keep_signatures(envelope, [key.keyid for key in root.keys.values()])


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
    return Acceptance(root=read_root(subject), serial=statement.serial)


def accepted_root(raw: bytes, operators: Operators) -> RootRole:
    """Return the root keys that an operator's statement accepts, whatever became of the operators file since.

    For whoever is to accept anew; raises `Refused` as `read_acceptance` does.
    """
    statement = verify_statement(raw, operators, Act.TRUST_ACCEPT)
    return read_root(read_fields(statement.subject, "/subject", _SUBJECT))


def accept_trust(raw: bytes, statement: bytes, operators: Operators, now_ms: int, seen_version: int = 0) -> SignerTrust:
    """Return what the trust file says under the root that an operator accepted; raises as the two steps do."""
    return verify_trust(raw, read_acceptance(statement, operators).root, now_ms, seen_version)
