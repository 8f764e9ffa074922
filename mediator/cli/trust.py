"""Whom this set-up trusts, changed: the operators file and the statement that names it, replaced together.

The statement stands beside the trust file and names the digests of both files; what it does not name is not trusted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mediator.assembly.folder import find_file, read_file, read_operators, replace_file
from mediator.assembly.trust import TRUST_FILE
from mediator.cli.folder import SetUp, next_serial, now_ms
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.manifest.signature import trust_subject
from mediator.settings.sections import STATE_FOLDER

TRUST_STATEMENT_FILE: Final = "trust.dsse.json"


def trust_statement(trust: bytes, operators: bytes, signer: SigningKey, who: str, serial: int) -> bytes:
    """Return an operator's statement that the trust file and the operators file are these."""
    return sign_statement(
        signer, act=Act.TRUST_ACCEPT, subject=trust_subject(trust, operators), who=who, at=now_ms(), serial=serial
    )


def accept_operators(set_up: SetUp, operators: bytes, signer: SigningKey, who: str) -> None:
    """Replace the operators file, and let this operator say so."""
    statement_file = set_up.manifests / TRUST_STATEMENT_FILE
    serial = next_serial(statement_file, read_operators(set_up.folder), Act.TRUST_ACCEPT)
    trust = read_file(set_up.manifests / TRUST_FILE)
    statement = trust_statement(trust, operators, signer, who, serial)
    replace_together({statement_file: statement, set_up.folder.operators_file: operators})


def replace_together(contents: Mapping[Path, bytes]) -> None:
    """Replace these files, all of them or none."""
    before = {path: find_file(path) for path in contents}
    replaced: list[Path] = []
    try:
        for path, content in contents.items():
            _replace(path, content)
            replaced.append(path)
    except BaseException:
        for path in replaced:
            old = before[path]
            if old is None:
                path.unlink()
            else:
                _replace(path, old)
        raise


def _replace(path: Path, content: bytes) -> None:
    replace_file(path, content, private=STATE_FOLDER in path.parts)
