"""`mediator manifest pending` and `take`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mediator.assembly.folder import open_folder
from mediator.assembly.pending import keep_publication
from mediator.canonical import digest_of_bytes, parse_object
from mediator.identity.dsse import parse_envelope
from tests.promises import promise
from tests.simulated.commands import Commands
from tests.simulated.publishers import now_ms, published, trusting

NAME = "io.example/files"


@pytest.fixture
def waiting(work: Path) -> Path:
    """A set-up where something was published."""
    trusting(work, {"files": "io.example/"})
    put(work, published(NAME, serial=2))
    return work


def put(work: Path, envelope: bytes, name: str = NAME) -> None:
    keep_publication(open_folder(work), name, envelope, "192.0.2.7", now_ms())


def test_what_was_published_is_listed_with_who_and_when(waiting: Path, mediator: Commands) -> None:
    """Issue 3."""
    put(waiting, published("io.other/x", "stranger"), "io.other/x")
    [first, second] = mediator.well("manifest", "pending", "--json").printed
    assert (first["server"], first["serial"], first["publisher"], first["source"]) == (NAME, 2, "files", "192.0.2.7")
    assert (first["wrong"], first["local"]) == (None, "files")
    assert "not a known signer" in second["wrong"]
    assert "holds" in mediator.well("manifest", "pending").out


def test_nothing_waits_in_a_new_set_up(work: Path, mediator: Commands) -> None:
    """Ours."""
    assert work.is_dir()
    assert "nothing was published here" in mediator.well("manifest", "pending").out


@promise("P2", "P3")
def test_what_is_taken_is_reviewed_as_any_other_and_pinned_by_nothing_else(waiting: Path, mediator: Commands) -> None:
    """Issue 3: nothing becomes callable without `pin approve`."""
    ran = mediator.well("manifest", "take", NAME, "--url", "http://127.0.0.1:3901/mcp")
    assert "took io.example/files, serial 2, as files" in ran.out
    folder = waiting / "tool_manifests" / "files"
    assert json.loads((folder / "manifest.json").read_bytes())["server"]["name"] == NAME
    assert "http://127.0.0.1:3901/mcp" in (waiting / "tool_servers.d" / "files.toml").read_text()
    assert mediator.well("pin", "list", "--json").printed["pins"] == []
    mediator.well("manifest", "take", NAME)  # again: the same
    assert "read" in mediator.well("pin", "review", "files").out


def test_a_command_is_written_with_its_full_path(waiting: Path, mediator: Commands) -> None:
    """As `manifest import` does."""
    ran = mediator.well("manifest", "take", NAME, "--as", "papers", "--command", "sh -c true")
    assert "as papers" in ran.out
    assert (
        f'"{Path(shutil.which("sh") or "").absolute()}", "-c"'
        in (waiting / "tool_servers.d" / "papers.toml").read_text()
    )


@promise("P7")
def test_neither_another_server_nor_an_older_word_takes_a_name(waiting: Path, mediator: Commands) -> None:
    """P7: the local name is what policies and grants speak of."""
    mediator.well("manifest", "take", NAME)
    put(waiting, published(NAME, serial=1))
    assert "stands here with serial 2" in mediator.refused("manifest", "take", NAME)
    put(waiting, published(NAME, serial=2, instructions="Other."))
    assert "stands here with serial 2" in mediator.refused("manifest", "take", NAME)
    put(waiting, published("io.example/mail"), "io.example/mail")
    assert "is the local name of" in mediator.refused("manifest", "take", "io.example/mail", "--as", "files")
    put(waiting, published("io.other/x", "stranger"), "io.other/x")
    assert "not a known signer" in mediator.refused("manifest", "take", "io.other/x")
    assert "nothing was published" in mediator.refused("manifest", "take", "io.example/none")


def put_server(work: Path, serial: int, **members: Any) -> None:
    """Publish a manifest that says this of its server."""
    plain = parse_object(parse_envelope(published(NAME)).payload)["server"]
    assert isinstance(plain, dict)
    put(work, published(NAME, serial=serial, server={**plain, **members}))


@promise("P2")
def test_another_file_than_its_owner_signed_is_told_when_it_is_taken(waiting: Path, mediator: Commands) -> None:
    """The issue: compared before each start; so such a server would never start, and that is said at once."""
    shell = Path(shutil.which("sh") or "")
    own, other = digest_of_bytes(shell.read_bytes()), digest_of_bytes(b"other")
    line = ("manifest", "take", NAME, "--command", "sh -c true")

    assert "another here" not in mediator.well(*line).out  # its owner signed none
    assert f'executable_digest = "{own}"' in (waiting / "tool_servers.d" / "files.toml").read_text()
    put_server(waiting, 3, executable_digest=own)
    assert "another here" not in mediator.well(*line).out
    put_server(waiting, 4, executable_digest=other, lock_digest=other)
    said = mediator.well(*line).out
    assert f"another here: its owner signed the executable {other}, and here it is {own}" in said
    assert f"another here: its owner signed the lock file {other}, and here it is none" in said
    assert said.count(" next: take it with `--command`") == 2


VERSIONS = {
    "the same": ("1.0.0", "1.0.0", False),
    "the same, installed again": ("1.0.0", "1.0.0-2", False),
    "another": ("1.1.0", "1.0.0", True),
}


@promise("P2")
@pytest.mark.parametrize(("signed", "folder", "told"), VERSIONS.values(), ids=VERSIONS)
def test_an_older_package_than_its_owner_signed_is_told_when_it_is_taken(
    signed: str, folder: str, told: bool, waiting: Path, mediator: Commands
) -> None:
    """Ours: a manifest that is taken without a command runs what is installed."""
    mediator.well("manifest", "take", NAME, "--command", "sh -c true")
    file = waiting / "tool_servers.d" / "files.toml"
    (waiting / "tool_servers.d" / "files.sha256").write_text("x")
    lock = f'lock_file = "tool_servers.d/files.sha256"\nlock_digest = "{digest_of_bytes(b"x")}"\n'
    file.write_text(f'{file.read_text()}{lock}installed = "packages/files/{folder}"\n')
    put_server(waiting, 3, packages=[{"registryType": "npm", "identifier": "files", "version": signed}])

    said = mediator.well("manifest", "take", NAME).out

    assert ("another here: its owner signed the version 1.1.0, and here it is 1.0.0" in said) is told
    assert ("another here" in said) is told


def test_a_command_that_is_gone_does_not_stop_a_manifest_from_being_taken(waiting: Path, mediator: Commands) -> None:
    """Ours: `doctor` says what is missing."""
    with (waiting / "mediator.toml").open("a") as file:
        file.write('[[tool_server]]\nname = "files"\ncommand = ["/nowhere/server"]\n')

    assert "took io.example/files" in mediator.well("manifest", "take", NAME).out
