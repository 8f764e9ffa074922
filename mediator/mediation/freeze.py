"""Freezes: what an operator has stopped, looked up by every name under which it can be stopped.

Pure. The names stand in the circumstances (`agent:…`, `task:…`, `tool:…`); who may stop what is decided elsewhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mediator.delegation.chain import DelegationChain
from mediator.delegation.grant import Grant
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.circumstances import Circumstances
from mediator.refusal import Reason, Refused

_NAME: Final = re.compile(
    r"everything|(?:agent|class|owner|task|key):[^\x00-\x1f\x7f]{1,256}|server:[a-z0-9][a-z0-9-]{0,19}|(?:tool|prompt|resource):[a-z0-9][a-z0-9-]{0,19}/[!-~]{1,512}"
)


def parse_frozen(text: str) -> str:
    """Return the name of something that can be stopped; raises `Refused(MALFORMED)` saying what can be."""
    if not _NAME.fullmatch(text):
        detail = (
            f"`{text[:64]}` cannot be frozen: name `agent:NAME`, `class:NAME`, `owner:WHO`, `key:ID`, `task:ID`, "
            "`server:NAME`, `tool:SERVER/NAME` (or `prompt:`, `resource:`) or `everything`"
        )
        raise Refused(Reason.MALFORMED, detail)
    return text


def refuse_if_frozen(chain: DelegationChain, circumstances: Circumstances) -> None:
    """Raise `Refused(FROZEN)` where an agent of the chain, its class, key or owner, a task, or everything is stopped.

    Of whichever link: what is below one that is stopped is stopped too.
    """
    if not circumstances.frozen:
        return
    if stopped := sorted(names_of(chain.links) & circumstances.frozen):
        raise Refused(Reason.FROZEN, f"frozen: {', '.join(stopped)}")


def names_of(links: Iterable[Grant]) -> frozenset[str]:
    """Return every name under which somebody is stopped who holds these links, or stands above the holder."""
    names = {"everything"}
    for link in links:
        names |= {f"agent:{link.agent}", f"class:{link.agent_class}", f"owner:{link.owner}", f"task:{link.id}"}
        if link.keyid is not None:
            names.add(f"key:{link.keyid}")
    return frozenset(names)


def refuse_if_item_frozen(item: PinnedItem, circumstances: Circumstances) -> None:
    """Raise `Refused(FROZEN)` where the item or its server is stopped."""
    if stopped := sorted({f"{item.kind}:{item.server}/{item.name}", f"server:{item.server}"} & circumstances.frozen):
        raise Refused(Reason.FROZEN, f"frozen: {', '.join(stopped)}")
