"""`npx` and `uvx`: which package is meant, and what is refused because nobody could say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.cli.package_runner import Package, Registry, read_runner
from mediator.refusal import Reason, Refused
from tests.promises import promise

NPX, UVX = Path("/opt/bin/npx"), Path("/opt/bin/uvx")


def npm(name: str, wanted: str = "", *arguments: str, program: str | None = None) -> Package:
    return Package(runner=NPX, registry=Registry.NPM, name=name, wanted=wanted, program=program, arguments=arguments)


def pypi(name: str, wanted: str = "", *arguments: str, extras: str = "", program: str | None = None) -> Package:
    return Package(
        runner=UVX,
        registry=Registry.PYPI,
        name=name,
        extras=extras,
        wanted=wanted,
        program=program,
        arguments=arguments,
    )


READ = {
    "npx": ("npx -y server --x -y", npm("server", "", "--x", "-y"), "server@latest"),
    "npx, a version": ("npx --yes server@1.0.0", npm("server", "1.0.0"), "server@1.0.0"),
    "npx, scoped": ("npx @scope/server@1.0.0", npm("@scope/server", "1.0.0"), "@scope/server@1.0.0"),
    "npx, the newest": ("npx server@latest", npm("server"), "server@latest"),
    "npx, a tag": ("npx server@next", npm("server", "next"), "server@next"),
    "npx, a range": ("npx -q server@^1.2", npm("server", "^1.2"), "server@^1.2"),
    "npx, a program of it": ("npx -p server@2 run a", npm("server", "2", "a", program="run"), "server@2"),
    "npx, the same in one word": ("npx --package=server run", npm("server", program="run"), "server@latest"),
    "npx, two dashes": ("npx -y -- server --", npm("server", "", "--"), "server@latest"),
    "uvx": ("uvx server -v", pypi("server", "", "-v"), "server"),
    "uvx, a version": ("uvx server@1.0.0", pypi("server", "==1.0.0"), "server==1.0.0"),
    "uvx, the newest": ("uvx server@latest", pypi("server"), "server"),
    "uvx, extras": ("uvx server[a,b]@1.0", pypi("server", "==1.0", extras="[a,b]"), "server[a,b]==1.0"),
    "uvx --from": ("uvx --from server==1.0 run -v", pypi("server", "==1.0", "-v", program="run"), "server==1.0"),
    "uvx, a range": ("uvx -q --from=server>=1,<2 run", pypi("server", ">=1,<2", program="run"), "server>=1,<2"),
}


@pytest.mark.parametrize(("line", "package", "requirement"), READ.values(), ids=READ)
def test_a_runner_s_command_is_read_into_its_package(line: str, package: Package, requirement: str) -> None:
    """Design 5.1: the package of a runner is known by name, and the version that is wanted."""
    runner, *words = line.split()

    found = read_runner([f"/opt/bin/{runner}", *words])

    assert found == package
    assert found.requirement == requirement


def test_the_package_tool_is_the_runner_s_own() -> None:
    """Ours: the one beside it, and none that another `PATH` would find."""
    assert (npm("server").tool, pypi("server").tool) == (Path("/opt/bin/npm"), Path("/opt/bin/uv"))


EXACT = {
    "npm": (npm("server", "1.2.3"), "1.2.3"),
    "npm, a range": (npm("server", "^1.2.3"), None),
    "npm, half a version": (npm("server", "1"), None),
    "npm, a tag": (npm("server", "next"), None),
    "PyPI": (pypi("server", "==2026.1.2"), "2026.1.2"),
    "PyPI, any of a series": (pypi("server", "==1.*"), None),
    "PyPI, the newest": (pypi("server"), None),
}


@pytest.mark.parametrize(("package", "version"), EXACT.values(), ids=EXACT)
def test_a_version_is_exact_or_it_floats(package: Package, version: str | None) -> None:
    """Ours."""
    assert package.exact == version


REFUSED = {
    "an address of git": ("npx git+https://a.example/x", "an address, a path or an alias"),
    "an address": ("npx -y https://a.example/x.tgz", "an address, a path or an alias"),
    "an address behind a name": ("npx server@https://a.example/x.tgz", "an address, a path or an alias"),
    "a repository": ("npx owner/server", "an address, a path or an alias"),
    "an alias": ("npx server@npm:other@1.0.0", "an address, a path or an alias"),
    "a path": ("npx ./server", "an address, a path or an alias"),
    "a path from the root": ("npx /srv/server", "an address, a path or an alias"),
    "npx alone": ("npx -y", "is not told what to run"),
    "a package and no program": ("npx -p server", "is not told what to run"),
    "an option and no package": ("npx -p", "is told `-p`"),
    "two packages": ("npx -p one -p two run", "is told a second package"),
    "a line for a shell": ("npx -c server", "is told `-c`"),
    "another registry": ("npx --registry=https://a.example server", "is told `--registry`"),
    "uvx alone": ("uvx", "is not told what to run"),
    "uvx from an address": ("uvx --from git+https://a.example/x run", "an address, a path or an alias"),
    "uvx, an address behind a name": ("uvx --from server@https://a.example/x run", "an address, a path or an alias"),
    "uvx from a path": ("uvx ./server.whl", "an address, a path or an alias"),
    "uvx with more": ("uvx --with other server", "is told `--with`"),
    "uvx, another index": ("uvx --index https://a.example server", "is told `--index`"),
}


@promise("P7")
@pytest.mark.parametrize(("line", "told"), REFUSED.values(), ids=REFUSED)
def test_what_nobody_could_name_again_is_refused_and_says_how_to_name_it(line: str, told: str) -> None:
    """The issue: what runs tomorrow is what was looked at today."""
    with pytest.raises(Refused) as refused:
        read_runner(line.split())

    assert refused.value.reason is Reason.MALFORMED
    assert told in refused.value.detail
    assert f"`{line.split(maxsplit=1)[0]} " in str(refused.value.remedy)


def test_any_other_command_is_no_runner() -> None:
    """Ours: what it runs stands on this machine, and has a digest."""
    assert read_runner(["/usr/bin/mcp-server-time", "npx"]) is None
