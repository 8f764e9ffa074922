"""Names that pass for another server's tool: the same, drawn alike, one slip of the hand away, or of mixed scripts.

Pure. Rules: tools of one server may resemble each other as they like. The same name on two servers is common and only
shown, since on `/mcp` each carries its server's name; but a name *and* what is said of it, taken over from another
server's tool, is an alarm, and so is any name that differs from another's by what an eye does not catch.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from mediator.manifest.lint.finding import FindingCode, Hit, Neighbour
from mediator.manifest.lint.folding import mixed_scripts, skeleton
from mediator.manifest.lint.reading import words_of_name
from mediator.manifest.lint.visible import visible
from mediator.manifest.lint.vocabulary import words

_WORDS: Final = re.compile(r"[^\W_]+")
_SHORT: Final = 8
"""Below this many letters one edit makes another honest word (`find`, `bind`): only what is drawn alike counts."""
_DIGITS: Final = "0123456789"
_HONEST: Final = words(
    "get set put add let new read load send edit exit list last run sum open copy move make take save sort"
)
_COPIED_WORDS: Final = 4
_COPIED_SHARE: Final = 0.9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """The neighbours, prepared once for many comparisons."""

    by_skeleton: Mapping[str, tuple[Neighbour, ...]]
    by_deletion: Mapping[str, tuple[str, ...]]
    """Skeletons by each of their forms with one letter left out: two names one edit apart share a form."""


def neighbourhood(neighbours: Iterable[Neighbour]) -> Neighbourhood:
    """Prepare neighbours for comparison; time grows with their letters, not with their pairs."""
    by_skeleton: defaultdict[str, list[Neighbour]] = defaultdict(list)
    for neighbour in neighbours:
        by_skeleton[skeleton(neighbour.name)].append(neighbour)
    by_deletion: defaultdict[str, list[str]] = defaultdict(list)
    for bones in by_skeleton:
        for form in _deletions(bones):
            by_deletion[form].append(bones)
    return Neighbourhood(
        by_skeleton={bones: tuple(bearers) for bones, bearers in by_skeleton.items()},
        by_deletion={form: tuple(bones) for form, bones in by_deletion.items()},
    )


def name_hits(server: str, name: str, description: str, around: Neighbourhood) -> Iterator[Hit]:
    """Yield what is wrong with a name among its neighbours."""
    if any(mixed_scripts(word) for word in _WORDS.findall(name)):
        yield _hit(FindingCode.LOOK_ALIKE_NAME, name, "letters of two scripts in one word")
    bones = skeleton(name)
    for other in around.by_skeleton.get(bones, ()):
        if other.server != server:
            yield _same_or_alike(name, description, other)
    for near in sorted({near for form in _deletions(bones) for near in around.by_deletion.get(form, ())} - {bones}):
        for other in around.by_skeleton[near]:
            if other.server != server and not (_is_plural(bones, near) or _says_another_word(name, other.name)):
                yield _hit(FindingCode.LOOK_ALIKE_NAME, name, f"one slip away from {_told(other)}")


def _same_or_alike(name: str, description: str, other: Neighbour) -> Hit:
    if name != other.name:
        return _hit(FindingCode.LOOK_ALIKE_NAME, name, f"easily taken for {_told(other)}")
    theirs, ours = _words_of(other.description), _words_of(description)
    if len(theirs) >= _COPIED_WORDS and len(theirs & ours) >= _COPIED_SHARE * len(theirs):
        return _hit(FindingCode.SHADOWS_TOOL, name, f"named and described as {_told(other)}")
    return _hit(FindingCode.SHARES_NAME, name, f"named as {_told(other)}")


def _words_of(text: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(text.casefold()))


def _deletions(bones: str) -> frozenset[str]:
    if len(bones) < _SHORT:
        return frozenset()
    return frozenset({bones, *(bones[:place] + bones[place + 1 :] for place in range(len(bones)))})


def _is_plural(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return longer == f"{shorter}s"


def _says_another_word(name: str, other: str) -> bool:
    """Tell whether two names differ by an honest word (`get`, `set`) or by a number that both carry."""
    ours, theirs = words_of_name(name), words_of_name(other)
    apart = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
    if len(ours) != len(theirs) or len(apart) != 1:
        return False
    ((one, another),) = apart
    if one in _HONEST and another in _HONEST:
        return True
    return (
        any(map(str.isdigit, one)) and any(map(str.isdigit, another)) and one.strip(_DIGITS) == another.strip(_DIGITS)
    )


def _told(other: Neighbour) -> str:
    return f"`{visible(other.name)}` of `{visible(other.server)}`"


def _hit(code: FindingCode, name: str, detail: str) -> Hit:
    return Hit(code=code, excerpt=visible(name), detail=detail)
