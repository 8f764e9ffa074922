"""What `npm` and `uv` are asked: to resolve a package into a lock, and to install exactly what that lock says.

The operator's own tools in the operator's own environment, argument by argument; no shell reads them. Nothing that a
package brings is run: npm runs no script of it, and uv builds nothing. What such a tool says is foreign text.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.assembly.folder import read_file
from mediator.canonical import Json, JsonObject, parse_object
from mediator.cli.console import ERR, printable
from mediator.cli.package_runner import Package, Registry
from mediator.refusal import Reason, Refused

_SECONDS: Final = 900  # a large package over a slow line
_TOLD_MAX: Final = 400  # characters of what a tool says went wrong
# No dependency by an address of git: it has no integrity, and older versions of npm know no such option and ignore it.
_NPM_QUIET: Final = (
    "--ignore-scripts",
    "--allow-git=none",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
)
_NPM_ROOT: Final = b'{"name": "mediator-tool-server", "version": "0.0.0", "private": true}\n'
_NPM_LOCK: Final = "package-lock.json"
_PYPI_WANTED: Final = "requirements.in"
_PYPI_LOCK: Final = "requirements.txt"
_PINNED: Final = re.compile(
    r"(?m)^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)$"
)
_HASH: Final = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A version, its entry in a manifest, and what locks it and all that it needs."""

    entry: JsonObject
    version: str
    lock: Mapping[str, bytes]


def resolved(package: Package, scratch: Path) -> Resolved:
    """Resolve a package in an empty folder; raises `Refused` for what has no integrity."""
    return _npm_resolved(package, scratch) if package.registry is Registry.NPM else _uv_resolved(package, scratch)


def installed_command(package: Package, folder: Path) -> tuple[str, ...]:
    """Install the lock that lies in this folder, and return the command of the package's program, without arguments."""
    return _npm_command(package, folder) if package.registry is Registry.NPM else _uv_command(package, folder)


def normal_name(name: str) -> str:
    """Return the name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _npm_resolved(package: Package, scratch: Path) -> Resolved:
    (scratch / "package.json").write_bytes(_NPM_ROOT)
    words = ("install", "--package-lock-only", "--save-exact", *_NPM_QUIET, "--", package.requirement)
    _run("resolving", package, (str(package.tool), *words), scratch)
    lock = read_file(scratch / _NPM_LOCK)
    entries = parse_object(lock).get("packages")
    found = entries.get(f"node_modules/{package.name}") if isinstance(entries, dict) else None
    if not isinstance(entries, dict) or not isinstance(found, dict):
        raise Refused(Reason.MALFORMED, f"`{_NPM_LOCK}` does not have it", remedy="this needs npm 7 or newer")
    for place, entry in entries.items():
        # What is bundled lies inside another package, and has the integrity of that.
        if place and isinstance(entry, dict) and entry.get("inBundle") is not True and not entry.get("integrity"):
            raise Refused(Reason.MALFORMED, f"`{place}` comes from elsewhere than a registry, and has no integrity")
    integrity, version = found.get("integrity"), found.get("version")
    if not isinstance(integrity, str) or not integrity.startswith("sha512-") or not isinstance(version, str):
        raise Refused(Reason.MALFORMED, "the registry gives no SHA-512 integrity of it")
    files = {file: read_file(scratch / file) for file in ("package.json", _NPM_LOCK)}
    return Resolved(entry=_entry(package, version, {"integrity": integrity}), version=version, lock=files)


def _uv_resolved(package: Package, scratch: Path) -> Resolved:
    (scratch / _PYPI_WANTED).write_text(package.requirement + "\n", encoding="utf-8")
    words = ("pip", "compile", _PYPI_WANTED, "--output-file", _PYPI_LOCK, "--generate-hashes", "--only-binary", ":all:")
    plain = ("--no-header", "--no-annotate", "--quiet", "--python", _python(package, scratch))
    _run("resolving", package, (str(package.tool), *words, *plain), scratch)
    lock = read_file(scratch / _PYPI_LOCK)
    pinned = _PINNED.finditer(lock.decode("utf-8", "replace"))
    found = next((one for one in pinned if normal_name(one["name"]) == normal_name(package.name)), None)
    hashes: list[Json] = [] if found is None else sorted(_HASH.findall(found["rest"]))
    if found is None or not hashes:
        raise Refused(Reason.MALFORMED, f"`{_PYPI_LOCK}` does not have it by version and hash")
    files = {file: read_file(scratch / file) for file in (_PYPI_WANTED, _PYPI_LOCK)}
    entry = _entry(package, found["version"], {"hashes": hashes})
    return Resolved(entry=entry, version=found["version"], lock=files)


def _entry(package: Package, version: str, integrity: JsonObject) -> JsonObject:
    """What a manifest says of a package, in the words of the MCP registry's `server.json`."""
    told: JsonObject = {"registryType": package.registry.value, "identifier": package.name, "version": version}
    return {**told, **integrity, "transport": {"type": "stdio"}}


