"""Where one policy ends and the next begins: a file of policies as single texts, each with the line it begins on.

Knows three things of Cedar's grammar: comments, strings, and that a policy ends with a semicolon. Each text is then
compiled alone and must be exactly one policy; so a boundary drawn wrongly is an error, never another meaning.

Cedar's parser and its JSON writer recurse on the machine's stack: a thousand brackets, or some ten thousand operators,
end the process without a word. So a text is measured before it is compiled.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, final

_TOKENS: Final = re.compile(r"""(?P<blank>\s+|//[^\n\r]*)|(?P<end>;)|"(?:[^"\\]|\\.)*"|[^\s/";]+|.""", re.DOTALL)

BRACKETS_MAX: Final = 32  # one within the other
CODE_MAX: Final = 8_192  # characters that are neither blank nor in a string: a list may be as long as it has to be


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a policy's text stands, and the text."""

    file: str
    line: int
    text: str


def split_policies(file: str, text: str) -> list[Source]:
    """Return the policies' texts, in order. What follows the last semicolon is one more, unless it is blank."""
    found: list[Source] = []
    start, first = 0, -1  # of the text; of its first token that is not blank
    counted, line = 0, 1  # up to where lines were counted, and how many
    for token in _TOKENS.finditer(text):
        if token.lastgroup == "blank":
            continue
        if first < 0:
            first = token.start()
            line += text.count("\n", counted, first)
            counted = first
        if token.lastgroup == "end":
            found.append(Source(file=file, line=line, text=text[start : token.end()]))
            start, first = token.end(), -1
    if first >= 0:
        found.append(Source(file=file, line=line, text=text[start:]))
    return found


def excess_of(text: str) -> str | None:
    """Return what there is too much of in a policy's text, if there is."""
    depth, code = 0, 0
    for token in _TOKENS.finditer(text):
        if token.lastgroup == "blank" or text[token.start()] == '"':
            continue
        code += token.end() - token.start()
        for character in token[0]:
            depth += (character in "([{") - (character in ")]}")
            if depth > BRACKETS_MAX:
                return f"brackets are nested deeper than {BRACKETS_MAX}"
    return f"it is longer than {CODE_MAX} characters without its strings" if code > CODE_MAX else None
