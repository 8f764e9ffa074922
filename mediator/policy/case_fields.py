"""The members of one object in a file of cases, taken one by one: what is left at the end was not known.

A member that is not there has the plain value that it is asked for with; one of another type than that is an error.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, NoReturn, TypeVar

from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.policy.decision import Verdict
from mediator.refusal import Reason, Refused

SEP: Final = ", "
_T = TypeVar("_T", str, int, bool)
_E = TypeVar("_E", Effect, Verdict, Reason)


class Fields:
    """The members of one object, taken one by one; what is left at the end was not known."""

    def __init__(self, value: Json, where: str) -> None:
        if not isinstance(value, dict):
            wrong(where, "is no object")
        self._left: Final[JsonObject] = dict(value)
        self._where: Final = where

    def take(self, name: str, default: _T) -> _T:
        """Return the member, or what stands for it where it is absent; another type than that is wrong."""
        value = self._left.pop(name, default)
        if type(value) is not type(default):
            wrong(f"{self._where}/{name}", f"is not of the type of `{default}`")
        return value

    def words(self, name: str, default: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return the texts of a list, in no order."""
        return default if name not in self._left else frozenset(self.texts(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list; none where it is absent."""
        values = self.list_of(name)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            wrong(f"{self._where}/{name}", "holds something that is no text")
        return texts

    def list_of(self, name: str) -> list[Json]:
        """Return the list; an empty one where it is absent."""
        value = self._left.pop(name, [])
        if not isinstance(value, list):
            wrong(f"{self._where}/{name}", "is no list")
        return value

    def object(self, name: str) -> JsonObject:
        """Return the object as it stands; an empty one where it is absent."""
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            wrong(f"{self._where}/{name}", "is no object")
        return value

    def fields(self, name: str) -> Fields:
        """Return the members of the object; of an empty one where it is absent."""
        return Fields(self._left.pop(name, {}), f"{self._where}/{name}")

    def has(self, name: str) -> bool:
        """Tell whether the member is there and was not taken yet."""
        return name in self._left

    def takes_null(self, name: str) -> bool:
        """Tell whether the member is null, and take it if it is: what is plain otherwise is not there."""
        is_null = name in self._left and self._left[name] is None
        if is_null:
            del self._left[name]
        return is_null

    def end(self) -> None:
        """Raise `Refused` if anything is left."""
        for name in sorted(self._left):
            wrong(f"{self._where}/{name}", "is not known")


def one_of(kind: type[_E], word: str) -> _E:
    """Return the member of a closed list that goes by this word."""
    if word not in set(kind):
        wrong(f"`{word}`", f"is none of {SEP.join(kind)}")
    return kind(word)


def wrong(where: str, what: str) -> NoReturn:
    """Raise `Refused` (`MALFORMED`), which says where and what."""
    raise Refused(Reason.MALFORMED, f"{where} {what}")
