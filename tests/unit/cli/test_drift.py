"""`mediator drift check`: what a person and a pipeline see of what live servers offer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.store_sqlite.quarantine import QuarantineTable
from mediator.adapters.store_sqlite.schema import open_engine
from mediator.assembly.folder import read_operators
from mediator.assembly.trust import load_pin_set
from mediator.cli.folder import now_ms, open_set_up
from tests.promises import promise
from tests.simulated.commands import Commands
from tests.simulated.quarantines import quarantines
from tests.simulated.tool_server_stdio import SimulatedStdioServer, tool


def test_what_is_as_pinned_is_said_to_be(pinned: Path, mediator: Commands) -> None:
    """The issue: exit 0; `--json` for a pipeline."""
    ran = mediator.well("drift", "check")
    assert "clock/now" in ran.out
    assert ran.out.endswith("as pinned\n")
    assert mediator.well("drift", "check", "clock", "--json").printed["is_as_pinned"] is True
    assert pinned.is_dir()


@promise("P3")
def test_what_differs_is_shown_item_by_item_with_its_fields(
    pinned: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """The issue: exit 1 on drift; foreign text in printable form; and the next step."""
    now = clock.script.tools[0]
    clock.script.tools = [{**now, "description": "\x1b[31mNow" + "!" * 200}, tool("lure"), tool("lure")]
    clock.save()

    ran = mediator("drift", "check")

    assert ran.code == 1
    assert "\x1b" not in ran.out
    for shown in ("clock/now", "changed", "/description (rewords)", "missing", "clock/lure", "added", "unreadable"):
        assert shown in ran.out
    assert "only a new approval ends a quarantine" in ran.err
    assert mediator("drift", "check", "--json").printed["is_as_pinned"] is False
    assert pinned.is_dir()


@promise("P3")
def test_what_is_quarantined_is_shown_though_the_server_behaves_again(pinned: Path, mediator: Commands) -> None:
    """The issue: quarantined until reviewed; `doctor` names it too."""
    set_up = open_set_up(pinned)
    pins, _ = load_pin_set(set_up.folder, set_up.settings, read_operators(set_up.folder), now_ms())
    QuarantineTable(open_engine(set_up.folder.store_file), "default").quarantine(quarantines(pins, "clock", "now"))

    ran = mediator("drift", "check")

    assert ran.code == 1
    assert "quarantined" in ran.out
    warnings = [one["what"] for one in mediator.well("doctor", "--json").printed]
    assert any(one.startswith("`clock/now` is quarantined since 20") and "`/description`" in one for one in warnings)


def test_a_server_that_cannot_be_asked_is_no_server_that_is_as_pinned(
    pinned: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """P7."""
    clock.misbehave(on={"initialize": ["exit"]})
    ran = mediator("drift", "check")
    assert ran.code == 1
    assert "not asked" in ran.out
    assert pinned.is_dir()


@promise("P2", "P3")
@pytest.mark.parametrize("which", ["executable", "lock file"])
def test_a_program_that_is_not_what_was_reviewed_is_named_and_not_started(
    which: str, pinned: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Ours: which file, what was expected, what is there, what to do; a check starts nothing that nobody reviewed."""
    settings = pinned / "tool_servers.d" / "clock.toml"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("executable_digest")]
    promised = f"sha256:{64 * '0'}"
    if which == "executable":
        told, lines = "", [*lines, f'executable_digest = "{promised}"']
    else:
        (pinned / "clock.lock").write_text("another")
        told, lines = "clock.lock", [*lines, 'lock_file = "clock.lock"', f'lock_digest = "{promised}"']
    settings.write_text("\n".join([*lines, ""]))
    started = len(clock.started)

    ran = mediator("drift", "check")
    said = " ".join(ran.out.split())

    assert ran.code == 1
    assert "not started" in said
    assert "find out who changed the file" in ran.err
    assert len(clock.started) == started
    file = mediator("drift", "check", "--json").printed["servers"]["clock"]["file"]
    assert file["file"].endswith(told)
    assert promised in file["expected"]
    assert file["found"].startswith("sha256:")


def test_where_nothing_is_pinned_that_is_said(work: Path, mediator: Commands) -> None:
    """Ours."""
    assert mediator.well("drift", "check").out == "nothing is pinned\nas pinned\n"
    assert "`clock` is not pinned" in mediator.refused("drift", "check", "clock")
    assert work.is_dir()
