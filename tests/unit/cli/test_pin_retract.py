"""`mediator pin reject` and `pin revoke`, as an operator uses them; while a mediator runs: tests/conversations/.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands

SAID = ("--reviewer", OPERATOR, "--note", "It leaks.")


def pinned_tools(mediator: Commands) -> set[str]:
    return {one["tool"] for one in mediator.well("pin", "list", "--json").printed["pins"]}


@promise("P3")
def test_what_is_revoked_is_no_tool_any_more_and_can_be_approved_anew(pinned: Path, mediator: Commands) -> None:
    """Issue 3: a signed statement; a later approval is a new decision."""
    out = mediator.well("pin", "revoke", "clock", "--tool", "now", *SAID).out
    assert "1 approval ended" in out
    assert "no mediator runs here" in out
    assert pinned_tools(mediator) == {"set_alarm"}

    mediator.well("pin", "revoke", "clock", *SAID)
    assert pinned_tools(mediator) == set()

    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR, "--note", "It was mended.")
    assert pinned_tools(mediator) == {"now", "set_alarm"}
    assert pinned.is_dir()


def test_what_was_not_approved_cannot_be_revoked(signed: Path, mediator: Commands) -> None:
    """The issue: what was wrong, and what to do."""
    assert "nothing of `clock` is approved" in mediator.refused("pin", "revoke", "clock", *SAID)
    assert "nothing of `clock/now` is approved" in mediator.refused("pin", "revoke", "clock", "--tool", "now", *SAID)
    assert signed.is_dir()


@promise("P2")
def test_a_manifest_is_turned_down_with_a_reason(signed: Path, mediator: Commands) -> None:
    """Issue 3: its publisher is told; nothing is pinned by it, and nothing that was pinned of another is lost."""
    out = mediator.well("pin", "reject", "clock", *SAID).out
    assert "rejected clock" in out
    assert (signed / "tool_manifests" / "pins.lock").read_bytes().count(b"statement") >= 1
    assert pinned_tools(mediator) == set()
    assert "few printable lines" in mediator.refused("pin", "reject", "clock", "--reviewer", OPERATOR, "--note", "")
