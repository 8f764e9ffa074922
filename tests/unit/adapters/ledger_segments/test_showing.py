"""Entries found again: what was asked for, in the order of its time, with what became of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.ledger_segments import showing as module
from mediator.adapters.ledger_segments.showing import Wanted, find_entries, find_values
from mediator.canonical import JsonObject
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.streams import FIRST, SECOND, Writing


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Two streams side by side: decisions 1 and 3 in the one, 2 in the other."""
    folder = tmp_path / "ledger"
    first, second = Writing(folder, FIRST), Writing(folder, SECOND)
    one = first.decide(1, at_ms=NOW_MS + 10, timezone="UTC")
    second.decide(2, allow=False, at_ms=NOW_MS + 20)
    first.decide(3, at_ms=NOW_MS + 30)
    first.end(one, at_ms=NOW_MS + 40)
    second.add({"kind": "task.opened", "at": NOW_MS + 50, "body": {"task": "g-9", "agent": "other"}})
    first.done(closed=False)
    second.done(closed=False)
    return folder


def told(entry: JsonObject) -> str:
    return f"{entry['kind']} {str(entry.get('id', ''))[-1:]}".strip()


def show(ledger: Path, wanted: Wanted) -> list[str]:
    return [told(entry) for entry in find_entries(ledger, wanted).entries]


ALL = ["opened", "opened", "decision 1", "decision 2", "decision 3", "outcome 1", "task.opened"]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(), ALL),
        (Wanted(last=2), ALL[-2:]),
        (Wanted(last=0), []),
        (Wanted(last=100), ALL),
        (Wanted(decision=f"d{1:031x}"), ["decision 1", "outcome 1"]),
        (Wanted(decision=f"d{2:031x}"), ["decision 2"]),
        (Wanted(decision="d"), []),
        (Wanted(trace=f"a{3:031x}"), ["decision 3"]),
        (Wanted(trace=f"a{1:031x}"), ["decision 1", "outcome 1"]),
        (Wanted(task="g-1"), ["decision 1", "decision 2", "decision 3", "outcome 1"]),
        (Wanted(task="g-9"), ["task.opened"]),
        (Wanted(agent="planner", last=1), ["outcome 1"]),
        (Wanted(agent="other"), ["task.opened"]),
        (Wanted(kind="decision"), ["decision 1", "decision 2", "decision 3"]),
        (Wanted(kind="outcome"), ["outcome 1"]),
        (Wanted(kind="outcome", decision=f"d{1:031x}"), ["outcome 1"]),
        (Wanted(kind="decision", agent="nobody"), []),
        (Wanted(kind="drift"), []),
    ],
)
@promise("P10")
def test_what_is_wanted_is_shown_in_the_order_of_its_time(ledger: Path, wanted: Wanted, shown: list[str]) -> None:
    """P10: find any record from its trace and back."""
    assert show(ledger, wanted) == shown


def test_a_long_ledger_is_not_held_to_show_its_end(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours."""
    monkeypatch.setattr(module, "_SPARE", 0)
    assert show(ledger, Wanted(last=1)) == ALL[-1:]
    assert show(ledger, Wanted(last=3)) == ALL[-3:]


def test_lines_that_cannot_be_read_are_counted(ledger: Path) -> None:
    """Ours: `verify` tells of them; the others are shown all the same."""
    with (ledger / FIRST / "0.jsonl").open("ab") as file:
        file.write(b"garbage\n[]\n" + b'{"kind":["x"],"id":{},"spans":[],"at":"soon","task":[]}\n{"half":')
    found = find_entries(ledger, Wanted())
    assert (len(found.entries), found.unreadable) == (len(ALL) + 1, 3)
    assert show(ledger, Wanted(task="g-1", kind="decision")) == ["decision 1", "decision 2", "decision 3"]


def test_a_ledger_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        find_entries(tmp_path / "missing", Wanted())
    assert stop.value.reason is Reason.LEDGER_UNAVAILABLE


def test_a_decisions_values_are_found_beside_its_stream(ledger: Path) -> None:
    """Design 5.8."""
    values = find_values(ledger, FIRST, f"d{1:031x}")
    assert values is not None
    assert values["arguments"] == {"timezone": "UTC"}
    assert find_values(ledger, SECOND, f"d{1:031x}") is None
    (ledger / FIRST / "values-0.jsonl").write_bytes(b"garbage\n")
    assert find_values(ledger, FIRST, f"d{1:031x}") is None
