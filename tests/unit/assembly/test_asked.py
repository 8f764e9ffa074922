"""Unit tests of mediator/assembly/asked.py; what it is for: `test_publishing.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.assembly.asked import ASKED_FILE, keep_asked, read_asked
from mediator.assembly.folder import Folder
from mediator.refusal import Reason, Refused
from tests.promises import promise


def test_what_was_kept_is_read_again(home: Folder) -> None:
    """Ours: closed to everyone else."""
    assert read_asked(home) == {}
    keep_asked(home, {"key one": 5})
    keep_asked(home, {"key two": 7})
    assert read_asked(home) == {"key two": 7}
    assert (home.state / ASKED_FILE).stat().st_mode & 0o777 == 0o600


@promise("P7")
@pytest.mark.parametrize("text", ["", "[]", '{"key one": "5"}', '{"key one": true}'])
def test_a_file_in_any_other_form_is_refused_and_named(home: Folder, text: str) -> None:
    """P7: what was used is not guessed."""
    (home.state / ASKED_FILE).write_text(text)
    with pytest.raises(Refused) as refusal:
        read_asked(home)
    assert refusal.value.reason is Reason.MALFORMED
    assert ASKED_FILE in refusal.value.detail
