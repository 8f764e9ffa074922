"""A package out of a registry, installed once beside the set-up: what was looked at is what runs, file by file.

The operator's own `npm` or `uv` does it, with the operator's own registry, argument by argument; no shell reads them, and
nothing that a package brings is run by it. Steps:

1. The version is resolved, and with it the package's own dependencies, into a lock that names each by its integrity.
2. Exactly that lock is installed into `packages/NAME/VERSION/`. What does not have its integrity is not installed.
3. All files that lie there then are listed with their digests in `tool_servers.d/NAME.sha256`: compared before each start.

A folder that is there already is left alone, for a process may run out of it: the next one bears a number.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mediator.assembly.folder import read_file
from mediator.canonical import Digest, JsonObject, digest_of_bytes
from mediator.cli.console import ERR, GOOD, NAME, Tell, counted, printable, say
from mediator.cli.folder import about
from mediator.cli.package_runner import Package, Registry, read_runner
from mediator.cli.package_tools import installed_command, normal_name, resolved
from mediator.cli.source import Source
from mediator.manifest.file_list import SUFFIX, parse_file_list, write_file_list
from mediator.refusal import Reason, Refused
from mediator.settings.sections import SERVERS_FOLDER

PACKAGES_FOLDER: Final = "packages"
_IGNORE: Final = b"# installed anew by `mediator manifest import` or `take`; not for version control\n*\n"
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]*")  # it names a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A server's source as it is run, and what goes with it where its package was installed: entry, folder, list."""

    source: Source
    package: JsonObject | None = None
    folder: Path | None = None
    files: Mapping[Path, bytes] = field(default_factory=dict)
    """To be written together with the server's own file."""

    @property
    def packages(self) -> tuple[JsonObject, ...]:
        """What a manifest says of it."""
        return () if self.package is None else (self.package,)


@contextmanager
def with_package(source: Source, root: Path, name: str, signed: Sequence[JsonObject] = ()) -> Iterator[Installed]:
    """Give the source as it is, or with its package installed if a runner is to run one; removed again if that fails.

    `signed` are the packages of a manifest: of one that is among them, exactly what was signed is installed. Raises
    `Refused`: as `read_runner`; and where it is not to be had, or is not what was signed.
    """
    package = read_runner(source.command) if source.command else None
    if package is None:
        yield Installed(source=source)
        return
    kept = _topmost_missing(root / PACKAGES_FOLDER / name)
    folder: Path | None = None
    try:
        installed = install(package, source, root, name, signed)
        folder = installed.folder
        yield installed
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if kept is not None:
            shutil.rmtree(kept, ignore_errors=True)
        raise


def show_installed(installed: Installed, root: Path, tell: Tell = say) -> None:
    """Print what was installed: version, integrity, how much, and where."""
    if installed.package is None or installed.folder is None:
        return
    entry = installed.package
    count = sum(len(parse_file_list(raw)) for path, raw in installed.files.items() if path.suffix == SUFFIX)
    tell(("installed ", GOOD), (f"{entry['identifier']} {entry['version']}", NAME), f" ({_integrity(entry)})")
    tell(f"  {counted(count, 'file')} in {installed.folder.relative_to(root)}/, each compared before each start")


def install(package: Package, source: Source, root: Path, name: str, signed: Sequence[JsonObject] = ()) -> Installed:
    """Install a package in a folder of its own; raises `Refused`, and leaves no folder then."""
    home = root / PACKAGES_FOLDER
    _make(home / name)
    if not (home / ".gitignore").exists():
        (home / ".gitignore").write_bytes(_IGNORE)
    was_signed = next((one for one in signed if _is_of(one, package)), None)
    if was_signed is not None:
        package = _as_signed(package, was_signed)
    with about(
        f"`{package.requirement}` ({package.registry})", "correct the name or the version, or look at the registry"
    ):
        with tempfile.TemporaryDirectory(dir=home / name, prefix=".resolving-") as scratch:
            found = resolved(package, Path(scratch))
        if not _VERSION.fullmatch(found.version):
            raise Refused(Reason.MALFORMED, f"its version is said to be `{found.version}`, which names no folder")
        if was_signed is not None:
            _must_be_signed(found.entry, was_signed)
        folder = _new_folder(home / name, found.version)
        try:
            for file, content in found.lock.items():
                (folder / file).write_bytes(content)
            command = installed_command(package, folder)
            listed = write_file_list(_files(folder, root))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    list_file = f"{SERVERS_FOLDER}/{name}{SUFFIX}"
    # Python would write what it compiled beside the modules, and a file that is not listed stops the next start.
    quiet = {"PYTHONDONTWRITEBYTECODE": "literal:1"} if package.registry is Registry.PYPI else {}
    held = replace(
        source,
        command=(*command, *package.arguments),
        environment={**quiet, **source.environment},
        lock_file=list_file,
        lock_digest=digest_of_bytes(listed),
        installed=str(folder.relative_to(root)),
    )
    return Installed(source=held, package=found.entry, folder=folder, files={root / list_file: listed})


def _integrity(entry: JsonObject) -> str:
    hashes = entry.get("hashes")
    return f"{len(hashes)} hashes" if isinstance(hashes, list) else str(entry["integrity"])


# --- what was signed -------------------------------------------------------------------------------------------------


def _is_of(entry: JsonObject, package: Package) -> bool:
    name = entry.get("identifier")
    if entry.get("registryType") != package.registry or not isinstance(name, str):
        return False
    return name == package.name if package.registry is Registry.NPM else normal_name(name) == normal_name(package.name)


def _as_signed(package: Package, signed: JsonObject) -> Package:
    """The package in the version that its owner signed; raises `Refused` where another is asked for."""
    version = signed.get("version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        return package
    if package.exact not in {None, version}:
        detail = f"`{package.requirement}` is asked for, and its owner signed {version}"
        raise Refused(Reason.MALFORMED, detail, remedy="name that version, or none")
    return replace(package, wanted=version if package.registry is Registry.NPM else f"=={version}")


def _must_be_signed(found: JsonObject, signed: JsonObject) -> None:
    remedy = "install nothing of it; ask its owner, and look at your registry"
    integrity = signed.get("integrity")
    if integrity is not None and integrity != found.get("integrity"):
        detail = f"the registry has {found.get('integrity')}, and its owner signed {integrity}"
        raise Refused(Reason.BAD_CREDENTIAL, detail, remedy=remedy)
    hashes, there = signed.get("hashes"), found.get("hashes")
    if isinstance(hashes, list) and isinstance(there, list):
        for one in there:
            if one not in hashes:
                detail = f"the registry has a file of {one}, which its owner did not sign"
                raise Refused(Reason.BAD_CREDENTIAL, detail, remedy=remedy)


# --- the folder -----------------------------------------------------------------------------------------------------


def _files(folder: Path, root: Path) -> dict[str, Digest]:
    """Each file below the folder, links to files included: what is looked at before each start."""
    with ERR.status(printable("listing its files")):
        return {
            str(path.relative_to(root)): digest_of_bytes(read_file(path))
            for here, _, names in os.walk(folder)
            for path in (Path(here) / name for name in names)
        }


def _new_folder(home: Path, version: str) -> Path:
    number = 1
    while True:
        folder = home / (version if number == 1 else f"{version}-{number}")
        if not folder.exists():
            return _make(folder)
        number += 1


def _topmost_missing(path: Path) -> Path | None:
    """The outermost folder that has to be made for this one."""
    missing = [one for one in (path, path.parent) if not one.exists()]
    return missing[-1] if missing else None


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(Reason.MALFORMED, f"`{folder}` cannot be made: {error.strerror}") from error
    return folder
