"""Manifest envelopes: who signed a manifest, and whether that key may speak for that server.

Pure: no I/O, no clock. That the right keys signed says nothing about whether what they say is wanted: that is the
reviewer's word (`pin.py`). Rules:

- The trust file (`trust.py`) says by prefix of the server's registry-style name which signers may sign, how many of them
  must, from when and until when. The longest prefix that matches decides alone. A prefix is a namespace (`io.example/`)
  or one whole name; nothing matches halves of a word.
- Every signature in an envelope must hold (`identity/dsse.py`); the rule counts those that it names.
- `publisher` is the name of a signer that counts. A manifest is good from its issue until its end.
- Draft effects, and definitions that cannot be pinned, are not signed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject
from mediator.evidence import Seal
from mediator.identity.dsse import SigningKey, join_envelopes, parse_envelope, sign_envelope, verify_envelope
from mediator.manifest.declaration import must_be_signable
from mediator.manifest.fields import malformed, write_moment
from mediator.manifest.manifest import ToolManifest, parse_manifest, read_manifest
from mediator.manifest.trust import SKEW_MS, SignerTrust
from mediator.manifest.trust_file import SignerRule
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.manifest.signature")

PAYLOAD_TYPE: Final = "application/vnd.mcp-mediator.manifest+json"


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
    signer_names: frozenset[str]
    """Whose keys these are: where settings ask, none of these people may review."""
    expires: int
    """The end of the manifest or of the rule, whichever comes first."""
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def sign_manifest(manifest: JsonObject, keys: Sequence[SigningKey]) -> bytes:
    """Return the envelope of a manifest.

    Raises `Refused(MALFORMED)`, with the place and the next step, while an effect is undeclared, a definition cannot
    be pinned, or the form is wrong.
    """
    must_be_signable(read_manifest(manifest))
    envelope = sign_envelope(manifest, PAYLOAD_TYPE, keys)
    parse_manifest(parse_envelope(envelope).payload)  # so that whoever reads it can: depth and size are bounded there
    return envelope


def gather_signatures(before: bytes, envelope: bytes) -> bytes:
    """Return one envelope with the signatures of both: signers may sign one after the other.

    Raises `Refused(MALFORMED)` where they did not sign the same: then the earlier ones sign anew.
    """
    return join_envelopes(parse_envelope(before), parse_envelope(envelope))


def count_signatures(raw_envelope: bytes, trust: SignerTrust, now_ms: int) -> tuple[int, int]:
    """Return how many signatures count for the manifest's server, and how many are needed.

    Raises `Refused` where one of them does not hold, is by nobody, or no rule covers the server.
    """
    signed = verify_envelope(parse_envelope(raw_envelope), PAYLOAD_TYPE, trust.keys)
    rule = _rule_for(trust, parse_manifest(signed.raw).server.name)
    return len(_counted(trust, rule, signed.signers, now_ms)), rule.threshold


def verify_manifest(raw_envelope: bytes, trust: SignerTrust, now_ms: int) -> VerifiedManifest:
    """Return the manifest, signed by whoever may speak for its server; raises `Refused`, nothing else."""
    # 1. Every signature holds, by a key of the trust file.
    signed = verify_envelope(parse_envelope(raw_envelope), PAYLOAD_TYPE, trust.keys)
    manifest = parse_manifest(signed.raw)
    # 2. Those keys may sign for this server, and are enough.
    name = manifest.server.name
    rule = _rule_for(trust, name)
    counted = _counted(trust, rule, signed.signers, now_ms)
    if len(counted) < rule.threshold:
        who = ", ".join(_described(trust, keyid, now_ms) for keyid in signed.signers)
        needed = f"{rule.threshold} of the signers that the rule `{rule.prefix}` names"
        raise Refused(Reason.BAD_CREDENTIAL, f"signed by {who}, but `{name}` needs {needed}")
    # 3. All of it is in its time.
    if not rule.valid_from <= now_ms < rule.valid_until:
        span = f"{write_moment(rule.valid_from)} to {write_moment(rule.valid_until)}"
        detail = f"the rule `{rule.prefix}` holds from {span}: the root's holder renews it"
        raise Refused(Reason.EXPIRED_CREDENTIAL, detail)
    if manifest.issued > now_ms + SKEW_MS:
        raise Refused(Reason.BAD_CREDENTIAL, f"issued in the future, at {write_moment(manifest.issued)}")
    if manifest.expires <= now_ms:
        ended = write_moment(manifest.expires)
        raise Refused(Reason.EXPIRED_CREDENTIAL, f"ended at {ended}: its owner signs it anew with a higher `serial`")
    # 4. It names who stands for it, and leaves no effect open.
    names = tuple(trust.name_of(keyid) for keyid in counted)
    if manifest.publisher not in names:
        raise Refused(Reason.BAD_CREDENTIAL, f"`/publisher`: expected the name of who signed: {', '.join(names)}")
    if undeclared := [entry for entry in manifest.entries if entry.effect is None]:
        raise malformed(f"/{undeclared[0].kind}s", f"the effect of `{undeclared[0].name}` is not declared")
    return VerifiedManifest(
        manifest=manifest,
        digest=signed.digest,
        signers=names,
        signer_keyids=frozenset(signed.signers),
        signer_names=frozenset(trust.name_of(keyid) for keyid in signed.signers),
        expires=min(manifest.expires, rule.valid_until, trust.file.expires, _enough_until(trust, counted, rule)),
        seal=_SEAL,
    )


def _rule_for(trust: SignerTrust, server_name: str) -> SignerRule:
    rule = trust.find_rule(server_name)
    if rule is None:
        detail = f"no rule of the trust file covers `{server_name}`: the root's holder adds one (`mediator trust add-signer`)"
        raise Refused(Reason.BAD_CREDENTIAL, detail)
    return rule


def _counted(trust: SignerTrust, rule: SignerRule, signers: Sequence[str], now_ms: int) -> list[str]:
    return [keyid for keyid in signers if keyid in rule.signers and _why_not(trust, keyid, now_ms) is None]


def _why_not(trust: SignerTrust, keyid: str, now_ms: int) -> str | None:
    return trust.file.signers[keyid].why_not(now_ms)


def _described(trust: SignerTrust, keyid: str, now_ms: int) -> str:
    why_not = _why_not(trust, keyid, now_ms)
    return f"`{trust.name_of(keyid)}`" if why_not is None else f"`{trust.name_of(keyid)}`, whose key is {why_not}"


def _enough_until(trust: SignerTrust, counted: Sequence[str], rule: SignerRule) -> int:
    """Return until when as many of these keys count as the rule asks for."""
    ends = sorted((trust.file.signers[keyid].valid_until for keyid in counted), reverse=True)
    return ends[rule.threshold - 1]
