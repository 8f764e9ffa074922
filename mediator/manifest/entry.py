"""The entries of a manifest: one tool, prompt or family of resources, and what its owner declares of it.

Pure: it reads the form, and verifies nothing; whether an entry is fit to be signed is `declaration.py`'s to say. Rules:

- `definition` is the raw object exactly as the server offers it, unknown members included; `digest` is over its
  RFC 8785 bytes, so that key order and white space may change and nothing else.
- A resource that is named by a prefix has no definition, since it appears while the server runs: its entry has `null`,
  and a `title` and `description` that are its owner's own words. Those, with the family, are what is digested.
- A family says what its definition says: the same URI, or the same template.
- An effect may be open while the owner has not declared it (`"effect": null` beside a `proposed_effect`): a draft.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import ClassVar, Final, TypeAlias, TypedDict, final

from mediator.canonical import Digest, Json, JsonObject, digest_of
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.family import FamilyForm, ResourceFamily, read_family
from mediator.manifest.fields import Fields, malformed
from mediator.refusal import Refused

POINTER: Final = re.compile(r"(/([^~/]|~[01])*)*")  # RFC 6901 §3
LABEL: Final = re.compile(r"untrusted|confidential:[A-Za-z0-9._-]{1,64}")
LABEL_EXPECTED: Final = "`untrusted` or `confidential:<name>`"
NAME_MAX: Final = 128  # MCP 2025-11-25 and later, server/tools: names; ours for prompts
DESCRIPTION_MAX: Final = 2000  # ours: what an owner says of a family that the server does not define

PROMPT_MEMBERS: Final = (*("definition", "digest", "effect", "sensitivity", "reads_from", "sends_to", "result_labels"),)
RESOURCE_MEMBERS: Final = ("family", *PROMPT_MEMBERS)
TOOL_MEMBERS: Final = (*PROMPT_MEMBERS, "targets", "stores", "idempotent", "limits", "opens")
PROPOSED: Final = ("proposed_effect",)
OWN_WORDS: Final = ("title", "description")

_DOMAIN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,98}[A-Za-z0-9])?")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")  # RFC 6838 §4.2


@unique
class Target(StrEnum):
    """What an argument names that the tool then touches."""

    PATH = "path"
    URL = "url"
    ADDRESS = "address"
    ACCOUNT = "account"
    AMOUNT = "amount"
    DESTINATION = "destination"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often in a task, and how large a result; None: no limit of the tool's own."""

    calls_per_task: int | None = None
    result_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every kind of entry says."""

    name: str
    definition: JsonObject
    """As the server offers it; of a prefix family: the family, and its owner's own words."""
    digest: Digest
    declared_digest: Digest
    """Over the whole entry, definition and declarations: what a reviewer approves."""
    effect: Effect | None
    proposed_effect: Effect | None
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestTool(_Entry):
    """One tool."""

    kind: ClassVar = ItemKind.TOOL
    targets: Mapping[str, Target]
    """By JSON pointer into the arguments; one that names a list means each of its items."""
    stores: bool
    idempotent: bool
    limits: Limits
    opens: frozenset[str]
    """JSON pointers into the input schema: see `closed_world.py`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPrompt(_Entry):
    """One prompt."""

    kind: ClassVar = ItemKind.PROMPT


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestResource(_Entry):
    """One family of resources; its name is the family's text."""

    kind: ClassVar = ItemKind.RESOURCE
    family: ResourceFamily


ManifestEntry: TypeAlias = ManifestTool | ManifestPrompt | ManifestResource


