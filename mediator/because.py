"""Because: why something is done, in somebody's words; read by people, and never believed.

Pure. A justification gives nothing: it is kept, told with who wrote it, and looked for where a policy asks for one. It
is one line that hides nothing: whoever writes it may want to be taken for somebody else on an approver's screen.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, TypeGuard, final

LENGTH_MAX: Final = 500  # ours: characters that an approver reads, and that each record keeps
EXPECTED: Final = f"why, in one line of 1 to {LENGTH_MAX} printable characters"


@unique
class Author(StrEnum):
    """Who wrote it: the owner who signed for the task, or an agent, which may be under somebody's injection."""

    OWNER = "owner"
    AGENT = "agent"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """A justification, with who wrote it."""

    text: str
    by: Author


def is_because(value: object) -> TypeGuard[str]:
    """Tell whether this is a text that can stand as a justification."""
    return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= LENGTH_MAX and value.isprintable()
