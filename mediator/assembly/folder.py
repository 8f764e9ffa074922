"""The set-up folder: where each file of a mediator is, who may read it, and how it is replaced.

What operators write stands in the folder itself; what the mediator keeps stands under `.mediator/`, which belongs
to its user alone: a looser mode, a symbolic link or a foreign owner stops every command (A6). A file is replaced
whole or not at all.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Operators, parse_operators
from mediator.refusal import Reason, Refused
from mediator.settings.parse import parse_settings, parse_toml
from mediator.settings.sections import SERVERS_FOLDER, SETTINGS_FILE, STATE_FOLDER, Settings

_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_OTHERS: Final = 0o077
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9@._-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A set-up folder and what stands where in it."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """What the operator configures."""
        return self.root / SETTINGS_FILE

    @property
    def servers_folder(self) -> Path:
        """What `manifest import` writes: one file for each tool server."""
        return self.root / SERVERS_FOLDER

    @property
    def state(self) -> Path:
        """What the mediator keeps, for its own user alone."""
        return self.root / STATE_FOLDER

    @property
    def operators_file(self) -> Path:
        """The people whose statements are obeyed."""
        return self.state / "operators.json"

    @property
    def ledger(self) -> Path:
        """The streams of the ledger."""
        return self.state / "ledger"

    @property
    def pending(self) -> Path:
        """Manifests that were published and wait for a reviewer."""
        return self.state / "pending"

    @property
    def store_file(self) -> Path:
        """Grants, claims and the epoch."""
        return self.state / "state.sqlite"

    @property
    def lock_file(self) -> Path:
        """Held by the one process that owns this folder."""
        return self.state / "owner.lock"

    @property
    def control_socket(self) -> Path:
        """Where that process is asked for things."""
        return self.state / "control.sock"

    def key_file(self, kind: str, name: str = "") -> Path:
        """Where a private key is: `issuer`, `signer`, `grants`, or `operator` and `agent` with a name."""
        stem = f"{kind}-{_UNSAFE.sub('_', name)}" if name else kind
        return self.state / "keys" / f"{stem}.pem"

    @property
    def retired_keys(self) -> Path:
        """Public keys of the local issuer that sign no more, each as long as a token that it signed may live."""
        return self.state / "keys" / "retired"

    def manifests(self, settings: Settings) -> Path:
        """The folder of manifests, envelopes, `trust.json` and `pins.lock`."""
        return self.root / settings.manifests.folder

    def policies(self, settings: Settings) -> Path:
        """The folder of policies, their cases, and the statement that puts them in force."""
        return self.root / settings.policy.folder


def open_folder(root: Path) -> Folder:
    """Return the set-up in this folder, once it is known to be one, and its state to be private.

    Raises `Refused(MALFORMED)` saying what to do.
    """
    folder = Folder(root=root.resolve())
    if not folder.settings_file.is_file():
        raise _wrong(f"there is no `{SETTINGS_FILE}` in `{folder.root}`: run `mediator init`, or go to its folder")
    require_private(folder.state)
    return folder


def require_private(path: Path) -> None:
    """Return if this folder is a real one, ours, and closed to everyone else.

    Raises `Refused(MALFORMED)` naming what is wrong and the command that mends it.
    """
    try:
        status = path.lstat()
    except FileNotFoundError as error:
        raise _wrong(f"`{path}` is missing: run `mediator init`") from error
    if not stat.S_ISDIR(status.st_mode):
        raise _wrong(f"`{path}` must be a folder and no symbolic link: somebody may have put it there")
    if status.st_uid != os.geteuid():
        raise _wrong(f"`{path}` belongs to another user: the mediator must run as its owner")
    if status.st_mode & _OTHERS:
        raise _wrong(f"`{path}` is open to others (mode {stat.S_IMODE(status.st_mode):04o}): run `chmod 700 {path}`")


def read_settings(folder: Folder) -> Settings:
    """Return the settings: `mediator.toml`, then each file of `tool_servers.d` in order of their names."""
    main = parse_toml(SETTINGS_FILE, read_file(folder.settings_file))
    files = sorted(folder.servers_folder.glob("*.toml")) if folder.servers_folder.is_dir() else []
    parts = [(name, parse_toml(name, read_file(file))) for file in files for name in [f"{SERVERS_FOLDER}/{file.name}"]]
    return parse_settings(main, parts)


def read_operators(folder: Folder) -> Operators:
    """Return the people whose statements are obeyed."""
    raw = read_file(folder.operators_file)
    with naming(folder.operators_file):
        return parse_operators(raw)


def read_key(path: Path, passphrase: Secret | None = None) -> SigningKey:
    """Return a private key, if only its owner can read it.

    Raises `Refused`: `MALFORMED` for a missing file, a looser mode or a link; as `SigningKey.from_pem`.
    """
    return SigningKey.from_pem(read_secret(path), passphrase)


def read_secret(path: Path) -> Secret:
    """Return the text of a file that only its owner can read; raises `Refused(MALFORMED)` otherwise."""
    try:
        status = path.lstat()
    except FileNotFoundError as error:
        raise _wrong(f"the key `{path}` is missing: `mediator init` and `mediator operator add` make keys") from error
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
        raise _wrong(f"the key `{path}` must be a file of yours that nobody else can read: run `chmod 600 {path}`")
    return Secret(read_file(path).decode("utf-8", "replace"))


def read_file(path: Path) -> bytes:
    """Return the bytes of a file; raises `Refused(MALFORMED)` naming it where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _wrong(f"`{path}` cannot be read: {error.strerror}") from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give every refusal from inside the name of the file that it is about."""
    try:
        yield
    except Refused as refused:
        detail = f"`{path}`: {refused.detail or refused.reason}"
        raise Refused(refused.reason, detail, remedy=refused.remedy) from refused


def find_file(path: Path) -> bytes | None:
    """Return the bytes of a file, or nothing where there is none."""
    return read_file(path) if path.exists() else None


def replace_file(path: Path, content: bytes, *, private: bool = False) -> None:
    """Put this content in place of the file, whole or not at all, and durably.

    Raises `Refused(MALFORMED)` naming the file where it cannot be written.
    """
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(_PRIVATE_FILE if private else 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise _wrong(f"`{path}` cannot be written: {error.strerror}") from error


def make_private_folder(path: Path) -> None:
    """Make a folder that is closed to everyone else."""
    path.mkdir(mode=_PRIVATE_FOLDER)


def _wrong(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail)
