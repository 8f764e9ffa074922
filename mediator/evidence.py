"""Seals, which make evidence unforgeable by accident; and secrets, which do not leak by accident.

A seal is the right to make one kind of value. Each checking module keeps its own, privately; a value whose
constructor asks for that seal can be made nowhere else. Python has no walls: the aim is that the wrong thing
is more typing than the right one, and shows in review.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hmac
from typing import Final, NoReturn, final


@final
class Seal:
    """The right to make one kind of evidence; compared by identity alone."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name: Final = name

    def must_be(self, offered: Seal) -> None:
        """Raise `TypeError` unless `offered` is this very seal."""
        if offered is not self:
            message = f"this value is made only in `{self._name}`"
            raise TypeError(message)

    def __repr__(self) -> str:
        return f"Seal({self._name!r})"


@final
class Secret:
    """A token, key or password: it prints as nothing, pickles not at all, and is compared in constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """Return the value itself. Greppable on purpose; stands in very few places."""
        return self._value

    def matches(self, other: Secret) -> bool:
        """Tell whether both hold the same value, in time that does not depend on where they differ."""
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def __eq__(self, other: object) -> NoReturn:
        message = "compare secrets with `matches`"
        raise TypeError(message)

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a mapping: its digest is

    def __reduce__(self) -> NoReturn:
        message = "a secret is not pickled"
        raise TypeError(message)
