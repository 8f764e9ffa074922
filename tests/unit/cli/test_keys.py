"""Private keys at a command.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.folder import Folder, read_operators, replace_file
from mediator.cli.keys import (
    ask_new_passphrase,
    find_operator,
    is_at_a_terminal,
    is_locked,
    operator_key,
    unlock,
    write_key,
)
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import OPERATOR, AtATerminal, Commands

KEY = SigningKey.generate()


def key_file(folder: Path, passphrase: str | None) -> Path:
    path = folder / "a.pem"
    write_key(path, KEY, None if passphrase is None else Secret(passphrase))
    return path


def test_an_unlocked_key_is_read_without_a_word(tmp_path: Path) -> None:
    """Design 5.1: without a terminal, an unlocked key."""
    path = key_file(tmp_path, None)

    assert not is_locked(path)
    assert unlock(path, "`alice`").public == KEY.public


def test_a_locked_key_is_opened_with_what_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Design 2a: Ed25519 under a passphrase."""
    path = key_file(tmp_path, "correct horse")
    AtATerminal(monkeypatch, ["correct horse"])

    assert is_locked(path)
    assert unlock(path, "`alice`").public == KEY.public


def test_a_wrong_passphrase_is_refused_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """House style 4: no secret in a message."""
    path = key_file(tmp_path, "correct horse")
    AtATerminal(monkeypatch, ["hunter2"])

    with pytest.raises(Refused) as refused:
        unlock(path, "`alice`")
    assert refused.value.reason is Reason.BAD_CREDENTIAL
    assert "hunter2" not in f"{refused.value} {refused.value.remedy}"


@promise("P7")
def test_without_a_terminal_a_locked_key_stays_locked(tmp_path: Path) -> None:
    """Design 2a: A7 runs as the same user, and has no passphrase."""
    with pytest.raises(Refused) as refused:
        unlock(key_file(tmp_path, "correct horse"), "`alice`")

    assert refused.value.remedy == "run the command in a terminal"


@promise("P7")
def test_a_key_that_others_may_read_or_that_is_a_link_is_no_key(tmp_path: Path) -> None:
    """Design 2a: A6."""
    path = key_file(tmp_path, None)
    path.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        unlock(path, "`alice`")

    path.chmod(0o600)
    link = tmp_path / "link.pem"
    link.symlink_to(path)
    with pytest.raises(Refused, match="must be a file of yours"):
        unlock(link, "`alice`")


def test_a_key_is_never_written_over_another(tmp_path: Path) -> None:
    """Ours: a lost key is worse than a refused command."""
    path = key_file(tmp_path, None)

    with pytest.raises(Refused, match="there is a key already"):
        write_key(path, SigningKey.generate(), None)
    assert unlock(path, "`alice`").public == KEY.public


PASSPHRASES = {
    "the same twice": (["correct horse", "correct horse"], "correct horse"),
    "none": ([""], None),
}
BAD_PASSPHRASES = {
    "two": (["correct horse", "correct house"], "the two passphrases differ"),
    "too short": (["horse"], "a passphrase has at least 8 characters"),
}


@pytest.mark.parametrize(("typed", "got"), PASSPHRASES.values(), ids=PASSPHRASES)
def test_a_new_passphrase_is_asked_for_twice(
    typed: list[str], got: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NIST SP 800-63B §5.1.1 for its length; ours, that there may be none."""
    terminal = AtATerminal(monkeypatch, typed)

    passphrase = ask_new_passphrase("`alice`")

    assert (None if passphrase is None else passphrase.reveal()) == got
    assert terminal.left == []


@pytest.mark.parametrize(("typed", "told"), BAD_PASSPHRASES.values(), ids=BAD_PASSPHRASES)
def test_a_passphrase_that_would_not_do_is_refused(
    typed: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    AtATerminal(monkeypatch, typed)

    with pytest.raises(Refused) as refused:
        ask_new_passphrase("`alice`")
    assert refused.value.detail == told


def test_nobody_is_asked_where_nobody_is() -> None:
    """Ours: a pipe types no passphrase."""
    assert not is_at_a_terminal()
    assert ask_new_passphrase("`alice`") is None


def test_an_operator_s_key_is_found_by_name(work: Path) -> None:
    """Design 2a."""
    folder = Folder(root=work)
    operators = read_operators(folder)

    key = operator_key(folder, operators, OPERATOR, Act.PIN_APPROVE)

    assert key.public == find_operator(operators, OPERATOR).public


@promise("P7", "P9")
def test_whoever_is_not_in_the_operators_file_signs_nothing(work: Path) -> None:
    """Design 2a: operators sign; and the next step is named."""
    folder = Folder(root=work)

    with pytest.raises(Refused) as refused:
        operator_key(folder, read_operators(folder), "eve@example.com", Act.PIN_APPROVE)

    assert refused.value.reason is Reason.UNKNOWN_KEY
    assert OPERATOR in refused.value.detail
    assert refused.value.remedy == "name one of them, or `mediator operator add eve@example.com`"


@promise("P7")
def test_a_role_that_does_not_cover_the_act_signs_nothing(work: Path, mediator: Commands) -> None:
    """Design 2a: a reviewer approves pins, and puts no policies in force."""
    mediator.well("operator", "add", "bob@example.com", "--role", "reviewer")
    folder = Folder(root=work)

    with pytest.raises(Refused) as refused:
        operator_key(folder, read_operators(folder), "bob@example.com", Act.POLICY_ACTIVATE)

    assert refused.value.detail == "`bob@example.com` has no role that covers `policy.activate`"
    assert refused.value.remedy == f"who may here: `{OPERATOR}`"


def test_a_key_that_is_elsewhere_signs_elsewhere(work: Path) -> None:
    """Ours: the public half does not make the private one."""
    folder = Folder(root=work)
    folder.key_file("operator", OPERATOR).unlink()

    with pytest.raises(Refused) as refused:
        operator_key(folder, read_operators(folder), OPERATOR, Act.PIN_APPROVE)

    assert refused.value.reason is Reason.NO_CREDENTIAL


@promise("P7")
def test_another_key_in_its_place_is_not_the_operator_s(work: Path) -> None:
    """Design 2a: A7 can put a key there; the operators file does not name it."""
    folder = Folder(root=work)
    path = folder.key_file("operator", OPERATOR)
    replace_file(path, KEY.to_pem(None).reveal().encode(), private=True)

    with pytest.raises(Refused) as refused:
        operator_key(folder, read_operators(folder), OPERATOR, Act.PIN_APPROVE)

    assert refused.value.reason is Reason.BAD_CREDENTIAL
