"""An operator reviews the upgrade of a real server from one release to the next, with the commands of the guide.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.promises import promise
from tests.real_tools import snapshots, upgrades
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.tool_server_stdio import SimulatedStdioServer

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"
STEP = "filesystem 2026.7.4 -> 2026.7.10"


def lines_of_the_guide() -> list[list[str]]:
    """Return the walk-through, line by line as it stands in the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    block = text.partition("**An upgrade, from end to end.**\n\n")[2].partition("\n\n")[0]
    return [shlex.split(line)[1:] for line in block.splitlines()]


@promise("P2", "P3")
def test_an_upgrade_is_reviewed_as_the_guide_says_and_what_is_not_approved_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 3, must show 5: a review shows exactly what moved; approving in part leaves the rest out."""
    mediator = Commands(capsys)
    (step,) = (one for one in upgrades() if one.name == STEP)
    server = SimulatedStdioServer(tmp_path, name="filesystem", tools=list(snapshots()["filesystem-2026.7.4"]))
    mediator.well("init", str(tmp_path / "work"), "--operator", OPERATOR)
    monkeypatch.chdir(tmp_path / "work")
    mediator.well("manifest", "import", "filesystem", "--command", shlex.join(server.command), "--yes")
    mediator.well("manifest", "sign", "filesystem", "--accept-proposed")
    mediator.well("pin", "approve", "filesystem", "--reviewer", OPERATOR)
    assert mediator("pin", "review", "filesystem", "--exit-code").code == 0

    server.script.tools = list(snapshots()["filesystem-2026.7.10"])
    server.save()
    imported, signed, reviewed, approved, reviewed_again, listed = lines_of_the_guide()
    mediator.well(*imported)
    mediator.well(*signed)

    assert mediator(*reviewed).code == 1
    shown: Any = mediator("pin", "review", "filesystem", "--json").printed
    standings: dict[str, set[str]] = {"new": set(), "changed": set(), "gone": set(), "approved": set()}
    for one in shown["tools"]:
        standings[one["standing"]].add(one["tool"])
    assert (standings["new"], standings["gone"]) == ({*step.added}, {*step.removed})
    assert standings["changed"] == {*step.changed}
    assert len(standings["approved"]) == step.unchanged
    for one in shown["tools"]:
        if one["standing"] == "changed":
            assert {change["pointer"].split("/")[1] for change in one["changes"]} == step.changed[one["tool"]]

    mediator.well(*approved)
    again = mediator.well(*reviewed_again).out
    assert "filesystem/read_text_file" not in again
    left: Any = mediator("pin", "review", "filesystem", "--json").printed
    moved = {one["tool"]: one["changes"] for one in shown["tools"] if one["tool"] != "read_text_file"}
    assert {one["tool"]: one["changes"] for one in left["tools"] if one["tool"] != "read_text_file"} == moved
    out = mediator.well(*listed).out
    assert "filesystem__read_text_file" in out
    pins = {one["tool"] for one in mediator.well("pin", "list", "--json").printed["pins"]}
    assert pins == standings["approved"] | {"read_text_file"}
    assert "(12 alike)" in again  # what moved in the same way is told once
