"""`lint`: what a reviewer should look at twice in what servers offer, over every text that a model would see.

Pure. Steps: 1. hidden characters, then the text as a model reads it; 2. what it says; 3. the name among its
neighbours; 4. the declared effect beside names, annotations and text. A finding is told once for each place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mediator.kind import ItemKind
from mediator.manifest.lint.effects import effect_hits
from mediator.manifest.lint.encoded import addresses_someone, decoded, is_command, is_prose
from mediator.manifest.lint.finding import Finding, FindingCode, Hit, LintItem, Neighbour, Severity
from mediator.manifest.lint.hidden import hidden_at
from mediator.manifest.lint.languages import foreign_hits
from mediator.manifest.lint.names import Neighbourhood, name_hits, neighbourhood
from mediator.manifest.lint.prose import Listener, prose_hits
from mediator.manifest.lint.texts import Role, Text, texts_of
from mediator.manifest.lint.topic import Topic, topics_of
from mediator.manifest.lint.visible import excerpt

_SAID: Final = {
    FindingCode.HIDDEN_TEXT: "characters that nobody sees and a model reads",
    FindingCode.BIDI_CONTROL: "turns the direction of writing",
    FindingCode.CONTROL_CHARACTER: "a control character",
}


def lint(items: Iterable[LintItem], neighbours: Iterable[Neighbour] = ()) -> tuple[Finding, ...]:
    """Return the findings, in the order of the items and of the places in each.

    `neighbours` are the pinned tools of all servers; those of an item's own server, and the items themselves, are known
    as its own and never count against it.
    """
    offered, pinned = tuple(items), tuple(neighbours)
    around = neighbourhood(pinned)
    names = frozenset((each.server, each.name) for each in offered) | {(each.server, each.name) for each in pinned}
    foreign = {server: _foreign_to(server, names) for server in {item.server for item in offered}}
    return tuple(finding for item in offered for finding in _findings_in(item, around, foreign[item.server]))


def _foreign_to(server: str, names: frozenset[tuple[str, str]]) -> frozenset[str]:
    own = {name.lower() for theirs, name in names if theirs == server}
    # A plain word (`search`, `fetch`) is used by everyone; only a name of several words is told from one.
    others = {name.lower() for theirs, name in names if theirs != server and _is_of_several_words(name)}
    return frozenset(others - own)


def _is_of_several_words(name: str) -> bool:
    return "_" in name or "-" in name or (name[:1].islower() and name.lower() != name)


def _findings_in(item: LintItem, around: Neighbourhood, foreign: frozenset[str]) -> Iterator[Finding]:
    seen: set[tuple[FindingCode, str, str]] = set()
    for pointer, hit in _hits_in(item, around, foreign):
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


def _hits_in(item: LintItem, around: Neighbourhood, foreign: frozenset[str]) -> Iterator[tuple[str, Hit]]:
    listener = Listener(topics=topics_of(item.name), foreign=foreign)
    for text in texts_of(item.definition):
        for hit in _text_hits(text, listener):
            yield text.pointer, hit
    if item.kind is not None:
        definition = item.definition if isinstance(item.definition, dict) else {}
        description = definition.get("description")
        for hit in name_hits(item.server, item.name, description if isinstance(description, str) else "", around):
            yield "/name", hit
        if item.kind is ItemKind.TOOL:
            yield from effect_hits(item.name, definition, item.effect)


def _text_hits(text: Text, listener: Listener) -> Iterator[Hit]:
    yield from _hidden_hits(text.value)
    yield from prose_hits(text, listener)
    if text.role is Role.PROSE:
        yield from foreign_hits(text.value)
    yield from _encoded_hits(text, listener)


def _encoded_hits(text: Text, listener: Listener) -> Iterator[Hit]:
    for found in decoded(text.value):
        shown = excerpt(found.text, 0, len(found.text))
        inside = [found.text, *(deeper.text for deeper in decoded(found.text))]
        if any(_is_order(plain, listener) for plain in inside):
            yield Hit(code=FindingCode.ENCODED_TEXT, excerpt=shown, detail=f"behind {found.encoding}")
        elif is_prose(found.text):
            yield Hit(code=FindingCode.ENCODED_BLOB, excerpt=shown, detail=f"behind {found.encoding}")


def _is_order(plain: str, listener: Listener) -> bool:
    if is_command(plain) or (addresses_someone(plain) and Topic.ENCODING not in listener.topics):
        return True
    return any(
        hit.code.severity is Severity.ALARM or hit.code is FindingCode.MENTIONS_SECRETS
        for hit in prose_hits(Text(pointer="", value=plain, role=Role.PROSE), listener)
    )


def _hidden_hits(text: str) -> Iterator[Hit]:
    told: set[FindingCode] = set()
    for place, code in hidden_at(text).items():
        if code not in told:
            told.add(code)
            yield Hit(code=code, excerpt=excerpt(text, place, place + 1), detail=_SAID[code])
