"""`mediator operator`: who is added, by whom, and with which key.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, read_operators
from mediator.cli import operator
from mediator.cli.folder import now_ms
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Role
from mediator.manifest.trust import accept_trust
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import OPERATOR, AtATerminal, Commands, content_of

BOB = "bob@example.com"


def is_accepted(work: Path) -> bool:
    manifests = work / "tool_manifests"
    files = (manifests / "trust.json").read_bytes(), (manifests / "trust.dsse.json").read_bytes()
    return accept_trust(*files, read_operators(Folder(root=work)), now_ms()) is not None


def test_a_person_is_added_with_a_key_of_their_own(work: Path, mediator: Commands) -> None:
    """Design 2a: two reviewers are two keys; an operator vouches for the new one by statement."""
    ran = mediator.well("operator", "add", BOB)

    bob = read_operators(Folder(root=work)).find_named(BOB)
    assert bob is not None
    assert bob.roles == {Role.REVIEWER, Role.OWNER}
    assert bob.public.text in ran.out
    assert f"{OPERATOR} vouches for them" in ran.out
    assert is_accepted(work)


def test_at_a_terminal_the_new_key_is_under_a_passphrase(
    work: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 2a."""
    AtATerminal(monkeypatch, ["correct horse", "correct horse"])

    mediator.well("operator", "add", BOB, "--role", "operator")

    people = {one["name"]: one for one in mediator.well("operator", "list", "--json").printed}
    assert people[BOB]["private_key"] == "here, locked"
    assert people[BOB]["roles"] == ["operator"]
    assert people[OPERATOR]["private_key"] == "here, unlocked"
    assert work.is_dir()


def test_somebody_whose_key_is_elsewhere_is_added_by_its_public_half(work: Path, mediator: Commands) -> None:
    """Ours: no private key travels."""
    public = SigningKey.generate().public

    mediator.well("operator", "add", BOB, "--key", public.text, "--by", OPERATOR)

    assert "bob@example.com  owner, reviewer; private key elsewhere" in mediator.well("operator", "list").out
    assert is_accepted(work)


REFUSED = {
    "somebody who is there": ([OPERATOR], "is an operator already"),
    "a name that cannot be written": (["a\nb"], "`a\\nb` cannot be added"),
    "no key": ([BOB, "--key", "ed25519:x"], "--key: "),
    "nobody to vouch": ([BOB, "--by", "eve@example.com"], "`eve@example.com` is no operator of this set-up"),
}


@promise("P7")
@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_who_cannot_be_added_changes_nothing(words: list[str], told: str, work: Path, mediator: Commands) -> None:
    """The issue: nothing half-written."""
    before = content_of(work)

    error = mediator.refused("operator", "add", *words)

    assert told in error
    assert " next: " in error
    assert content_of(work) == before


def test_one_key_is_one_person(work: Path, mediator: Commands) -> None:
    """Design 2a: two reviewers are two keys."""
    key = mediator.well("operator", "list", "--json").printed[0]["key"]

    assert f"that key is `{OPERATOR}`'s already" in mediator.refused("operator", "add", BOB, "--key", key)
    assert work.is_dir()


@promise("P7")
def test_a_reviewer_vouches_for_nobody(work: Path, mediator: Commands) -> None:
    """Ours: who may add people could add themselves any role."""
    mediator.well("operator", "add", BOB)

    assert "has no role that covers `trust.accept`" in mediator.refused("operator", "add", "eve", "--by", BOB)
    assert work.is_dir()


def test_with_no_or_several_operators_here_one_must_be_named(work: Path, mediator: Commands) -> None:
    """Ours: who vouches is nobody's guess."""
    mediator.well("operator", "add", BOB, "--role", "operator")
    assert "name one with `--by`" in mediator.refused("operator", "add", "carol@example.com")

    for path in (work / ".mediator" / "keys").glob("operator-*"):
        path.unlink()
    assert "the keys here are of: none" in mediator.refused("operator", "add", "carol@example.com")


@promise("P7")
def test_a_key_that_nobody_came_to_vouch_for_is_removed_again(
    work: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: nothing half-written."""
    before = content_of(work)

    def fail(*_: object) -> None:
        raise Refused(Reason.MALFORMED, "the disk is full")

    monkeypatch.setattr(operator, "accept_operators", fail)

    assert "the disk is full" in mediator.refused("operator", "add", BOB)
    assert content_of(work) == before


def test_a_broken_operators_file_is_named(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    (work / ".mediator" / "operators.json").write_text("{}")

    assert 'expected `{"version": 1' in mediator.refused("operator", "list")


def test_an_unlocked_key_can_be_put_under_a_passphrase(
    work: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: what `doctor` complains of can be mended."""
    AtATerminal(monkeypatch, ["correct horse", "correct horse", "correct horse", "correct horse", "correct horse"])

    mediator.well("operator", "lock", OPERATOR)
    mediator.well("operator", "lock", "signer")

    assert mediator.well("operator", "list", "--json").printed[0]["private_key"] == "here, locked"
    assert "is locked already" in mediator.refused("operator", "lock", OPERATOR)
    mediator.well("policy", "activate", "--operator", OPERATOR)
    assert work.is_dir()


def test_without_a_passphrase_nothing_is_locked(work: Path, mediator: Commands) -> None:
    """Ours."""
    before = content_of(work)

    assert "run the command in a terminal" in mediator.refused("operator", "lock", OPERATOR)
    assert "is missing" in mediator.refused("operator", "lock", "nobody")
    assert content_of(work) == before
