"""The draft of a manifest, as `mediator manifest import` makes it: what a server offers, and what was declared before.

Nothing is run and nothing is written here. A draft proposes effects and declares none, but for entries that are as
they were when their owner declared them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mediator.assembly.folder import find_file, read_operators
from mediator.canonical import Json, JsonObject, parse_object
from mediator.cli.folder import SetUp, now_ms
from mediator.cli.manifest_files import PUBLIC_KEY_FILE, manifest_file, read_trust
from mediator.manifest.draft import draft_manifest
from mediator.manifest.family import FamilyForm, find_overlap
from mediator.manifest.manifest import Owner, read_manifest
from mediator.refusal import Reason, Refused
from mediator.settings.sections import ToolServerSettings
from mediator.wire.hearing import Introduction

_DAY_MS: Final = 24 * 3600 * 1000
_TEXT_MAX: Final = 500  # what a manifest's texts may have


def drafted(
    set_up: SetUp,
    name: str,
    server: ToolServerSettings,
    introduction: Introduction,
    *,
    packages: Sequence[JsonObject] | None,
    owner: str | None,
    days: int,
) -> JsonObject:
    """Return the draft of what a server offers, with what was declared before; `packages=None` keeps those of before.

    Raises `Refused` where nobody may sign it, and for an offer that no manifest can hold.
    """
    before = find_file(manifest_file(set_up, name))
    old = None if before is None else parse_object(before)
    serial = 1 if old is None else read_manifest(old).serial + 1
    info = introduction.server_info or {}
    at = now_ms()
    who = owner or next(iter(sorted(person.name for person in read_operators(set_up.folder).values())))
    # An owner signs for every machine that it will run on: the files of this one are not theirs to promise.
    is_owners = (set_up.folder.root / PUBLIC_KEY_FILE).exists()
    draft = draft_manifest(
        name,
        introduction.tools,
        prompts=introduction.prompts,
        resources=introduction.resources,
        resource_templates=introduction.resource_templates,
        publisher=_publisher(set_up, f"local/{name}"),
        owner=Owner(name=who, contact=who),
        issued=at,
        expires=at + days * _DAY_MS,
        serial=serial,
        title=_text(info.get("title") or info.get("name")),
        version=_text(info.get("version")),
        instructions=introduction.instructions,
        packages=_packages(old) if packages is None else packages,
        remotes=[] if server.url is None else [{"type": "streamable-http", "url": server.url}],
        executable_digest=None if is_owners else server.executable_digest,
        lock_digest=None if is_owners else server.lock_digest,
    )
    return draft if old is None else _with_declared(draft, old)


def _packages(old: JsonObject | None) -> tuple[JsonObject, ...]:
    return () if old is None else read_manifest(old).server.packages


def _with_declared(draft: JsonObject, old: JsonObject) -> JsonObject:
    """Keep what was declared of each entry whose definition is unchanged, and the server's name and who answers for it.

    Families that their owner named by a prefix stay too: no server offers one. What they cover needs no entry.
    """
    kept: dict[str, Json] = {}
    for member in ("tools", "prompts", "resources"):
        before = {entry["digest"]: entry for entry in _entries(old, member)}
        kept[member] = [before.get(entry["digest"], entry) for entry in _entries(draft, member)]
    known = read_manifest(old).resources
    wide = [one.family for one in known if one.family.form is FamilyForm.PREFIX]
    covered = {
        one.name
        for one in read_manifest(draft).resources
        if find_overlap(one.family, wide) is not None and one.digest not in {entry.digest for entry in known}
    }
    resources: list[Json] = [
        entry for entry in _entries({**draft, **kept}, "resources") if _family_text(entry) not in covered
    ]
    own: list[Json] = [entry for entry in _entries(old, "resources") if entry["definition"] is None]
    server, before_server = draft["server"], old["server"]
    assert isinstance(server, dict)
    assert isinstance(before_server, dict)
    same = {"server": {**server, "name": before_server["name"]}, "publisher": old["publisher"], "owner": old["owner"]}
    return {**draft, **same, **kept, "resources": [*resources, *own]}


def _family_text(entry: JsonObject) -> Json:
    family = entry["family"]
    assert isinstance(family, dict)  # both were read as manifests
    return family.get("uri", family.get("template"))


def _entries(manifest: JsonObject, member: str) -> list[dict[str, Json]]:
    entries = manifest[member]
    assert isinstance(entries, list)  # both were read as manifests
    return [entry for entry in entries if isinstance(entry, dict)]


def _publisher(set_up: SetUp, server_name: str) -> str:
    """The one signer whom the trust file lets sign for this server."""
    trust = read_trust(set_up)
    rule = trust.find_rule(server_name)
    signers = sorted(trust.name_of(keyid) for keyid in rule.signers) if rule is not None else []
    if not signers:
        detail = f"no rule of the trust file covers `{server_name}`: nobody could sign for it"
        raise Refused(Reason.BAD_CREDENTIAL, detail, remedy="`mediator trust add-signer` adds one")
    return signers[0]


def _text(value: Json) -> str | None:
    """The server's word, where a manifest can hold it."""
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _TEXT_MAX else None
