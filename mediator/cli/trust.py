"""Whom this set-up trusts, changed: the operators file and the statement that names it, replaced together.

The statement stands beside the trust file and names the digests of both files; what it does not name is not trusted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.assembly.folder import read_file, read_operators
from mediator.assembly.trust import TRUST_FILE
from mediator.cli.folder import SetUp, next_serial, now_ms, replace_together
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, parse_operators, sign_statement
from mediator.manifest.signature import parse_trust, trust_subject

TRUST_STATEMENT_FILE: Final = "trust.dsse.json"


def trust_statement(trust: bytes, operators: bytes, signer: SigningKey, who: str, serial: int) -> bytes:
    """Return an operator's statement that the trust file and the operators file are these."""
    subject = trust_subject(parse_trust(trust), parse_operators(operators))
    return sign_statement(signer, act=Act.TRUST_ACCEPT, subject=subject, who=who, at=now_ms(), serial=serial)


def accept_operators(set_up: SetUp, operators: bytes, signer: SigningKey, who: str) -> None:
    """Replace the operators file, and let this operator say so."""
    statement_file = set_up.manifests / TRUST_STATEMENT_FILE
    serial = next_serial(statement_file, read_operators(set_up.folder), Act.TRUST_ACCEPT)
    trust = read_file(set_up.manifests / TRUST_FILE)
    statement = trust_statement(trust, operators, signer, who, serial)
    replace_together({statement_file: statement, set_up.folder.operators_file: operators})
