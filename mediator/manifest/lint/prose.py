"""What one text says, by the rules: with what the tool is for and what is merely quoted left out of account.

Pure. A text that speaks *about* such orders (it detects, documents or tests them) is told as a warning; the same words
outside of such a frame are an alarm.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from mediator.manifest.lint.bearing import bearing
from mediator.manifest.lint.finding import FindingCode, Hit, Severity
from mediator.manifest.lint.orders import HIDES, ORDERS, OVERRIDES
from mediator.manifest.lint.reading import Sentence, disguised, read, words_of_name
from mediator.manifest.lint.rule import Rule, RuleBook, book, met, rules
from mediator.manifest.lint.secrets import ASKS, NAMED, PARADED, SENDS, SIDE_SENDS
from mediator.manifest.lint.steering import FOREIGN_NAME, SHADOWS, STEERS
from mediator.manifest.lint.texts import Role, Text
from mediator.manifest.lint.topic import Topic
from mediator.manifest.lint.visible import excerpt

_WARNINGS: Final[tuple[Rule, ...]] = (
    *rules(
        FindingCode.ADDRESSES_MODEL,
        "speaks to the model",
        "READER ..3 must|should|shall|has|have|needs|:",
        "note to READER",
    ),
    *rules(FindingCode.NAMES_OTHER_TOOL, "names a tool of another server", "<tool>"),
    *rules(FindingCode.MENTIONS_SECRETS, "speaks of credentials or of a file that holds them", "CREDENTIALS"),
    *rules(
        FindingCode.PRESSES,
        "presses its case",
        "always|must|never|only|important|critical ..4 use|call|prefer|invoke|called|used",
        "instead_of|rather_than|over ..3 other|any|multiple",
    ),
)
_RULES: Final = (
    *OVERRIDES,
    *HIDES,
    *ORDERS,
    *ASKS,
    *PARADED,
    *SENDS,
    *SIDE_SENDS,
    *STEERS,
    *SHADOWS,
    *FOREIGN_NAME,
    *_WARNINGS,
)
_BOOK: Final = book(*_RULES)
_BOOK_FOR_PARAMETERS: Final = book(*_RULES, *NAMED)
_QUIET_FOR: Final = {
    **{each: Topic.TALK if "conversation" in each.detail else Topic.SECRETS for each in ASKS},
    **dict.fromkeys(SENDS, Topic.SENDING),
    **{each: Topic.DESTROYING for each in ORDERS if each.detail.startswith("destroys")},
}
_NEGATED: Final = re.compile(r" (?:not|never|without|no|nor|neither|cannot|prevents?|before) (?:[^ ]+ ){0,4}$")
_PASSIVE: Final = re.compile(r" (?:is|are|was|were) $")
_DOUBLY_NEGATED: Final = re.compile(
    r" (?:not|never|nothing|don|cannot|wait|no) (?:[^ ]+ ){0,8}(?:without|silently|secretly|quietly) "
)
_DESCRIBED: Final = re.compile(
    r" (?:(?:detect|check|classif|scan|flag|identif|recogni|block|filter|prevent|explain|illustrat|describ|find|simulat)[a-z]*|analy[sz](?:es|e|ing)|tests?|runs?|"
    r"documentation|guards?) (?:[^ ]+ ){0,9}?(?:prompts?|phrases?|injections?|texts?|tools?|descriptions?|attempts?|whether|when|messages?|inputs?|packages?|malware|attacks?|jailbreaks?|suites?|code|requests?) "
    r"(?:[^ ]+ ){0,16}?(?:to|that|which|who|as|asks?|like|<quote>) (?:<quote> )?$"
)
_LABELLED: Final = re.compile(
    r" (?:sample|expected|mock|example|training|illustrative|test|dummy|fixture|canned) "
    r"(?:response|output|reply|text|answer|data|string)s? (?:[^ ]+ )?: (?:[^ ]+ ){0,12}$"
)
_SYSTEM_VOICE: Final = re.compile(
    r"</?(?:important|system[a-z0-9_ -]{0,20}|secret|hidden|admin|critical|urgent|override|instructions?|inst|s|sys|assistant|mandatory|"
    r"priority|model[a-z_ -]{0,20}|agent[a-z_ -]{0,20}|llm[a-z_ -]{0,20}|ai[_ -][a-z_ -]{0,20}|note_to[a-z_ -]{0,20}|\|[a-z_ ]{1,20}\|)>|<\|[a-z_ ]{1,20}\|>"
    r"|\[/?(?:inst|system|sys|admin|important|override)\]|(?:^|[.!?\n]\s{0,8})(?:system|assistant|developer)\s?:\s"
    r"|(?:^|[.!?\n>-]\s{0,8})(?:system|developer|admin(?:istrator)?)\s(?:message|override|notice|note|instruction|command|alert|update)s?(?:\sfor\s\w{1,20})?\s?:"
    r"|\b(?:system|hidden|secret|internal)\s(?:instructions?|directives?|override|command)\s?:"
    r"|\{\{[#/]?(?:system|assistant)|end of (?:tool |system )?(?:description|prompt|instructions)"
    r"|#{2,4}\s{0,4}(?:system|instructions?|assistant)\b\s{0,4}:?",
    re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"<!--|\[//\]:\s?#|display:\s?none|font-size:\s?0", re.IGNORECASE)
_OUT_OF_VIEW: Final = re.compile(r"(?:[ \t\u00a0]{100}|(?:\n[ \t]{0,8}){20})[^\n]{0,4}\S")
_IDENTIFIER: Final = re.compile(r"[\w.$/:@#~\[\]*+-]{0,256}")
_NAME_AS_SENTENCE: Final = 4


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What has to be known of an item to judge what its texts say."""

    topics: frozenset[Topic]
    foreign: frozenset[str]
    """Names of other servers' tools that no tool of this server bears, in lower case."""


