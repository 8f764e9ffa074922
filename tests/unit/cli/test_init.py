"""`mediator init`: a working set-up, or nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, read_operators, read_settings
from mediator.cli import init
from mediator.cli.folder import now_ms
from mediator.identity.statement import Role
from mediator.manifest.trust import accept_trust
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings
from tests.promises import promise
from tests.simulated.commands import OPERATOR, AtATerminal, Commands, content_of

KEYS = {"agent-assistant.pem", "grants.pem", "issuer.pem", f"operator-{OPERATOR}.pem", "root.pem", "signer.pem"}


def test_a_new_set_up_has_settings_policies_manifests_and_keys(work: Path) -> None:
    """Design 5.1: one local signer, one operator, one local issuer, one profile that reads, the default policies."""
    folder = Folder(root=work)
    settings = read_settings(folder)

    operators = read_operators(folder)
    assert [(person.name, person.roles) for person in operators.values()] == [(OPERATOR, frozenset({Role.OPERATOR}))]
    assert [issuer.local for issuer in settings.issuers] == [True]
    assert [(agent.name, agent.owner, agent.effects) for agent in settings.agents] == [
        ("assistant", OPERATOR, ("read",))
    ]
    assert {path.name for path in (work / ".mediator" / "keys").iterdir()} == KEYS
    assert (work / "policies" / "active.dsse.json").is_file()
    manifests = work / "tool_manifests"
    trust = accept_trust(
        (manifests / "trust.json").read_bytes(), (manifests / "trust.dsse.json").read_bytes(), operators, now_ms()
    )
    assert [rule.prefix for rule in trust.file.rules] == ["local/"]


@promise("P7")
def test_the_policies_of_a_new_set_up_are_in_force(work: Path, mediator: Commands) -> None:
    """Design 5.1: `init` activates the default set with the new operator's statement."""
    assert mediator.well("policy", "check", "--json").printed["in_force"] is True
    assert work.is_dir()


def test_keys_and_state_are_for_their_owner_alone(work: Path) -> None:
    """Design 2a: A6, another user of the machine."""
    state = work / ".mediator"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (state, *state.rglob("*"))}

    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_no_key_reviews_what_it_signed(work: Path) -> None:
    """Design 2a: `init` makes two, a signer and an operator; and two more for issuer and profile."""
    pems = [path.read_bytes() for path in (work / ".mediator" / "keys").glob("*.pem")]

    assert len(set(pems)) == len(KEYS)


