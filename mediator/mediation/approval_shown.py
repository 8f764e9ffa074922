"""Arguments as a person reads them before they approve: all of them, one member a line, and nothing that an eye misses.

Pure. Whatever prints as nothing, turns the direction or steers a terminal is written out. Letters that are written from
right to left stay readable, but what stands around them may be shown in another order than it has: such a line is given
once more, in ASCII, in the order of its bytes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import unicodedata
from typing import Final

from mediator.canonical import Json, readable_bytes
from mediator.manifest.lint.visible import visible

_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
_IN_ORDER: Final = "  (in order) "


def shown_lines(value: Json) -> list[str]:
    """Return the lines, keys in order."""
    lines: list[str] = []
    for line in readable_bytes(value).decode().rstrip("\n").split("\n"):  # of others than this JSON escapes none
        lines.append(_shown(line))
        if not line.isascii() and any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in line):
            lines.append(_IN_ORDER + "".join(one if one.isascii() else f"\\u{{{ord(one):x}}}" for one in _shown(line)))
    return lines


def _shown(line: str) -> str:
    text = line.lstrip(" ")
    return line[: len(line) - len(text)] + visible(text)
