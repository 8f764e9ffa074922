"""`pins.lock`: the list of the reviewers' signed statements, and what each of them approves.

Pure: it reads and writes the file's form, and verifies whose statements they are. Whether an approval is of what is
there now is `pin.py`'s to say. The file is its own RFC 8785 form: `{"version": 1, "statements": [envelope, ...]}`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from mediator.canonical import Digest, Json, JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.effect import Effect
from mediator.identity.statement import Act, Keyholders, VerifiedStatement, verify_one_of
from mediator.kind import ItemKind
from mediator.manifest.entry import LABEL, LABEL_EXPECTED
from mediator.manifest.fields import malformed, read_fields
from mediator.manifest.manifest import LOCAL_NAME, REGISTRY_NAME
from mediator.refusal import Refused

_SUBJECT: Final = (
    *("server", "server_name", "kind", "tool", "digest", "declared", "about", "manifest_serial", "signers"),
    *("assigned", "effect", "sensitivity", "result_labels", "acknowledged", "note"),
)
_RETRACTION: Final = ("server", "server_name", "kind", "tool", "manifest_serial", "note")
NOTE_MAX: Final = 2000
"""Characters: a reason that another person reads."""
_CODE: Final = re.compile(r"[a-z][a-z-]{0,63}")
_KEYID: Final = re.compile(r"[0-9a-f]{64}")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a reviewer approves: this item of this server, exactly so, under this name and at least this strictly."""

    server: str
    """The local name."""
    server_name: str
    """The registry-style name."""
    kind: ItemKind
    tool: str
    """Its name: a tool's or a prompt's own, a resource family's URI, template or prefix."""
    digest: Digest
    """Of the definition."""
    declared: Digest
    """Of the manifest's whole entry: definition and declarations."""
    about: Digest
    """Of what the manifest says of server, publisher, owner, and of the instructions."""
    manifest_serial: int
    signers: frozenset[str]
    """Key ids."""
    assigned: str
    effect: Effect
    sensitivity: int
    result_labels: frozenset[str]
    """What the reviewer adds to those that its owner declares."""
    acknowledged: frozenset[str]
    """The findings that the reviewer has seen and accepts, by their codes."""
    note: str | None

    def as_subject(self) -> JsonObject:
        """The approval as the subject of a statement."""
        return {
            "server": self.server,
            "server_name": self.server_name,
            "kind": self.kind.value,
            "tool": self.tool,
            "digest": self.digest,
            "declared": self.declared,
            "about": self.about,
            "manifest_serial": self.manifest_serial,
            "signers": [*sorted(self.signers)],
            "assigned": self.assigned,
            "effect": self.effect.value,
            "sensitivity": self.sensitivity,
            "result_labels": [*sorted(self.result_labels)],
            "acknowledged": [*sorted(self.acknowledged)],
            "note": self.note,
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignedApproval:
    """An approval and the verified statement that makes it."""

    approval: Approval
    statement: VerifiedStatement


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """What a reviewer takes back or turns down: an item of a server, or all of it; and why.

    A revocation (`pin.revoke`) is of whatever was approved before it; a rejection (`pin.reject`) of the manifest with this
    serial.
    """

    server: str
    server_name: str
    kind: ItemKind | None
    tool: str | None
    """Its name; None, like `kind`: everything of the server."""
    manifest_serial: int
    note: str

    def as_subject(self) -> JsonObject:
        """The retraction as the subject of a statement."""
        return {
            "server": self.server,
            "server_name": self.server_name,
            "kind": None if self.kind is None else self.kind.value,
            "tool": self.tool,
            "manifest_serial": self.manifest_serial,
            "note": self.note,
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRetraction:
    """A retraction and the verified statement that makes it."""

    retraction: Retraction
    statement: VerifiedStatement


_LOCK_LIMITS: Final = JsonLimits(bytes_max=64 * 1024 * 1024)  # our own file: 10,000 approvals need a sixth of that

Word: TypeAlias = SignedApproval | SignedRetraction


def parse_lock(raw: bytes | None) -> tuple[bytes, ...]:
    """Return the statements' envelopes, unverified; none where there is no file.

    Raises `Refused(MALFORMED)` when the file as a whole is not in its one form.
    """
    if raw is None:
        return ()
    lock = parse_object(raw, _LOCK_LIMITS)
    top = read_fields(lock, "", ("version", "statements"))
    top.count("version", 1, 1)
    if canonical_bytes(lock) != raw:
        raise malformed("", "not in RFC 8785 form: only `mediator pin approve` writes this file; restore it")
    return tuple(canonical_bytes(statement) for statement in top.objects("statements"))


def write_lock(statements: Sequence[bytes]) -> bytes:
    """Return the file that holds these statements."""
    envelopes: list[Json] = [parse_object(statement) for statement in statements]
    return canonical_bytes({"version": 1, "statements": envelopes})


def verify_word(raw: bytes, operators: Keyholders) -> Word:
    """Return what a reviewer's statement says: an approval, or a retraction; raises `Refused`, nothing else."""
    statement = verify_one_of(raw, operators, (Act.PIN_APPROVE, Act.PIN_REJECT, Act.PIN_REVOKE))
    if statement.act is Act.PIN_APPROVE:
        return SignedApproval(approval=_read_approval(statement.subject), statement=statement)
    return SignedRetraction(retraction=_read_retraction(statement.subject), statement=statement)


def words_that_verify(statements: Sequence[bytes], operators: Keyholders) -> tuple[Word, ...]:
    """Return what those statements say that hold; the others are passed over."""
    found: list[Word] = []
    for raw in statements:
        try:
            found.append(verify_word(raw, operators))
        except Refused:
            continue
    return tuple(found)


def approvals_that_verify(statements: Sequence[bytes], operators: Keyholders) -> tuple[SignedApproval, ...]:
    """Return the approvals of those statements that hold, ended or not."""
    return tuple(word for word in words_that_verify(statements, operators) if isinstance(word, SignedApproval))


def _read_approval(said: JsonObject) -> Approval:
    subject = read_fields(said, "/subject", _SUBJECT)
    return Approval(
        server=subject.text("server", LOCAL_NAME, "a server's local name"),
        server_name=subject.text("server_name", REGISTRY_NAME, "a registry-style name"),
        kind=subject.member_of("kind", ItemKind),
        tool=subject.text("tool"),
        digest=subject.digest("digest"),
        declared=subject.digest("declared"),
        about=subject.digest("about"),
        manifest_serial=subject.count("manifest_serial", 1),
        signers=subject.texts("signers", _KEYID, "a key id"),
        assigned=subject.text("assigned"),
        effect=subject.member_of("effect", Effect),
        sensitivity=subject.count("sensitivity", 0, 3),
        result_labels=subject.texts("result_labels", LABEL, LABEL_EXPECTED),
        acknowledged=subject.texts("acknowledged", _CODE, "a finding's code"),
        note=subject.lines_or_null("note", NOTE_MAX),
    )


def _read_retraction(said: JsonObject) -> Retraction:
    subject = read_fields(said, "/subject", _RETRACTION)
    note = subject.lines_or_null("note", NOTE_MAX)
    if note is None:
        subject.fail("note", "the reason, for whoever asks")
    is_whole = subject.members["kind"] is None
    if is_whole is not (subject.members["tool"] is None):
        subject.fail("tool", "a name beside a kind, or null beside null")
    return Retraction(
        server=subject.text("server", LOCAL_NAME, "a server's local name"),
        server_name=subject.text("server_name", REGISTRY_NAME, "a registry-style name"),
        kind=None if is_whole else subject.member_of("kind", ItemKind),
        tool=subject.text_or_null("tool"),
        manifest_serial=subject.count("manifest_serial", 1),
        note=note,
    )
