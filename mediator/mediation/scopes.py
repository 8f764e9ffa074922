"""Scopes: what a token of another issuer may do, as its own words say; and which words a call would need.

Pure. `server:<name>` and `effect:<effect>` are ours; every other scope means nothing here, and gives nothing. Together they
are one line of authority for each server, to each of these effects (5.7 of the design): a scope names no tool, so that
`effect:delete`, `send` and `exec` cover nothing by themselves (P6). Without a server, or without an effect, there is nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mediator.canonical import canonical_bytes, digest_of_bytes
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.details import ENTRIES_MAX
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from mediator.identity.identify import Identified, identity_form
from mediator.identity.statement import DEFAULT_TENANT
from mediator.manifest.pinned import PinnedItem
from mediator.refusal import Reason, Refused

_SERVER: Final = re.compile(r"server:([a-z0-9][a-z0-9-]{0,19})")
_EFFECTS: Final = {f"effect:{effect}": effect for effect in Effect}
_GIVEN_BY_SCOPE: Final = frozenset({Effect.READ, Effect.WRITE})  # P6: a scope names no tool


def entries_of(scopes: Iterable[str]) -> tuple[Entry, ...]:
    """Return the lines of authority that these scopes are; none where they name no server, or no effect.

    Raises `Refused(INSUFFICIENT_SCOPE)` for more servers than an authority has lines.
    """
    said = frozenset(scopes)
    servers = sorted(match[1] for match in map(_SERVER.fullmatch, said) if match is not None)
    effects = frozenset(effect for scope, effect in _EFFECTS.items() if scope in said)
    if len(servers) > ENTRIES_MAX:
        raise _insufficient(f"{len(servers)} servers in one token", f"ask for at most {ENTRIES_MAX} servers")
    return tuple(Entry(pattern=f"{server}/*", effects=effects) for server in servers) if effects else ()


def open_for_scopes(
    identity: Identified, *, pin_serial: int, audience: str, minutes: int, salt: str, now_ms: int
) -> tuple[Grant, bytes]:
    """Return the task that this identity's token opens, and what stands in the place of a statement: who said it.

    It ends with the token, and can be handed on to nobody. Raises `Refused`: `INSUFFICIENT_SCOPE` for one that gives
    nothing, `EXPIRED_CREDENTIAL` for one that is within the skew alone: its task would have ended before it began.
    """
    claims, asserted = identity.claims, identity.claims.asserted
    assert asserted is not None  # a task is opened for nobody else
    if claims.expires_at * 1000 <= now_ms:
        raise Refused(Reason.EXPIRED_CREDENTIAL, "the token's time is over, and it opened nothing before")
    entries = entries_of(asserted.scopes)
    if not entries:
        sentence = "the token has no scopes of `server:<name>` and `effect:<effect>`"
        raise _insufficient(f"scopes of a token of `{claims.issuer}` give nothing", sentence)
    evidence = canonical_bytes({"token": identity_form(identity)})
    grant = Grant(
        id=claims.grant,
        parent=None,
        root=claims.grant,
        agent=asserted.agent,
        agent_class=asserted.agent_class,
        team=asserted.team,
        owner=asserted.owner,
        issuer=claims.issuer,
        purpose=f"as its token says: {' '.join(scope for scope in asserted.scopes if _is_ours(scope))}",
        rights=Rights(entries=entries, pin_serial=pin_serial),
        audience=audience,
        opened_ms=now_ms,
        expires_ms=min(claims.expires_at * 1000, now_ms + minutes * 60_000),
        idle_ms=None,
        max_calls=None,
        depth=0,
        max_depth=0,
        keyid=None,
        is_connector=False,
        may_act=None,
        salt=salt,
        statement_digest=digest_of_bytes(evidence),
        tenant=DEFAULT_TENANT,
        state=GrantState.OPEN,
    )
    return grant, evidence


def refuse_if_scope_is_missing(identity: Identified, item: PinnedItem) -> None:
    """Raise `Refused(INSUFFICIENT_SCOPE)` where a scope would cover what the caller's task does not: its words, exactly."""
    if identity.claims.asserted is None or item.effect not in _GIVEN_BY_SCOPE:
        return
    needed = f"server:{item.server} effect:{item.effect}"
    detail = f"the scopes of the token do not hold `effect:{item.effect}`"
    raise _insufficient(detail, f"this call needs the scopes `{needed}`", {"scope": needed})


def _is_ours(scope: str) -> bool:
    return scope in _EFFECTS or _SERVER.fullmatch(scope) is not None


def _insufficient(detail: str, sentence: str, data: dict[str, str] | None = None) -> Refused:
    remedy = "have the authorization server issue a token with these scopes"
    return Refused(Reason.INSUFFICIENT_SCOPE, detail, sentence=sentence, remedy=remedy, data=data)
