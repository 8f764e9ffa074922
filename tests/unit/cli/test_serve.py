"""`mediator serve`: what stops it is told in one error with a next step; what does not is a note.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mediator.adapters.owner_flock import own
from tests.promises import promise
from tests.simulated.commands import Commands


def break_the_store(work: Path) -> None:
    (work / ".mediator" / "state.sqlite").write_bytes(b"no database " * 1000)
    (work / ".mediator" / "state.sqlite").chmod(0o600)


def put_a_file_for_the_ledger(work: Path) -> None:
    (work / ".mediator" / "ledger").write_text("")


def loosen(work: Path) -> None:
    (work / ".mediator").chmod(0o755)


def link(work: Path) -> None:
    (work / ".mediator").rename(work / "elsewhere")
    (work / ".mediator").symlink_to(work / "elsewhere")


def lose_the_issuer_key(work: Path) -> None:
    (work / ".mediator" / "keys" / "issuer.pem").unlink()


def edit_a_policy(work: Path) -> None:
    file = min((work / "policies").glob("*.cedar"))
    file.write_text(file.read_text() + "\n// looser now\n")


def misspell_a_setting(work: Path) -> None:
    file = work / "mediator.toml"
    file.write_text(file.read_text().replace("[server]", "[server]\nprot = 1", 1))


def lose_everything(work: Path) -> None:
    shutil.rmtree(work / ".mediator")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (break_the_store, ("state.sqlite", "put back a copy")),
        (put_a_file_for_the_ledger, ("ledger",)),
        (loosen, (".mediator", "chmod 700")),
        (link, (".mediator", "symbolic link")),
        (lose_the_issuer_key, ("issuer.pem", "mediator init")),
        (edit_a_policy, ("policies", "mediator policy activate")),
        (misspell_a_setting, ("prot", "did you mean `port`?", "mediator.toml")),
        (lose_everything, (".mediator", "mediator init")),
    ],
)
@promise("P7")
def test_what_stops_the_start_is_told_with_the_next_step(
    work: Path, mediator: Commands, spoil: Callable[[Path], None], told: tuple[str, ...]
) -> None:
    """Issue 2, bad input: what, where, next step; exit code 1; no traceback."""
    spoil(work)
    error = mediator.refused("serve", "--port", "0")
    for word in told:
        assert word in error


def test_a_port_that_is_taken_is_told(work: Path, mediator: Commands) -> None:
    """Issue 2, bad input: and nothing was begun."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = mediator.refused("serve", "--port", port)
    assert f"127.0.0.1:{port}" in error
    assert "next:" in error
    assert not (work / ".mediator" / "ledger").exists()


def test_a_second_owner_is_told_the_first_one_s_process(work: Path, mediator: Commands) -> None:
    """Issue 2, bad input: the process id is there to be looked at."""
    with own(work / ".mediator" / "owner.lock"):
        error = mediator.refused("serve", "--port", "0")
    assert f"process `{os.getpid()}`" in error
    assert "next:" in error


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_a_usage_error(work: Path, mediator: Commands, port: str) -> None:
    """Ours: exit code 2, before anything is opened."""
    ran = mediator("serve", "--port", port)
    assert ran.code == 2
    assert "--help" in ran.err
    assert not (work / ".mediator" / "ledger").exists()
