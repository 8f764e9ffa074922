"""A draft: the manifest proposed from what a server offers today, for its owner to correct and sign.

Pure, and nothing is decided here: effects are proposed, never declared, since a server's hints are its own word.
`accept_proposed` is the owner's act of declaring them all as proposed. A resource that a template of its server covers
gets no entry of its own, and one that a manifest cannot name (`uri.py`, `family.py`) gets none at all: `left_out` says
which, and why.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from mediator.canonical import Json, JsonObject, digest_of
from mediator.effect import Effect
from mediator.manifest.entry import read_name
from mediator.manifest.family import FamilyForm, ResourceFamily, find_overlap, read_family
from mediator.manifest.fields import malformed, write_moment
from mediator.manifest.manifest import LOCAL_NAME, Owner
from mediator.refusal import Refused

_VERSION: Final = 1
_WRITING: Final = frozenset(
    {
        *("add", "append", "apply", "assign", "commit", "copy", "create", "draft", "edit", "fill", "import", "insert"),
        *("make", "mark", "mkdir", "modify", "move", "patch", "put", "register", "rename", "replace", "save", "set"),
        *("store", "tag", "update", "upload", "upsert", "write"),
    }
)
# Words that say more than writing: with one of these in its name a tool is proposed as the strictest.
_BEYOND_WRITING: Final = frozenset(
    {
        *(
            "call",
            "clear",
            "delete",
            "destroy",
            "drop",
            "email",
            "eval",
            "evaluate",
            "exec",
            "execute",
            "invoke",
            "kill",
        ),
        *("notify", "post", "publish", "purge", "push", "remove", "reset", "run", "send", "share", "truncate", "wipe"),
    }
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A resource or template that no manifest can name: it does not exist for agents."""

    name: str
    why: str


def draft_manifest(
    local_name: str,
    offered: Sequence[Json],
    *,
    prompts: Sequence[Json] = (),
    resources: Sequence[Json] = (),
    resource_templates: Sequence[Json] = (),
    publisher: str,
    owner: Owner,
    issued: int,
    expires: int,
    serial: int = 1,
    title: str | None = None,
    version: str | None = None,
    instructions: str | None = None,
    packages: Sequence[JsonObject] = (),
    remotes: Sequence[JsonObject] = (),
    executable_digest: str | None = None,
    lock_digest: str | None = None,
) -> JsonObject:
    """Return a manifest of all offered tools, prompts and resources, their effects proposed but none declared.

    Raises `Refused(MALFORMED)` for a name that is no local name, and for an offer in which something has no name or
    a name stands twice.
    """
    if not LOCAL_NAME.fullmatch(local_name):
        raise malformed(
            "/server/name", "expected 1 to 20 of lower-case letters, digits and `-`, not beginning with `-`"
        )
    _must_be_told_apart("tools", [read_name(tool, f"/tools/{index}") for index, tool in enumerate(offered)])
    _must_be_told_apart("prompts", [read_name(prompt, f"/prompts/{index}") for index, prompt in enumerate(prompts)])
    families = [*_families(resources, resource_templates)]
    return {
        "version": _VERSION,
        "server": {
            "name": f"local/{local_name}",
            "title": title or None,
            "version": version or None,
            "packages": [*packages],
            "remotes": [*remotes],
            "executable_digest": executable_digest,
            "lock_digest": lock_digest,
            "stateless": False,
        },
        "publisher": publisher,
        "owner": {"name": owner.name, "contact": owner.contact},
        "issued": write_moment(issued),
        "expires": write_moment(expires),
        "serial": serial,
        "instructions": instructions,
        "tools": [_draft_tool(tool) for tool in offered if isinstance(tool, dict)],
        "prompts": [_draft_entry(prompt) for prompt in prompts if isinstance(prompt, dict)],
        "resources": [
            {"family": {one.form.value: one.text}, **_draft_entry(definition)}
            for one, definition in families
            if isinstance(one, ResourceFamily)
        ],
    }