def test_without_a_terminal_the_key_is_unlocked_and_that_is_said(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 2a."""
    monkeypatch.chdir(tmp_path)

    ran = mediator.well("init", "work", "--operator", OPERATOR)

    assert "your key is unlocked" in ran.out
    assert "  cd work\n" in ran.out


def test_at_a_terminal_operator_and_signer_are_under_the_passphrase_that_was_typed(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 2a: what starts without a person stays unlocked, what signs for one does not."""
    AtATerminal(monkeypatch, ["correct horse", "correct horse"])

    ran = mediator.well("init", str(tmp_path / "work"), "--operator", OPERATOR)

    keys = tmp_path / "work" / ".mediator" / "keys"
    locked = {path.name for path in keys.glob("*.pem") if b"ENCRYPTED" in path.read_bytes()}
    assert locked == {f"operator-{OPERATOR}.pem", "root.pem", "signer.pem"}
    assert "unlocked" not in ran.out


def test_it_works_in_the_current_folder_too(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 5.1: `init [DIR]`. What else lies there stays."""
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)

    ran = mediator.well("init", "--operator", OPERATOR)

    assert "cd " not in ran.out
    assert (tmp_path / "mediator.toml").is_file()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["mediator.toml", ".mediator", "policies", "tool_manifests", "tool_servers.d"])
def test_nothing_that_is_there_is_written_over(name: str, mediator: Commands, tmp_path: Path) -> None:
    """Ours: a set-up is made once."""
    (tmp_path / name).write_text("mine")

    error = mediator.refused("init", str(tmp_path), "--operator", OPERATOR)

    assert f"holds a `{name}` already\n next: name a folder that is empty or new\n" in error
    assert content_of(tmp_path) == {name: b"mine"}


def test_a_link_that_leads_nowhere_is_in_the_way_too(mediator: Commands, tmp_path: Path) -> None:
    """Design 2a: A6 may have put it there, for our keys to be written where it leads."""
    (tmp_path / ".mediator").symlink_to(tmp_path / "elsewhere")

    assert "holds a `.mediator` already" in mediator.refused("init", str(tmp_path), "--operator", OPERATOR)


def test_a_file_is_no_place_for_a_set_up(mediator: Commands, tmp_path: Path) -> None:
    """The issue: what, where, and the next step."""
    (tmp_path / "file").write_text("mine")

    assert "is no folder\n next: name a folder" in mediator.refused(
        "init", str(tmp_path / "file"), "--operator", OPERATOR
    )


@pytest.mark.parametrize("name", ["", " a@example.com", "a\nb", "a\x1b[31mb", 201 * "a"])
def test_an_operator_has_a_name_that_can_be_written_down(name: str, mediator: Commands, tmp_path: Path) -> None:
    """Ours: and nothing is left behind."""
    error = mediator.refused("init", str(tmp_path / "deep" / "work"), "--operator", name)

    assert error.endswith(" next: give a mail address\n")
    assert not (tmp_path / "deep").exists()


@promise("P7")
@pytest.mark.parametrize("broken", ["_write_settings", "_write_state", "_write_trust"])
def test_what_fails_halfway_leaves_nothing(
    broken: str, mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: nothing half-written, wherever it stops."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(init, broken, fail)

    error = mediator.refused("init", str(tmp_path / "deep" / "work"), "--operator", OPERATOR)

    assert "cannot be written: No space left on device" in error
    assert list(tmp_path.iterdir()) == []


def test_what_fails_while_it_is_moved_to_its_place_leaves_what_was_there(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: nothing half-written. The settings come last: without them it is no set-up."""
    (tmp_path / "notes.txt").write_text("mine")
    rename = Path.rename

    def fail_at_the_settings(path: Path, target: Path) -> Path:
        if path.name == "mediator.toml" and path.parent.name.startswith(".mediator-init-"):
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_settings)

    mediator.refused("init", str(tmp_path), "--operator", OPERATOR)

    assert content_of(tmp_path) == {"notes.txt": b"mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_refusal_on_the_way_leaves_nothing_and_says_what_it_was(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: an installation without its starter files is told so."""
    monkeypatch.setattr(init, "__file__", str(tmp_path / "nowhere" / "mediator" / "cli" / "init.py"))

    error = mediator.refused("init", str(tmp_path / "work"), "--operator", OPERATOR)

    assert "the starter files `policies` are missing" in error
    assert not (tmp_path / "work").exists()


def test_starter_files_come_with_the_package_or_from_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: the wheel carries both as package data."""
    monkeypatch.setattr(init, "__file__", str(tmp_path / "mediator" / "cli" / "init.py"))
    checkout = tmp_path / "policies"
    checkout.mkdir()
    assert init.starter_folder("policies") == checkout

    packaged = tmp_path / "mediator" / "_starter" / "policies"
    packaged.mkdir(parents=True)
    assert init.starter_folder("policies") == packaged

    with pytest.raises(Refused) as refused:
        init.starter_folder("tool_manifests")
    assert refused.value.reason is Reason.INTERNAL


def test_the_settings_are_the_defaults_and_what_init_made(work: Path) -> None:
    """Ours: nothing is set that a reader would have to ask about."""
    settings = read_settings(Folder(root=work))

    assert settings.model_copy(update={"issuers": (), "agents": ()}) == Settings()
