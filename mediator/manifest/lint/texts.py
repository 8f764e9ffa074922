"""Every text of a definition that a model sees, with its place: values, property names, and lists read as one.

Pure. No member is trusted to hold no text: poison has been put into `type`, `required`, enum values and names of
parameters, so the whole definition is walked, at any depth, whatever its members are called.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto, unique
from typing import final

from mediator.canonical import Json, pointer_to


@unique
class Role(Enum):
    """What kind of text it is, which says how it is read."""

    PROSE = auto()
    NAME = auto()
    """The item's name, and names of properties: words run together."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text and where it stands."""

    pointer: str
    value: str
    role: Role


def texts_of(definition: Json) -> Iterator[Text]:
    """Yield every text, in the order of the definition; each list of texts once more as a whole."""
    stack: list[tuple[tuple[str | int, ...], Json]] = [((), definition)]
    while stack:
        path, value = stack.pop()
        match value:
            case str():
                role = Role.NAME if path == ("name",) else Role.PROSE
                yield Text(pointer=pointer_to(*path), value=value, role=role)
            case dict():
                yield from (Text(pointer=pointer_to(*path, key), value=key, role=Role.NAME) for key in value)
                stack.extend((((*path, key), one) for key, one in reversed(value.items())))
            case list():
                words = [one for one in value if isinstance(one, str)]
                if len(words) > 1:
                    yield Text(pointer=pointer_to(*path), value=" ".join(words), role=Role.PROSE)
                stack.extend((((*path, place), one) for place, one in reversed([*enumerate(value)])))
            case _:
                pass
