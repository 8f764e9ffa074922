"""`mediator manifest init-owner` and `new`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

from mediator.cli.manifest_owner import PUBLIC_KEY_FILE
from tests.simulated.commands import Commands


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
