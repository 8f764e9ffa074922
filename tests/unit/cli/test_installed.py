"""A package's folder, its list, and what a signed manifest says of it; the tools are the conversation's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from mediator.canonical import JsonObject, digest_of_bytes
from mediator.cli.installed import show_installed, with_package
from mediator.cli.source import Source
from mediator.manifest.file_list import parse_file_list
from mediator.refusal import Refused
from tests.promises import promise

SHA512 = "sha512-AAAA"


class Npm:
    """An npm that resolves to what it is told, and installs one script."""

    def __init__(self, home: Path) -> None:
        self.root, self._bin = home / "work", home / "bin"
        self.root.mkdir()
        self._bin.mkdir()
        self.publish("1.0.0")
        for name in ("npx", "node"):
            self._write(name, ":")

    def publish(self, version: str, integrity: str = SHA512) -> None:
        lock = json.dumps({"packages": {"node_modules/server": {"version": version, "integrity": integrity}}})
        package = json.dumps({"bin": "server.js"})
        self._write(
            "npm",
            f"""
            if [ "$1" = install ]; then printf %s {shlex.quote(lock)} > package-lock.json; exit; fi
            mkdir -p node_modules/server node_modules/.bin && cd node_modules/server
            printf %s {shlex.quote(package)} > package.json && echo > server.js
            ln -s ../server/server.js ../.bin/server
            """,
        )

    def source(self, words: str = "server --loud", **environment: str) -> Source:
        return Source(command=(str(self._bin / "npx"), *words.split()), environment=environment)

    def _write(self, name: str, script: str) -> None:
        (self._bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self._bin / name).chmod(0o700)

    @property
    def there(self) -> list[str]:
        """Everything in the set-up."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))


@pytest.fixture
def npm(tmp_path: Path) -> Npm:
    """A registry with a server in it."""
    return Npm(tmp_path)


def test_a_package_lies_in_a_folder_of_its_version_and_each_file_is_listed(
    npm: Npm, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 3: all files, links to files included, by paths from the set-up's folder."""
    with with_package(npm.source(A="env:A"), npm.root, "clock") as installed:
        pass

    folder = "packages/clock/1.0.0"
    ((path, raw),) = installed.files.items()
    assert path == npm.root / "tool_servers.d" / "clock.sha256"
    assert set(parse_file_list(raw)) == {
        f"{folder}/{name}"
        for name in (
            *("package.json", "package-lock.json", "node_modules/.bin/server"),
            *("node_modules/server/package.json", "node_modules/server/server.js"),
        )
    }
    source = installed.source
    assert source.command[1:] == (str(npm.root / folder / "node_modules/server/server.js"), "--loud")
    assert (source.lock_file, source.lock_digest) == ("tool_servers.d/clock.sha256", digest_of_bytes(raw))
    assert (source.installed, dict(source.environment)) == (folder, {"A": "env:A"})
    assert (npm.root / "packages" / ".gitignore").read_text().endswith("*\n")
    show_installed(installed, npm.root)
    assert f"installed server 1.0.0 ({SHA512})\n  5 files in {folder}/" in capsys.readouterr().out


def test_any_other_command_is_left_as_it_is(npm: Npm, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: an address is no command at all."""
    for source in (Source(command=("/bin/clock",), environment={}), Source(url="https://a.example/", environment={})):
        with with_package(source, npm.root, "clock") as installed:
            assert (installed.source, installed.packages, installed.files) == (source, (), {})
        show_installed(installed, npm.root)
    assert capsys.readouterr().out == ""
    assert npm.there == []


@promise("P7")
def test_what_was_made_is_removed_where_something_fails_and_nothing_else(npm: Npm) -> None:
    """The issue: nothing half-written; what ran before still can."""

    def fail(name: str) -> None:
        with pytest.raises(KeyError), with_package(npm.source(), npm.root, name):
            raise KeyError

    fail("clock")
    assert npm.there == []
    with with_package(npm.source(), npm.root, "clock"):
        pass
    before = npm.there
    fail("clock")
    fail("other")
    npm.publish("../../..")
    with pytest.raises(Refused, match="which names no folder"), with_package(npm.source(), npm.root, "clock"):
        pass
    assert npm.there == before


def test_a_version_that_is_there_is_left_alone(npm: Npm) -> None:
    """Ours: a process may run out of it."""
    for _ in range(3):
        with with_package(npm.source(), npm.root, "clock"):
            pass

    names = sorted(path.name for path in (npm.root / "packages" / "clock").iterdir())
    assert names == ["1.0.0", "1.0.0-2", "1.0.0-3"]


@promise("P7")
def test_a_folder_that_cannot_be_made_is_told_by_name(npm: Npm) -> None:
    """The issue: what, where, and the next step."""
    (npm.root / "packages").write_text("")

    with pytest.raises(Refused, match="packages/clock` cannot be made"), with_package(npm.source(), npm.root, "clock"):
        pass


def entry(**members: Any) -> JsonObject:
    return {"registryType": "npm", "identifier": "server", "version": "1.0.0", **members}


SIGNED: dict[str, tuple[str, list[JsonObject], str | None]] = {
    "nothing": ("server", [], None),
    "another package": ("server", [entry(identifier="other", integrity="x")], None),
    "one of PyPI": ("server", [entry(registryType="pypi", integrity="x")], None),
    "one without a name": ("server", [{"registryType": "npm"}], None),
    "the version alone": ("server@1.0.0", [entry()], None),
    "no version": ("server", [{"registryType": "npm", "identifier": "server"}], None),
    "its integrity": ("server@^1", [entry(integrity=SHA512)], None),
    "another version": ("server@2.0.0", [entry()], "`server@2.0.0` is asked for, and its owner signed 1.0.0"),
    "another integrity": (
        "server",
        [entry(integrity="sha512-B")],
        f"the registry has {SHA512}, and its owner signed sha512-B",
    ),
}


@promise("P2", "P7")
@pytest.mark.parametrize(("what", "signed", "told"), SIGNED.values(), ids=SIGNED)
def test_what_was_signed_is_installed_and_nothing_else(
    what: str, signed: list[JsonObject], told: str | None, npm: Npm
) -> None:
    """Issue 3: what is reviewed is what runs."""
    try:
        with with_package(npm.source(what), npm.root, "clock", signed) as installed:
            assert (told, installed.packages) == (None, (entry(integrity=SHA512, transport={"type": "stdio"}),))
    except Refused as refused:
        assert told is not None
        assert told in refused.detail
        assert refused.remedy is not None
        assert npm.there == []