def prose_hits(text: Text, listener: Listener) -> Iterator[Hit]:
    """Yield what is odd in one text."""
    value = text.value
    if text.role is Role.NAME:
        named = words_of_name(value)
        if len(named) >= _NAME_AS_SENTENCE:
            by = _BOOK if text.pointer == "/name" else _BOOK_FOR_PARAMETERS
            yield from _said(" ".join(named), value, listener, by)
        if _IDENTIFIER.fullmatch(value):
            return
    if _is_one_plain_word(value):
        return
    yield from _framed(value)
    yield from _said(value, value, listener)
    for rewritten in disguised(value):
        yield from (hit for hit in _said(rewritten, value, listener) if hit.code.severity is Severity.ALARM)


def _is_one_plain_word(value: str) -> bool:
    return value.isascii() and value.isalnum()


def _framed(value: str) -> Iterator[Hit]:
    for pattern, code, detail in (
        (_SYSTEM_VOICE, FindingCode.ORDERS_MODEL, "speaks in the system's voice"),
        (_COMMENT, FindingCode.HIDDEN_TEXT, "a comment, which a rendered text does not show"),
        (_OUT_OF_VIEW, FindingCode.HIDDEN_TEXT, "text pushed out of view by blanks"),
    ):
        if match := pattern.search(value):
            yield Hit(code=code, excerpt=excerpt(value, *match.span()), detail=detail)


def _said(read_as: str, value: str, listener: Listener, by: RuleBook = _BOOK) -> Iterator[Hit]:
    for sentence in read(read_as, listener.foreign):
        for code, detail in bearing(sentence, listener.topics):
            yield Hit(code=code, excerpt=_shown(read_as, value, sentence), detail=detail)
        for each, found in met(by, sentence):
            if (judged := _judged(each, sentence, found, listener)) is not None:
                yield Hit(code=judged, excerpt=_shown(read_as, value, sentence), detail=each.detail)


def _shown(read_as: str, value: str, sentence: Sentence) -> str:
    place = (sentence.start, sentence.end) if read_as is value else (0, len(value))
    return excerpt(value, *place).strip()


def _judged(each: Rule, sentence: Sentence, found: re.Match[str], listener: Listener) -> FindingCode | None:
    if each.code.severity is Severity.WARN:
        return each.code
    if _QUIET_FOR.get(each) in listener.topics:
        return None
    before = sentence.words[: found.start()]
    if each.code is FindingCode.HIDES_FROM_USER and _DOUBLY_NEGATED.search(before + found.group()):
        return None
    if _LABELLED.search(before) or _DESCRIBED.search(before):
        return FindingCode.QUOTES_ORDERS
    if each.detail == "has results obeyed" and _NEGATED.search(before):
        return None
    if each.code is FindingCode.ASKS_FOR_SECRETS and _PASSIVE.search(before):
        return None
    if each.code in {FindingCode.ASKS_FOR_SECRETS, FindingCode.SENDS_AWAY} and _NEGATED.search(before):
        return None
    return each.code
