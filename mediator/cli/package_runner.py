"""`npx` and `uvx` run whatever version is newest; what is imported must be a version that can be named again.

Where a command names no version, the runner's own tool is asked for one, and the command is written down with it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from mediator.canonical import JsonObject
from mediator.refusal import Reason, Refused

Ask: TypeAlias = Callable[[Sequence[str]], str]
"""Run a command and return what it prints; raises `OSError` or `subprocess.SubprocessError` where it fails."""

_SECONDS: Final = 60
_NPM: Final = re.compile(r"(?P<name>(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*)(?:@(?P<version>.+))?")
_PYPI: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<extras>\[[^\]]*\])?(?:(?:==|@)(?P<version>.+))?")
_EXACT: Final = re.compile(r"v?[0-9]+(\.[0-9A-Za-z_.+-]+)+")
_NPX_FLAGS: Final = frozenset({"-y", "--yes", "-q", "--quiet"})
_VERSION_OF: Final = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A command with its version in it, and the package in the words of the registry's `server.json`."""

    command: tuple[str, ...]
    package: JsonObject


def resolve_package(command: Sequence[str], ask: Ask | None = None) -> Resolved | None:
    """Return the command with an exact version; nothing where it is no package runner.

    Raises `Refused` where a version is neither named nor to be found out.
    """
    match Path(command[0]).name:
        case "npx":
            return _npx(tuple(command), ask or _run)
        case "uvx":
            return _uvx(tuple(command), ask or _run)
        case _:
            return None


def _npx(command: tuple[str, ...], ask: Ask) -> Resolved:
    place = next((index for index, word in enumerate(command) if index and word not in _NPX_FLAGS), None)
    spec = _NPM.fullmatch(command[place]) if place is not None else None
    if place is None or spec is None:
        raise _unnamed(command, "`npx -y PACKAGE@VERSION`")
    name, version = spec["name"], spec["version"]
    if version is None or not _EXACT.fullmatch(version):
        npm = str(Path(command[0]).with_name("npm"))
        version = _asked(ask, [npm, "view", f"{name}@{version or 'latest'}", "version"], command, f"{name}@VERSION")
    resolved = (*command[:place], f"{name}@{version}", *command[place + 1 :])
    return Resolved(command=resolved, package=_package("npm", name, version))


def _uvx(command: tuple[str, ...], ask: Ask) -> Resolved:
    is_from = command[1:2] == ("--from",)
    place = 2 if is_from else 1
    spec = _PYPI.fullmatch(command[place]) if len(command) > place else None
    if spec is None:
        raise _unnamed(command, "`uvx PACKAGE@VERSION`, or `uvx --from PACKAGE==VERSION COMMAND`")
    name, version, extras = spec["name"], spec["version"], spec["extras"] or ""
    if version is None or not _EXACT.fullmatch(version):
        version = _asked(
            ask, [command[0], "--from", name, "python", "-c", _VERSION_OF, name], command, f"{name}@VERSION"
        )
    exact = f"{name}{extras}=={version}" if is_from else f"{name}{extras}@{version}"
    return Resolved(command=(*command[:place], exact, *command[place + 1 :]), package=_package("pypi", name, version))


def _asked(ask: Ask, question: Sequence[str], command: Sequence[str], wanted: str) -> str:
    try:
        answer = ask(question).strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise _unnamed(command, f"`{wanted}`") from error
    if not _EXACT.fullmatch(answer):
        raise _unnamed(command, f"`{wanted}`")
    return answer


def _run(command: Sequence[str]) -> str:
    # The operator's own package tool, argument by argument, in the operator's own environment; no shell reads it.
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)  # noqa: S603
    return done.stdout


def _package(registry: str, name: str, version: str) -> JsonObject:
    return {"registryType": registry, "identifier": name, "version": version, "transport": {"type": "stdio"}}


def _unnamed(command: Sequence[str], wanted: str) -> Refused:
    detail = f"`{Path(command[0]).name}` is not told which version to run, and it could not be found out"
    return Refused(Reason.MALFORMED, detail, remedy=f"name it: {wanted}")
