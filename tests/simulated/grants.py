"""Grants for tests: one good root, and whatever is asked for otherwise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mediator.because import Because
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from tests.simulated.forged_tokens import AUDIENCE, ISSUER, NOW_MS


def authority(*entries: str, pin_serial: int = 7, because: Because | None = None) -> Rights:
    """Return the rights of entries written `<pattern> <effect>,<effect>`, each with this justification."""
    made = []
    for entry in entries:
        pattern, _, effects = entry.partition(" ")
        made.append(Entry(pattern=pattern, effects=frozenset(map(Effect, effects.split(","))), because=because))
    return Rights(entries=tuple(made), pin_serial=pin_serial)


def a_grant(**changed: Any) -> Grant:
    """Return an open root grant, changed as asked; its root and its statement follow its id."""
    name = changed.get("id", "g-1")
    grant = Grant(
        id=name,
        parent=None,
        root=name,
        agent="planner",
        agent_class="assistant",
        team="research",
        owner="alice@example.com",
        issuer=ISSUER,
        purpose="tell the time",
        rights=authority("clock/* read"),
        audience=AUDIENCE,
        opened_ms=NOW_MS - 60_000,
        expires_ms=NOW_MS + 900_000,
        idle_ms=None,
        max_calls=None,
        depth=0,
        max_depth=0,
        keyid=None,
        is_connector=False,
        may_act=None,
        salt="5a17" * 8,
        statement_digest=f"sha256:{name}",
        tenant="default",
        state=GrantState.OPEN,
    )
    return replace(grant, **changed)
