"""What a server's tools, prompts and resources say they are, and what their owner says they do.

Pure: it reads and writes the form; its entries are `entry.py`'s. Nothing that it returns has been verified, and a
manifest that reads well may still be unfit to be signed (`declaration.py`). Rules:

- Every member is there, none is unknown; what is wrong is told as a JSON pointer, what was expected, what to do.
- No two tools, and no two prompts, bear names that differ only by their spelling; no two families of resources may
  name one resource, but for an exact URI in a wider family.
- `$schema` alone may be left out: it is for editors, is signed like the rest, and means nothing here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject, digest_of, parse_object
from mediator.kind import ItemKind
from mediator.manifest.entry import (
    OWN_WORDS,
    PROMPT_MEMBERS,
    PROPOSED,
    RESOURCE_MEMBERS,
    TOOL_MEMBERS,
    ManifestEntry,
    ManifestPrompt,
    ManifestResource,
    ManifestTool,
    read_prompt,
    read_resource,
    read_tool,
)
from mediator.manifest.family import ResourceFamily, find_overlap
from mediator.manifest.fields import Fields, malformed, read_fields

# server.json, schema 2025-12-11, but for parts of dots alone: as a part of a path or an address they are steps up.
REGISTRY_NAME: Final = re.compile(r"(?!\.+/)[a-zA-Z0-9.-]+/(?!\.+\Z)[a-zA-Z0-9._-]+")
LOCAL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
INSTRUCTIONS_MAX: Final = 64 * 1024  # ours: text that every agent of this server reads

_TOP: Final = (
    *("version", "server", "publisher", "owner", "issued", "expires", "serial", "instructions"),
    *("tools", "prompts", "resources"),
)
_SCHEMA: Final = ("$schema",)
_SERVER: Final = ("name", "title", "version", "packages", "remotes", "executable_digest", "lock_digest", "stateless")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIdentity:
    """Which server it is, in the words of the MCP registry's `server.json`."""

    name: str
    title: str | None
    version: str | None
    packages: tuple[JsonObject, ...]
    remotes: tuple[JsonObject, ...]
    executable_digest: Digest | None
    lock_digest: Digest | None
    stateless: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The human who answers for the server."""

    name: str
    contact: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolManifest:
    """One server's manifest, well formed and not verified. Moments are milliseconds since the epoch."""

    server: ServerIdentity
    publisher: str
    owner: Owner
    issued: int
    expires: int
    serial: int
    instructions: str | None
    tools: tuple[ManifestTool, ...]
    prompts: tuple[ManifestPrompt, ...]
    resources: tuple[ManifestResource, ...]
    about_digest: Digest
    """Over server, publisher, owner and instructions: what a reviewer approves beside each tool."""
    digest: Digest

    def find(self, tool: str) -> ManifestTool | None:
        """The tool of that name, if there is one."""
        return next((entry for entry in self.tools if entry.name == tool), None)

    @property
    def entries(self) -> tuple[ManifestEntry, ...]:
        """Everything that it speaks of: tools, prompts, then families of resources."""
        return (*self.tools, *self.prompts, *self.resources)

    def find_entry(self, kind: ItemKind, name: str) -> ManifestEntry | None:
        """The entry of that kind and name, if there is one."""
        return next((entry for entry in self.entries if entry.kind is kind and entry.name == name), None)


def parse_manifest(raw: bytes) -> ToolManifest:
    """Read a manifest; raises `Refused(MALFORMED)` naming the place, what was expected and what to do."""
    return read_manifest(parse_object(raw))


def read_manifest(manifest: JsonObject) -> ToolManifest:
    """Read a manifest that is JSON already; otherwise as `parse_manifest`."""
    top = read_fields(manifest, "", _TOP, _SCHEMA)
    top.count("version", 1, 1)
    issued, expires = top.moment("issued"), top.moment("expires")
    if expires <= issued:
        top.fail("expires", "a moment after `issued`")
    if "$schema" in top.members:
        top.text("$schema")  # where an editor finds the form: signed with the rest, and nobody here follows it
    tools = tuple(read_tool(entry) for entry in top.each("tools", TOOL_MEMBERS, PROPOSED))
    prompts = tuple(read_prompt(entry) for entry in top.each("prompts", PROMPT_MEMBERS, PROPOSED))
    resources = tuple(
        read_resource(entry) for entry in top.each("resources", RESOURCE_MEMBERS, (*PROPOSED, *OWN_WORDS))
    )
    _names_must_differ("tools", tools)
    _names_must_differ("prompts", prompts)
    _families_must_not_overlap(resources)
    owner = top.fields("owner", ("name", "contact"))
    return ToolManifest(
        server=_read_server(top.fields("server", _SERVER)),
        publisher=top.text("publisher"),
        owner=Owner(name=owner.text("name"), contact=owner.text("contact")),
        issued=issued,
        expires=expires,
        serial=top.count("serial", 1),
        instructions=_read_instructions(top),
        tools=tools,
        prompts=prompts,
        resources=resources,
        about_digest=digest_of({name: manifest[name] for name in ("server", "publisher", "owner", "instructions")}),
        digest=digest_of(manifest),
    )


def _read_server(server: Fields) -> ServerIdentity:
    return ServerIdentity(
        name=server.text("name", REGISTRY_NAME, "a registry-style name such as `io.example/files` or `local/files`"),
        title=server.text_or_null("title"),
        version=server.text_or_null("version"),
        packages=server.objects("packages"),
        remotes=server.objects("remotes"),
        executable_digest=_read_digest(server, "executable_digest"),
        lock_digest=_read_digest(server, "lock_digest"),
        stateless=server.flag("stateless"),
    )


def _read_digest(server: Fields, name: str) -> Digest | None:
    return None if server.members[name] is None else server.digest(name)


def _read_instructions(top: Fields) -> str | None:
    value = top.members["instructions"]
    if value is None or (isinstance(value, str) and len(value.encode()) <= INSTRUCTIONS_MAX):
        return value
    top.fail("instructions", f"a text of at most {INSTRUCTIONS_MAX} bytes, or null")


def _names_must_differ(member: str, entries: Sequence[ManifestEntry]) -> None:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.name.casefold() in seen:
            where = f"/{member}/{index}/definition/name"
            raise malformed(where, "expected a name that differs by more than its spelling")
        seen.add(entry.name.casefold())


def _families_must_not_overlap(resources: tuple[ManifestResource, ...]) -> None:
    """An exact URI may stand beside a template or prefix that covers it, and then decides; others may not."""
    seen: set[str] = set()
    wide: list[ResourceFamily] = []
    for index, resource in enumerate(resources):
        family = resource.family
        other = None if family.is_exact else find_overlap(family, wide)
        if family.text in seen or other is not None:
            told = family.text if other is None else other.text
            detail = f"it may name the same resource as `{told}`: keep one of them, or name both by one prefix"
            raise malformed(f"/resources/{index}/family", detail)
        seen.add(family.text)
        wide += [] if family.is_exact else [family]
