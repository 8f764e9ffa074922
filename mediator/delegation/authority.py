"""Authority: which items, to which effects, with which arguments. A lattice of rights; no I/O and no time.

A link of a chain gives `Rights`: entries over what was pinned when it was given. An `Authority` is what several of them
come to together: what each of them gives. Two questions are asked of it. *Matches* decides what is visible; *covers*
decides what may be called, got or read.

An item goes by its server's local name and its *grant name*: of a tool that is its own name, of a prompt
`prompt:NAME`, of a family of resources `resource:FAMILY`, its URI, template or prefix as it is pinned. So a pattern
means one kind by how its second half begins, and all kinds by a `*` there. (No tool that is named as the others are can
be pinned: `manifest/declaration.py`.) Rules:

- A pattern is `<server>/<grant name>`; `*` stands for any run of characters inside its half. Nothing else is special.
- Patterns are closed at granting: what is pinned after `pin_serial` is not matched, whatever its name (P4).
- A privileged effect must be *named* (P6): write by a pattern with a literal server, delete, send and exec by
  the full grant name of the item. `*` alone names nothing; nor, for these three, does a template that has a `*`.
- An entry's constraints, by JSON pointer into the arguments, must each hold of the value there; of one that is absent
  none holds.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, assert_never, final

from mediator.because import EXPECTED, Because, is_because
from mediator.canonical import Json, JsonObject
from mediator.delegation.constraint import Constraint, Reading, holds_of, is_within
from mediator.effect import Effect
from mediator.refusal import Reason, Refused

_SERVER: Final = r"[A-Za-z0-9_.\-*]{1,128}"
_TOOL: Final = r"[A-Za-z0-9_.\-*/]{1,128}"
# RFC 3986 §2: all that a URI may hold; RFC 6570 §2.2: and what makes a template of it.
_OTHER: Final = r"(?:prompt|resource):[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%{}]{1,512}"
_PATTERN: Final = re.compile(rf"{_SERVER}/(?:{_TOOL}|{_OTHER})\Z")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")  # RFC 6901 §3
_POINTER_LENGTH_MAX: Final = 256
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")  # RFC 6901 §4
_UNCONSTRAINED: Final[Mapping[str, Constraint]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of authority: items that match the pattern, to these effects, with arguments that keep the constraints.

    `because` says why what is called by it is called. It is no part of the authority: no line is wider for it, or narrower.
    """

    pattern: str
    effects: frozenset[Effect]
    arguments: Mapping[str, Constraint] = field(default_factory=lambda: _UNCONSTRAINED)
    because: Because | None = None

    def __hash__(self) -> int:
        # Constraints count: a fleet's grants differ in these alone, and are looked up by their hashes (`narrowing.py`).
        return hash((self.pattern, self.effects, frozenset(self.arguments.items())))

    def matches(self, server: str, name: str) -> bool:
        """Tell whether the pattern holds for the item of this grant name."""
        server_half, name_half = self.pattern.split("/", 1)
        return _is_match(server_half, server) and _is_match(name_half, name)

    def names(self, server: str, name: str, effect: Effect) -> bool:
        """Tell whether this entry lists the effect and is specific enough for it (P6)."""
        return effect in self.effects and self.is_specific_for(effect) and self.matches(server, name)

    def is_specific_for(self, effect: Effect) -> bool:
        """Tell whether the pattern is close enough to name this effect (P6)."""
        match effect:
            case Effect.READ:
                return True
            case Effect.WRITE:
                return "*" not in self.pattern.split("/", 1)[0]
            case Effect.DELETE | Effect.SEND | Effect.EXEC:
                return "*" not in self.pattern
            case _:
                assert_never(effect)

    def admits(self, arguments: JsonObject, read: dict[str, Reading | None] | None = None) -> bool:
        """Tell whether the arguments keep every constraint; of a value that is not there none holds.

        `read` are the readings of these arguments so far, by pointer.
        """
        read = {} if read is None else read
        for pointer, constraint in self.arguments.items():
            if pointer not in read:
                read[pointer] = _reading_at(arguments, pointer)
            reading = read[pointer]
            if reading is None or not holds_of(constraint, reading):
                return False
        return True

    def reaches_no_further(self, wide: Entry, effect: Effect) -> bool:
        """Tell whether `wide` has the effect and matches what this one matches, constraints aside."""
        server, name = self.pattern.split("/", 1)
        return (
            effect in wide.effects
            and (wide.is_specific_for(effect) or not self.is_specific_for(effect))
            and wide.matches(server, name)  # a `*` in our pattern is matched by a `*` alone
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one link gives: entries over what was pinned when it was given. No entries: nothing.

    Its hash is worked out once: each call looks for each link's rights several times, and they may hold hundreds of constraints.
    """

    entries: tuple[Entry, ...]
    pin_serial: int
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.entries, self.pin_serial)))

    def __hash__(self) -> int:
        return self._hash

    def matches(self, server: str, name: str, pinned_at: int) -> bool:
        """Tell whether the item is within sight: matched by a pattern, and pinned when this was granted."""
        return pinned_at <= self.pin_serial and any(entry.matches(server, name) for entry in self.entries)

    def covers(
        self,
        server: str,
        name: str,
        effect: Effect,
        arguments: JsonObject,
        pinned_at: int,
        read: dict[str, Reading | None] | None = None,
    ) -> bool:
        """Tell whether the item may be called to this effect with these arguments; `read` as `Entry.admits`."""
        read = {} if read is None else read
        return pinned_at <= self.pin_serial and any(
            entry.names(server, name, effect) and entry.admits(arguments, read) for entry in self.entries
        )

    def narrows(self, wide: Rights) -> bool:
        """Tell whether whatever these cover or match, `wide` does too."""
        return self.pin_serial <= wide.pin_serial and find_wider(self.entries, wide) is None


def find_wider(entries: tuple[Entry, ...], wide: Rights) -> tuple[Entry, Effect | None] | None:
    """Return the first of the entries that is not within these rights, and to which effect; None where all are."""
    known: dict[tuple[int, int], bool] = {}  # many entries have their constraints in common, and several effects

    def keeps(entry: Entry, other: Entry) -> bool:
        pair = (id(entry.arguments), id(other.arguments))
        if pair not in known:
            known[pair] = _are_within(entry.arguments, other.arguments)
        return known[pair]

    for entry in entries:
        if not entry.effects:  # covers nothing, and would still be seen
            return entry, None
        for effect in sorted(entry.effects):
            if not any(entry.reaches_no_further(other, effect) and keeps(entry, other) for other in wide.entries):
                return entry, effect
    return None


def _are_within(narrow: Mapping[str, Constraint], wide: Mapping[str, Constraint]) -> bool:
    return all(pointer in narrow and is_within(narrow[pointer], constraint) for pointer, constraint in wide.items())


@final
@dataclass(frozen=True, slots=True)
class Authority:
    """What several rights come to: what each of them gives. Never of none, which would give everything."""

    rights: frozenset[Rights]

    def __post_init__(self) -> None:
        if not self.rights:
            message = "an authority of no rights: empty is never permission"
            raise ValueError(message)

    def matches(self, server: str, name: str, pinned_at: int) -> bool:
        """Tell whether the item is within sight of each."""
        return all(rights.matches(server, name, pinned_at) for rights in self.rights)

    def covers(self, server: str, name: str, effect: Effect, arguments: JsonObject, pinned_at: int) -> bool:
        """Tell whether each lets the item be called to this effect with these arguments."""
        read: dict[str, Reading | None] = {}
        return all(rights.covers(server, name, effect, arguments, pinned_at, read) for rights in self.rights)

    def meet(self, other: Authority) -> Authority:
        """Return what both give."""
        return Authority(self.rights | other.rights)

    def is_within(self, other: Authority) -> bool:
        """Tell whether whatever this covers or matches, the other does too."""
        return all(any(mine.narrows(theirs) for mine in self.rights) for theirs in other.rights)


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
    if "*" not in pattern:
        return text == pattern
    head, *literals = pattern.split("*")
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


def parse_because(value: Json, where: str) -> str:
    """Return the words of a justification; raises `Refused(MALFORMED)` for what nobody could read as such."""
    if not is_because(value):
        raise Refused(Reason.MALFORMED, f"`{where}`: expected {EXPECTED}", sentence=f"`{where}`: expected {EXPECTED}")
    return value


def parse_pointer(text: str, where: str) -> str:
    """Return the JSON pointer (RFC 6901); raises `Refused(MALFORMED)` for what points to no member of an object.

    It is told to whoever the authority is handed on to: it has no control characters, and an end.
    """
    if len(text) > _POINTER_LENGTH_MAX or not text.isprintable() or not _POINTER.fullmatch(text):
        detail = f"`{where}`: expected a JSON pointer to an argument, as in `/path`, of at most {_POINTER_LENGTH_MAX} characters"
        raise Refused(Reason.MALFORMED, detail, sentence=detail)
    return text


def _reading_at(arguments: JsonObject, pointer: str) -> Reading | None:
    """Return what stands there; None where nothing does."""
    value: Json = arguments
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~") if "~" in token else token
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return Reading(value)