def read_name(definition: Json, where: str) -> str:
    """Return the name of a tool or prompt; raises `Refused(MALFORMED)` when it has none that can be listed."""
    name = definition.get("name") if isinstance(definition, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise malformed(f"{where}/name", f"expected a name of 1 to {NAME_MAX} printable characters")
    return name


def read_tool(entry: Fields) -> ManifestTool:
    """Read the entry of a tool."""
    definition = entry.object("definition")
    common = _read_common(entry, read_name(definition, f"{entry.where}/definition"), definition)
    limits = entry.fields("limits", ("calls_per_task", "result_bytes"))
    return ManifestTool(
        **common,
        targets=_read_targets(entry),
        stores=entry.flag("stores"),
        idempotent=entry.flag("idempotent"),
        limits=Limits(
            calls_per_task=limits.count_or_null("calls_per_task", 1),
            result_bytes=limits.count_or_null("result_bytes", 1),
        ),
        opens=entry.texts("opens", POINTER, "a JSON pointer into the input schema, such as `/properties/headers`"),
    )


def read_prompt(entry: Fields) -> ManifestPrompt:
    """Read the entry of a prompt."""
    definition = entry.object("definition")
    return ManifestPrompt(**_read_common(entry, read_name(definition, f"{entry.where}/definition"), definition))


def read_resource(entry: Fields) -> ManifestResource:
    """Read the entry of a family of resources."""
    family = _read_family(entry)
    if family.form is FamilyForm.PREFIX:
        definition = _own_definition(entry)
    else:
        definition = entry.object("definition")
        for name in OWN_WORDS:
            if name in entry.members:
                entry.fail(name, "nothing: the definition says it")
        member = "uri" if family.is_exact else "uriTemplate"
        if definition.get(member) != family.text:
            raise malformed(f"{entry.where}/definition/{member}", f"expected what `family` says, `{family.text}`")
    return ManifestResource(**_read_common(entry, family.text, definition), family=family)


def own_definition(family: JsonObject, title: str, description: str) -> JsonObject:
    """Return what stands for the definition of a family that is named by its prefix."""
    return {**family, "title": title, "description": description}


class _Common(TypedDict):
    name: str
    definition: JsonObject
    digest: Digest
    declared_digest: Digest
    effect: Effect | None
    proposed_effect: Effect | None
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]


def _read_common(entry: Fields, name: str, definition: JsonObject) -> _Common:
    actual = digest_of(definition)
    if entry.digest("digest") != actual:
        entry.fail("digest", f"`{actual}`: if the definition is as the server offers it, write that, else import anew")
    domains = "a domain such as `example.com` or `local`"
    return _Common(
        name=name,
        definition=definition,
        digest=actual,
        declared_digest=digest_of({**entry.members, "proposed_effect": None}),
        effect=_read_effect(entry, "effect"),
        proposed_effect=_read_effect(entry, "proposed_effect"),
        sensitivity=entry.count("sensitivity", 0, 3),
        reads_from=entry.texts("reads_from", _DOMAIN, domains),
        sends_to=entry.texts("sends_to", _DOMAIN, domains),
        result_labels=entry.texts("result_labels", LABEL, LABEL_EXPECTED),
    )


def _read_effect(entry: Fields, name: str) -> Effect | None:
    return None if entry.members.get(name) is None else entry.member_of(name, Effect)


def _read_targets(entry: Fields) -> Mapping[str, Target]:
    where = f"{entry.where}/targets"
    targets = Fields(members=entry.object("targets"), where=where)
    for pointer in targets.members:
        if not pointer or not POINTER.fullmatch(pointer):
            raise malformed(where, f"expected JSON pointers into the arguments, such as `/path`, not `{pointer[:80]}`")
    return MappingProxyType({pointer: targets.member_of(pointer, Target) for pointer in targets.members})


def _read_family(entry: Fields) -> ResourceFamily:
    members = entry.object("family")
    form = next((one for one in FamilyForm if one.value in members), FamilyForm.URI)
    is_prefix = form is FamilyForm.PREFIX
    family = entry.fields("family", (form.value, "media_types") if is_prefix else (form.value,))
    media_types: frozenset[str] = frozenset()
    if is_prefix:
        expected = "a media type in lower case such as `text/plain`"
        media_types = family.texts("media_types", _MEDIA_TYPE, expected)
        if not media_types:
            family.fail("media_types", f"at least one, each {expected}")
    try:
        return read_family(form, family.text(form.value), media_types)
    except Refused as wrong:
        raise malformed(f"{family.where}/{form}", wrong.detail) from wrong


def _own_definition(entry: Fields) -> JsonObject:
    if entry.members["definition"] is not None:
        entry.fail("definition", "`null`: the server defines no family that is named by a prefix")
    for name in OWN_WORDS:
        if name not in entry.members:
            raise malformed(f"{entry.where}/{name}", "missing: say it in your own words, since the server does not")
    description = entry.lines_or_null("description", DESCRIPTION_MAX)
    if description is None:
        entry.fail("description", "a text")
    return own_definition(entry.object("family"), entry.text("title"), description)
