"""ItemKind: what a server offers beside its instructions, each by a name of its own.

Pure. Names of one kind say nothing of another: a tool and a prompt of one name are two items.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import TypeAlias


@unique
class ItemKind(StrEnum):
    """A tool, a prompt, or a family of resources (whose name is its URI, template or prefix)."""

    TOOL = "tool"
    PROMPT = "prompt"
    RESOURCE = "resource"


ItemKey: TypeAlias = tuple[str, ItemKind, str]
"""Which item it is: its server's local name, its kind, its own name."""


EntryKey: TypeAlias = tuple[ItemKind, str]
"""What tells one item of a server from its others: its kind and its name."""
