"""The files of a server's manifest.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from mediator.cli.folder import open_set_up
from mediator.cli.manifest_files import each_of, manifest_file, read_trust, read_verified
from mediator.refusal import Reason, Refused


def test_they_stand_in_a_folder_of_the_server_s_local_name(work: Path) -> None:
    """Design 5.4."""
    assert manifest_file(open_set_up(work), "clock") == work / "tool_manifests" / "clock" / "manifest.json"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "A", "a\n", "/etc"])
def test_no_name_leads_out_of_it(name: str, work: Path) -> None:
    """Design 5.4: `^[a-z0-9][a-z0-9-]{0,19}$`."""
    with pytest.raises(Refused, match="is no local name"):
        manifest_file(open_set_up(work), name)


def test_what_is_read_is_verified(signed: Path) -> None:
    """House style 3: bytes in, evidence out."""
    set_up = open_set_up(signed)

    assert read_verified(set_up, "clock").signers == ("local-signer",)
    assert [signer.name for signer in read_trust(set_up).file.signers.values()] == ["local-signer"]


def test_of_several_names_one_that_is_refused_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: each is told by name; of one alone the refusal is the command's own."""
    done: list[str] = []

    def act(name: str) -> None:
        if name == "bad":
            raise Refused(Reason.MALFORMED, "it is bad", remedy="mend it")
        done.append(name)

    with pytest.raises(typer.Exit) as ended:
        each_of(["a", "bad", "b", "a"], act)
    assert ended.value.exit_code == 1
    assert done == ["a", "b"]
    assert capsys.readouterr().err == "refused: bad\nerror: it is bad\n next: mend it\n"

    with pytest.raises(Refused):
        each_of(["bad"], act)
    each_of(["a", "b"], act)
