"""A command of `npx` or `uvx`, read: which package, in which version, and which of its programs is meant.

Pure: nothing is asked, fetched or run. A runner fetches whatever is newest, each time it runs; what is read here is
what `installed.py` installs once, so that what was reviewed is what runs. Rules:

- A package is named by its name in the runner's own registry. An address, a path, an alias and a second package come from
  elsewhere or bring something else along: refused by name.
- An option that is not known here may change what runs: refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from mediator.refusal import Reason, Refused

_NEWEST: Final = "latest"
_NPM: Final = re.compile(
    r"(?P<name>(?:@[A-Za-z0-9][A-Za-z0-9._~-]*/)?[A-Za-z0-9][A-Za-z0-9._~-]*)(?:@(?P<wanted>[0-9A-Za-z^~<>=|*][^:/]*))?"
)
_PYPI: Final = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?P<extras>\[[A-Za-z0-9._, -]+\])?"
    r"(?:@(?P<at>[0-9A-Za-z.!+_-]+)|(?P<specifier>[<>=!~][0-9A-Za-z.!+_*<>=~, -]*))?"
)
_EXACT: Final = re.compile(r"v?[0-9]+(\.[0-9A-Za-z_+-]+)+")
_NPX_QUIET: Final = frozenset({"-y", "--yes", "-q", "--quiet"})
_NPX_PACKAGE: Final = frozenset({"-p", "--package"})
_UVX_QUIET: Final = frozenset({"-q", "--quiet"})
_UVX_PACKAGE: Final = frozenset({"--from"})


@unique
class Registry(StrEnum):
    """Where packages come from, in the words of the MCP registry's `server.json`."""

    NPM = "npm"
    PYPI = "pypi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package as a runner is told to run it. Nothing of it is resolved."""

    runner: Path
    registry: Registry
    name: str
    extras: str = ""
    """With their brackets."""
    wanted: str = ""
    """An npm version, range or tag; or a PyPI specifier such as `==1.2`; empty for the newest."""
    program: str | None = None
    """Which of its programs, where that is said."""
    arguments: tuple[str, ...] = ()

    @property
    def tool(self) -> Path:
        """The runner's own package tool, beside it."""
        return self.runner.with_name("npm" if self.registry is Registry.NPM else "uv")

    @property
    def requirement(self) -> str:
        """What the tool is told to resolve."""
        if self.registry is Registry.NPM:
            return f"{self.name}@{self.wanted or _NEWEST}"
        return f"{self.name}{self.extras}{self.wanted}"

    @property
    def exact(self) -> str | None:
        """The version that is wanted, where it is one."""
        version = self.wanted.removeprefix("==")
        return version if _EXACT.fullmatch(version) else None


def read_runner(command: Sequence[str]) -> Package | None:
    """Return the package that the command runs; nothing where it is no package runner.

    Raises `Refused(MALFORMED)` for a package that is not named by its name in the registry, and for an unknown option.
    """
    match Path(command[0]).name:
        case "npx":
            return _npx(Path(command[0]), command[1:])
        case "uvx":
            return _uvx(Path(command[0]), command[1:])
        case _:
            return None


def _npx(runner: Path, words: Sequence[str]) -> Package:
    how = "`npx -y PACKAGE@VERSION ...`, or `npx -y --package=PACKAGE@VERSION PROGRAM ...`"
    named, program, arguments = _split("npx", words, _NPX_QUIET, _NPX_PACKAGE, how)
    spec = _NPM.fullmatch(named)
    if spec is None:
        raise _not_by_name("npx", named, how)
    wanted = spec["wanted"] or ""
    return Package(
        runner=runner,
        registry=Registry.NPM,
        name=spec["name"],
        wanted="" if wanted == _NEWEST else wanted,
        program=program,
        arguments=arguments,
    )


def _uvx(runner: Path, words: Sequence[str]) -> Package:
    how = "`uvx PACKAGE@VERSION ...`, or `uvx --from PACKAGE==VERSION PROGRAM ...`"
    named, program, arguments = _split("uvx", words, _UVX_QUIET, _UVX_PACKAGE, how)
    spec = _PYPI.fullmatch(named)
    if spec is None:
        raise _not_by_name("uvx", named, how)
    at = "" if spec["at"] in {None, _NEWEST} else f"=={spec['at']}"
    return Package(
        runner=runner,
        registry=Registry.PYPI,
        name=spec["name"],
        extras=spec["extras"] or "",
        wanted=at or spec["specifier"] or "",
        program=program,
        arguments=arguments,
    )


def _split(
    runner: str, words: Sequence[str], quiet: frozenset[str], package: frozenset[str], how: str
) -> tuple[str, str | None, tuple[str, ...]]:
    """Return the word that names the package, the program if it is named apart, and its arguments."""
    named: str | None = None
    left = list(words)
    while left and left[0].startswith("-"):
        option, equals, value = left.pop(0).partition("=")
        if option == "--" and not equals:
            break
        if option in package and named is None and (equals or left):
            named = value if equals else left.pop(0)
        elif option not in quiet or equals:
            twice = "a second package" if option in package and named is not None else f"`{option}`"
            detail = f"`{runner}` is told {twice}, and what that would run cannot be held to a version"
            raise Refused(Reason.MALFORMED, detail, remedy=f"name one package: {how}")
    if not left:
        raise Refused(Reason.MALFORMED, f"`{runner}` is not told what to run", remedy=f"name it: {how}")
    first, *arguments = left
    return (first, None, tuple(arguments)) if named is None else (named, first, tuple(arguments))


def _not_by_name(runner: str, named: str, how: str) -> Refused:
    detail = f"`{runner}` is told to run `{named}`: an address, a path or an alias, and no package by its name"
    return Refused(
        Reason.MALFORMED, detail, remedy=f"name the package as its registry does: {how}; or install it yourself"
    )
