"""Manifest envelopes: who signed a manifest, and whether that key may speak for that server.

Pure: no I/O, no clock. That the right keys signed says nothing about whether what they say is wanted: that is the
reviewer's word (`pin.py`). Rules:

- The trust file says by prefix of the server's registry-style name which signers may sign, how many of them must,
  from when and until when. The longest prefix that matches decides alone. A prefix is a namespace (`io.example/`)
  or one whole name; nothing matches halves of a word.
- Every signature in an envelope must hold (`identity/dsse.py`); the rule counts those that it names.
- `publisher` is the name of a signer that counts. A manifest is good from its issue until its end.
- Draft effects, and definitions that cannot be pinned, are not signed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Digest, JsonObject, canonical_bytes, digest_of_bytes, parse_object
from mediator.evidence import Seal
from mediator.identity.dsse import PublicKey, SigningKey, parse_envelope, sign_envelope, verify_envelope
from mediator.identity.statement import Act, Operators, verify_statement
from mediator.manifest.declaration import must_be_signable
from mediator.manifest.fields import Fields, malformed, read_fields, write_moment
from mediator.manifest.manifest import ToolManifest, parse_manifest, read_manifest
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.signature")

PAYLOAD_TYPE: Final = "application/vnd.mcp-mediator.manifest+json"
SKEW_MS: Final = 30_000
"""How far the signers' and reviewers' clocks may run ahead of ours: the house's one figure for skew."""

