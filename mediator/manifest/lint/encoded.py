"""Text behind an encoding: base64, hexadecimal, percent, entities, escapes, letters rotated or turned around.

Pure. What is decoded is read like any other text, once: an order or a command line in it is an alarm, for nobody encodes
what a reviewer may read; text that is merely readable is shown.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

from mediator.manifest.lint.vocabulary import words

DECODED_MAX: Final = 4096
ENCODED_MAX: Final = 16_384
_CANDIDATES_MAX: Final = 32
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:0x)?(?:[0-9A-Fa-f]{2}){8,}(?![0-9A-Za-z])")
_BYTES: Final = re.compile(r"(?:(?:\\x|0x)[0-9A-Fa-f]{2}[\s,]{0,2}){6,}")
_BITS: Final = re.compile(r"(?<![01])(?:[01]{8}[ ,_-]?){5,}(?![01])")
_PERCENT: Final = re.compile(r"(?:[\w.~+-]{0,40}%[0-9A-Fa-f]{2}){4,}[\w.~+-]{0,40}")
_ENTITIES: Final = re.compile(r"(?:&#(?:\d{2,7}|[xX][0-9A-Fa-f]{2,6});\s?){5,}")
_ESCAPES: Final = re.compile(r"(?:\\u\{?[0-9A-Fa-f]{2,6}\}?\s?){5,}")
_ESCAPE: Final = re.compile(r"\\u\{?([0-9A-Fa-f]{2,6})\}?")
_COMMAND: Final = re.compile(
    r"\b(?:curl|wget|bash|chmod|powershell|nc|ncat|python3?|perl|eval|base64)\b[^\n]{0,200}?(?:[|;&/]|-[a-zA-Z])|\brm\s+-[rf]|/bin/(?:ba)?sh|"
    r"/dev/tcp/|\|\s?(?:ba)?sh\b|https?://",
)
_ADDRESSED: Final = words(
    "you your user must send ignore disregard instructions secret secretly tell forward upload password passwords tokens "
    "credentials assistant model exfiltrate conversation execute"
)
_COMMON: Final = words(
    "the and all your you user users must send ignore previous instructions instruction password passwords secret tell "
    "every message messages forward read file files this that with from tool system email mail upload private not hidden "
    "server conversation folder before after"
)
_ROTATED: Final = frozenset(codecs.encode(word, "rot13") for word in _COMMON)
_TURNED: Final = frozenset(word[::-1] for word in _COMMON if word != word[::-1])
_WORD: Final = re.compile(r"[a-z]{3,40}")
_ENOUGH: Final = 3
_READABLE_WORDS: Final = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What came out, of which encoding, and where it stood."""

    text: str
    encoding: str
    start: int
    end: int


def decoded(text: str) -> Iterator[Decoded]:
    """Yield what can be decoded to readable text, at most a few dozen pieces."""
    for count, found in enumerate(_pieces(text)):
        if count == _CANDIDATES_MAX:
            return
        yield found
    yield from _rewritten(text)


def is_command(text: str) -> bool:
    """Tell whether a text is a command line, or carries an address to fetch from."""
    return _COMMAND.search(text) is not None


def addresses_someone(text: str) -> bool:
    """Tell whether a text speaks to somebody about doing something."""
    return not _ADDRESSED.isdisjoint(_WORD.findall(text.lower()))


def is_prose(text: str) -> bool:
    """Tell whether a text reads as words."""
    return len(_WORD.findall(text.lower())) >= _READABLE_WORDS


def _pieces(text: str) -> Iterator[Decoded]:
    for mark, pattern, encoding, plain in _ENCODINGS:
        if mark in text:
            for match in pattern.finditer(text):
                yield from _readable(plain(match.group()[:ENCODED_MAX]), encoding, match)


def _rewritten(text: str) -> Iterator[Decoded]:
    spelt = _WORD.findall(text.lower())
    for written, encoding in ((_ROTATED, "rotated letters"), (_TURNED, "letters turned around")):
        if len(written.intersection(spelt)) >= _ENOUGH:
            cut = text[:DECODED_MAX]
            plain = codecs.decode(cut, "rot13") if written is _ROTATED else cut[::-1]
            yield Decoded(text=plain, encoding=encoding, start=0, end=len(text))


def _readable(text: str, encoding: str, match: re.Match[str]) -> Iterator[Decoded]:
    if text and all(one.isprintable() or one in "\n\r\t" for one in text):
        yield Decoded(text=text[:DECODED_MAX], encoding=encoding, start=match.start(), end=match.end())


def _from_octets(octets: Iterable[int]) -> str:
    try:
        return bytes(octets).decode()
    except UnicodeDecodeError:
        return ""


def _from_hex(text: str) -> str:
    bare = text.removeprefix("0x")
    return _from_octets(int(bare[place : place + 2], 16) for place in range(0, len(bare) - 1, 2))


def _from_base64(text: str) -> str:
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _from_octets(base64.b64decode(f"{bare}{'=' * (-len(bare) % 4)}"))
    except binascii.Error:
        return ""


def _from_bits(text: str) -> str:
    return _from_octets(int(octet, 2) for octet in re.findall("[01]{8}", text))


def _from_bytes(text: str) -> str:
    return _from_octets(int(pair, 16) for pair in re.findall(r"(?:\\x|0x)([0-9A-Fa-f]{2})", text))


def _from_percent(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda pair: chr(int(pair.group(1), 16)), text)


def _from_escapes(text: str) -> str:
    return _ESCAPE.sub(lambda one: chr(min(int(one.group(1), 16), sys.maxunicode)), text)


_ENCODINGS: Final[tuple[tuple[str, re.Pattern[str], str, Callable[[str], str]], ...]] = (
    ("", _HEX, "hexadecimal", _from_hex),
    ("", _BASE64, "base64", _from_base64),
    ("", _BITS, "binary digits", _from_bits),
    ("x", _BYTES, "hexadecimal", _from_bytes),
    ("%", _PERCENT, "percent", _from_percent),
    ("&#", _ENTITIES, "entities", html.unescape),
    ("\\u", _ESCAPES, "escapes", _from_escapes),
)
"""What must stand in a text for the encoding to be looked for, how it looks, its name, and what it says."""
