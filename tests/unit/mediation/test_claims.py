"""Claims and leases are plain values.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.mediation.claims import Claim, Lease


def test_a_claim_is_of_one_unit_for_good_unless_it_says_otherwise() -> None:
    """Ours: what is counted in windows says until when."""
    assert Claim(key="calls:g-1", limit=5) == Claim(key="calls:g-1", limit=5, amount=1, until_ms=None)
    assert Lease(key="rate:a:g-1", burst=2, refill_ms=0.5).refill_ms == 0.5
