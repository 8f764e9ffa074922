"""What is asked of `npm` and `uv`, and what is made of their answers: with tools that answer what a test wants.

The real tools are in `conversations/test_packages.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from mediator.cli import package_tools
from mediator.cli.package_runner import Package, read_runner
from mediator.cli.package_tools import installed_command, normal_name, resolved
from mediator.refusal import Reason, Refused
from tests.promises import promise

SHA512 = "sha512-AAAA"
HASH = f"sha256:{'0' * 64}"


class Tools:
    """An `npx` and an `uvx` whose tools beside them do what their script says, and note each line that they were told."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "folder"
        self.folder.mkdir()

    @property
    def told(self) -> list[str]:
        return (self.home / "told").read_text(encoding="utf-8").splitlines()

    def answer(self, tool: str, script: str) -> None:
        path = self.home / tool
        path.write_text(f'#!/bin/sh\necho "{tool} $*" >> {shlex.quote(str(self.home / "told"))}\n{script}\n')
        path.chmod(0o700)

    def lock(self, packages: dict[str, Any]) -> None:
        """Let npm write this lock."""
        text = json.dumps({"packages": packages})
        self.answer("npm", f"printf '%s' {shlex.quote(text)} > package-lock.json")

    def package(self, line: str) -> Package:
        runner, *words = line.split()
        found = read_runner([str(self.home / runner), *words])
        assert found is not None
        return found

    def installed(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o700)


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """Tools that do nothing, well."""
    made = Tools(tmp_path)
    for tool in ("npm", "uv"):
        made.answer(tool, ":")
    return made


def test_npm_is_told_to_run_nothing_and_to_fetch_nothing_from_git(tools: Tools) -> None:
    """Ours: what a package brings is not run before somebody looked at it."""
    tools.lock({"": {}, "node_modules/server": {"version": "1.2.3", "integrity": SHA512}})

    found = resolved(tools.package("npx server"), tools.folder)

    assert (found.version, found.entry["integrity"]) == ("1.2.3", SHA512)
    assert set(found.lock) == {"package.json", "package-lock.json"}
    (line,) = tools.told
    assert line.startswith("npm install --package-lock-only --save-exact --ignore-scripts --allow-git=none ")
    assert line.endswith(" -- server@latest")


def test_uv_is_told_to_build_nothing_and_to_fetch_no_interpreter(tools: Tools) -> None:
    """Ours: as above; and the lock is for the interpreter that it will be installed for."""
    lock = f"needed==1.0\n    --hash=sha256:{'1' * 64}\nmy-server[cli]==1.2.3 \\\n    --hash={HASH}\n"
    tools.answer(
        "uv", f'case "$1" in python) echo /opt/python;; *) printf %s {shlex.quote(lock)} > requirements.txt;; esac'
    )

    found = resolved(tools.package("uvx My_Server[cli]"), tools.folder)

    assert (found.version, found.entry["hashes"], found.entry["identifier"]) == ("1.2.3", [HASH], "My_Server")
    find, compiled = tools.told
    assert find == "uv python find --system --no-project --no-python-downloads"
    assert "--generate-hashes --only-binary :all:" in compiled
    assert compiled.endswith("--python /opt/python")
    assert (tools.folder / "requirements.in").read_text() == "My_Server[cli]\n"


LOCKS: dict[str, tuple[dict[str, Any], str]] = {
    "none of it": ({"": {}}, "`package-lock.json` does not have it"),
    "no integrity": ({"node_modules/server": {"version": "1.0.0"}}, "comes from elsewhere than a registry"),
    "a weak integrity": (
        {"node_modules/server": {"version": "1.0.0", "integrity": "sha1-AAAA"}},
        "no SHA-512 integrity",
    ),
    "a need without integrity": (
        {
            "node_modules/server": {"version": "1.0.0", "integrity": SHA512},
            "node_modules/x": {"resolved": "git+ssh://x"},
        },
        "`node_modules/x` comes from elsewhere than a registry",
    ),
}


@promise("P7")
@pytest.mark.parametrize(("packages", "told"), LOCKS.values(), ids=LOCKS)
def test_what_has_no_integrity_is_not_installed(packages: dict[str, Any], told: str, tools: Tools) -> None:
    """Issue 3: to version and integrity."""
    tools.lock(packages)

    with pytest.raises(Refused, match=told):
        resolved(tools.package("npx server"), tools.folder)


def test_what_is_bundled_has_the_integrity_of_what_bundles_it(tools: Tools) -> None:
    """Ours: it lies in the same archive."""
    bundled = {"node_modules/server/node_modules/x": {"version": "1.0.0", "inBundle": True}}
    tools.lock({"node_modules/server": {"version": "1.0.0", "integrity": SHA512}, **bundled})

    assert resolved(tools.package("npx server"), tools.folder).version == "1.0.0"


