"""Pins as the real ones are made: a publisher signs a manifest, a reviewer approves it, and the set is loaded.

No seal is broken here. A test that wants a tool to exist says what it is like, and everything else is filled in.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.identity.statement import Operators, Role
from mediator.manifest.approval import approve_pins
from mediator.manifest.draft import accept_proposed, draft_manifest
from mediator.manifest.manifest import Owner
from mediator.manifest.pin import ONE_REVIEWER, PinProblem, PinSet, load_pins
from mediator.manifest.pinned import PinnedTool, ReviewRule
from mediator.manifest.signature import sign_manifest, verify_manifest
from mediator.manifest.trust import SignerTrust, sign_trust, verify_trust
from mediator.manifest.trust_file import RootRole, Signer, SignerRule, TrustFile
from tests.simulated.people import key_of, operators_of

NOW_MS: Final = 1_800_000_000_000  # 2027-01-15T08:00:00Z
YEAR_MS: Final = 365 * 86_400_000
OPERATORS: Final[Operators] = operators_of(reviewer=Role.OPERATOR, second=Role.OPERATOR, signer=Role.OPERATOR)
READ: Final[JsonObject] = {
    "name": "read",
    "description": "Read a file",
    "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}


ROOT: Final = RootRole(keys={"root": key_of("root").public}, threshold=1)


def rule_of(
    prefix: str, *signers: str, threshold: int = 1, span: tuple[int, int] = (NOW_MS - YEAR_MS, NOW_MS + YEAR_MS)
) -> SignerRule:
    """Return a rule of the trust file: these may sign under that prefix."""
    return SignerRule(
        prefix=prefix,
        signers=frozenset(key_of(name).public.keyid for name in signers),
        threshold=threshold,
        valid_from=span[0],
        valid_until=span[1],
    )


def trust_file(*rules: SignerRule, signers: tuple[str, ...] = ("signer", "cosigner"), **changed: Any) -> TrustFile:
    """Return what a trust file says: these rules over these signers, by the root `root`; `changed` replaces members."""
    span: dict[str, Any] = {"valid_from": NOW_MS - YEAR_MS, "valid_until": NOW_MS + YEAR_MS}
    said = TrustFile(
        version=1,
        issued=NOW_MS - 1000,
        expires=NOW_MS + YEAR_MS,
        root=ROOT,
        signers={key_of(name).public.keyid: Signer(name=name, key=key_of(name).public, **span) for name in signers},
        rules=tuple(sorted(rules, key=lambda rule: -len(rule.prefix))),
    )
    return replace(said, **changed)


def trusted(said: TrustFile, now_ms: int = NOW_MS) -> SignerTrust:
    """Return the trust that its root, which is accepted, bears out."""
    return verify_trust(sign_trust(said, [key_of("root")]), ROOT, now_ms, 0)


def trust_of(*prefixes: str, threshold: int = 1, signers: tuple[str, ...] = ("signer", "cosigner")) -> SignerTrust:
    """Return trust in these signers for these prefixes, `local/` where none is given."""
    rules = [rule_of(prefix, *signers, threshold=threshold) for prefix in prefixes or ("local/",)]
    return trusted(trust_file(*rules, signers=signers))


TRUST: Final = trust_of()


def manifest_of(*definitions: JsonObject, server: str = "files", **declared: Json) -> JsonObject:
    """Return a manifest of these tools (`READ` where none is given), each a reading one unless declared otherwise."""
    draft = draft_manifest(
        server,
        definitions or (READ,),
        publisher="signer",
        owner=Owner(name="Olga", contact="olga@example.com"),
        issued=NOW_MS - 86_400_000,
        expires=NOW_MS + YEAR_MS // 2,
    )
    tools: list[Json] = [{**tool, "effect": "read", **declared} for tool in entries(draft)]
    return {**draft, "tools": tools}


def full_manifest(
    *,
    prompts: Sequence[JsonObject] = (),
    resources: Sequence[JsonObject] = (),
    resource_templates: Sequence[JsonObject] = (),
    prefixes: Sequence[str] = (),
    server: str = "files",
    instructions: str | None = None,
) -> JsonObject:
    """Return a manifest of `READ`, and of these; a prefix is one of text files."""
    draft = draft_manifest(
        server,
        (READ,),
        prompts=prompts,
        resources=resources,
        resource_templates=resource_templates,
        publisher="signer",
        owner=Owner(name="Olga", contact="olga@example.com"),
        issued=NOW_MS - 86_400_000,
        expires=NOW_MS + YEAR_MS // 2,
        instructions=instructions,
    )
    listed = draft["resources"]
    assert isinstance(listed, list)
    return accept_proposed({**draft, "resources": [*listed, *(prefix_entry(one) for one in prefixes)]})


def prefix_entry(prefix: str, media_type: str = "text/plain") -> JsonObject:
    """Return the entry of a family that is named by its prefix."""
    family: JsonObject = {"prefix": prefix, "media_types": [media_type]}
    return {
        "family": family,
        "definition": None,
        "title": "Texts",
        "description": "Whatever lies there",
        "digest": digest_of({**family, "title": "Texts", "description": "Whatever lies there"}),
        "effect": "read",
        "sensitivity": 1,
        "reads_from": [],
        "sends_to": [],
        "result_labels": ["untrusted"],
    }


def pins_of_manifest(manifest: JsonObject, server: str = "files") -> PinSet:
    """Return the pins of everything that a manifest speaks of, all of which hold."""
    envelope = signed(manifest)
    pins, problems = loaded(approved(envelope, server), {server: envelope})
    assert problems == ()
    return pins


def entries(manifest: JsonObject, kind: str = "tools") -> list[JsonObject]:
    """Return a manifest's entries of tools, or of another kind."""
    found = manifest[kind]
    assert isinstance(found, list)
    return [entry for entry in found if isinstance(entry, dict)]


