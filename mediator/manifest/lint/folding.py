"""Letters folded to what they look like, so that a trick of writing reads as the word that a model makes of it.

Pure. `fold` takes compatibility forms (full width, mathematical, circled) and the letters of other scripts that pass
for Latin ones; `skeleton` goes further, for names: what two eyes would take for the same. A table of our own, of the
letters that are drawn alike in common faces (Unicode's confusables, UTS 39, hold thousands that nobody would miss).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType
from typing import Final

_ALIKE: Final = (
    "аa вb еe кk мm нh оo рp сc тt уy хx ѕs іi јj ӏl ԁd ԛq ԝw һh ɡg ґr үy ѵv пn гr ьb "  # Cyrillic, and IPA's g
    "αa βb γy εe ηn ιi κk νv οo ρp τt υu χx ωw ϲc "  # Greek
    "ոn օo սu ցg հh զq "  # Armenian
    "ıi ȷj ƒf ꞁl ǀl ɑa ɩi ʟl ʀr ɴn ɪi ᴀa ʙb ᴄc ᴅd ᴇe ғf ɢg ʜh ᴊj ᴋk ᴍm ᴏo ᴘp ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz"  # Latin in disguise
)
_FOLDED: Final = MappingProxyType({ord(pair[0]): pair[1] for pair in _ALIKE.split()})
_SCRIPT: Final = re.compile("(LATIN|CYRILLIC|GREEK|ARMENIAN|CHEROKEE)")
_SEPARATORS: Final = re.compile(r"[\W_]+")
_LATIN: Final = re.compile("[A-Za-z\u00c0-\u024f]")
_OTHER: Final = re.compile("[\u0250-\u02af\u0370-\u058f\u13a0-\u13ff\u1d00-\u1d7f\uab70-\uabbf]")


def fold(text: str) -> str:
    """Return the text in compatibility form and lower case, each mixed word in the Latin letters it looks like."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[^\W\d_]+", lambda word: _unmixed(word.group()), folded)


def mixed_scripts(word: str) -> bool:
    """Tell whether one word is written in Latin letters and in letters that pass for them."""
    return not word.isascii() and bool(_LATIN.search(word)) and bool(_OTHER.search(word))


def skeleton(name: str) -> str:
    """Return what an eye makes of a name: two with the same skeleton are hard to tell apart."""
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_FOLDED)
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    bare = _SEPARATORS.sub("", plain)
    return bare.replace("rn", "m").replace("vv", "w").translate(_DIGITS)


def _unmixed(word: str) -> str:
    return word.translate(_FOLDED) if mixed_scripts(word) else word


_DIGITS: Final = MappingProxyType({ord("0"): "o", ord("1"): "l", ord("i"): "l", ord("3"): "e", ord("5"): "s"})
