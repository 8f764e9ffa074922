"""Offer: what a server offers at one moment.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.manifest.offer import Offer


def test_a_server_that_offers_tools_alone_offers_nothing_else() -> None:
    """Ours: no list is missing; an empty one says that there is nothing."""
    offer = Offer(tools=[{"name": "echo"}])
    assert (offer.prompts, offer.resources, offer.resource_templates) == ((), (), ())
    assert (offer.instructions, offer.ttl_ms) == (None, None)
