"""The types of what a policy reads: a small closed tree, its text in Cedar's schema syntax, and its pruning.

Says nothing of values and nothing of JSON Schema: `shape.py` makes such trees from a tool's schema, `context.py` holds
the one for the circumstances, `arguments.py` reads values by them. A record is closed and its names are always quoted,
so that no name, whoever chose it, can be read as syntax.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, TypeAlias, assert_never, final

Path: TypeAlias = tuple[str, ...]
"""The names that lead from the root of a record to one of its attributes."""

Paths: TypeAlias = frozenset[Path]
"""What is wanted of a record: these attributes with all beneath them. The empty path wants the whole."""

EVERYTHING: Final[Paths] = frozenset({()})


@unique
class Leaf(StrEnum):
    """A type without parts that a policy can name."""

    STRING = "String"
    LONG = "Long"
    BOOL = "Bool"
    STRINGS = "Set<String>"
    NUMBER = "{ low?: decimal, high?: decimal, text: String }"
    OPAQUE = "{ digest: String, keys: Set<String>, bytes: Long }"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """`{ items: Set<T>, count: Long }`: a set forgets how many there were, so the count stands beside it."""

    items: Type


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A closed record, by attribute name."""

    members: Mapping[str, Member]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One attribute. `required` is of the JSON value; one that may be null is optional to a policy all the same."""

    type: Type
    required: bool = True
    nullable: bool = False


Type: TypeAlias = Leaf | Array | Record


def text_of(kind: Type) -> str:
    """Return the type in Cedar's schema syntax."""
    match kind:
        case Leaf():
            return kind.value
        case Array(items=items):
            return f"{{ items: Set<{text_of(items)}>, count: Long }}"
        case Record(members=members):
            return "{ " + ", ".join(_attribute(name, member) for name, member in members.items()) + " }"
        case _:
            assert_never(kind)


def _attribute(name: str, member: Member) -> str:
    mark = ":" if member.required and not member.nullable else "?:"
    return f"{quoted(name)}{mark} {text_of(member.type)}"


def quoted(text: str) -> str:
    """Return the text as a Cedar string literal: printable ASCII as it is, everything else escaped by its number."""
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def below(wanted: Paths, name: str) -> Paths:
    """Return what is wanted beneath the attribute of this name; nothing, if the attribute itself is not."""
    if () in wanted:
        return EVERYTHING
    return frozenset(path[1:] for path in wanted if path[0] == name)


def pruned(record: Record, wanted: Paths) -> Record:
    """Return the record with only the wanted attributes. What is no record is kept whole or not at all."""
    members: dict[str, Member] = {}
    for name, member in record.members.items():
        if not (beneath := below(wanted, name)):
            continue
        kept = pruned(member.type, beneath) if isinstance(member.type, Record) else member.type
        members[name] = Member(type=kept, required=member.required, nullable=member.nullable)
    return Record(members=members)
