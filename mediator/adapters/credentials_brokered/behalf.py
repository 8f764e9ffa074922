"""On whose behalf a credential is made: the task's owner, by the agents of its chain; read from stored grants alone.

Nothing of the agent's token goes into it. Pure.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediator.canonical import JsonObject
from mediator.delegation.grant import Grant
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Behalf:
    """The links of a live chain, root first; never empty."""

    links: tuple[Grant, ...]

    @property
    def owner(self) -> str:
        """The human in whose name the task was opened."""
        return self.links[0].owner

    @property
    def task(self) -> str:
        """The root's id."""
        return self.links[0].id

    @property
    def grant(self) -> str:
        """The id of the link whose holder acts."""
        return self.links[-1].id

    @property
    def until_ms(self) -> int:
        """When the first of the links ends."""
        return min(link.expires_ms for link in self.links)

    def is_of(self, grant_ids: frozenset[str]) -> bool:
        """Tell whether one of these grants is a link of it: then it is dead when they are."""
        return any(link.id in grant_ids for link in self.links)


def behalf_of(permit: Permit) -> Behalf:
    """Return on whose behalf this permit's call is made."""
    chain = permit.committed.deliberation.chain
    if chain is None:  # `enforce` has seen to it
        raise Refused(Reason.INTERNAL, "a permit without a chain")
    return Behalf(links=chain.links)


def act_of(links: Sequence[Grant], issuer: str) -> JsonObject:
    """Return the `act` claim of a chain: who acts now outermost, the task's first agent innermost (RFC 8693 §4.1)."""
    act: JsonObject = {}
    for link in links:
        act = {"sub": link.agent, "iss": issuer} | ({"act": act} if act else {})
    return act
