"""Receiver: what a caller can be sent beside its answer, as it said itself; and what it can be asked.

Pure. Nothing of it is a fact for a decision. Of the capabilities that an agent declares, what the protocol defines is
kept and everything else dropped: they go on to tool servers, and are no way to say anything else to them. Of the
extensions, those in a table of ours: what is served of them is decided and inspected here, and the rest passes nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Json, JsonObject
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import AskMethod, LogLevel

# MCP 2025-11-25 and 2026-07-28, schema: ClientCapabilities
_ASKED_BY: Final = MappingProxyType(
    {AskMethod.ELICIT: "elicitation", AskMethod.SAMPLE: "sampling", AskMethod.ROOTS: "roots"}
)
_PARTS: Final = MappingProxyType(
    {"elicitation": ("form", "url"), "sampling": ("context", "tools"), "roots": ()},
)
_EXTENSIONS: Final = "extensions"

TASKS: Final = "io.modelcontextprotocol/tasks"  # SEP-2663
EXTENSIONS: Final = (TASKS,)
"""The extensions that are known here. `io.modelcontextprotocol/ui` is not: nothing that it serves is pinned."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a client can be asked: the parts that it declared, by capability; and the extensions that it understands."""

    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extensions: tuple[str, ...] = ()

    def form(self) -> JsonObject:
        """Return the declaration as the protocol writes it."""
        declared: JsonObject = {name: {part: {} for part in parts} for name, parts in self.parts}
        if self.extensions:
            declared[_EXTENSIONS] = {name: {} for name in self.extensions}
        return declared

    @property
    def has_mcp_tasks(self) -> bool:
        """Whether the answer to a call may be an mcp task."""
        return TASKS in self.extensions

    def can_be_asked(self, method: AskMethod, mode: str = "") -> bool:
        """Tell whether this may be asked at all; in this mode, where that matters."""
        for name, parts in self.parts:
            if name == _ASKED_BY[method]:
                # MCP 2025-11-25, `client/elicitation`: who names no mode takes forms.
                return not mode or mode in (parts or ("form",))
        return False

    @property
    def key(self) -> str:
        """What tells one declaration from another, of what can be asked."""
        return " ".join(f"{name}({','.join(parts)})" for name, parts in self.parts)


NO_CAPABILITIES: Final = Capabilities()
ALL_CAPABILITIES: Final = Capabilities(parts=tuple((name, parts) for name, parts in _PARTS.items()))
"""What the mediator itself declares, so that what a server offers does not depend on who calls; whether a question is put
to anybody is decided when it is asked."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What the caller of one request can be sent: progress under its token, log messages of a level, questions."""

    progress_token: RequestId | None = None
    log_level: LogLevel | None = None
    capabilities: Capabilities = NO_CAPABILITIES


NOBODY: Final = Receiver()
OURSELVES: Final = Receiver(capabilities=ALL_CAPABILITIES)


def read_capabilities(declared: Json) -> Capabilities:
    """Return what of a declaration the protocol defines; nothing of what has not its form."""
    if not isinstance(declared, dict):
        return NO_CAPABILITIES
    found: list[tuple[str, tuple[str, ...]]] = []
    for name, known in _PARTS.items():
        said = declared.get(name)
        if isinstance(said, dict):
            found.append((name, tuple(part for part in known if isinstance(said.get(part), dict))))
    return Capabilities(parts=tuple(found))


def read_extensions(declared: Json, served: Collection[str]) -> tuple[str, ...]:
    """Return which of the extensions that are served a declaration of the modern era names."""
    named = declared.get(_EXTENSIONS) if isinstance(declared, dict) else None
    return tuple(name for name in EXTENSIONS if name in served and isinstance(named, dict) and name in named)


def read_level(value: Json) -> LogLevel | None:
    """Return the level that a text names, if it names one."""
    return LogLevel(value) if isinstance(value, str) and value in set(LogLevel) else None