def _python(package: Package, scratch: Path) -> str:
    """The interpreter that `uvx` would take; one is not fetched for it."""
    words = (str(package.tool), "python", "find", "--system", "--no-project", "--no-python-downloads")
    return _run("resolving", package, words, scratch).strip()


# --- installing ------------------------------------------------------------------------------------------------------


def _npm_command(package: Package, folder: Path) -> tuple[str, ...]:
    _run("installing", package, (str(package.tool), "ci", *_NPM_QUIET), folder)
    home = folder / "node_modules" / package.name
    programs = parse_object(read_file(home / "package.json")).get("bin")
    unscoped = package.name.rpartition("/")[2]
    by_name = programs if isinstance(programs, dict) else {unscoped: programs}
    known = {word: path for word, path in by_name.items() if isinstance(path, str)}
    # As npx chooses: the one that there is, or the one that bears the package's name.
    wanted = package.program or (next(iter(known)) if len(known) == 1 else unscoped)
    if wanted not in known:
        raise _no_program(wanted, known, f"--package={package.requirement}", package)
    script = (home / known[wanted]).resolve()
    if not script.is_relative_to(folder.resolve()) or not script.is_file():
        raise Refused(Reason.MALFORMED, f"its program `{wanted}` is not in it", remedy="ask its owner")
    return (_node(package), *_node_options(script), str(script))


def _node(package: Package) -> str:
    beside = package.runner.with_name("node")
    found = str(beside) if beside.is_file() else shutil.which("node")
    if found is None:
        raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, "there is no `node`", remedy="install Node.js")
    return str(Path(found).absolute())


def _node_options(script: Path) -> tuple[str, ...]:
    """What stands behind `node` in the script's first line; raises `Refused` for what something else is to run."""
    first = read_file(script).split(b"\n", 1)[0].decode("utf-8", "replace").split()
    if not first or not first[0].startswith("#!"):
        return ()
    words = [word.rpartition("/")[2].removeprefix("#!") for word in first]
    if "node" not in words:
        detail = f"`{script.name}` is run by `{' '.join(first)}`, and not by node"
        raise Refused(Reason.MALFORMED, detail, remedy="install it yourself, and import its command")
    return tuple(first[words.index("node") + 1 :])


def _uv_command(package: Package, folder: Path) -> tuple[str, ...]:
    uv = str(package.tool)
    python = _python(package, folder)
    _run("installing", package, (uv, "venv", "--no-project", "--quiet", "--python", python, "venv"), folder)
    words = ("pip", "install", "--quiet", "--python", "venv/bin/python", "--require-hashes", "--only-binary", ":all:")
    written = ("--compile-bytecode", "--link-mode", "copy", "--requirement", _PYPI_LOCK)
    _run("installing", package, (uv, *words, *written), folder)
    wanted = package.program or package.name
    script = folder / "venv" / "bin" / wanted
    if script.parent != folder / "venv" / "bin" or not script.is_file():
        known = {one.name for one in script.parent.glob("*") if one.is_file() and os.access(one, os.X_OK)}
        raise _no_program(wanted, known, f"--from {package.requirement}", package)
    return (str(script),)


def _no_program(wanted: str, known: Iterable[str], which: str, package: Package) -> Refused:
    told = ", ".join(f"`{one}`" for one in sorted(known)) or "none"
    remedy = f"name one: `{package.runner.name} {which} PROGRAM ...`"
    return Refused(Reason.MALFORMED, f"it has no program `{wanted}`; there is {told}", remedy=remedy)


def _run(what: str, package: Package, words: Sequence[str], folder: Path) -> str:
    tool = Path(words[0]).name
    with ERR.status(printable(f"{what} {package.requirement} with {tool}")):
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own tool, argument by argument
                words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
            )
        except FileNotFoundError as error:
            detail = f"there is no `{words[0]}`"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail, remedy=f"install {tool} beside its runner") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            detail = f"`{tool}` did not end within {_SECONDS} seconds, or could not be started"
            raise Refused(
                Reason.TOOL_SERVER_UNAVAILABLE, detail, remedy="look at the registry, and try again"
            ) from error
    if done.returncode != 0:
        raise Refused(Reason.MALFORMED, f"`{tool}` could not: {_said(done.stderr or done.stdout) or 'it says nothing'}")
    return done.stdout.decode("utf-8", "replace")


def _said(raw: bytes) -> str:
    """What a tool said went wrong, on one line, without npm's own mark before each of its lines."""
    lines = (line.strip().removeprefix("npm error").strip() for line in raw.decode("utf-8", "replace").splitlines())
    told = " ".join(" ".join(line for line in lines if not line.startswith("A complete log")).split())
    return told if len(told) <= _TOLD_MAX else told[: _TOLD_MAX - 1] + "…"
