"""Narrowing: in which dimension, if any, one grant is wider than the one that it was made from (P4).

Pure. The invariants of draft-niyikiza-oauth-attenuating-agent-tokens, as far as they concern what is stored: depth (I2),
time (I3), tools and arguments (I4), and ours: effects, audience, calls, who may act, and for whom. Empty is never all: a
child says everything that its parent says, or less.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mediator.delegation.authority import Rights
from mediator.delegation.grant import Grant

_REMEMBERED: Final = 4096


def find_wider_dimension(child: Grant, parent: Grant) -> str | None:
    """Return the name of the first dimension in which the child is wider; None where it is in none.

    A child without a number of calls of its own shares its parent's: each link's number is counted at each call.
    """
    is_wider = {
        "tools, effects or arguments": not _narrows(child.rights, parent.rights),
        "audience": not is_audience_within(child.audience, parent.audience),
        "expiry": child.expires_ms > parent.expires_ms or child.opened_ms < parent.opened_ms,
        "depth": child.max_depth > parent.max_depth,
        "calls": None not in {child.max_calls, parent.max_calls} and (child.max_calls or 0) > (parent.max_calls or 0),
        "who may act": not may_act_narrows(child.may_act, parent.may_act),
        "owner": child.owner != parent.owner,
    }
    return next((dimension for dimension, wider in is_wider.items() if wider), None)


def is_audience_within(narrow: str, wide: str) -> bool:
    """Tell whether every endpoint that the one names is among those of the other: a base URL names all below it."""
    return narrow == wide or narrow.startswith(f"{wide}/")


def may_act_narrows(narrow: tuple[str, ...] | None, wide: tuple[str, ...] | None) -> bool:
    """Tell whether nobody may become the next actor who may not by the other; None lets the holder say."""
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


@lru_cache(maxsize=_REMEMBERED)
def _narrows(narrow: Rights, wide: Rights) -> bool:
    """Remembered: asked at each call of a chain, of the same few stored links."""
    return narrow.narrows(wide)
