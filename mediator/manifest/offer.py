"""Offer: everything that a tool server offers at one moment, as it said it, over all pages.

Pure. Not one word of it is believed: it is there to be compared with what was pinned (`drift.py`), and to be reviewed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from mediator.canonical import Json


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The raw entries of each list, and the instructions. `ttl_ms` is the shortest time that any list gives itself."""

    tools: Sequence[Json]
    prompts: Sequence[Json] = ()
    resources: Sequence[Json] = ()
    resource_templates: Sequence[Json] = ()
    instructions: str | None = None
    ttl_ms: int | None = None
