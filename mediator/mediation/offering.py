"""What a server offers, out of what was heard of it: the one value that is compared, whatever the way it came.

Pure.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.manifest.offer import Offer
from mediator.wire.hearing import Introduction


def offer_of(introduction: Introduction) -> Offer:
    """Return what a server that introduced itself offers."""
    return Offer(
        tools=introduction.tools,
        prompts=introduction.prompts,
        resources=introduction.resources,
        resource_templates=introduction.resource_templates,
        instructions=introduction.instructions,
        ttl_ms=introduction.ttl_ms,
    )
