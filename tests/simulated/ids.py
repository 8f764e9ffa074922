"""Ids that count up: every arrival has its own, and a test can say which.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.mediation.deliberate import Ids


class CountingIds:
    """Fills the port `IdSource`: the first arrival's ids end in 1."""

    def __init__(self) -> None:
        self.drawn = 0

    def draw(self) -> Ids:
        self.drawn += 1
        return ids_of(self.drawn)


def ids_of(number: int) -> Ids:
    """Return the ids of the arrival of that number."""
    return Ids(
        decision_id=f"d{number:031x}",
        trace_id=f"a{number:031x}",
        server_span=f"1{number:015x}",
        decision_span=f"2{number:015x}",
        client_span=f"3{number:015x}",
    )
