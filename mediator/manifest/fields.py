"""Reading one JSON object member by member, so that whatever is wrong is told with its place and what was expected.

Pure. For what people write and sign: manifests, the trust file, the subjects of pins. Rules: a member that is not
known is an error (with the nearest known one), so is one that is missing; nothing is converted, nothing defaults.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NoReturn, TypeVar, final

from mediator.canonical import SAFE_INTEGER, Digest, Json, JsonObject, pointer_to
from mediator.refusal import Reason, Refused

TEXT_MAX: Final = 500
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)

Member = TypeVar("Member", bound=StrEnum)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """An object whose members are the expected ones, and where it stands. Their values are still to be read."""

    members: JsonObject
    where: str

    def text(self, name: str, shape: re.Pattern[str] | None = None, expected: str = "") -> str:
        """A text of one printable line, in the shape asked for."""
        value = self.members[name]
        if not isinstance(value, str) or not value or len(value) > TEXT_MAX or not value.isprintable():
            self.fail(name, expected or f"1 to {TEXT_MAX} printable characters")
        if shape is not None and not shape.fullmatch(value):
            self.fail(name, expected)
        return value

    def text_or_null(self, name: str) -> str | None:
        """A text, or null."""
        return None if self.members[name] is None else self.text(name)

    def lines_or_null(self, name: str, most: int) -> str | None:
        """A text of so many characters at most, over several lines if need be, or null."""
        value = self.members[name]
        if value is None:
            return None
        if not isinstance(value, str) or not value or len(value) > most:
            self.fail(name, f"1 to {most} characters, or null")
        if not all(line.isprintable() for line in value.split("\n")):
            self.fail(name, "printable lines")
        return value

    def count(self, name: str, least: int, most: int = SAFE_INTEGER) -> int:
        """A whole number within bounds."""
        value = self.members[name]
        if type(value) is not int or not least <= value <= most:
            self.fail(name, f"a whole number from {least} to {most}")
        return value

    def count_or_null(self, name: str, least: int) -> int | None:
        """A whole number, or null."""
        return None if self.members[name] is None else self.count(name, least)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.members[name]
        if not isinstance(value, bool):
            self.fail(name, "`true` or `false`")
        return value

    def moment(self, name: str) -> int:
        """A moment, as milliseconds since the epoch."""
        value = self.members[name]
        expected = "a moment in UTC such as `2026-11-23T12:00:00Z` (RFC 3339)"
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            self.fail(name, expected)
        try:
            return int(datetime.fromisoformat(value).timestamp()) * 1000
        except ValueError:
            self.fail(name, expected)

    def digest(self, name: str) -> Digest:
        """A digest."""
        return Digest(self.text(name, _DIGEST, "`sha256:` and 64 lower-case hexadecimal digits"))

    def member_of(self, name: str, choices: type[Member]) -> Member:
        """One of a closed list of words."""
        value = self.members[name]
        if value not in [one.value for one in choices]:
            self.fail(name, f"one of {', '.join(choices)}")
        return choices(str(value))

    def texts(self, name: str, shape: re.Pattern[str], expected: str) -> frozenset[str]:
        """A list of texts, none of them twice."""
        found: list[str] = []
        for value in self.items(name):
            if not isinstance(value, str) or not shape.fullmatch(value) or value in found:
                self.fail(name, f"a list without repetitions, each of it {expected}")
            found.append(value)
        return frozenset(found)

    def items(self, name: str) -> list[Json]:
        """A list of anything."""
        value = self.members[name]
        if not isinstance(value, list):
            self.fail(name, "a list")
        return value

    def objects(self, name: str) -> tuple[JsonObject, ...]:
        """A list of objects."""
        found = [value for value in self.items(name) if isinstance(value, dict)]
        if len(found) != len(self.items(name)):
            self.fail(name, "a list of objects")
        return tuple(found)

    def object(self, name: str) -> JsonObject:
        """An object, of whatever members."""
        value = self.members[name]
        if not isinstance(value, dict):
            self.fail(name, "an object")
        return value

    def fields(self, name: str, required: Iterable[str], optional: Iterable[str] = ()) -> Fields:
        """An object of these members."""
        return read_fields(self.members[name], self.where + pointer_to(name), required, optional)

    def each(self, name: str, required: Iterable[str], optional: Iterable[str] = ()) -> list[Fields]:
        """A list of objects of these members."""
        where = self.where + pointer_to(name)
        return [
            read_fields(value, f"{where}/{index}", required, optional) for index, value in enumerate(self.items(name))
        ]

    def fail(self, name: str, expected: str) -> NoReturn:
        """Refuse this member, naming its place and what was expected."""
        raise malformed(self.where + pointer_to(name), f"expected {expected}")


def read_fields(value: Json, where: str, required: Iterable[str], optional: Iterable[str] = ()) -> Fields:
    """Return the members of an object; raises `Refused(MALFORMED)` for one that is unknown or missing."""
    required, known = tuple(required), (*required, *optional)
    if not isinstance(value, dict):
        raise malformed(where, "expected an object")
    for name in value:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, 1) or sorted(known)
            raise malformed(
                where + pointer_to(name), f"not a known member: did you mean `{nearest[0]}`? remove the rest"
            )
    for name in required:
        if name not in value:
            raise malformed(where + pointer_to(name), "missing: add it")
    return Fields(members=value, where=where)


def write_moment(at: int) -> str:
    """Return a moment given in milliseconds as the files write it."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def malformed(where: str, detail: str) -> Refused:
    """Return the refusal of what stands at a place."""
    shown = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in where[:TEXT_MAX])
    return Refused(Reason.MALFORMED, f"`{shown or '/'}`: {detail}")
