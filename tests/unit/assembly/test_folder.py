"""The set-up folder: what must be private is, what is missing is named with the next step, and files are whole.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mediator.assembly.folder import (
    Folder,
    find_file,
    make_private_folder,
    open_folder,
    read_file,
    read_key,
    read_operators,
    read_secret,
    read_settings,
    replace_file,
)
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.opened import OTHER
from tests.simulated.running import OWNER


def refused_text(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        act()
    assert refused.value.reason is Reason.MALFORMED
    return f"{refused.value.detail} {refused.value.remedy or ''}"


def test_what_init_leaves_is_opened_and_read(home: Folder) -> None:
    """Issue 2: a new set-up works as it stands."""
    settings = read_settings(home)
    assert settings.local_issuer() is not None
    assert {operator.name for operator in read_operators(home).values()} == {OWNER, OTHER}
    assert read_key(home.key_file("operator", OWNER)).public.keyid in read_operators(home)
    assert home.manifests(settings) == home.root / "tool_manifests"
    assert home.policies(settings) == home.root / "policies"


def test_a_folder_that_is_no_set_up_is_told_how_to_become_one(tmp_path: Path) -> None:
    """Bad input: what, where, next step."""
    text = refused_text(lambda: open_folder(tmp_path))
    assert "mediator.toml" in text
    assert str(tmp_path) in text
    assert "mediator init" in text


def loosen(state: Path) -> None:
    state.chmod(0o750)


def link(state: Path) -> None:
    state.rename(state.parent / "elsewhere")
    state.symlink_to(state.parent / "elsewhere")


def put_a_file_there(state: Path) -> None:
    shutil.rmtree(state)
    state.write_text("")


@pytest.mark.parametrize(
    ("spoil", "wrong", "next_step"),
    [
        (loosen, "0750", "chmod 700"),
        (link, "no symbolic link", "somebody may have put it there"),
        (put_a_file_there, "must be a folder", ""),
        (shutil.rmtree, "missing", "mediator init"),
    ],
)
@promise("P7")
def test_a_state_folder_that_is_not_ours_alone_stops_everything(
    home: Folder, spoil: Callable[[Path], None], wrong: str, next_step: str
) -> None:
    """A6: another user of this machine neither reads keys nor puts a store there."""
    spoil(home.state)
    text = refused_text(lambda: open_folder(home.root))
    assert str(home.state) in text
    assert wrong in text
    assert next_step in text


def test_a_state_folder_of_another_user_is_refused(home: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A6: whoever owns it can replace what is in it."""
    monkeypatch.setattr(os, "geteuid", lambda: home.state.lstat().st_uid + 1)
    assert "belongs to another user" in refused_text(lambda: open_folder(home.root))


def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(home: Folder) -> None:
    """A6."""
    key = home.key_file("issuer")
    key.chmod(0o640)
    assert f"chmod 600 {key}" in refused_text(lambda: read_key(key))
    key.chmod(0o600)
    read_key(key)


def test_a_key_that_is_a_link_or_missing_is_refused(home: Folder, tmp_path: Path) -> None:
    """A6: a link is somebody's choice of another file."""
    key = home.key_file("issuer")
    key.rename(tmp_path / "key.pem")
    assert "mediator init" in refused_text(lambda: read_secret(key))
    key.symlink_to(tmp_path / "key.pem")
    assert "must be a file of yours" in refused_text(lambda: read_secret(key))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", "\0", "é", "you@example.com", "-rf"])
def test_a_name_never_leads_out_of_the_folder_of_keys(home: Folder, name: str) -> None:
    """A2: names come from settings and statements."""
    key = home.key_file("operator", name)
    assert key.parent == home.state / "keys"
    assert re.fullmatch(r"operator-[A-Za-z0-9@._-]+\.pem", key.name)


def test_settings_are_the_main_file_and_then_each_server_s(home: Folder) -> None:
    """Design 5.1: `manifest import` writes one file for each server, read in order of their names."""
    home.servers_folder.mkdir(exist_ok=True)
    for name in ("b", "a"):
        (home.servers_folder / f"{name}.toml").write_text(f'[[tool_server]]\nname = "{name}"\ncommand = ["true"]\n')
    (home.servers_folder / "notes.txt").write_text("not toml")
    assert [server.name for server in read_settings(home).tool_servers] == ["a", "b"]
    (home.servers_folder / "c.toml").write_text('[[tool_server]]\nname = "a"\ncommand = ["true"]\n')
    text = refused_text(lambda: read_settings(home))
    assert "tool_servers.d/a.toml" in text
    assert "tool_servers.d/c.toml" in text


def test_a_folder_without_servers_has_none(home: Folder) -> None:
    """Ours."""
    shutil.rmtree(home.servers_folder, ignore_errors=True)
    assert read_settings(home).tool_servers == ()


def test_what_cannot_be_read_is_named(home: Folder, tmp_path: Path) -> None:
    """Bad input: the file, and why."""
    assert find_file(tmp_path / "nothing") is None
    assert str(tmp_path / "nothing") in refused_text(lambda: read_file(tmp_path / "nothing"))
    assert "directory" in refused_text(lambda: read_file(home.state))


def test_a_file_is_replaced_whole_with_the_mode_that_it_should_have(tmp_path: Path) -> None:
    """Ours: another process sees the old one or the new one; a private one is never open to others."""
    file = tmp_path / "file"
    replace_file(file, b"old")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    replace_file(file, b"new", private=True)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """Ours."""
    there = tmp_path / "there"
    there.mkdir()
    assert f"`{there}` cannot be written" in refused_text(lambda: replace_file(there, b"new"))
    assert "cannot be written" in refused_text(lambda: replace_file(tmp_path / "no" / "file", b"new"))
    assert list(tmp_path.iterdir()) == [there]


def test_a_private_folder_is_closed_to_everyone_else(tmp_path: Path) -> None:
    """A6."""
    make_private_folder(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
