"""The snapshot: what a record says of the trust that a call was judged under.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

from mediator.canonical import digest_of
from tests.promises import promise
from tests.simulated.forged_tokens import KEY, jwk_of, trusting
from tests.simulated.judged import POLICY_DIGEST, a_snapshot
from tests.simulated.pins import pins_of


@promise("P8")
def test_a_record_names_keys_pins_and_policies_by_their_digests() -> None:
    """House style, part B: same call, same snapshot, same answer."""
    snapshot = a_snapshot()
    assert snapshot.digests() == {
        "keys": snapshot.keys.digest,
        "pins": snapshot.pins.digest,
        "policies": POLICY_DIGEST,
    }
    assert snapshot.digest == digest_of(snapshot.digests())


def test_other_trust_has_another_digest() -> None:
    """Ours."""
    snapshot = a_snapshot()
    others = [replace(snapshot, pins=pins_of()), replace(snapshot, keys=trusting(jwk_of(KEY, kid="another")))]
    assert len({snapshot.digest, *(other.digest for other in others)}) == 3
