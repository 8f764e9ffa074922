"""A command that runs whatever version is newest: what is reviewed today is not what runs tomorrow.

Pure. It reads a command as the package runners do (`npx`, `npm exec`, `uvx`, `uv tool run`, `pipx run`); of any other
it says nothing: what that runs stands on this machine, and its files have digests.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_RUNNERS: Final = (("npx",), ("npm", "exec"), ("uvx",), ("uv", "tool", "run"), ("pipx", "run"))
_PACKAGE_OPTIONS: Final = ("--package", "-p", "--from", "--spec")
_EXACT: Final = re.compile(r"(?:@?[^@=<>~!^]+)(?:@|==)v?[0-9]+(?:\.[0-9]+)+(?:[-+.][0-9A-Za-z.+-]+)?")


def floating(command: Sequence[str]) -> str | None:
    """Return the package that the command names without an exact version; nothing where it names none, or an exact one."""
    words = (command[0].rpartition("/")[2], *command[1:]) if command else ()
    runner = next((one for one in _RUNNERS if words[: len(one)] == one), None)
    if runner is None:
        return None
    package = _package(words[len(runner) :])
    if package is None:
        return " ".join(runner)
    return None if _EXACT.fullmatch(package) else package


def _package(words: Sequence[str]) -> str | None:
    """The word that names the package: the value of an option that says so, else the first that is no option."""
    first: str | None = None
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in _PACKAGE_OPTIONS:
            return value if equals else next(iter(words[index + 1 :]), None)
        if not word.startswith("-"):
            first = word
            break
    return first
