"""`mediator keys`: shown and rotated, where nobody serves; with a mediator that runs, see tests/conversations.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly import issuer_files
from mediator.assembly.folder import Folder, read_key
from mediator.assembly.issuer import TOKEN_LIFE_MS
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands, content_of

ROTATE = ("keys", "rotate", "--operator", OPERATOR)


def in_use(work: Path) -> str:
    return read_key(Folder(root=work).key_file("issuer")).public.keyid


def test_the_key_is_rotated_where_nobody_serves(work: Path, mediator: Commands) -> None:
    """Design 5.1: the command is the owner of the folder for as long as it takes. Twice, each by its own statement."""
    first = in_use(work)
    rotated = mediator.well(*ROTATE, "--json").printed
    assert (rotated["old"], rotated["new"], rotated["erased"]) == (first, in_use(work), True)
    assert rotated["until_ms"] - rotated["retired_ms"] == TOKEN_LIFE_MS
    second = in_use(work)

    out = mediator.well(*ROTATE).out

    assert f"rotated: {in_use(work)} signs tokens from now on\n" in out
    assert f"  {second} signs no more; what it signed is good until 20" in out
    assert mediator.well("doctor").code == 0


def test_the_keys_are_listed_with_their_times(work: Path, mediator: Commands) -> None:
    """The issue: which is in use, and which are believed a little longer."""
    assert mediator.well("keys", "list").out == f"{in_use(work)}  signs tokens\n"
    rotated = mediator.well(*ROTATE, "--json").printed
    listed = mediator.well("keys", "list", "--json").printed
    assert listed["in_use"] == rotated["new"]
    assert listed["retired"] == [
        {"key": rotated["old"], "retired_ms": rotated["retired_ms"], "until_ms": rotated["until_ms"]}
    ]
    out = mediator.well("keys", "list").out
    assert f"{rotated['new']}  signs tokens\n" in out
    assert f"{rotated['old']}  retired 20" in out
    assert "PRIVATE" not in out


@promise("P7", "P9")
def test_nobody_but_an_operator_rotates(work: Path, mediator: Commands) -> None:
    """Design 2a: operators sign; the next step is named, and nothing is changed."""
    mediator.well("operator", "add", "bob@example.com", "--role", "reviewer")
    before = content_of(work)
    assert "no role that covers `issuer.rotate`" in mediator.refused("keys", "rotate", "--operator", "bob@example.com")
    assert "is no operator of this set-up" in mediator.refused("keys", "rotate", "--operator", "eve@example.com")
    assert content_of(work) == before


def test_an_old_key_that_could_not_be_written_over_is_told(
    work: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: the rotation stands, and the operator knows what is left."""

    def fails(_old: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(issuer_files, "_erase", fails)
    first = in_use(work)
    ran = mediator.well(*ROTATE)
    assert in_use(work) != first
    assert "warning: the old private key has no name any more" in ran.err


@promise("P7")
def test_a_retired_key_that_was_edited_is_an_error_with_its_next_step(work: Path, mediator: Commands) -> None:
    """The issue, bad input: for `keys`, and for `doctor`."""
    mediator.well(*ROTATE)
    (file,) = Folder(root=work).retired_keys.iterdir()
    file.write_text("{}")
    for words in (("keys", "list"), ROTATE):
        said = mediator.refused(*words)
        assert file.name in said
        assert "take the file away" in said
    found = [one for one in mediator("doctor", "--json").printed if file.name in one["what"]]
    assert [(one["level"], "take the file away" in one["next"]) for one in found] == [("error", True)]
