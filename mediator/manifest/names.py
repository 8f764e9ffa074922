"""Names on `/mcp`: what a pinned tool is called where tools of all servers stand side by side.

Pure. Hosts and models accept letters, digits, `_` and `-`, and hosts add prefixes of their own inside 64 characters;
so an assigned name is looked up, never split, and these rules hold:

- `<server>__<tool>` is assigned by itself where it keeps the rules; else a reviewer assigns a name that does.
- At most 45 characters, of that alphabet, and no two names equal after case folding.
- A name that contains `__` begins with its own server's name: no tool dresses up as another server's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from typing import Final

ASSIGNED_MAX: Final = 45
_ASSIGNED: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{ASSIGNED_MAX}}}")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]+")


def natural_name(server: str, tool: str) -> str:
    """The name that a tool has on `/mcp` unless a reviewer assigns another."""
    return f"{server}__{tool}"


def why_not(name: str, server: str, taken: frozenset[str]) -> str | None:
    """Say what is wrong with a name for a tool of this server, or None. `taken` holds case-folded names."""
    if len(name) > ASSIGNED_MAX:
        return f"longer than {ASSIGNED_MAX} characters"
    if not _ASSIGNED.fullmatch(name):
        return "not of letters, digits, `_` and `-`"
    if "__" in name and not name.startswith(f"{server}__"):
        return f"before `__` stands another name than `{server}`"
    if name.casefold() in taken:
        return "taken: another tool bears it, or differs only by case"
    return None


def propose_name(server: str, tool: str, taken: frozenset[str]) -> str:
    """Propose a name that the rules accept and nobody has. `taken` holds case-folded names."""
    stem = natural_name(server, _FOREIGN.sub("_", tool).strip("_") or "tool")[:ASSIGNED_MAX]
    name, number = stem, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem[: ASSIGNED_MAX - len(str(number)) - 1]}-{number}"
    return name
