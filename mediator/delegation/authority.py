"""Authority: which items, to which effects. A set of rights; no I/O and no time.

Two questions are asked of it. *Matches* decides what is visible; *covers* decides what may be called, got or read.

An item goes by its server's local name and its *grant name*: of a tool that is its own name, of a prompt
`prompt:NAME`, of a family of resources `resource:FAMILY`, its URI, template or prefix as it is pinned. So a pattern
means one kind by how its second half begins, and all kinds by a `*` there. (No tool that is named as the others are can
be pinned: `manifest/declaration.py`.) Rules:

- A pattern is `<server>/<grant name>`; `*` stands for any run of characters inside its half. Nothing else is special.
- Patterns are closed at granting: what is pinned after `pin_serial` is not matched, whatever its name (P4).
- A privileged effect must be *named* (P6): write by a pattern with a literal server, delete, send and exec by
  the full grant name of the item. `*` alone names nothing; nor, for these three, does a template that has a `*`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, assert_never

from mediator.effect import Effect
from mediator.refusal import Reason, Refused

_SERVER: Final = r"[A-Za-z0-9_.\-*]{1,128}"
_TOOL: Final = r"[A-Za-z0-9_.\-*/]{1,128}"
# RFC 3986 §2: all that a URI may hold; RFC 6570 §2.2: and what makes a template of it.
_OTHER: Final = r"(?:prompt|resource):[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%{}]{1,512}"
_PATTERN: Final = re.compile(rf"{_SERVER}/(?:{_TOOL}|{_OTHER})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of authority: items that match the pattern, to these effects."""

    pattern: str
    effects: frozenset[Effect]

    def matches(self, server: str, name: str) -> bool:
        """Tell whether the pattern holds for the item of this grant name."""
        server_half, name_half = self.pattern.split("/", 1)
        return _is_match(server_half, server) and _is_match(name_half, name)

    def names(self, server: str, name: str, effect: Effect) -> bool:
        """Tell whether this entry lists the effect and is specific enough for it (P6)."""
        if effect not in self.effects or not self.matches(server, name):
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
    """What a grant gives: entries over what was pinned when it was given."""

    entries: tuple[Entry, ...]
    pin_serial: int

    def matches(self, server: str, name: str, pinned_at: int) -> bool:
        """Tell whether the item is within sight: matched by a pattern, and pinned when this was granted."""
        return pinned_at <= self.pin_serial and any(entry.matches(server, name) for entry in self.entries)

    def covers(self, server: str, name: str, effect: Effect, pinned_at: int) -> bool:
        """Tell whether the item may be called to this effect."""
        return pinned_at <= self.pin_serial and any(entry.names(server, name, effect) for entry in self.entries)


def parse_pattern(text: str) -> str:
    """Return the pattern, `*` alone as `*/*`.

    Raises `Refused(MALFORMED)` naming what is wrong.
    """
    pattern = "*/*" if text == "*" else text
    if not _PATTERN.match(pattern):
        detail = (
            f"tool pattern `{text[:64]}` is not `<server>/<tool>` (letters, digits, `_`, `-`, `.`, `*`), "
            "`<server>/prompt:<name>` or `<server>/resource:<URI, template or prefix>`"
        )
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
