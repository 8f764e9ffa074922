"""Tool owners who publish: their keys, a trust file that names them, their manifests, and what they ask.

    trusting(folder, {"files": "io.example/", "mail": "io.mail/"})     # before the mediator starts
    envelope = published("io.example/files", serial=3)                  # signed by the owner whose name is asked for
    token = asking(url, "io.example/files")

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mediator.assembly.folder import open_folder, read_key, read_settings
from mediator.assembly.trust import TRUST_FILE
from mediator.canonical import Json, JsonObject
from mediator.identity.dsse import SigningKey
from mediator.identity.signed_request import sign_request
from mediator.manifest.fields import write_moment
from mediator.manifest.signature import sign_manifest
from mediator.manifest.trust import parse_trust, sign_trust
from mediator.manifest.trust_file import Signer
from tests.simulated.people import key_of
from tests.simulated.pins import manifest_of, rule_of

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def trusting(folder: Path, prefixes: Mapping[str, str], threshold: int = 1) -> None:
    """Let each of these signers sign under its prefix (those with the same prefix together), as the root says."""
    home = open_folder(folder)
    path = home.manifests(read_settings(home)) / TRUST_FILE
    said = parse_trust(path.read_bytes())
    span = (now_ms() - DAY_MS, now_ms() + DAY_MS)
    by_prefix: dict[str, set[str]] = {}
    for name, prefix in prefixes.items():
        by_prefix.setdefault(prefix, set()).add(name)
    rules = [
        rule_of(prefix, *names, threshold=min(threshold, len(names)), span=span) for prefix, names in by_prefix.items()
    ]
    keys = {name: key_of(name).public for name in prefixes}
    signers = {
        key.keyid: Signer(name=name, key=key, valid_from=span[0], valid_until=span[1]) for name, key in keys.items()
    }
    said = replace(said, version=said.version + 1, signers=signers, rules=tuple(rules))
    path.write_bytes(sign_trust(said, [read_key(home.key_file("root"))]))


def published(
    name: str,
    *signers: str,
    serial: int = 1,
    publisher: str | None = None,
    instructions: str | None = None,
    **more: Json,
) -> bytes:
    """Return a signed manifest of one tool; by the signer `files` unless others are named."""
    return sign_manifest(
        form_of(name, serial=serial, publisher=publisher or (signers or ("files",))[0], instructions=instructions)
        | more,
        [key_of(signer) for signer in signers or ("files",)],
    )


def form_of(name: str, *, serial: int, publisher: str, instructions: str | None) -> JsonObject:
    draft = manifest_of()
    server = draft["server"]
    assert isinstance(server, dict)
    return draft | {
        "server": {**server, "name": name},
        "publisher": publisher,
        "serial": serial,
        "instructions": instructions,
        "issued": write_moment(now_ms() - DAY_MS),
        "expires": write_moment(now_ms() + DAY_MS),
    }


def asking(
    url: str, name: str, signer: str = "files", key: SigningKey | None = None, at: int | None = None, once: str = ""
) -> str:
    """Return the token of a request for what became of this server's manifest."""
    audience = f"{url}/manifests/{name}"
    made = sign_request(key or key_of(signer), signer, audience, once or secrets.token_hex(8), at or now_ms())
    return made.reveal()
