"""Unit tests of mediator/assembly/seen.py; what it is for: tests/attacks/.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from mediator.adapters.owner_flock import take_turns
from mediator.assembly import seen as seen_module
from mediator.assembly.seen import (
    Signed,
    read_seen,
    read_seen_pins,
    read_seen_trust,
    refuse_older,
    remember,
    remember_pins,
    remember_trust,
)
from mediator.canonical import digest_of
from mediator.manifest.put_back import NOTHING_SEEN
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.pins import OPERATORS, approved, manifest_of, signed


@promise("P7")
def test_what_was_seen_only_rises(tmp_path: Path) -> None:
    """TUF 5.3.5: no rollback."""
    assert read_seen(tmp_path) == {}
    remember(tmp_path, trust=3, pins=0)
    remember(tmp_path, trust=2, policies=1)
    assert read_seen(tmp_path) == {Signed.TRUST: 3, Signed.POLICIES: 1}
    refuse_older(tmp_path, Signed.TRUST, 3, Path("trust.json"))
    with pytest.raises(Refused) as refusal:
        refuse_older(tmp_path, Signed.TRUST, 2, Path("trust.json"))
    assert refusal.value.reason is Reason.BAD_CREDENTIAL
    assert "trust.json" in refusal.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"trust": -1}',
        '{"trust": true}',
        '{"other": 1}',
        '{"pins": "1"}',
        '{"trust": 1, "trust_digest": 1}',
        '{"trust_digest": "x"}',
    ],
)
@promise("P7")
def test_a_file_in_any_other_form_stops_whoever_asks(tmp_path: Path, text: str) -> None:
    """P7: what was seen is not guessed."""
    (tmp_path / "seen.json").write_text(text)
    with pytest.raises(Refused) as refusal:
        read_seen(tmp_path)
    assert refusal.value.reason is Reason.MALFORMED


@promise("P7")
def test_what_stood_in_the_pins_is_remembered_beside_how_high_they_rose(tmp_path: Path) -> None:
    """Ours: in the private folder, and read strictly."""
    assert read_seen_pins(tmp_path) == NOTHING_SEEN
    lock = approved(signed(manifest_of()))
    remember_pins(tmp_path, lock, OPERATORS)
    seen = read_seen_pins(tmp_path)
    assert (seen.serial, len(seen.statements)) == (1, 1)
    assert read_seen(tmp_path) == {Signed.PINS: 1}
    remember_pins(tmp_path, None, OPERATORS)
    assert read_seen_pins(tmp_path) == seen
    (tmp_path / "seen_pins.json").write_text("{}")
    with pytest.raises(Refused) as refusal:
        read_seen_pins(tmp_path)
    assert refusal.value.reason is Reason.MALFORMED
    assert "seen_pins.json" in refusal.value.detail


@promise("P7")
def test_what_a_version_of_the_trust_file_said_is_remembered_with_it(tmp_path: Path) -> None:
    """Ours: and where an earlier release remembered the number alone, its content is added once."""
    one, other = digest_of("one"), digest_of("other")
    assert read_seen_trust(tmp_path) == (0, None)
    remember(tmp_path, trust=2)
    assert read_seen_trust(tmp_path) == (2, None)
    remember_trust(tmp_path, 1, other)
    assert read_seen_trust(tmp_path) == (2, None)
    remember_trust(tmp_path, 2, one)
    remember_trust(tmp_path, 2, other)
    remember(tmp_path, pins=7)
    assert read_seen_trust(tmp_path) == (2, one)
    remember_trust(tmp_path, 3, other)
    assert read_seen_trust(tmp_path) == (3, other)
    assert read_seen(tmp_path) == {Signed.TRUST: 3, Signed.PINS: 7}


REMEMBER = """
import sys
from pathlib import Path
from mediator.assembly.seen import remember
for number in range(1, 101):
    remember(Path(sys.argv[1]), **{sys.argv[2]: number})
"""


@promise("P7")
def test_two_processes_that_remember_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Ours: `serve` renews while a command approves; a number that is forgotten lets an older file come back."""
    names = ("trust", "policies", "accepted")
    started = [
        subprocess.Popen([sys.executable, "-c", REMEMBER, str(tmp_path), name], cwd=Path(__file__).parents[3])
        for name in names
    ]
    assert [one.wait(timeout=60) for one in started] == [0, 0, 0]
    assert read_seen(tmp_path) == {Signed(name): 100 for name in names}


@promise("P7")
def test_what_stood_in_the_pins_waits_for_who_is_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: what is written was read under the lock; and whoever never lets go is refused, not waited for."""
    lock = approved(signed(manifest_of()))
    monkeypatch.setattr(seen_module, "take_turns", partial(take_turns, seconds=0.01))
    with take_turns(tmp_path / "seen.lock"):
        with pytest.raises(Refused) as refusal:
            remember_pins(tmp_path, lock, OPERATORS)
        with pytest.raises(Refused):
            remember(tmp_path, trust=1)
    assert refusal.value.reason is Reason.STORE_UNAVAILABLE
    assert read_seen_pins(tmp_path) == NOTHING_SEEN
    remember_pins(tmp_path, lock, OPERATORS)
    assert len(read_seen_pins(tmp_path).statements) == 1
