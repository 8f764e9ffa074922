"""Freezes: what an operator has stopped, looked up by every name under which it can be stopped.

Pure. The names stand in the circumstances (`agent:…`, `task:…`, `tool:…`); who may stop what is decided elsewhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.delegation.chain import DelegationChain
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.circumstances import Circumstances
from mediator.refusal import Reason, Refused


def refuse_if_frozen(chain: DelegationChain, circumstances: Circumstances) -> None:
    """Raise `Refused(FROZEN)` where the agent, its class, its owner, a task of the chain or everything is stopped."""
    grant = chain.presented
    names = {"everything", f"agent:{grant.agent}", f"class:{grant.agent_class}", f"owner:{grant.owner}"}
    names.update(f"task:{link.id}" for link in chain.links)
    if stopped := sorted(names & circumstances.frozen):
        raise Refused(Reason.FROZEN, f"frozen: {', '.join(stopped)}")


def refuse_if_item_frozen(item: PinnedItem, circumstances: Circumstances) -> None:
    """Raise `Refused(FROZEN)` where the item or its server is stopped."""
    if stopped := sorted({f"{item.kind}:{item.server}/{item.name}", f"server:{item.server}"} & circumstances.frozen):
        raise Refused(Reason.FROZEN, f"frozen: {', '.join(stopped)}")
