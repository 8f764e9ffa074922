"""`mediator ledger`: what was decided, and whether anybody edited it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.folder import Folder, read_secret
from tests.promises import promise
from tests.simulated.commands import Commands
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.streams import FIRST, SECOND, Writing, Written


@pytest.fixture
def ledger(work: Path) -> Path:
    """An allowed call, a denied one, and a task that was opened, in two streams that the store knows."""
    folder = work / ".mediator" / "ledger"
    first, second = Writing(folder, FIRST), Writing(folder, SECOND)
    one = first.decide(1, at_ms=NOW_MS + 10, timezone="UTC")
    second.decide(2, allow=False, at_ms=NOW_MS + 20)
    first.decide(3, at_ms=NOW_MS + 30)
    first.end(one, at_ms=NOW_MS + 40)
    second.add({"kind": "task.opened", "at": NOW_MS + 50, "body": {"task": "g-9", "agent": "other\x1b[31m"}})
    first.done(closed=False)
    second.done(closed=True)
    know(work, FIRST, SECOND)
    return folder


def know(work: Path, *streams: str) -> None:
    folder = Folder(root=work)
    with SqliteStore(folder.store_file, read_secret(folder.key_file("grants"))) as store:
        for stream in streams:
            store.announce_stream(stream, NOW_MS)
            store.confirm_stream(stream)


def test_each_decision_stands_on_one_line_with_what_became_of_it(ledger: Path, mediator: Commands) -> None:
    """Design 5.8: a denial is its own outcome, an allow has exactly one."""
    lines = mediator.well("ledger", "show").out.splitlines()

    assert [line.split()[1] for line in lines] == ["allow", "deny", "allow", "task.opened:"]
    assert "ABANDONED" in lines[0]
    assert "UNKNOWN_TOOL" in lines[1]
    assert "no outcome (yet)" in lines[2]
    assert lines[3].endswith("g-9, other\\x1b[31m")
    assert ledger.is_dir()


def test_it_shows_what_is_asked_for(ledger: Path, mediator: Commands) -> None:
    """Design 5.1: look-up."""
    rows = mediator.well("ledger", "show", "--json").printed
    decisions = [row for row in rows if row["kind"] == "decision"]

    assert [row["verdict"] for row in decisions] == ["allow", "deny", "allow"]
    assert decisions[0]["outcome"] == "ABANDONED"
    last = [row["at"] for row in mediator.well("ledger", "show", "--last", "1", "--json").printed]
    assert last == [NOW_MS + 50]
    by_trace = mediator.well("ledger", "show", "--trace", decisions[1]["trace"], "--json").printed
    assert decisions[1]["id"] in [row["id"] for row in by_trace]
    assert mediator.well("ledger", "show", "--agent", "nobody").out == "nothing was decided that fits\n"
    assert ledger.is_dir()


@promise("P10")
def test_a_decision_is_shown_whole_by_how_its_id_begins(ledger: Path, mediator: Commands) -> None:
    """P10: find any record; with its outcome, and the values that are kept apart."""
    ids = [row["id"] for row in mediator.well("ledger", "show", "--json").printed if row["kind"] == "decision"]

    whole = mediator.well("ledger", "show", ids[0], "--json").printed
    assert [entry["kind"] for entry in whole["entries"]] == ["decision", "outcome"]
    assert whole["values"]["arguments"] == {"timezone": "UTC"}
    out = mediator.well("ledger", "show", ids[0]).out
    assert out.startswith("decision  ")
    assert "\nvalues  kept apart\n" in out

    shutil.rmtree(ledger / SECOND)
    for path in (ledger / FIRST).glob("values-*"):
        path.unlink()
    assert "values  erased, or never kept" in mediator.well("ledger", "show", ids[0]).out
    assert "no decision begins with `nonsense`" in mediator.refused("ledger", "show", "nonsense")
    assert "several decisions begin with ``" in mediator.refused("ledger", "show", "")


@promise("P10")
def test_a_ledger_as_it_was_written_is_whole(ledger: Path, mediator: Commands) -> None:
    """P10: anyone can verify it."""
    ran = mediator.well("ledger", "verify")

    assert "whole: " in ran.out
    assert "no outcome: " in ran.out
    report = mediator.well("ledger", "verify", "--json").printed
    assert report["whole"] is True
    assert [one["closed"] for one in report["streams"]] == [False, True]
    assert [one["at"] for one in report["without_outcome"]] == [NOW_MS + 30]
    assert ledger.is_dir()


@promise("P10")
def test_an_edited_line_is_found_and_named(ledger: Path, mediator: Commands) -> None:
    """P10: tamper-evident."""
    Written(ledger, FIRST).rewrite(lambda lines: [lines[0], lines[1].replace(b'"allow"', b'"deny"'), *lines[2:]])

    ran = mediator("ledger", "verify")

    assert ran.code == 1
    assert f"not as written: {FIRST} 0.jsonl line " in ran.out
    assert "not whole: " in ran.out
    assert mediator("ledger", "verify", "--json").printed["problems"]


@promise("P10")
def test_a_stream_that_is_gone_or_was_never_announced_is_found(ledger: Path, work: Path, mediator: Commands) -> None:
    """Design 8: `verify` checks that no known stream is missing."""
    (ledger / SECOND).rename(ledger / "20261125-0000000000000003")
    ran = mediator("ledger", "verify")
    assert ran.code == 1
    assert f"missing: {SECOND}" in ran.out
    assert "unknown: 20261125-0000000000000003" in ran.out

    shutil.rmtree(ledger)
    ran = mediator("ledger", "verify")
    assert ran.code == 1
    assert f"missing: {FIRST}" in ran.out
    assert work.is_dir()


def test_without_a_store_that_is_said(ledger: Path, work: Path, mediator: Commands) -> None:
    """Ours: what was not looked at is not vouched for."""
    for path in (work / ".mediator").glob("state.sqlite*"):
        path.unlink()

    assert "there is no store to ask whether a whole stream is missing" in mediator.well("ledger", "verify").out
    assert ledger.is_dir()


def test_half_a_line_is_told_apart_from_an_edit(ledger: Path, mediator: Commands) -> None:
    """Design 8: a torn last line is cut off at start and reported."""
    with (ledger / FIRST / "0.jsonl").open("ab") as file:
        file.write(b'{"kind":')

    assert "half a line: 8 bytes at the end of " in mediator("ledger", "verify").out


def test_lines_that_cannot_be_read_are_counted(ledger: Path, mediator: Commands) -> None:
    """Ours: `show` goes on, and says who tells more."""
    Written(ledger, SECOND).rewrite(lambda lines: [lines[0], b"nonsense\n", *lines[2:]])

    assert "1 line cannot be read; `mediator ledger verify` says which" in mediator.well("ledger", "show").err


def test_before_the_first_start_there_is_nothing_to_look_at(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    for words in (("show",), ("verify",)):
        error = mediator.refused("ledger", *words)
        assert "nothing was decided so far" in error
        assert "`mediator serve` or `mediator stdio` begins one" in error
    (work / ".mediator" / "ledger").mkdir(mode=0o700)
    assert mediator.well("ledger", "show").out == "nothing was decided so far\n"


def test_a_broken_store_is_named(ledger: Path, work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    (work / ".mediator" / "state.sqlite").write_bytes(b"nonsense" * 1000)

    error = mediator.refused("ledger", "verify")

    assert error.startswith("error: .mediator/state.sqlite: ")
    assert " next: " in error
    assert ledger.is_dir()
