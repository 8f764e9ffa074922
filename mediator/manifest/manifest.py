"""What a server's tools say they are, and what their owner says they do.

Pure: it reads and writes the form. Nothing that it returns has been verified, and a manifest that reads well may
still be unfit to be signed (`declaration.py`). Rules:

- Every member is there, none is unknown; what is wrong is told as a JSON pointer, what was expected, what to do.
- `definition` is the raw tool object exactly as the server offers it, unknown members included; `digest` is over its
  RFC 8785 bytes, so that key order and white space may change and nothing else.
- No two tools bear names that differ only by their spelling.
- An effect may be open while the owner has not declared it (`"effect": null` beside a `proposed_effect`): a draft.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Digest, Json, JsonObject, digest_of, parse_object
from mediator.effect import Effect
from mediator.manifest.fields import Fields, malformed, read_fields

REGISTRY_NAME: Final = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")  # server.json, schema 2025-12-11
LOCAL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
POINTER: Final = re.compile(r"(/([^~/]|~[01])*)*")  # RFC 6901 §3
LABEL: Final = re.compile(r"untrusted|confidential:[A-Za-z0-9._-]{1,64}")
LABEL_EXPECTED: Final = "`untrusted` or `confidential:<name>`"
TOOL_NAME_MAX: Final = 128  # MCP 2025-11-25 and later, server/tools: names
INSTRUCTIONS_MAX: Final = 64 * 1024  # ours: text that every agent of this server reads

_TOP: Final = ("version", "server", "publisher", "owner", "issued", "expires", "serial", "instructions", "tools")
_SERVER: Final = ("name", "title", "version", "packages", "remotes", "executable_digest", "stateless")
_TOOL: Final = (
    *("definition", "digest", "effect", "sensitivity", "reads_from", "sends_to", "result_labels", "targets"),
    *("stores", "idempotent", "limits", "opens"),
)
_DOMAIN: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,98}[A-Za-z0-9])?")


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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestTool:
    """One tool: its definition exactly as the server offers it, and what its owner declares of it."""

    name: str
    definition: JsonObject
    digest: Digest
    declared_digest: Digest
    """Over the whole entry, definition and declarations: what a reviewer approves."""
    effect: Effect | None
    proposed_effect: Effect | None
    sensitivity: int
    reads_from: frozenset[str]
    sends_to: frozenset[str]
    result_labels: frozenset[str]
    targets: Mapping[str, Target]
    """By JSON pointer into the arguments; one that names a list means each of its items."""
    stores: bool
    idempotent: bool
    limits: Limits
    opens: frozenset[str]
    """JSON pointers into the input schema: see `closed_world.py`."""


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
    about_digest: Digest
    """Over server, publisher, owner and instructions: what a reviewer approves beside each tool."""
    digest: Digest

    def find(self, tool: str) -> ManifestTool | None:
        """The tool of that name, if there is one."""
        return next((entry for entry in self.tools if entry.name == tool), None)


def parse_manifest(raw: bytes) -> ToolManifest:
    """Read a manifest; raises `Refused(MALFORMED)` naming the place, what was expected and what to do."""
    return read_manifest(parse_object(raw))


def read_manifest(manifest: JsonObject) -> ToolManifest:
    """Read a manifest that is JSON already; otherwise as `parse_manifest`."""
    top = read_fields(manifest, "", _TOP)
    top.count("version", 1, 1)
    issued, expires = top.moment("issued"), top.moment("expires")
    if expires <= issued:
        top.fail("expires", "a moment after `issued`")
    tools = tuple(_read_tool(entry) for entry in top.each("tools", _TOOL, ("proposed_effect",)))
    _names_must_differ(tools)
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
        about_digest=digest_of({name: manifest[name] for name in ("server", "publisher", "owner", "instructions")}),
        digest=digest_of(manifest),
    )


def read_name(definition: Json, where: str) -> str:
    """Return the name of a tool object; raises `Refused(MALFORMED)` when it has none that can be listed."""
    name = definition.get("name") if isinstance(definition, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= TOOL_NAME_MAX or not name.isprintable():
        raise malformed(f"{where}/name", f"expected a name of 1 to {TOOL_NAME_MAX} printable characters")
    return name


def _read_server(server: Fields) -> ServerIdentity:
    return ServerIdentity(
        name=server.text("name", REGISTRY_NAME, "a registry-style name such as `io.example/files` or `local/files`"),
        title=server.text_or_null("title"),
        version=server.text_or_null("version"),
        packages=server.objects("packages"),
        remotes=server.objects("remotes"),
        executable_digest=None if server.members["executable_digest"] is None else server.digest("executable_digest"),
        stateless=server.flag("stateless"),
    )


def _read_instructions(top: Fields) -> str | None:
    value = top.members["instructions"]
    if value is None or (isinstance(value, str) and len(value.encode()) <= INSTRUCTIONS_MAX):
        return value
    top.fail("instructions", f"a text of at most {INSTRUCTIONS_MAX} bytes, or null")


def _read_tool(entry: Fields) -> ManifestTool:
    definition = entry.object("definition")
    name = read_name(definition, f"{entry.where}/definition")
    actual = digest_of(definition)
    if entry.digest("digest") != actual:
        entry.fail("digest", f"`{actual}`: if the definition is as the server offers it, write that, else import anew")
    limits = entry.fields("limits", ("calls_per_task", "result_bytes"))
    domains = "a domain such as `example.com` or `local`"
    return ManifestTool(
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
        targets=_read_targets(entry),
        stores=entry.flag("stores"),
        idempotent=entry.flag("idempotent"),
        limits=Limits(
            calls_per_task=limits.count_or_null("calls_per_task", 1),
            result_bytes=limits.count_or_null("result_bytes", 1),
        ),
        opens=entry.texts("opens", POINTER, "a JSON pointer into the input schema, such as `/properties/headers`"),
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


def _names_must_differ(tools: tuple[ManifestTool, ...]) -> None:
    seen: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name.casefold() in seen:
            raise malformed(f"/tools/{index}/definition/name", "expected a name that differs by more than its spelling")
        seen.add(tool.name.casefold())