def with_definition(manifest: JsonObject, index: int, definition: JsonObject) -> JsonObject:
    """Return the manifest with another definition, and its digest, in one of its entries."""
    tools: list[Json] = [*entries(manifest)]
    tools[index] = {**entries(manifest)[index], "definition": definition, "digest": digest_of(definition)}
    return {**manifest, "tools": tools}


def signed(manifest: JsonObject, *signers: str) -> bytes:
    """Return the envelope of a manifest, signed by `signer` where nobody is named."""
    return sign_manifest(manifest, [key_of(name) for name in signers or ("signer",)])


def approved(envelope: bytes, server: str = "files", pins_lock: bytes | None = None, **how: object) -> bytes:
    """Return `pins.lock` after `reviewer` approved all tools of an envelope; `how` goes to `approve_pins`."""
    chosen: dict[str, object] = {"tools": None, "reviewer": key_of("reviewer"), "operators": OPERATORS, "at": NOW_MS}
    verified = verify_manifest(envelope, TRUST, NOW_MS)
    return approve_pins(pins_lock, server, verified, **chosen | how)  # type: ignore[arg-type]  # as the test asks


def loaded(
    pins_lock: bytes | None, envelopes: Mapping[str, bytes], rule: ReviewRule = ONE_REVIEWER
) -> tuple[PinSet, tuple[PinProblem, ...]]:
    """Return what exists, and what does not."""
    return load_pins(pins_lock, envelopes, TRUST, OPERATORS, NOW_MS, rule)


def pins_of(*definitions: JsonObject, server: str = "files", **declared: Json) -> PinSet:
    """Return the pins of one server's tools, all of which hold."""
    envelope = signed(manifest_of(*definitions, server=server, **declared))
    pins, problems = loaded(approved(envelope, server), {server: envelope})
    assert problems == ()
    return pins


def pinned(definition: JsonObject = READ, *, server: str = "files", **declared: Json) -> PinnedTool:
    """Return one pinned tool: `pinned({"name": ...}, effect="write", opens=["/properties/value"])`."""
    (tool,) = pins_of(definition, server=server, **declared)
    return tool


def copied(value: JsonObject) -> JsonObject:
    """Return a copy that may be changed."""
    return parse_object(canonical_bytes(value))
