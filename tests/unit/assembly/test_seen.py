"""Unit tests of mediator/assembly/seen.py; what it is for: tests/attacks/.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.seen import Signed, read_seen, refuse_older, remember
from mediator.refusal import Reason, Refused
from tests.promises import promise


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


@pytest.mark.parametrize("text", ["", "[]", '{"trust": -1}', '{"trust": true}', '{"other": 1}', '{"pins": "1"}'])
@promise("P7")
def test_a_file_in_any_other_form_stops_whoever_asks(tmp_path: Path, text: str) -> None:
    """P7: what was seen is not guessed."""
    (tmp_path / "seen.json").write_text(text)
    with pytest.raises(Refused) as refusal:
        read_seen(tmp_path)
    assert refusal.value.reason is Reason.MALFORMED
