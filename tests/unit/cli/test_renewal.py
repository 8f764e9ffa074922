"""Unit tests of mediator/cli/renewal.py; with a mediator that runs: tests/conversations/test_renewal.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from mediator.cli.folder import open_set_up
from mediator.cli.renewal import renew_running


def test_where_no_mediator_runs_nobody_is_asked(pinned: Path) -> None:
    """Design 5.1: a command goes over the control socket when a mediator runs; else the next start reads it."""
    assert not renew_running(open_set_up(pinned))
