"""The draft of a manifest: what is kept of the one before. The command's tests say what is read of a server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mediator.canonical import JsonObject, digest_of_bytes, readable_bytes
from mediator.cli.folder import open_set_up
from mediator.cli.manifest_drafted import drafted
from mediator.cli.manifest_files import PUBLIC_KEY_FILE, manifest_file
from mediator.cli.source import Source, write_server
from mediator.wire.hearing import Introduction
from mediator.wire.methods import Era
from mediator.wire.speech import Tongue
from tests.simulated.stdio_server import tool

OFFERED = Introduction(
    tongue=Tongue(era=Era.LEGACY, version="2025-11-25", client_version="1"),
    server_info={"name": "clock", "title": "a\nb", "version": "1"},
    instructions=None,
    tools=(tool("now"),),
)
PACKAGE: JsonObject = {"registryType": "npm", "identifier": "clock", "version": "1.0.0", "integrity": "sha512-AA=="}


def draft(work: Path, packages: Sequence[JsonObject] | None) -> JsonObject:
    """Draft, and leave it where the next draft finds it."""
    set_up, own = open_set_up(work), digest_of_bytes(b"own")
    _, server = write_server("clock", Source(command=("/bin/clock",), environment={}))
    held = server.model_copy(update={"executable_digest": own})
    manifest = drafted(set_up, "clock", held, OFFERED, packages=packages, owner=None, days=1)
    path = manifest_file(set_up, "clock")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(readable_bytes(manifest))
    told = manifest["server"]
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(("packages", "kept"), [(None, [PACKAGE]), ([], []), ([{**PACKAGE, "version": "2"}], None)])
def test_packages_are_those_that_are_given_or_those_of_before(
    packages: list[JsonObject] | None, kept: list[JsonObject] | None, work: Path
) -> None:
    """Ours: `--again` without a command runs what is installed, and says so."""
    assert draft(work, None)["packages"] == []
    assert draft(work, [PACKAGE])["packages"] == [PACKAGE]

    assert draft(work, packages)["packages"] == (packages if kept is None else kept)


def test_digests_stand_in_it_but_not_in_an_owners_folder(work: Path) -> None:
    """Ours: an owner signs for machines that have other files."""
    assert draft(work, None)["executable_digest"] == digest_of_bytes(b"own")
    (work / PUBLIC_KEY_FILE).write_text("ed25519:x")
    assert draft(work, None)["executable_digest"] is None


def test_a_servers_word_that_a_manifest_cannot_hold_is_left_out(work: Path) -> None:
    """Ours."""
    told = draft(work, None)
    assert (told["title"], told["version"]) == (None, "1")
