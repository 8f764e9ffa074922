"""The other path: what is pinned and visible to this caller, shown from the pin.

Nothing here leaves a record and nothing reaches a tool server. A caller whose task does not hold is refused, in
words: never with an empty list, which reads as "there are no tools".

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator

from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.identity.identify import Identified
from mediator.manifest.pinned import PinnedTool
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import is_visible
from mediator.mediation.freeze import refuse_if_frozen
from mediator.mediation.trust import TrustSnapshot, refuse_if_elsewhere
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND
from mediator.wire.methods import Era
from mediator.wire.reading import ListTools


def list_tools(
    asked: ListTools,
    server: str | None,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
) -> list[bytes]:
    """Return the visible tools' definitions in order of their names; on one page, so that there is no cursor to accept.

    Raises `Refused` as `prove_chain`, `WRONG_AUDIENCE`, `FROZEN`, `MALFORMED` for a cursor that is not ours, and
    `METHOD_NOT_ALLOWED` for a server of which this caller sees nothing.
    """
    chain = _live_chain(identity, server, snapshot, circumstances, now_ms)
    if asked.cursor is not None:
        raise Refused(Reason.MALFORMED, "a cursor that is not ours", code=INVALID_PARAMS, sentence="unknown cursor")
    modern, own_name = asked.frame.era is Era.MODERN, server is not None
    visible = [*_visible(chain, server, snapshot, now_ms)]
    if server is not None and not visible:
        raise _nothing_here(server)
    ordered = sorted(visible, key=lambda tool: tool.name if own_name else tool.assigned)
    return [tool.shown(era_modern=modern, own_name=own_name) for tool in ordered]


def find_instructions(
    server: str | None,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
) -> str | None:
    """Return the pinned instructions of the endpoint's server, if it has any.

    The endpoint of all servers gives none: one server's text would speak over another's tools.
    Raises `Refused` as `prove_chain`, `WRONG_AUDIENCE`, `FROZEN`, and `METHOD_NOT_ALLOWED` as `list_tools`.
    """
    chain = _live_chain(identity, server, snapshot, circumstances, now_ms)
    if server is None:
        return None
    if not any(_visible(chain, server, snapshot, now_ms)):
        raise _nothing_here(server)
    return snapshot.pins.instructions(server)


def _live_chain(
    identity: Identified, server: str | None, snapshot: TrustSnapshot, circumstances: Circumstances, now_ms: int
) -> DelegationChain:
    """Return the live chain of this caller, as `deliberate` proves it."""
    chain = prove_chain(identity, circumstances.grants, circumstances.last_used_ms, now_ms)
    refuse_if_elsewhere(chain, snapshot.audience, server)
    refuse_if_frozen(chain, circumstances)
    return chain


def _nothing_here(server: str) -> Refused:
    """Return the one refusal at an address of which this caller sees nothing: unknown, quarantined, not theirs."""
    sentence = "there is nothing for this task at this address"
    return Refused(
        Reason.METHOD_NOT_ALLOWED, f"nothing of `{server}` is visible", sentence=sentence, code=METHOD_NOT_FOUND
    )


def _visible(chain: DelegationChain, server: str | None, snapshot: TrustSnapshot, now_ms: int) -> Iterator[PinnedTool]:
    tools = snapshot.pins if server is None else snapshot.pins.of_server(server)
    return (tool for tool in tools if is_visible(tool, chain.presented, snapshot, now_ms))