def left_out(resources: Sequence[Json], resource_templates: Sequence[Json]) -> tuple[LeftOut, ...]:
    """Return what a draft leaves out of what a server offers; raises `Refused(MALFORMED)` as `draft_manifest` does."""
    return tuple(one for one, _ in _families(resources, resource_templates) if isinstance(one, LeftOut))


def accept_proposed(manifest: JsonObject) -> JsonObject:
    """Return the manifest with each undeclared effect declared as proposed; what is declared stays as it is."""
    accepted: dict[str, Json] = {}
    for member in ("tools", "prompts", "resources"):
        entries = manifest.get(member)
        if not isinstance(entries, list):
            raise malformed(f"/{member}", "expected a list")
        accepted[member] = [_accept(entry) for entry in entries]
    return {**manifest, **accepted}


def propose_effect(definition: JsonObject) -> Effect:
    """Propose `read` where the server hints at it, `write` where a verb of the name says so, else `exec`."""
    hints = definition.get("annotations")
    if isinstance(hints, dict) and hints.get("readOnlyHint") is True and hints.get("destructiveHint") is not True:
        return Effect.READ
    name = definition.get("name")
    words = {word.lower() for word in _WORD.findall(name)} if isinstance(name, str) else set()
    if words & _WRITING and not words & _BEYOND_WRITING:
        return Effect.WRITE
    return Effect.EXEC


def _draft_entry(definition: JsonObject, proposed: Effect = Effect.READ) -> JsonObject:
    """Prompts and resources are read: that is all that MCP lets a client do with them."""
    return {
        "definition": definition,
        "digest": digest_of(definition),
        "effect": None,
        "proposed_effect": proposed.value,
        "sensitivity": 1,
        "reads_from": [],
        "sends_to": [],
        "result_labels": ["untrusted"],
    }


def _draft_tool(definition: JsonObject) -> JsonObject:
    return {
        **_draft_entry(definition, propose_effect(definition)),
        "targets": {},
        "stores": False,
        "idempotent": False,
        "limits": {"calls_per_task": None, "result_bytes": None},
        "opens": [],
    }


def _families(
    resources: Sequence[Json], resource_templates: Sequence[Json]
) -> Iterator[tuple[ResourceFamily | LeftOut, JsonObject]]:
    """Yield each family with its definition, templates first; and what can be named by none."""
    templates = [*_named("resource_templates", resource_templates, "uriTemplate")]
    wide: list[ResourceFamily] = []
    for text, definition in templates:
        family = _family(FamilyForm.TEMPLATE, text)
        if isinstance(family, ResourceFamily):
            if (other := find_overlap(family, wide)) is not None:
                family = LeftOut(
                    name=text, why=f"it may name the same resource as `{other.text}`: name both by a prefix"
                )
            else:
                wide.append(family)
        yield family, definition
    for text, definition in _named("resources", resources, "uri"):
        if not any(family.covers(text) for family in wide):
            yield _family(FamilyForm.URI, text), definition


def _family(form: FamilyForm, text: str) -> ResourceFamily | LeftOut:
    try:
        return read_family(form, text)
    except Refused as wrong:
        return LeftOut(name=text, why=wrong.detail)


def _named(member: str, entries: Sequence[Json], by: str) -> Sequence[tuple[str, JsonObject]]:
    named: list[tuple[str, JsonObject]] = []
    for index, entry in enumerate(entries):
        text = entry.get(by) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(text, str):
            raise malformed(f"/{member}/{index}/{by}", "expected a text")
        named.append((text, entry))
    _must_be_told_apart(member, [text for text, _ in named])
    return named


def _must_be_told_apart(member: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise malformed(f"/{member}", f"the server offers `{double}` twice: which of them is meant cannot be said")


def _accept(tool: Json) -> Json:
    if not isinstance(tool, dict) or tool.get("effect") is not None:
        return tool
    accepted = {name: said for name, said in tool.items() if name != "proposed_effect"}
    return {**accepted, "effect": tool.get("proposed_effect")}
