"""The form of the trust file: which keys may sign for which servers, from when until when, and who says so.

Pure, and nothing that it reads was verified (`trust.py`). Every member is there, none is unknown; a member that we do not
know may say that a key is not to be used. A namespace ends with `/`, so that none is the beginning of another's name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Json, JsonObject
from mediator.identity.dsse import PublicKey
from mediator.manifest.fields import Fields, malformed, read_fields, write_moment
from mediator.refusal import Refused

# A namespace, or the name of one server; as in `REGISTRY_NAME`, no part is of dots alone.
_PREFIX: Final = re.compile(r"(?!\.+/)[a-zA-Z0-9.-]+/((?!\.+\Z)[a-zA-Z0-9._-]+)?")
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


def read_trust_file(payload: JsonObject) -> TrustFile:
    """Return what the payload of a trust file says; raises `Refused(MALFORMED)` naming the place."""
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
        root=read_root(top),
        signers=MappingProxyType(signers),
        rules=tuple(sorted(rules, key=lambda rule: -len(rule.prefix))),
    )


def read_root(holder: Fields) -> RootRole:
    """Return the `root` of a trust file, or of the statement that accepts it; raises as `read_trust_file`."""
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
