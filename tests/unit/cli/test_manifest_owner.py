"""`mediator manifest init-owner` and `new`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

from mediator.cli.manifest_files import PUBLIC_KEY_FILE
from tests.simulated.commands import Commands
from tests.simulated.tool_server_stdio import SimulatedStdioServer


def test_an_owners_folder_signs_for_the_owners_names(tmp_path: Path, mediator: Commands) -> None:
    """Issue 3: a tool owner needs no mediator to sign."""
    home = tmp_path / "owner"
    words = ("--name", "clock-team", "--prefix", "io.example/", "--contact", "you@example.com")
    ran = mediator.well("manifest", "init-owner", str(home), *words)
    public = (home / PUBLIC_KEY_FILE).read_text().strip()
    assert f"trust add-signer clock-team --key {public} --prefix io.example/" in ran.out

    here = ("--folder", str(home))
    mediator.well("manifest", "new", "clock", "--server-name", "io.example/clock", *here)
    manifest = json.loads((home / "tool_manifests" / "clock" / "manifest.json").read_bytes())
    assert (manifest["server"]["name"], manifest["publisher"]) == ("io.example/clock", "clock-team")
    assert "`/tools/0/effect`" in mediator.refused("manifest", "sign", "clock", *here)
    mediator.well("manifest", "sign", "clock", "--accept-proposed", *here)
    assert mediator.well("manifest", "verify", "clock", "--json", *here).printed["signers"] == ["clock-team"]


def test_nothing_is_written_over_and_nothing_that_nobody_could_sign(work: Path, mediator: Commands) -> None:
    """P7."""
    assert work.is_dir()
    mediator.well("manifest", "new", "clock")
    assert "there is a manifest of `clock` already" in mediator.refused("manifest", "new", "clock")
    assert "nobody could sign" in mediator.refused("manifest", "new", "other", "--server-name", "io.example/x")


def test_an_owners_manifest_promises_no_file_of_the_owners_machine(
    tmp_path: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Ours: another machine has another `node` and other paths. The owner's own starts are held all the same."""
    home = tmp_path / "owner"
    here = ("--folder", str(home))
    words = ("--name", "clock-team", "--prefix", "io.example/", "--contact", "you@example.com")
    mediator.well("manifest", "init-owner", str(home), *words)

    mediator.well("manifest", "import", "clock", "--command", " ".join(clock.command), "--yes", *here)

    server = json.loads((home / "tool_manifests" / "clock" / "manifest.json").read_bytes())["server"]
    assert (server["executable_digest"], server["lock_digest"]) == (None, None)
    assert "executable_digest" in (home / "tool_servers.d" / "clock.toml").read_text()
