"""What a tool does to the world: five effects, from the mildest to the strictest.

A word that manifests declare, grants list and policies read; this module only names and orders it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final


@unique
class Effect(StrEnum):
    """What a call of the tool does, as its owner declared it and a reviewer may have tightened it."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    SEND = "send"
    EXEC = "exec"

    @property
    def is_privileged(self) -> bool:
        """Everything but reading needs an intent that names it, or an approval (P6)."""
        return self is not Effect.READ

    def is_stricter_than(self, other: Effect) -> bool:
        """Tell whether this effect asks for more than the other: a reviewer may only move this way."""
        return _STRICTNESS[self] > _STRICTNESS[other]


_STRICTNESS: Final = {effect: rank for rank, effect in enumerate(Effect)}