_PREFIX: Final = re.compile(r"[a-zA-Z0-9.-]+/([a-zA-Z0-9._-]+)?")


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
class SignerTrust:
    """The trust file: which key may sign for which servers."""

    names: Mapping[str, str]
    """The signers' names by key id."""
    keys: Mapping[str, PublicKey]
    rules: tuple[SignerRule, ...]
    """Longest prefix first."""
    digest: Digest

    def find_rule(self, server_name: str) -> SignerRule | None:
        """The rule that decides about this server, if there is one."""
        return next((rule for rule in self.rules if rule.covers(server_name)), None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedManifest:
    """That accepted signers signed exactly this manifest, for a server that they may speak for."""

    manifest: ToolManifest
    digest: Digest
    signers: tuple[str, ...]
    """Their names, as the trust file has them."""
    signer_keyids: frozenset[str]
    """Every key that signed, counted or not: none of them may review."""
    expires: int
    """The end of the manifest or of the rule, whichever comes first."""
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def parse_trust(raw: bytes) -> SignerTrust:
    """Read the trust file; raises `Refused(MALFORMED)` naming the place.

    `{"version": 1, "signers": [{"name", "key"}], "rules": [{"prefix", "signers", "threshold", "from", "until"}]}`
    """
    top = read_fields(parse_object(raw), "", ("version", "signers", "rules"))
    top.count("version", 1, 1)
    keys: dict[str, PublicKey] = {}
    keyids: dict[str, str] = {}
    for entry in top.each("signers", ("name", "key")):
        name, key = entry.text("name"), _read_key(entry)
        if name in keyids or key.keyid in keys:
            raise malformed(entry.where, "the same name or key twice: each signer has one key here")
        keys[key.keyid], keyids[name] = key, key.keyid
    rules = [
        _read_rule(entry, keyids) for entry in top.each("rules", ("prefix", "signers", "threshold", "from", "until"))
    ]
    if len({rule.prefix for rule in rules}) != len(rules):
        top.fail("rules", "one rule a prefix")
    return SignerTrust(
        names=MappingProxyType({keyid: name for name, keyid in keyids.items()}),
        keys=MappingProxyType(keys),
        rules=tuple(sorted(rules, key=lambda rule: -len(rule.prefix))),
        digest=digest_of_bytes(raw),
    )


def write_trust(signers: Mapping[str, PublicKey], rules: Sequence[SignerRule]) -> bytes:
    """Return the trust file of these signers, by name, and rules."""
    names = {key.keyid: name for name, key in signers.items()}
    return canonical_bytes(
        {
            "version": 1,
            "signers": [{"name": name, "key": signers[name].text} for name in sorted(signers)],
            "rules": [
                {
                    "prefix": rule.prefix,
                    "signers": [*sorted(names[keyid] for keyid in rule.signers)],
                    "threshold": rule.threshold,
                    "from": write_moment(rule.valid_from),
                    "until": write_moment(rule.valid_until),
                }
                for rule in sorted(rules, key=lambda rule: rule.prefix)
            ],
        }
    )


def trust_subject(trust: SignerTrust, operators: Operators) -> JsonObject:
    """Return what a `trust.accept` statement is about: the trust file and the operators file, by digest."""
    return {"operators": operators.digest, "signers": trust.digest}


def accept_trust(raw: bytes, statement: bytes, operators: Operators) -> SignerTrust:
    """Return what the trust file says once an operator's statement names it, and the operators file, as they stand.

    Raises `Refused`: `MALFORMED`, `UNKNOWN_KEY`, `BAD_CREDENTIAL`.
    """
    trust = parse_trust(raw)
    if verify_statement(statement, operators, Act.TRUST_ACCEPT).subject != trust_subject(trust, operators):
        raise Refused(
            Reason.BAD_CREDENTIAL,
            "the trust file or the operators file is not as it was accepted: an operator looks at it and accepts it, "
            "or the edit is undone",
        )
    return trust


def sign_manifest(manifest: JsonObject, keys: Sequence[SigningKey]) -> bytes:
    """Return the envelope of a manifest.

    Raises `Refused(MALFORMED)`, with the place and the next step, while an effect is undeclared, a definition cannot
    be pinned, or the form is wrong.
    """
    must_be_signable(read_manifest(manifest))
    envelope = sign_envelope(manifest, PAYLOAD_TYPE, keys)
    parse_manifest(parse_envelope(envelope).payload)  # so that whoever reads it can: depth and size are bounded there
    return envelope


def verify_manifest(raw_envelope: bytes, trust: SignerTrust, now_ms: int) -> VerifiedManifest:
    """Return the manifest, signed by whoever may speak for its server; raises `Refused`, nothing else."""
    # 1. Every signature holds, by a key of the trust file.
    signed = verify_envelope(parse_envelope(raw_envelope), PAYLOAD_TYPE, trust.keys)
    manifest = parse_manifest(signed.raw)
    # 2. Those keys may sign for this server, and are enough.
    name = manifest.server.name
    rule = trust.find_rule(name)
    if rule is None:
        raise Refused(Reason.BAD_CREDENTIAL, f"no rule of the trust file covers `{name}`: an operator adds one")
    counted = [keyid for keyid in signed.signers if keyid in rule.signers]
    if len(counted) < rule.threshold:
        who = ", ".join(f"`{trust.names[keyid]}`" for keyid in signed.signers)
        needed = f"{rule.threshold} of the signers that the rule `{rule.prefix}` names"
        raise Refused(Reason.BAD_CREDENTIAL, f"signed by {who}, but `{name}` needs {needed}")
    # 3. All of it is in its time.
    if not rule.valid_from <= now_ms < rule.valid_until:
        span = f"{write_moment(rule.valid_from)} to {write_moment(rule.valid_until)}"
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"the rule `{rule.prefix}` holds from {span}: an operator renews it")
    if manifest.issued > now_ms + SKEW_MS:
        raise Refused(Reason.BAD_CREDENTIAL, f"issued in the future, at {write_moment(manifest.issued)}")
    if manifest.expires <= now_ms:
        ended = write_moment(manifest.expires)
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"ended at {ended}: its owner signs it anew with a higher `serial`")
    # 4. It names who stands for it, and leaves no effect open.
    names = tuple(trust.names[keyid] for keyid in counted)
    if manifest.publisher not in names:
        raise Refused(Reason.BAD_CREDENTIAL, f"`/publisher`: expected the name of who signed: {', '.join(names)}")
    if undeclared := [tool.name for tool in manifest.tools if tool.effect is None]:
        raise malformed("/tools", f"the effect of `{undeclared[0]}` is not declared")
    return VerifiedManifest(
        manifest=manifest,
        digest=signed.digest,
        signers=names,
        signer_keyids=frozenset(signed.signers),
        expires=min(manifest.expires, rule.valid_until),
        seal=_SEAL,
    )


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
    valid_from, valid_until = entry.moment("from"), entry.moment("until")
    if valid_until <= valid_from:
        entry.fail("until", "a moment after `from`")
    return SignerRule(
        prefix=entry.text("prefix", _PREFIX, "a namespace such as `io.example/`, or one whole name"),
        signers=frozenset(signers),
        threshold=entry.count("threshold", 1, len(signers)),
        valid_from=valid_from,
        valid_until=valid_until,
    )
