"""Authority: which tools, to which effects. A set of rights; no I/O and no time.

Two questions are asked of it. *Matches* decides what is visible; *covers* decides what may be called. Rules:

- A pattern is `<server>/<tool>`; `*` stands for any run of characters inside its half. Nothing else is special.
- Patterns are closed at granting: a tool pinned after `pin_serial` is not matched, whatever its name (P4).
- A privileged effect must be *named* (P6): write by a pattern with a literal server, delete, send and exec by
  the full name of the tool. `*` alone names nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, assert_never

from mediator.effect import Effect
from mediator.refusal import Reason, Refused

_PATTERN: Final = re.compile(r"[A-Za-z0-9_.\-*]{1,128}/[A-Za-z0-9_.\-*/]{1,128}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of authority: tools that match the pattern, to these effects."""

    pattern: str
    effects: frozenset[Effect]

    def matches(self, server: str, tool: str) -> bool:
        """Tell whether the pattern holds for this tool."""
        server_half, tool_half = self.pattern.split("/", 1)
        return _is_match(server_half, server) and _is_match(tool_half, tool)

    def names(self, server: str, tool: str, effect: Effect) -> bool:
        """Tell whether this entry lists the effect and is specific enough for it (P6)."""
        if effect not in self.effects or not self.matches(server, tool):
            return False
        match effect:
            case Effect.READ:
                return True
            case Effect.WRITE:
                return "*" not in self.pattern.split("/", 1)[0]
            case Effect.DELETE | Effect.SEND | Effect.EXEC:
                return "*" not in self.pattern
            case _:
                assert_never(effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What a grant gives: entries over the tools that were pinned when it was given."""

    entries: tuple[Entry, ...]
    pin_serial: int

    def matches(self, server: str, tool: str, pinned_at: int) -> bool:
        """Tell whether the tool is within sight: matched by a pattern, and pinned when this was granted."""
        return pinned_at <= self.pin_serial and any(entry.matches(server, tool) for entry in self.entries)

    def covers(self, server: str, tool: str, effect: Effect, pinned_at: int) -> bool:
        """Tell whether the tool may be called to this effect."""
        return pinned_at <= self.pin_serial and any(entry.names(server, tool, effect) for entry in self.entries)


def parse_pattern(text: str) -> str:
    """Return the pattern, `*` alone as `*/*`.

    Raises `Refused(MALFORMED)` naming what is wrong.
    """
    pattern = "*/*" if text == "*" else text
    if not _PATTERN.match(pattern):
        detail = f"tool pattern `{text[:64]}` is not `<server>/<tool>` (letters, digits, `_`, `-`, `.`, `*`)"
        raise Refused(Reason.MALFORMED, detail)
    return pattern


def _is_match(pattern: str, text: str) -> bool:
    """Tell whether the text is the pattern with any runs of characters for its `*`.

    From left to right, each literal at its first place: linear, where a regular expression of many stars is not.
    """
    head, *literals = pattern.split("*")
    if not literals:
        return text == head
    tail = literals.pop()
    if not text.startswith(head) or not text.endswith(tail) or len(text) < len(head) + len(tail):
        return False
    start, end = len(head), len(text) - len(tail)
    for literal in literals:
        found = text.find(literal, start, end)
        if found < 0:
            return False
        start = found + len(literal)
    return True
