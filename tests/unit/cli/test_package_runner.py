"""`npx` and `uvx`: what is imported is a version that can be named again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from mediator.cli.package_runner import resolve_package
from mediator.refusal import Refused
from tests.promises import promise


class Registry:
    """Answers what is asked of it, and notes the question."""

    def __init__(self, answer: str = "1.2.3\n") -> None:
        self.asked: list[list[str]] = []
        self._answer = answer

    def __call__(self, command: Sequence[str]) -> str:
        self.asked.append(list(command))
        return self._answer


NAMED = {
    "npx": (["/usr/bin/npx", "-y", "server@1.0.0", "--x"], ("npm", "server", "1.0.0")),
    "npx, scoped": (["/usr/bin/npx", "@scope/server@1.0.0"], ("npm", "@scope/server", "1.0.0")),
    "uvx": (["/usr/bin/uvx", "server@1.0.0", "-v"], ("pypi", "server", "1.0.0")),
    "uvx --from": (["/usr/bin/uvx", "--from", "server==1.0.0", "run"], ("pypi", "server", "1.0.0")),
}


@pytest.mark.parametrize(("command", "package"), NAMED.values(), ids=NAMED)
def test_a_version_that_is_named_is_kept_and_nobody_is_asked(command: list[str], package: tuple[str, str, str]) -> None:
    """Design 5.1: resolves packages to a version and writes that down."""
    registry = Registry()

    resolved = resolve_package(command, registry)

    assert resolved is not None
    assert resolved.command == tuple(command)
    assert (resolved.package["registryType"], resolved.package["identifier"], resolved.package["version"]) == package
    assert registry.asked == []


FOUND = {
    "npx": (["/usr/bin/npx", "-y", "server", "--x"], ["/usr/bin/npx", "-y", "server@1.2.3", "--x"]),
    "npx, scoped": (["/usr/bin/npx", "@scope/server"], ["/usr/bin/npx", "@scope/server@1.2.3"]),
    "npx, a tag": (["/usr/bin/npx", "server@latest"], ["/usr/bin/npx", "server@1.2.3"]),
    "npx, a range": (["/usr/bin/npx", "server@^1"], ["/usr/bin/npx", "server@1.2.3"]),
    "uvx": (["/usr/bin/uvx", "server"], ["/usr/bin/uvx", "server@1.2.3"]),
    "uvx, a tag": (["/usr/bin/uvx", "server@latest"], ["/usr/bin/uvx", "server@1.2.3"]),
    "uvx, extras": (
        ["/usr/bin/uvx", "--from", "server[cli]", "run"],
        ["/usr/bin/uvx", "--from", "server[cli]==1.2.3", "run"],
    ),
}


@pytest.mark.parametrize(("command", "exact"), FOUND.values(), ids=FOUND)
def test_a_version_that_is_not_named_is_found_out(command: list[str], exact: list[str]) -> None:
    """Design 5.1: resolves packages to a version and writes that down."""
    registry = Registry()

    resolved = resolve_package(command, registry)

    assert resolved is not None
    assert resolved.command == tuple(exact)
    assert len(registry.asked) == 1


def test_each_runner_is_asked_in_its_own_words() -> None:
    """Ours: the operator's own package tools, and no registry of our choosing."""
    registry = Registry()

    resolve_package(["/opt/bin/npx", "@scope/server@next"], registry)
    resolve_package(["/opt/bin/uvx", "server"], registry)

    assert registry.asked[0] == ["/opt/bin/npm", "view", "@scope/server@next", "version"]
    assert registry.asked[1][:5] == ["/opt/bin/uvx", "--from", "server", "python", "-c"]
    assert registry.asked[1][-1] == "server"


UNKNOWN = {
    "npx alone": (["npx"], "1.2.3"),
    "npx with a flag that is not known": (["npx", "--package=x", "y"], "1.2.3"),
    "npx with an address": (["npx", "https://a.example/x.tgz"], "1.2.3"),
    "uvx alone": (["uvx"], "1.2.3"),
    "uvx from an address": (["uvx", "--from", "git+https://a.example/x", "x"], "1.2.3"),
    "an answer that is no version": (["npx", "server"], "latest"),
    "several answers": (["npx", "server@^1"], "server@1.0.0 '1.0.0'\nserver@1.1.0 '1.1.0'"),
    "no answer": (["uvx", "server"], ""),
}


@promise("P7")
@pytest.mark.parametrize(("command", "answer"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_version_that_cannot_be_found_out_must_be_named(command: list[str], answer: str) -> None:
    """Ours: what runs tomorrow is what was looked at today."""
    with pytest.raises(Refused) as refused:
        resolve_package(command, Registry(answer))

    assert "is not told which version to run" in refused.value.detail
    assert str(refused.value.remedy).startswith("name it: ")


@pytest.mark.parametrize("error", [OSError(2, "x"), subprocess.TimeoutExpired("npm", 60)])
def test_a_runner_that_fails_is_told_as_that(error: Exception) -> None:
    """The issue: what, where, and the next step."""

    def ask(_: Sequence[str]) -> str:
        raise error

    with pytest.raises(Refused, match="is not told which version"):
        resolve_package(["npx", "server"], ask)


def test_any_other_command_is_run_as_it_is() -> None:
    """Ours."""
    assert resolve_package(["/usr/bin/mcp-server-time"], Registry()) is None


def test_the_runner_s_own_tool_is_really_run(tmp_path: Path) -> None:
    """Ours: once, without a shell."""
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\n[ "$1 $2 $3" = "view server@latest version" ] && echo 4.5.6\n')
    npm.chmod(0o700)

    resolved = resolve_package([str(tmp_path / "npx"), "-y", "server"])

    assert resolved is not None
    assert resolved.command[-1] == "server@4.5.6"
    npm.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(Refused):
        resolve_package([str(tmp_path / "npx"), "-y", "server"])
