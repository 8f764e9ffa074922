"""Delegations for tests: chains that are proven, and who asks for the next link of one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

from mediator.delegation.authority import Entry
from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.delegation.details import GrantDetails
from mediator.delegation.exchange import Asker, Receiver, delegate
from mediator.delegation.grant import Grant
from tests.simulated.forged_tokens import ISSUER, NOW_MS
from tests.simulated.grants import a_grant, authority
from tests.simulated.judged import identified

ROOT: Final = a_grant(
    rights=authority("files/* read,write", "mail/send send"), max_depth=4, max_calls=10, keyid="key of planner"
)


def proven(*links: Grant, now_ms: int = NOW_MS) -> DelegationChain:
    """Return the chain of these links, as its last holder proves it."""
    return prove_chain(identified(links[-1]).claims, links, None, now_ms)


def a_receiver(agent: str = "worker") -> Receiver:
    return Receiver(agent=agent, agent_class="assistant", team="research", keyid=f"key of {agent}", is_connector=False)


def asking(*entries: str | Entry, **changed: Any) -> GrantDetails:
    """Return what is asked for: entries as `authority` has them, or made already."""
    made = [authority(entry).entries[0] if isinstance(entry, str) else entry for entry in entries or ("files/a read",)]
    return GrantDetails(entries=tuple(made), **changed)


def handed_on(
    *links: Grant,
    to: str = "worker",
    asked: GrantDetails | None = None,
    asker: Asker | None = None,
    targets: tuple[str, ...] = (),
    name: str | None = None,
    now_ms: int = NOW_MS,
) -> Grant:
    """Return the next link of this chain, given by its holder to whom has agreed, unless it is said otherwise."""
    holder = links[-1]
    return delegate(
        proven(*links, now_ms=now_ms),
        asker or Asker(agent=holder.agent, keyid=f"key of {holder.agent}", agreed_grant=holder.id),
        a_receiver(to),
        asking() if asked is None else asked,
        grant_id=name or f"{holder.id}/{to}",
        issuer=ISSUER,
        statement_digest=f"sha256:{holder.id}/{to}",
        targets=targets,
        now_ms=now_ms,
    )
