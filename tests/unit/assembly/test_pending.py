"""The folder of published manifests: private, whole files, and nothing read out of a file that is none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.assembly.folder import Folder
from mediator.assembly.pending import find_publication, keep_publication, pending_file, read_publications
from mediator.manifest.signature import sign_manifest
from mediator.refusal import Reason, Refused
from tests.simulated.people import key_of
from tests.simulated.pins import NOW_MS, manifest_of


def envelope(server: str, serial: int = 1) -> bytes:
    return sign_manifest(manifest_of(server=server) | {"serial": serial}, [key_of("signer")])


def test_the_newest_of_each_server_is_kept_for_nobody_else_to_read(home: Folder) -> None:
    """Design 8 and A6."""
    assert find_publication(home, "local/b") is None
    assert read_publications(home) == ()
    keep_publication(home, "local/b", envelope("b"), "127.0.0.1", NOW_MS)
    keep_publication(home, "local/b", envelope("b", 2), "127.0.0.1", NOW_MS)
    keep_publication(home, "local/a", envelope("a"), "127.0.0.1", NOW_MS)

    assert [(one.name, one.manifest.serial) for one in read_publications(home)] == [("local/a", 1), ("local/b", 2)]
    assert find_publication(home, "local/c") is None
    file = pending_file(home, "local/b")
    assert (file.stat().st_mode & 0o777, home.pending.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_file_that_is_none_is_named_and_a_folder_open_to_others_is_refused(home: Folder) -> None:
    """P7."""
    keep_publication(home, "local/a", envelope("a"), "127.0.0.1", NOW_MS)
    pending_file(home, "local/a").write_bytes(b"{}")
    with pytest.raises(Refused, match=pending_file(home, "local/a").name) as stop:
        read_publications(home)
    assert stop.value.reason is Reason.MALFORMED
    home.pending.chmod(0o755)
    with pytest.raises(Refused, match="open to others"):
        read_publications(home)
