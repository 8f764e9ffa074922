"""Starts that were refused, noted once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

from mediator.adapters.tool_servers_stdio.held_files import Mismatch
from mediator.assembly.mismatches import MismatchNotes
from tests.promises import promise


class Notes:
    def __init__(self) -> None:
        self.noted: list[Any] = []

    def note(self, *entry: Any) -> None:
        self.noted.append(entry)

    def now_ms(self) -> int:
        return 7


@promise("P3")
def test_each_difference_is_noted_once() -> None:
    """Ours: a call a second would fill the ledger with one swapped file."""
    notes: Any = Notes()
    watch = MismatchNotes(ledger=notes, clock=notes)
    one, other = (Mismatch(file="/bin/x", expected="sha256:a", found=found) for found in ("sha256:b", "sha256:c"))

    for server, mismatch in (("clock", one), ("clock", one), ("files", one), ("clock", other), ("clock", one)):
        watch.tell(server, mismatch)

    assert [(body["server"], body["executable"]["found"]) for _, body, _ in notes.noted] == [
        ("clock", "sha256:b"),
        ("files", "sha256:b"),
        ("clock", "sha256:c"),
        ("clock", "sha256:b"),
    ]
    assert notes.noted[0][0] == "drift"
