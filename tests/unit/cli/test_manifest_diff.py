"""`mediator manifest diff`: field by field, with kinds.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.simulated.commands import Commands

CLOCK = Path("tool_manifests", "clock")


def test_what_moved_is_told_field_by_field(signed: Path, mediator: Commands) -> None:
    """Issue 3."""
    assert "the same" in mediator.well("manifest", "diff", "clock").out
    path = signed / CLOCK / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["serial"] = 2
    manifest["tools"][0]["definition"]["description"] = "Another."
    manifest["tools"][0]["sensitivity"] = 3
    gone = manifest["tools"].pop()
    manifest["tools"].append({**gone, "definition": {**gone["definition"], "name": "added"}})
    manifest["resources"] = [{"family": {"prefix": "file:///x/"}}, {"family": {}}, 1]
    path.write_text(json.dumps(manifest))

    changes = mediator.well("manifest", "diff", "clock", "--json").printed["changes"]

    told = {(one["of"], one["field"], one["kind"]) for one in changes}
    assert told >= {
        ("the manifest", "/serial", "declared"),
        ("tools/now", "/definition/description", "rewords"),
        ("tools/now", "/sensitivity", "declared"),
        ("tools/set_alarm", "", "removed"),
        ("tools/added", "", "added"),
        ("resources/file:///x/", "", "added"),
    }
    assert "rewords" in mediator.well("manifest", "diff", "clock").out


def test_any_other_file_can_be_compared_with(signed: Path, mediator: Commands, tmp_path: Path) -> None:
    """Ours: an older manifest, or an envelope, out of git."""
    other = tmp_path / "older.json"
    other.write_bytes((signed / CLOCK / "manifest.json").read_bytes())
    assert mediator.well("manifest", "diff", "clock", "--against", str(other), "--json").printed["changes"] == []
    assert "nothing to compare with" in mediator.refused("manifest", "diff", "clock", "--approved")
