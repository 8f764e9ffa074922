"""Unit tests of mediator/cli/asking.py; with a mediator that runs: tests/unit/cli/test_task.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.owner_flock import own
from mediator.cli.asking import ask_owner
from mediator.cli.folder import open_set_up
from mediator.refusal import Reason, Refused


def test_where_nobody_runs_the_command_is_the_owner_for_as_long_as_it_takes(work: Path) -> None:
    """Design 5.1: else it takes the owner lock itself, and gives it back."""
    set_up = open_set_up(work)
    for _ in range(2):
        assert ask_owner(set_up, {"op": "status"})["problems"] == []
    assert not set_up.folder.control_socket.exists()


def test_a_refusal_comes_back_as_it_is(work: Path) -> None:
    """Ours: what is wrong, and an owner that cannot be asked."""
    set_up = open_set_up(work)
    with pytest.raises(Refused) as stop:
        ask_owner(set_up, {"op": "nonsense"})
    assert stop.value.reason is Reason.MALFORMED
    with own(set_up.folder.lock_file), pytest.raises(Refused) as stop:
        ask_owner(set_up, {"op": "status"})
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
