"""The folder of published manifests: one file for each server, the newest that its owner sent.

Nothing here is trusted for lying here: whoever takes one up verifies it again. A file bears the digest of the server's
name and not the name, which a stranger chose.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from mediator.assembly.folder import Folder, find_file, make_private_folder, naming, replace_file, require_private
from mediator.manifest.publication import Publication, read_publication, write_publication


def pending_file(folder: Folder, name: str) -> Path:
    """Return where the manifest of the server of this registry-style name is kept."""
    return folder.pending / f"{hashlib.sha256(name.encode()).hexdigest()}.json"


def find_publication(folder: Folder, name: str) -> Publication | None:
    """Return what was published for this server; raises `Refused(MALFORMED)` naming a file that cannot be read."""
    return _read(pending_file(folder, name)) if folder.pending.is_dir() else None


def read_publications(folder: Folder) -> tuple[Publication, ...]:
    """Return everything that was published, by name; otherwise as `find_publication`."""
    if not folder.pending.is_dir():
        return ()
    require_private(folder.pending)
    found = [publication for file in folder.pending.glob("*.json") if (publication := _read(file)) is not None]
    return tuple(sorted(found, key=lambda publication: publication.name))


def keep_publication(folder: Folder, name: str, envelope: bytes, source: str, received: int) -> None:
    """Keep this envelope in place of what was published before; raises `Refused(MALFORMED)` where it cannot."""
    if not folder.pending.is_dir():
        make_private_folder(folder.pending)
    require_private(folder.pending)
    replace_file(pending_file(folder, name), write_publication(envelope, source, received), private=True)


def _read(file: Path) -> Publication | None:
    raw = find_file(file)
    if raw is None:
        return None
    with naming(file):
        return read_publication(raw)
