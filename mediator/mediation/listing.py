"""The other path: what is pinned and visible to this caller, shown from the pin.

Nothing here leaves a record and nothing reaches a tool server. A caller whose task does not hold is refused, in
words: never with an empty list, which reads as "there are no tools".

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from mediator.delegation.chain import DelegationChain, prove_chain
from mediator.identity.identify import Identified
from mediator.kind import ItemKind
from mediator.manifest.pinned import PinnedItem, PinnedPrompt, PinnedResource, PinnedTool
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.deliberate import is_visible
from mediator.mediation.freeze import refuse_if_frozen
from mediator.mediation.trust import TrustSnapshot, refuse_if_elsewhere
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND
from mediator.wire.methods import Era, ListMethod
from mediator.wire.reading import ListItems


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """What a caller is told at an endpoint: which kinds there are for it, and the pinned instructions."""

    kinds: frozenset[ItemKind]
    instructions: str | None


def list_items(
    asked: ListItems,
    server: str | None,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
) -> list[bytes]:
    """Return the visible items' definitions in order of their names; on one page, so that there is no cursor to accept.

    Raises `Refused` as `prove_chain`, `WRONG_AUDIENCE`, `FROZEN`, `MALFORMED` for a cursor that is not ours, and
    `METHOD_NOT_ALLOWED` for a server of which this caller sees nothing.
    """
    chain = live_chain(identity, server, snapshot, circumstances, now_ms)
    if asked.cursor is not None:
        raise Refused(Reason.MALFORMED, "a cursor that is not ours", code=INVALID_PARAMS, sentence="unknown cursor")
    modern, own_name = asked.frame.era is Era.MODERN, server is not None
    visible = [*_visible(chain, server, snapshot, now_ms)]
    if server is not None and not visible:
        raise _nothing_here(server)
    match asked.method:
        case ListMethod.TOOLS:
            tools = [item for item in visible if isinstance(item, PinnedTool)]
            tools.sort(key=lambda tool: tool.name if own_name else tool.assigned)
            return [tool.shown(era_modern=modern, own_name=own_name) for tool in tools]
        case ListMethod.PROMPTS:
            prompts = [item for item in visible if isinstance(item, PinnedPrompt)]
            prompts.sort(key=lambda prompt: prompt.name if own_name else prompt.assigned)
            return [prompt.shown(own_name=own_name) for prompt in prompts]
        case ListMethod.RESOURCES:
            return [item.shown() for item in visible if isinstance(item, PinnedResource) and item.family.is_exact]
        case ListMethod.RESOURCE_TEMPLATES:
            return [item.shown() for item in visible if isinstance(item, PinnedResource) and not item.family.is_exact]
        case _:
            assert_never(asked.method)


def find_offering(
    server: str | None,
    identity: Identified,
    snapshot: TrustSnapshot,
    circumstances: Circumstances,
    now_ms: int,
) -> Offering:
    """Return what there is at this endpoint, with the pinned instructions of its server, if it has any.

    The endpoint of all servers gives none: one server's text would speak over another's tools.
    Raises `Refused` as `prove_chain`, `WRONG_AUDIENCE`, `FROZEN`, and `METHOD_NOT_ALLOWED` as `list_items`.
    """
    chain = live_chain(identity, server, snapshot, circumstances, now_ms)
    kinds = frozenset(item.kind for item in _visible(chain, server, snapshot, now_ms))
    if server is None:
        return Offering(kinds=kinds, instructions=None)
    if not kinds:
        raise _nothing_here(server)
    return Offering(kinds=kinds, instructions=snapshot.pins.instructions(server))


def live_chain(
    identity: Identified, server: str | None, snapshot: TrustSnapshot, circumstances: Circumstances, now_ms: int
) -> DelegationChain:
    """Return the live chain of this caller, as `deliberate` proves it."""
    chain = prove_chain(identity.claims, circumstances.grants, circumstances.last_used_ms, now_ms)
    refuse_if_elsewhere(chain, snapshot.audience, server)
    refuse_if_frozen(chain, circumstances)
    return chain


def _nothing_here(server: str) -> Refused:
    """Return the one refusal at an address of which this caller sees nothing: unknown, quarantined, not theirs."""
    sentence = "there is nothing for this task at this address"
    return Refused(
        Reason.METHOD_NOT_ALLOWED, f"nothing of `{server}` is visible", sentence=sentence, code=METHOD_NOT_FOUND
    )


def _visible(chain: DelegationChain, server: str | None, snapshot: TrustSnapshot, now_ms: int) -> Iterator[PinnedItem]:
    items = snapshot.pins.items if server is None else snapshot.pins.items_of_server(server)
    return (item for item in items if is_visible(item, chain, snapshot, now_ms))
