"""What a rule is: words in a certain order, and what it is called when a sentence has them.

Pure. A rule is written as a line of elements with spaces between, each of which takes one word of the sentence:

- `tell|mention` one of these words, `third_party` a phrase, `USER` one of a vocabulary, and any of them with `|` between;
- `..4` at most four words of any kind; an element that ends in `?` may be missing; one that begins with `!` must not
  stand there.

A rule is tried only on sentences that have a word of each of its elements. Gaps are bounded and count whole words, so
that a pattern is linear in the text whatever the text is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

from mediator.manifest.lint.finding import FindingCode
from mediator.manifest.lint.reading import Sentence
from mediator.manifest.lint.vocabulary import VOCABULARY, Words


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a rule, compiled. It is tried only where each of `needs` shares a word with the sentence."""

    code: FindingCode
    detail: str
    pattern: re.Pattern[str]
    needs: tuple[Words, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Rules in their order, and which of them a word calls up."""

    written: tuple[Rule, ...]
    by_word: Mapping[str, tuple[int, ...]]


def rules(code: FindingCode, detail: str, *lines: str) -> tuple[Rule, ...]:
    """Return the rules that the lines write; all bear one name."""
    return tuple(_compiled(code, detail, line) for line in lines)


def book(*written: Rule) -> RuleBook:
    """Return rules as a book, in which the few that a sentence could meet are found by its words."""
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(written):
        for word in each.needs[0]:
            by_word[word].append(number)
    return RuleBook(written=written, by_word={word: tuple(numbers) for word, numbers in by_word.items()})


def met(by: RuleBook, sentence: Sentence) -> Iterator[tuple[Rule, re.Match[str]]]:
    """Yield the rules that the sentence meets, and where in its words."""
    for number in sorted({number for word in sentence.vocabulary for number in by.by_word.get(word, ())}):
        each = by.written[number]
        if all(not sentence.vocabulary.isdisjoint(need) for need in each.needs[1:]) and (
            found := each.pattern.search(sentence.words)
        ):
            yield each, found


def _compiled(code: FindingCode, detail: str, line: str) -> Rule:
    needs: list[Words] = []
    parts: list[str] = []
    for element in line.split():
        if element.startswith(".."):
            parts.append(rf"(?:[^ ]+ ){{0,{element[2:]}}}?")
            continue
        alternatives = _alternatives(element.strip("!?"))
        pattern = f"(?:{'|'.join(map(re.escape, sorted(alternatives, key=lambda one: (-len(one), one))))}) "
        if element.startswith("!"):
            parts.append(f"(?!{pattern})")
        elif element.endswith("?"):
            parts.append(f"(?:{pattern})?")
        else:
            parts.append(pattern)
            needs.append(frozenset(one.split(maxsplit=1)[0] for one in alternatives))
    # The rarest vocabulary first: most sentences are let go by one comparison.
    needs.sort(key=len)
    return Rule(code=code, detail=detail, pattern=re.compile(f"(?<= ){''.join(parts)}"), needs=tuple(needs))


def _alternatives(element: str) -> Words:
    each: set[str] = set()
    for one in element.split("|"):
        each |= VOCABULARY[one] if one.isupper() else {one.replace("_", " ")}
    return frozenset(each)
