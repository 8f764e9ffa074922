"""The values that pass through the ports.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import dataclasses

import pytest

from mediator.mediation.deliberate import Claim
from mediator.mediation.ports import Claimed, Lost, Stale, Stop
from mediator.refusal import Reason


@pytest.mark.parametrize(
    "value", [Claimed(), Stale(), Lost(Claim(key="k", limit=1)), Stop(source="s", reason=Reason.MALFORMED, at_ms=1)]
)
def test_what_passes_through_a_port_is_a_value(value: object) -> None:
    """House style 8: frozen, equal where its members are."""
    assert dataclasses.is_dataclass(value)
    assert not isinstance(value, type)
    assert dataclasses.replace(value) == value
    assert hash(dataclasses.replace(value)) == hash(value)
