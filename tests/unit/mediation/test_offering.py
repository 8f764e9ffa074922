"""What a server offers, out of what was heard of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.manifest.offer import Offer
from mediator.mediation.offering import offer_of
from mediator.wire.hearing import Introduction
from mediator.wire.speech import modern


def test_nothing_that_a_server_offers_is_lost_on_the_way_to_its_comparison() -> None:
    """Ours: every list, and the instructions."""
    introduction = Introduction(
        tongue=modern("1"),
        instructions="Ask first.",
        server_info={"name": "simulated"},
        tools=({"name": "echo"},),
        prompts=({"name": "greet"},),
        resources=({"uri": "file:///a"},),
        resource_templates=({"uriTemplate": "file:///{name}"},),
        ttl_ms=1000,
    )
    assert offer_of(introduction) == Offer(
        tools=({"name": "echo"},),
        prompts=({"name": "greet"},),
        resources=({"uri": "file:///a"},),
        resource_templates=({"uriTemplate": "file:///{name}"},),
        instructions="Ask first.",
        ttl_ms=1000,
    )
