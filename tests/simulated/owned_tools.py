"""Tools as their owners publish them, for tests that pin some: a name, what it takes, and what is declared of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mediator.canonical import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTool:
    """A tool as its owner would publish it: on this server, so defined, so declared."""

    server: str
    definition: JsonObject
    declared: Mapping[str, Json] = field(default_factory=dict)


def owned(
    key: str, *arguments: str, effect: str = "read", output: JsonObject | None = None, **declared: Json
) -> OwnedTool:
    """Return `server/name`, which takes these strings; further keywords as in a manifest's entry."""
    server, name = key.split("/")
    definition: JsonObject = {
        "name": name,
        "description": f"The tool {name} of {server}.",
        "inputSchema": {"type": "object", "properties": {argument: {"type": "string"} for argument in arguments}},
    }
    if output is not None:
        definition["outputSchema"] = output
    return OwnedTool(server=server, definition=definition, declared={"effect": effect, **declared})


WEATHER_READ: Final = owned("weather/read", "city")
FILES_WRITE: Final = owned("files/write", "path", "text", effect="write", targets={"/path": "path"})
MAIL_SEND: Final = owned("mail/send", "to", "body", effect="send", targets={"/to": "address"})
