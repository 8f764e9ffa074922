"""`lint`: what a reviewer should look at twice in what servers offer, over every text that a model would see.

Pure. Steps: 1. hidden characters, then the text as a model reads it; 2. what it says; 3. the name among its
neighbours; 4. the declared effect beside names, annotations and text. A finding is told once for each place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mediator.manifest.lint.finding import Finding, FindingCode, Hit, LintItem, Neighbour
from mediator.manifest.lint.hidden import hidden_at
from mediator.manifest.lint.names import Neighbourhood, name_hits, neighbourhood
from mediator.manifest.lint.texts import texts_of
from mediator.manifest.lint.visible import excerpt

_SAID: Final = {
    FindingCode.HIDDEN_TEXT: "characters that nobody sees and a model reads",
    FindingCode.BIDI_CONTROL: "turns the direction of writing",
    FindingCode.CONTROL_CHARACTER: "a control character",
}


def lint(items: Iterable[LintItem], neighbours: Iterable[Neighbour] = ()) -> tuple[Finding, ...]:
    """Return the findings, in the order of the items and of the places in each.

    `neighbours` are the pinned tools of all servers; those of an item's own server never count against it.
    """
    around = neighbourhood(neighbours)
    return tuple(finding for item in items for finding in _findings_in(item, around))


def _findings_in(item: LintItem, around: Neighbourhood) -> Iterator[Finding]:
    seen: set[tuple[FindingCode, str, str]] = set()
    for pointer, hit in _hits_in(item, around):
        if (key := (hit.code, pointer, hit.detail)) not in seen:
            seen.add(key)
            yield Finding(
                code=hit.code,
                server=item.server,
                kind=item.kind,
                name=item.name,
                pointer=pointer,
                excerpt=hit.excerpt,
                detail=hit.detail,
            )


def _hits_in(item: LintItem, around: Neighbourhood) -> Iterator[tuple[str, Hit]]:
    for text in texts_of(item.definition):
        for hit in _hidden_hits(text.value):
            yield text.pointer, hit
    if item.kind is not None:
        description = item.definition.get("description") if isinstance(item.definition, dict) else None
        for hit in name_hits(item.server, item.name, description if isinstance(description, str) else "", around):
            yield "/name", hit


def _hidden_hits(text: str) -> Iterator[Hit]:
    told: set[FindingCode] = set()
    for place, code in hidden_at(text).items():
        if code not in told:
            told.add(code)
            yield Hit(code=code, excerpt=excerpt(text, place, place + 1), detail=_SAID[code])
