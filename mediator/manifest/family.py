"""ResourceFamily: which resources a manifest speaks of, since they appear while a server runs.

Pure. A family is one exact URI; an RFC 6570 template; or a prefix that ends in `/`, with media types. Rules:

- Of RFC 6570 these expressions are taken, each with one variable: `{v}` (level 1), `{+v}` (level 2), `{/v}` (level 3)
  and `{/v*}` (level 4): what tool servers use in paths. Others are refused, with a prefix as the remedy. A variable
  stands for at least one character; `{v}` and `{/v}` never for a `/`.
- A family covers only URIs in normal form (`uri.py`), so that no `..` and no `%2F` leads out of it.
- Whether two families overlap is decided, not guessed: both are read as automata, and a walk through the pairs of their
  states finds a URI that both cover if there is one. It looks at shapes alone (it may find one that is not in normal
  form): so it may say that two overlap which do not, never the reverse.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, TypeAlias, assert_never, final

from mediator.refusal import Reason, Refused
from mediator.uri import RESERVED, UNRESERVED, is_normal, why_not_normal


@unique
class FamilyForm(StrEnum):
    """How a family says which URIs it means."""

    URI = "uri"
    TEMPLATE = "template"
    PREFIX = "prefix"


_Step: TypeAlias = "tuple[frozenset[str], bool]"
"""Characters (an encoded octet is one), and whether any number of them may stand here (or exactly one)."""

_EXPRESSION: Final = re.compile(r"\{([+/]?)([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)(\*?)\}")
_TAKEN: Final = "`{name}`, `{+name}`, `{/name}` and `{/name*}` are understood"
_STAND_IN: Final = "x"  # for a variable, when a template's own text is looked at: no hexadecimal digit, and no number
_SEGMENT: Final = UNRESERVED | {f"%{octet:02X}" for octet in range(256)}  # RFC 6570 §3.2.2: what `{v}` expands to
_ANYTHING: Final = _SEGMENT | RESERVED
_CHARACTER: Final = re.compile("%[0-9A-F]{2}|.")  # an encoded octet is one


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFamily:
    """A family in normal form: made by `read_family` alone."""

    form: FamilyForm
    text: str
    """The URI, the template or the prefix: the family's name."""
    media_types: frozenset[str]
    """What a prefix family may hold; of the other forms the definition says it."""

    @property
    def is_exact(self) -> bool:
        """Tell whether it is one URI."""
        return self.form is FamilyForm.URI

    def covers(self, uri: str) -> bool:
        """Tell whether a URI is of this family; what is not in normal form is of none."""
        if self.is_exact:
            return uri == self.text
        return uri.startswith(self._head()) and is_normal(uri) and _meet(self._steps(), _literal(uri))

    def overlaps(self, other: ResourceFamily) -> bool:
        """Tell whether some URI may be of both."""
        if self.is_exact and other.is_exact:
            return self.text == other.text
        heads = zip(self._head(), other._head(), strict=False)  # most families differ there already
        return all(mine == theirs for mine, theirs in heads) and _meet(self._steps(), other._steps())

    def _head(self) -> str:
        """The text before any variable."""
        return self.text.split("{", 1)[0]

    def _steps(self) -> tuple[_Step, ...]:
        match self.form:
            case FamilyForm.URI:
                return _literal(self.text)
            case FamilyForm.PREFIX:
                return (*_literal(self.text), (_ANYTHING, True))
            case FamilyForm.TEMPLATE:
                return tuple(_steps_of_template(self.text))
            case _:
                assert_never(self.form)


def read_family(form: FamilyForm, text: str, media_types: frozenset[str] = frozenset()) -> ResourceFamily:
    """Return the family that a text in this form names; raises `Refused(MALFORMED)` saying what is wrong."""
    wrong: str | None
    match form:
        case FamilyForm.URI:
            wrong = why_not_normal(text)
        case FamilyForm.TEMPLATE:
            wrong = _why_no_template(text)
        case FamilyForm.PREFIX:
            wrong = why_not_normal(text) or (None if text.endswith("/") else "a prefix ends in `/`: add it")
        case _:
            assert_never(form)
    if wrong is not None:
        raise Refused(Reason.MALFORMED, wrong)
    return ResourceFamily(form=form, text=text, media_types=media_types)


def find_overlap(family: ResourceFamily, others: Sequence[ResourceFamily]) -> ResourceFamily | None:
    """Return the first of the others that may share a URI with the family, if one does."""
    return next((other for other in others if family.overlaps(other)), None)


def _why_no_template(text: str) -> str | None:
    rest = _EXPRESSION.sub("", text)
    if "{" in rest or "}" in rest or any(star and operator != "/" for operator, _, star in _EXPRESSION.findall(text)):
        return f"an expression that is not taken: {_TAKEN}; name a prefix instead"
    if ":" not in text.split("{", 1)[0]:
        return "the scheme is not written out"
    if rest == text:
        return "no template, since it has no `{name}`: name it as a `uri`"
    if "}{" in re.sub(r"\{/", "/{", text):
        return "two variables without anything between them: which of them is meant cannot be said"
    return why_not_normal(_EXPRESSION.sub(lambda found: found[1].replace("+", "") + _STAND_IN, text))


def _steps_of_template(text: str) -> Iterator[_Step]:
    end = 0
    for found in _EXPRESSION.finditer(text):
        yield from _literal(text[end : found.start()])
        operator, star = found[1], found[3]
        if operator == "/":
            yield frozenset("/"), False
        characters = _ANYTHING if operator == "+" else _SEGMENT | {"/"} if star else _SEGMENT
        yield from ((characters, False), (characters, True))
        end = found.end()
    yield from _literal(text[end:])


def _literal(text: str) -> tuple[_Step, ...]:
    return tuple((frozenset((one,)), False) for one in _CHARACTER.findall(text))


def _meet(left: Sequence[_Step], right: Sequence[_Step]) -> bool:
    """Tell whether some text takes both to their ends: a walk through the pairs of states, each looked at once."""
    waiting, seen = [(0, 0)], {(0, 0)}
    while waiting:
        at = waiting.pop()
        if at == (len(left), len(right)):
            return True
        for step in _next(left, right, *at):
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return False


def _next(left: Sequence[_Step], right: Sequence[_Step], here: int, there: int) -> Iterator[tuple[int, int]]:
    if here < len(left) and left[here][1]:
        yield here + 1, there
    if there < len(right) and right[there][1]:
        yield here, there + 1
    if here < len(left) and there < len(right):
        (mine, is_mine_many), (theirs, is_theirs_many) = left[here], right[there]
        if not mine.isdisjoint(theirs):
            yield here + (not is_mine_many), there + (not is_theirs_many)
