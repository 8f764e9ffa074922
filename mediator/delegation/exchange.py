"""The rules of a token exchange (RFC 8693): a live chain, who receives, what is asked -> the grant of the next link.

Pure. Who asks was proven before, with keys; here it is compared with the chain. The order of checks:

1. splice: the holder of the chain asks, and the receiver has said that it will act under exactly this grant; or the
   receiver asks, whom the grant names in `may_act`
2. depth, and that nobody stands in a chain twice
3. attenuation: what is asked is no wider in any dimension (P4); what is not said is no more than the parent has
4. audience: every location asked for, or none

Errors are those of RFC 8693 §2.2.2, RFC 9396 §5 and draft-mcguinness-oauth-actor-profile.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mediator.delegation.authority import Rights, find_wider
from mediator.delegation.chain import DelegationChain
from mediator.delegation.details import GrantDetails
from mediator.delegation.grant import Grant, GrantState
from mediator.delegation.narrowing import find_wider_dimension, is_audience_within
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason

_MS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """The agent that is to hold the next link, as its profile says; `keyid` is the key that it proved."""

    agent: str
    agent_class: str
    team: str
    keyid: str
    is_connector: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, by a proven key; and under which grant the receiver has said that it will act, if it says any."""

    agent: str
    keyid: str
    agreed_grant: str | None


def delegate(
    chain: DelegationChain,
    asker: Asker,
    receiver: Receiver,
    asked: GrantDetails,
    *,
    grant_id: str,
    issuer: str,
    statement_digest: str,
    targets: tuple[str, ...],
    now_ms: int,
) -> Grant:
    """Return the next link of this chain.

    Raises `TokenRefused` with what to change.
    """
    parent = chain.presented
    _must_not_be_spliced(parent, asker, receiver)
    _must_be_in_depth(chain, receiver)
    child = Grant(
        id=grant_id,
        parent=parent.id,
        root=parent.root,
        agent=receiver.agent,
        agent_class=receiver.agent_class,
        team=receiver.team,
        owner=parent.owner,
        issuer=issuer,
        purpose=parent.purpose if asked.purpose is None else asked.purpose,
        rights=Rights(entries=asked.entries, pin_serial=parent.rights.pin_serial),
        audience=_audience(parent, targets, asked.locations),
        opened_ms=now_ms,
        expires_ms=parent.expires_ms if asked.expires_in is None else now_ms + asked.expires_in * _MS,
        idle_ms=None,
        max_calls=asked.max_calls,
        depth=parent.depth + 1,
        max_depth=_max_depth(parent, asked),
        keyid=receiver.keyid,
        is_connector=receiver.is_connector,
        may_act=parent.may_act if asked.may_act is None else asked.may_act,
        salt=parent.salt,
        statement_digest=statement_digest,
        tenant=parent.tenant,
        state=GrantState.OPEN,
    )
    _must_narrow(child, chain)
    return child


def _must_not_be_spliced(parent: Grant, asker: Asker, receiver: Receiver) -> None:
    """RFC 8693 leaves this out: subject and actor, each valid, may come from two delegations."""
    if asker.agent == parent.agent:
        if asker.keyid != parent.keyid:
            detail = f"`{asker.agent}` proved another key than that to which grant `{parent.id}` was given"
            raise _refused(
                OAuthError.INVALID_GRANT, detail, "the subject token was given to another key of this client"
            )
        if receiver.agent != asker.agent and asker.agreed_grant != parent.id:
            raise _refused(
                OAuthError.ACTOR_UNAUTHORIZED,
                f"the actor token of `{receiver.agent}` is not for grant `{parent.id}`",
                "the actor token does not say that its subject acts under this grant",
                "have the actor sign one whose claim `grant` is the grant of the subject token",
            )
    elif asker.agent != receiver.agent:
        detail = f"`{asker.agent}` is neither the holder of `{parent.id}` nor the receiver"
        raise _refused(OAuthError.INVALID_GRANT, detail, "the subject token was given to somebody else")
    elif parent.may_act is None or asker.agent not in parent.may_act:
        raise _refused(
            OAuthError.ACTOR_UNAUTHORIZED,
            f"`may_act` of `{parent.id}` does not name `{asker.agent}`",
            "the grant of the subject token does not name this client in may_act",
            "have the task opened with may_act, or have the holder ask",
        )
    if parent.may_act is not None and receiver.agent not in parent.may_act:
        raise _refused(
            OAuthError.ACTOR_UNAUTHORIZED,
            f"`may_act` of `{parent.id}` does not name `{receiver.agent}`",
            "the grant of the subject token does not name this actor in may_act",
        )


def _must_be_in_depth(chain: DelegationChain, receiver: Receiver) -> None:
    parent = chain.presented
    if parent.depth + 1 > parent.max_depth:
        raise _refused(
            OAuthError.INVALID_REQUEST,
            f"grant `{parent.id}` is {parent.depth} deep, of {parent.max_depth}",
            "this grant may not be delegated further",
            "have the task opened with a larger max_depth",
        )
    if any(link.agent == receiver.agent for link in chain.links):
        detail = f"`{receiver.agent}` stands in the chain of `{parent.id}` already"
        raise _refused(OAuthError.INVALID_REQUEST, detail, "the actor stands in this chain already")


def _max_depth(parent: Grant, asked: GrantDetails) -> int:
    return parent.max_depth if asked.max_depth is None else parent.depth + 1 + asked.max_depth


def _audience(parent: Grant, targets: tuple[str, ...], locations: tuple[str, ...] | None) -> str:
    """RFC 8693 §2.1.1: a token is good for every target that was asked for, or none is given."""
    asked = (*targets, *(locations or ()))
    wanted = {*asked} if asked or locations is not None else {parent.audience}
    if len(wanted) != 1 or not is_audience_within(audience := wanted.pop(), parent.audience):
        raise _refused(
            OAuthError.INVALID_TARGET,
            f"asked for {', '.join(sorted(asked))[:200] or 'none'}; grant `{parent.id}` is for {parent.audience}",
            "the target is not one endpoint of those that the subject token is good for",
            "leave it out, or name one of them",
        )
    return audience


def _must_narrow(child: Grant, chain: DelegationChain) -> None:
    # The presented alone would do for all but the calls, of which one that counts none of its own has its ancestors'.
    for link in chain.links:
        if (wider := find_wider(child.rights.entries, link.rights)) is not None:
            entry, effect = wider
            what = f"{effect} of `{entry.pattern}`" if effect is not None else f"`{entry.pattern}`"
            raise _refused(
                OAuthError.INVALID_AUTHORIZATION_DETAILS,
                f"{what} is wider than grant `{link.id}`",
                f"{what}, with these constraints, is more than the subject token gives",
                "ask for tools, effects and arguments that it names",
            )
        if (dimension := find_wider_dimension(child, link)) is not None:
            raise _refused(
                OAuthError.INVALID_AUTHORIZATION_DETAILS,
                f"wider than grant `{link.id}`: {dimension}",
                f"wider than the subject token: {dimension}",
                "ask for no more than it has",
            )


def _refused(error: OAuthError, detail: str, sentence: str, remedy: str | None = None) -> TokenRefused:
    return TokenRefused(error, Reason.NOT_COVERED, detail, sentence=sentence, remedy=remedy)
