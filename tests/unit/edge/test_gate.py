"""Unit tests of mediator/edge/gate.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import parse_object
from mediator.edge.gate import make_gate
from mediator.refusal import Reason, Refused
from mediator.settings.sections import LimitSettings
from tests.simulated.corridor import SimulatedCorridor


def test_places_are_counted_by_address_and_in_all() -> None:
    """Design 5.2: 64 an address and 1,024 in all; here two and three."""
    gate = make_gate(
        LimitSettings(connections_per_address_max=2, connections_max=3), SimulatedCorridor().door(), lambda: 0
    )

    assert [gate.admit("a") for _ in range(3)] == [True, True, False]
    assert [gate.admit("b") for _ in range(2)] == [True, False]
    gate.release("a")
    assert gate.connections == 2
    assert gate.admit("c")
    for address in ("a", "b", "c"):
        gate.release(address)

    assert gate.connections == 0
    assert [gate.admit("a") for _ in range(3)] == [True, True, False]


def test_the_defaults_are_those_of_the_design() -> None:
    """Design 5.2."""
    gate = make_gate(LimitSettings(), SimulatedCorridor().door(), lambda: 0)

    assert (gate.head_bytes_max, gate.head_seconds) == (32_768, 10)
    assert (gate.connections_per_address_max, gate.connections_max) == (64, 1024)


def test_whoever_is_turned_away_is_told_in_json_and_counted() -> None:
    """Design 5.7: overload is 503 with `Retry-After`; every HTTP error carries a JSON-RPC error."""
    corridor = SimulatedCorridor()
    gate = make_gate(LimitSettings(), corridor.door(), lambda: 0)

    overload = gate.turn_away("a", Refused(Reason.OVERLOADED), 503)
    malformed = gate.turn_away("b", Refused(Reason.MALFORMED), 431)

    assert (overload.status, dict(overload.headers)["retry-after"]) == (503, "1")
    assert (malformed.status, "retry-after" in dict(malformed.headers)) == (431, False)
    assert overload.body is not None
    assert parse_object(overload.body)["id"] is None
    assert corridor.counted == [("a", Reason.OVERLOADED), ("b", Reason.MALFORMED)]
