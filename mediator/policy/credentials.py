"""Credentials among arguments: where something stands that is a key or a token by its own form.

Pure, and bounded in time: only long words are looked at, and compared only behind a marker. It finds what is sent by
accident, or by an agent that was told to paste what it sees; whoever encodes a secret first is not found by it, nor is one
that has no form of its own, such as a password in a sentence. What stands for a secret in examples is none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject, pointer_to

POINTERS_MAX: Final = 16  # that are told of one call
LOOKED_MAX: Final = 1 << 20  # characters of long words in one call, some 50 ms: beyond it nothing is taken on trust
_WORD_MIN: Final = 16  # no token of these is shorter, and none has a gap
_TOKEN_MAX: Final = 8_192  # what is longer is a file's content, of which the beginning is looked at
_DISTINCT_MIN: Final = 8  # characters: `ghp_xxxxxxxx` is an example, not a token
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY( BLOCK)?-----\s*[A-Za-z0-9+/=:]{16}"
)  # RFC 7468

# By what a token begins with, as its issuer documents it; the rest is its form.
_FORMS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        marker: re.compile(form)
        for marker, form in {
            "AKIA": r"[A-Z0-9]{16}\b",  # AWS IAM: unique identifiers
            "ASIA": r"[A-Z0-9]{16}\b",
            "ghp_": r"[A-Za-z0-9]{36}",  # GitHub: about authentication, token formats
            "gho_": r"[A-Za-z0-9]{36}",
            "ghu_": r"[A-Za-z0-9]{36}",
            "ghs_": r"[A-Za-z0-9]{36}",
            "ghr_": r"[A-Za-z0-9]{36}",
            "github_pat_": r"[A-Za-z0-9_]{50,80}",
            "glpat-": r"[A-Za-z0-9_-]{20,64}",  # GitLab
            "xoxb-": r"[A-Za-z0-9-]{20,80}",  # Slack
            "xoxp-": r"[A-Za-z0-9-]{20,80}",
            "xapp-": r"[A-Za-z0-9-]{20,80}",
            "sk_live_": r"[A-Za-z0-9]{20,100}",  # Stripe
            "rk_live_": r"[A-Za-z0-9]{20,100}",
            "AIza": r"[A-Za-z0-9_-]{35}",  # Google
            "sk-ant-": r"[A-Za-z0-9_-]{32,120}",  # Anthropic
            "sk-proj-": r"[A-Za-z0-9_-]{32,180}",  # OpenAI
            "npm_": r"[A-Za-z0-9]{36}",
            "pypi-AgE": r"[A-Za-z0-9_-]{50,250}",
            "hf_": r"[A-Za-z0-9]{34}",
            "SG.": r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
            "dop_v1_": r"[a-f0-9]{64}",  # DigitalOcean
            "AGE-SECRET-KEY-1": r"[A-Z0-9]{58}",
            "AccountKey=": r"[A-Za-z0-9+/]{60,100}={0,2}",  # Azure Storage
            "eyJ": r"[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{16,1000}",  # RFC 7515, signed
            # RFC 3986 §3.2.1, with a password that is not what examples have
            "://": r"[^\s/:@\"'<>{}$]{1,64}:(?!(pass(word|wd)?|pw|secret|x+|\*+)@)[^\s/:@\"'<>{}$]{4,128}@[A-Za-z0-9\[]",
        }.items()
    }
)


def find_credentials(arguments: JsonObject) -> tuple[str, ...]:
    """Return pointers to the texts in which a credential stands, or which are too much to look through.

    A name of a member that is one counts as its value.
    """
    found: set[str] = set()
    left = LOOKED_MAX
    for path, text in _texts(arguments, ()):
        words = _long_words(text)
        left -= sum(map(len, words))
        if left < 0 or any(map(_is_credential, words)) or ("PRIVATE KEY" in text and _PRIVATE_KEY.search(text)):
            found.add(pointer_to(*path))
        if left < 0 or len(found) >= POINTERS_MAX:
            break
    return tuple(sorted(found))


def _long_words(text: str) -> list[str]:
    if len(text) < _WORD_MIN:
        return []
    words = text.split()
    if max(map(len, words), default=0) < _WORD_MIN:  # prose, most of the time
        return []
    return [word[:_TOKEN_MAX] for word in words if len(word) >= _WORD_MIN]


def _is_credential(word: str) -> bool:
    """Tell whether a token of any form stands in this word."""
    for marker, form in _FORMS.items():
        start = word.find(marker)
        while start >= 0:
            behind = start + len(marker)
            is_whole = marker == "://" or not word[start - 1 : start].isalnum()
            token = form.match(word, behind) if is_whole else None
            if token is not None and len(set(token[0])) >= _DISTINCT_MIN:
                return True
            start = word.find(marker, behind)
    return False


def _texts(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text with its place; arguments are of a bounded depth."""
    match value:
        case str():
            yield path, value
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*path, str(index)))
        case dict():
            for name, member in value.items():
                yield (*path, name), name
                yield from _texts(member, (*path, name))
        case _:
            return
