"""The snapshot: what a record says of the trust that a call was judged under.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import digest_of
from mediator.delegation.chain import prove_chain
from mediator.mediation.trust import audiences_of, refuse_if_elsewhere
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BudgetSettings, Quotas
from tests.promises import promise
from tests.simulated.forged_tokens import KEY, NOW_MS, jwk_of, trusting
from tests.simulated.grants import a_grant
from tests.simulated.judged import POLICY_DIGEST, a_snapshot, identified
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


@promise("P8")
def test_budgets_are_part_of_it_where_there_are_any() -> None:
    """Ours: which claims a call makes follows from them."""
    snapshot = a_snapshot()
    quotas = Quotas(budgets=(BudgetSettings(name="b", per="task", max=1),))
    counted = replace(snapshot, limits=replace(snapshot.limits, quotas=quotas))
    assert counted.digests() == {**snapshot.digests(), "budgets": quotas.budgets_digest}


def test_an_endpoint_is_addressed_by_the_base_url_or_by_its_own() -> None:
    """Design 5.6: the base URL is good everywhere, an endpoint's own there only."""
    assert audiences_of("https://m", None) == {"https://m", "https://m/mcp"}
    assert audiences_of("https://m", "clock") == {"https://m", "https://m/servers/clock/mcp"}


@promise("P4", "P7")
@pytest.mark.parametrize(
    ("audience", "server", "is_here"),
    [
        ("https://m", None, True),
        ("https://m", "clock", True),
        ("https://m/mcp", None, True),
        ("https://m/mcp", "clock", False),
        ("https://m/servers/clock/mcp", "clock", True),
        ("https://m/servers/clock/mcp", None, False),
        ("https://m/servers/clock/mcp", "mail", False),
        ("https://elsewhere", None, False),
    ],
)
def test_a_grant_is_good_where_it_is_for_whatever_its_token_says(
    audience: str, server: str | None, is_here: bool
) -> None:
    """P4: authority is read from the stored grant, its audience as well."""
    grant = a_grant(audience=audience)
    chain = prove_chain(identified(grant).claims, (grant,), None, NOW_MS)
    if is_here:
        refuse_if_elsewhere(chain, "https://m", server)
        return
    with pytest.raises(Refused) as stop:
        refuse_if_elsewhere(chain, "https://m", server)
    assert stop.value.reason is Reason.WRONG_AUDIENCE
