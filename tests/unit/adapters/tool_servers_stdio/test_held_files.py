"""A server's files against what was written down of them. As an attacker would change them: `tests/attacks/`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.tool_servers_stdio.held_files import (
    Checked,
    Mismatch,
    Promise,
    check,
    find_program,
    promise_nothing,
)
from mediator.canonical import Digest, digest_of_bytes
from mediator.evidence import Secret
from mediator.manifest.file_list import write_file_list
from tests.promises import promise


class Installed:
    """An executable, a package of two files, and the list of them."""

    def __init__(self, root: Path) -> None:
        self.root, self.package = root, root / "package"
        (self.package / "inner").mkdir(parents=True)
        self.program = self.file("server", b"#!/bin/sh\n")
        self.program.chmod(0o700)
        self.modules = [self.file("package/a.js", b"a"), self.file("package/inner/b.js", b"b")]
        self.lock = self.file("clock.sha256", b"")
        self.lock.write_bytes(
            write_file_list({str(one.relative_to(root)): digest_of_bytes(one.read_bytes()) for one in self.modules})
        )

    def file(self, name: str, content: bytes) -> Path:
        (self.root / name).write_bytes(content)
        return self.root / name

    def promise(self, **fields: object) -> Promise:
        members: dict[str, object] = {
            "executable": frozenset({digest_of_bytes(b"#!/bin/sh\n")}),
            "lock": frozenset({digest_of_bytes(self.lock.read_bytes())}),
            "lock_file": self.lock,
            "installed": self.package,
            "root": self.root,
        }
        return Promise(**members | fields)  # type: ignore[arg-type]  # as named

    def check(self, **fields: object) -> Checked | Mismatch:
        return check([str(self.program)], {}, None, self.promise(**fields))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


@promise("P2")
def test_what_is_as_it_was_reviewed_may_start(installed: Installed) -> None:
    """The issue: the executable and its lock file have digests that are checked before it is spawned."""
    checked = installed.check()

    assert isinstance(checked, Checked)
    assert checked.program == installed.program
    assert checked.moved() is None
    installed.program.chmod(0o755)
    moved = checked.moved()
    assert moved is not None
    assert moved.file == str(installed.program)
    installed.program.unlink()
    assert checked.moved() is not None


def test_where_nothing_was_written_down_nothing_is_compared(installed: Installed) -> None:
    """Ours: `doctor` says that it is so."""
    assert promise_nothing().is_empty
    assert not installed.promise().is_empty
    assert check(["/nowhere"], {}, None, promise_nothing()) == Checked(stamps={})


@promise("P3")
@pytest.mark.parametrize("place", ["server", "package/a.js", "package/inner/b.js", "clock.sha256", "package/new.js"])
def test_one_file_that_is_another_is_named(place: str, installed: Installed) -> None:
    """Ours: which file, what was expected, what was found."""
    reviewed = installed.promise()
    installed.file(place, b"other")

    wrong = check([str(installed.program)], {}, None, reviewed)

    assert isinstance(wrong, Mismatch)
    assert wrong.file == str(installed.root / place)
    assert f"`{wrong.file}` is not what was reviewed: expected " in str(wrong)
    assert wrong.form()["found"] in {digest_of_bytes(b"other"), "a file that is not listed"}


@promise("P7")
def test_whatever_cannot_be_compared_is_not_started(installed: Installed, tmp_path: Path) -> None:
    """P7."""
    other = digest_of_bytes(b"other")
    for fields in (
        {"lock_file": None},
        {"lock_file": tmp_path / "nothing.sha256"},
        {"executable": frozenset({digest_of_bytes(b"#!/bin/sh\n"), other})},
        {"lock_file": installed.program, "lock": frozenset({other})},
    ):
        assert isinstance(installed.check(**fields), Mismatch)
    broken = installed.file("broken.sha256", b"no list")
    assert isinstance(installed.check(lock_file=broken, lock=frozenset({digest_of_bytes(b"no list")})), Mismatch)
    installed.program.chmod(0o600)
    assert isinstance(installed.check(), Mismatch)


def test_a_lock_of_another_form_is_held_as_a_file(installed: Installed) -> None:
    """Ours: its digest is all that we know of it. A lock alone may be held, too."""
    lock = installed.file("package-lock.json", b"{}")

    checked = installed.check(executable=frozenset(), lock_file=lock, lock=frozenset({digest_of_bytes(b"{}")}))

    assert isinstance(checked, Checked)
    assert (checked.program, list(checked.stamps)) == (None, [lock])
    assert isinstance(installed.check(installed=None), Checked)


def test_a_folder_may_be_linked_within_and_not_out(installed: Installed, tmp_path: Path) -> None:
    """Ours: a link out of what is listed leads to what is not."""
    (installed.package / "same").symlink_to(installed.package / "inner")
    assert isinstance(installed.check(), Checked)
    (installed.package / "same").unlink()
    (installed.package / "same").symlink_to(tmp_path)
    wrong = installed.check()
    assert isinstance(wrong, Mismatch)
    assert wrong.found == "a link out of it"


def test_a_program_is_looked_for_as_the_process_would(installed: Installed, tmp_path: Path) -> None:
    """POSIX, execvp: a word with a slash is a path, from the folder that it starts in; another is looked for on `PATH`."""
    assert find_program("./server", {}, str(tmp_path)) == tmp_path / "server"
    assert find_program("server", {"PATH": f"/nowhere:{tmp_path}"}, None) == tmp_path / "server"
    assert find_program("server", {"PATH": Secret(str(tmp_path))}, None) == tmp_path / "server"
    assert find_program("sh", {}, None) is not None
    assert find_program("server", {}, str(tmp_path)) is None
    assert installed.program.exists()
    assert isinstance(check(["server"], {}, None, Promise(executable=frozenset({Digest("sha256:0")}))), Mismatch)
