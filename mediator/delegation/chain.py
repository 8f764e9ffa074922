"""DelegationChain: stored links, each made by the one before, each no wider, all of them live.

Pure. It is proven anew at each call, from what is stored. The order of checks:

1. the identity names a stored grant, and is the one that the grant was given to, by the issuer it names
2. links hang together: root first, each the child of the one before, depth rising by one, under its maximum; nobody
   stands in it twice
3. every link is no wider than the one before, in each dimension (`narrowing.py`)
4. every link is open, and within its time

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from itertools import pairwise
from typing import Final, assert_never, final

from mediator.delegation.authority import Authority
from mediator.delegation.grant import Grant, GrantState
from mediator.delegation.narrowing import find_wider_dimension
from mediator.evidence import Seal
from mediator.identity.token import VerifiedClaims
from mediator.refusal import Reason, Refused

_SEAL: Final = Seal("mediator.delegation.chain")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationChain:
    """Links from the root to the one presented; never empty."""

    links: tuple[Grant, ...]
    authority: Authority
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def root(self) -> Grant:
        """The task."""
        return self.links[0]

    @property
    def presented(self) -> Grant:
        """The link whose holder acts now."""
        return self.links[-1]

    @property
    def connectors(self) -> frozenset[str]:
        """Who stands in between: the agents among the links that act for others."""
        return frozenset(link.agent for link in self.links if link.is_connector)


def prove_chain(
    claims: VerifiedClaims, grants: tuple[Grant, ...], last_used_ms: int | None, now_ms: int
) -> DelegationChain:
    """Return the live chain of which these claims name the last link.

    Whether who shows them has proven a key to which they are bound is not asked here, but where that is identified.

    Raises `Refused`: `GRANT_UNKNOWN`, `CHAIN_INVALID`, `TASK_COMPLETED`, `GRANT_REVOKED`, `GRANT_EXPIRED`.
    """
    # 1. the claims name the grant, and whose it is
    if not grants or grants[-1].id != claims.grant:
        raise Refused(Reason.GRANT_UNKNOWN, "the credential names a grant that is not stored")
    presented = grants[-1]
    if (presented.agent, presented.issuer) != (claims.actor, claims.issuer):
        raise Refused(Reason.CHAIN_INVALID, f"grant `{presented.id}` was not given to the bearer of this credential")

    # 2. links hang together
    _must_hang_together(grants)

    # 3. no link is wider
    for parent, child in pairwise(grants):
        if wider := find_wider_dimension(child, parent):
            raise Refused(Reason.CHAIN_INVALID, f"grant `{child.id}` is wider than `{parent.id}`: {wider}")

    # 4. every link is live
    for link in grants:
        must_be_live(link, last_used_ms, now_ms)
    authority = Authority(frozenset(link.rights for link in grants))
    return DelegationChain(links=grants, authority=authority, seal=_SEAL)


def _must_hang_together(grants: tuple[Grant, ...]) -> None:
    root = grants[0]
    if root.parent is not None or root.depth != 0 or root.root != root.id:
        raise Refused(Reason.CHAIN_INVALID, f"grant `{root.id}` is not a root")
    for parent, child in pairwise(grants):
        if child.parent != parent.id or child.root != root.id or child.tenant != parent.tenant:
            raise Refused(Reason.CHAIN_INVALID, f"grant `{child.id}` is not a child of `{parent.id}`")
        if child.depth != parent.depth + 1 or child.depth > parent.max_depth:
            raise Refused(Reason.CHAIN_INVALID, f"grant `{child.id}` is deeper than `{parent.id}` may be delegated")
    if len({link.agent for link in grants}) != len(grants):
        raise Refused(Reason.CHAIN_INVALID, f"an agent stands twice in the chain of `{grants[-1].id}`")


def must_be_live(link: Grant, last_used_ms: int | None, now_ms: int) -> None:
    """Return if this link is open and within its time; raises `Refused` as `prove_chain`."""
    match link.state:
        case GrantState.COMPLETED:
            raise Refused(Reason.TASK_COMPLETED, f"grant `{link.id}` was completed")
        case GrantState.REVOKED:
            raise Refused(Reason.GRANT_REVOKED, f"grant `{link.id}` was revoked")
        case GrantState.OPEN:
            pass
        case _:
            assert_never(link.state)
    if not link.opened_ms <= now_ms < link.expires_ms:
        raise Refused(Reason.GRANT_EXPIRED, f"grant `{link.id}` is not within its time")
    used_ms = link.opened_ms if last_used_ms is None else max(link.opened_ms, last_used_ms)
    if link.idle_ms is not None and now_ms - used_ms >= link.idle_ms:
        raise Refused(Reason.GRANT_EXPIRED, f"grant `{link.id}` was idle for {(now_ms - used_ms) // 60000} minutes")