@promise("P7")
def test_a_lock_of_uv_that_does_not_have_it_is_refused(tools: Tools) -> None:
    """P7: a missing fact is a refusal."""
    tools.answer("uv", "echo 'server==1.0' > requirements.txt")

    with pytest.raises(Refused, match="does not have it by version and hash"):
        resolved(tools.package("uvx server"), tools.folder)


PROGRAMS: dict[str, tuple[str, object, str, list[str]]] = {
    "the one": ("npx server", {"anything": "a.js"}, "#!/usr/bin/env node", []),
    "a text": ("npx server", "a.js", "", []),
    "the one that bears its name": ("npx @scope/server", {"server": "a.js", "other": "b.js"}, "#!/bin/node", []),
    "the one that is named": ("npx -p server other", {"server": "b.js", "other": "a.js"}, "// no first line", []),
    "options of node": ("npx server", "a.js", "#!/usr/bin/env -S node --no-warnings", ["--no-warnings"]),
}


@pytest.mark.parametrize(("line", "bin_", "first", "options"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_package_s_program_is_chosen_as_npx_does_and_run_by_node(
    line: str, bin_: object, first: str, options: list[str], tools: Tools
) -> None:
    """Issue 3: the command becomes node and the package's script."""
    package = tools.package(line)
    home = f"node_modules/{package.name}"
    tools.installed({f"{home}/package.json": json.dumps({"bin": bin_}), f"{home}/a.js": f"{first}\n"})
    tools.answer("node", ":")

    command = installed_command(package, tools.folder)

    assert command == (str(tools.home / "node"), *options, str(tools.folder / home / "a.js"))
    assert tools.told[0].startswith("npm ci --ignore-scripts ")


def test_node_is_looked_for_beside_the_runner_and_then_on_the_path(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    home = "node_modules/server"
    tools.installed({f"{home}/package.json": json.dumps({"bin": "a.js"}), f"{home}/a.js": ""})
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(Refused, match="there is no `node`"):
        installed_command(tools.package("npx server"), tools.folder)

    (tmp_path / "bin").mkdir()
    tools.answer("bin/node", ":")
    assert installed_command(tools.package("npx server"), tools.folder)[0] == str(tmp_path / "bin" / "node")


def test_uv_installs_the_lock_by_its_hashes_and_the_command_is_the_script(tools: Tools) -> None:
    """Issue 3: `venv/bin/<script>`; a copy, so that no cache shares its files."""
    tools.answer("uv", 'case "$1" in python) echo /opt/python;; esac')
    tools.installed({"venv/bin/server": ""})

    command = installed_command(tools.package("uvx server"), tools.folder)

    assert command == (str(tools.folder / "venv" / "bin" / "server"),)
    assert tools.told[1] == "uv venv --no-project --quiet --python /opt/python venv"
    assert "--require-hashes --only-binary :all: --compile-bytecode --link-mode copy" in tools.told[2]
    for program in ("other", "../server"):
        with pytest.raises(Refused) as refused:
            installed_command(tools.package(f"uvx --from server {program}"), tools.folder)
        assert refused.value.remedy == "name one: `uvx --from server PROGRAM ...`"


FAILURES = {
    "it fails": (
        "echo 'npm error code E404' >&2; echo 'npm error A complete log of this' >&2; exit 1",
        "`npm` could not: code E404",
    ),
    "it fails on standard output": ("echo 'what\nwas it'; exit 1", "`npm` could not: what was it"),
    "it says nothing": ("exit 3", "`npm` could not: it says nothing"),
    "it says much": (f"echo {'x' * 500}; exit 1", f"{'x' * 399}…"),
}


@promise("P7")
@pytest.mark.parametrize(("script", "told"), FAILURES.values(), ids=FAILURES)
def test_what_a_tool_says_went_wrong_is_told_on_one_line(script: str, told: str, tools: Tools) -> None:
    """House style 4: what is foreign brings no line breaks along."""
    tools.answer("npm", script)

    with pytest.raises(Refused) as refused:
        resolved(tools.package("npx server"), tools.folder)
    assert refused.value.detail.endswith(told)
    assert "\n" not in refused.value.detail


def test_a_tool_that_is_not_there_or_does_not_end_is_told_as_that(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: what, where, and the next step."""
    (tools.home / "npm").unlink()
    with pytest.raises(Refused) as refused:
        resolved(tools.package("npx server"), tools.folder)
    assert (refused.value.reason, refused.value.remedy) == (
        Reason.TOOL_SERVER_UNAVAILABLE,
        "install npm beside its runner",
    )

    monkeypatch.setattr(package_tools, "_SECONDS", 0.01)
    tools.answer("npm", "exec tail -f /dev/null")
    with pytest.raises(Refused, match="`npm` did not end"):
        resolved(tools.package("npx server"), tools.folder)


def test_names_are_compared_as_pypi_does() -> None:
    """PEP 503."""
    assert normal_name("My__Server.x") == normal_name("my-server-x") == "my-server-x"
