"""What must hold of each line; whole ledgers, and what becomes of them, are tested beside `verify`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.ledger_segments.examining import Entries, Values, line_of
from mediator.adapters.ledger_segments.layout import GENESIS
from mediator.canonical import JsonObject, canonical_bytes, digest_of, digest_of_bytes
from tests.simulated.streams import FIRST, opening


class Line:
    """Entries of a stream, made to follow each other whatever they hold."""

    def __init__(self) -> None:
        self.entries = Entries(FIRST)
        self._prev: str = GENESIS
        self._index = 0

    def examine(self, entry: JsonObject) -> list[str]:
        place: JsonObject = {"stream": FIRST, "index": self._index, "prev": self._prev}
        line = canonical_bytes(place | entry)
        self._prev, self._index = digest_of_bytes(line), self._index + 1
        return self.entries.examine(line)


@pytest.fixture
def line() -> Line:
    made = Line()
    assert made.examine(opening()) == []
    return made


def decision(decision_id: str = "d", verdict: str = "allow") -> JsonObject:
    return {"kind": "decision", "id": decision_id, "at": 5, "verdict": verdict, "call": {"arguments": "sha256:a"}}


def outcome(index: int = 1, decision_id: str = "d") -> JsonObject:
    return {"kind": "outcome", "id": decision_id, "at": 6, "decision": {"stream": FIRST, "index": index}}


def test_a_line_ends_in_a_line_feed() -> None:
    """Ours."""
    assert line_of(b"x\n") == b"x"
    assert line_of(b"x") is None


def test_a_story_that_holds_together_has_no_findings(line: Line) -> None:
    """Design 5.8."""
    story: list[JsonObject] = [
        decision(),
        decision("e", "deny"),
        outcome(),
        {"kind": "stop", "at": 7},
        {"kind": "drift", "at": 7, "body": {}},
        decision("f"),
        {"kind": "closed", "at": 8},
    ]
    assert [line.examine(entry) for entry in story] == [[]] * 7
    entries = line.entries
    assert (entries.count, entries.decisions, entries.outcomes, entries.is_closed) == (8, 3, 1, True)
    assert entries.without_outcome == {"f": (6, 5)}
    assert entries.take_arguments() == {"d": "sha256:a", "e": "sha256:a", "f": "sha256:a"}
    assert entries.take_arguments() == {}


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"stream": "20261123-ffffffffffffffff"}, "another stream"),
        ({"stream": None}, "another stream"),
        ({"index": 7}, "place 1"),
        ({"index": "1"}, "place 1"),
        ({"prev": GENESIS}, "line before"),
        ({"prev": None}, "line before"),
    ],
)
def test_an_entry_out_of_its_place_is_found(line: Line, changed: JsonObject, finding: str) -> None:
    """P10."""
    entry: JsonObject = {"kind": "drift", "at": 1}
    (found,) = line.examine(entry | changed)
    assert finding in found


def test_a_line_that_is_not_canonical_or_cannot_be_read_is_found(line: Line) -> None:
    """RFC 8785: one reading, one spelling."""
    assert "cannot be read" in line.entries.examine(b'{"kind":')[0]
    assert "RFC 8785" in line.entries.examine(b'{ "kind":"drift","at":1}')[0]


@pytest.mark.parametrize(
    ("story", "finding"),
    [
        ([outcome()], "not allowed here"),
        ([decision("d", "deny"), outcome()], "not allowed here"),
        ([decision(), outcome(), outcome()], "has one already"),
        ([decision(), outcome(index=2)], "misplaces"),
        ([decision(), outcome() | {"decision": {"stream": "other", "index": 1}}], "misplaces"),
        ([decision(), decision()], "second time"),
        ([decision(), decision("d", "deny")], "second time"),
        ([opening()], "was open"),
        ([{"kind": "closed", "at": 1}, decision()], "follows the end"),
        ([decision() | {"verdict": "maybe"}], "no decision of ours"),
        ([decision() | {"call": None}], "no decision of ours"),
        ([decision() | {"id": 7}], "no decision of ours"),
        ([decision(), outcome() | {"decision": None}], "no outcome of ours"),
        ([{"kind": 7, "at": 1}], "no entry of ours"),
        ([{"kind": "drift", "at": "now"}], "no entry of ours"),
        ([{"at": 1}], "no entry of ours"),
    ],
)
def test_a_story_that_does_not_hold_together_is_found(line: Line, story: list[JsonObject], finding: str) -> None:
    """Design 5.8: an allow has exactly one outcome, a denial none."""
    findings = [line.examine(entry) for entry in story]
    assert findings[:-1] == [[]] * (len(story) - 1)
    (found,) = findings[-1]
    assert finding in found


def test_a_stream_begins_with_its_opening() -> None:
    """Ours: what stood before it was cut off, or never written by us."""
    assert "before the opening" in Line().examine(decision())[0]
    assert Line().examine({"at": 1}) == ["is no entry of ours"]


def test_a_form_that_we_do_not_know_is_not_guessed_at() -> None:
    """Ours."""
    for form in (0, 2, "1", None):
        assert "does not know" in Line().examine(opening() | {"form": form})[0]


def test_an_opening_tells_of_other_streams_ends() -> None:
    """Ours."""
    line = Line()
    line.examine(opening(ends={"s": {"index": 1, "digest": "x"}}))
    assert set(line.entries.ends) == {"s"}


def values(decision_id: str = "d", **arguments: int) -> bytes:
    return canonical_bytes({"id": decision_id, "arguments": dict(arguments), "grants": {}})


def test_values_are_those_that_were_decided_on() -> None:
    """Design 5.8: entries hold digests; a lost line is an erased one."""
    kept = Values({"d": digest_of({"a": 1}), "e": digest_of({"a": 2}), "f": digest_of({})})
    assert kept.examine(values("d", a=1)) == []
    assert "not the arguments" in kept.examine(values("e", a=1))[0]
    assert kept.examine(values("g", a=1)) == []
    assert (kept.missing, kept.unclaimed) == (1, 1)


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"id":"d"}', b'{"id":"d","arguments":[],"grants":{}}', b" " + values()])
def test_values_of_another_form_are_found(raw: bytes) -> None:
    """Ours."""
    assert len(Values({"d": "x"}).examine(raw)) == 1
