"""A draft: the manifest proposed from what a server offers today, for its owner to correct and sign.

Pure, and nothing is decided here: effects are proposed, never declared, since a server's hints are its own word.
`accept_proposed` is the owner's act of declaring them all as proposed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mediator.canonical import Json, JsonObject, digest_of
from mediator.effect import Effect
from mediator.manifest.fields import malformed, write_moment
from mediator.manifest.manifest import LOCAL_NAME, Owner, read_name

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


def draft_manifest(
    local_name: str,
    offered: Sequence[Json],
    *,
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
) -> JsonObject:
    """Return a manifest of all offered tools, their effects proposed but none declared.

    Raises `Refused(MALFORMED)` for a name that is no local name, and for an offer in which something is no tool or
    a name stands twice.
    """
    if not LOCAL_NAME.fullmatch(local_name):
        raise malformed(
            "/server/name", "expected 1 to 20 of lower-case letters, digits and `-`, not beginning with `-`"
        )
    names = [read_name(tool, f"/tools/{index}") for index, tool in enumerate(offered)]
    if doubles := [name for name in names if names.count(name) > 1]:
        raise malformed("/tools", f"the server offers `{doubles[0]}` twice: which of them is meant cannot be said")
    return {
        "version": _VERSION,
        "server": {
            "name": f"local/{local_name}",
            "title": title or None,
            "version": version or None,
            "packages": [*packages],
            "remotes": [*remotes],
            "executable_digest": executable_digest,
            "stateless": False,
        },
        "publisher": publisher,
        "owner": {"name": owner.name, "contact": owner.contact},
        "issued": write_moment(issued),
        "expires": write_moment(expires),
        "serial": serial,
        "instructions": instructions,
        "tools": [_draft_tool(tool) for tool in offered if isinstance(tool, dict)],
    }


def accept_proposed(manifest: JsonObject) -> JsonObject:
    """Return the manifest with each undeclared effect declared as proposed; what is declared stays as it is."""
    tools = manifest.get("tools")
    if not isinstance(tools, list):
        raise malformed("/tools", "expected a list")
    return {**manifest, "tools": [_accept(tool) for tool in tools]}


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


def _draft_tool(definition: JsonObject) -> JsonObject:
    return {
        "definition": definition,
        "digest": digest_of(definition),
        "effect": None,
        "proposed_effect": propose_effect(definition).value,
        "sensitivity": 1,
        "reads_from": [],
        "sends_to": [],
        "result_labels": ["untrusted"],
        "targets": {},
        "stores": False,
        "idempotent": False,
        "limits": {"calls_per_task": None, "result_bytes": None},
        "opens": [],
    }


def _accept(tool: Json) -> Json:
    if not isinstance(tool, dict) or tool.get("effect") is not None:
        return tool
    accepted = {name: said for name, said in tool.items() if name != "proposed_effect"}
    return {**accepted, "effect": tool.get("proposed_effect")}
