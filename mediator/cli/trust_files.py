"""Whom this set-up trusts, changed: the trust file by its root, the operators file by an operator, each with its statement.

The operator's statement stands beside the trust file. It names the root keys, and the operators file by digest; what it
does not name is not trusted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mediator.assembly.folder import read_file, read_operators, replace_file
from mediator.assembly.seen import Signed, read_seen, read_seen_trust, remember, remember_trust
from mediator.assembly.trust import TRUST_FILE, TRUST_STATEMENT_FILE
from mediator.cli.folder import SetUp, about, next_serial, now_ms, replace_together
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, Operators, parse_operators, sign_statement
from mediator.manifest.trust import (
    accepted_root,
    as_handed_on,
    parse_trust,
    read_acceptance,
    sign_trust,
    trust_subject,
    verify_trust,
)
from mediator.manifest.trust_file import RootRole, TrustFile


def trust_statement(root: RootRole, operators: Operators, signer: SigningKey, who: str, serial: int) -> bytes:
    """Return an operator's statement that these are the root keys, and the operators file is this."""
    subject = trust_subject(root, operators)
    return sign_statement(signer, act=Act.TRUST_ACCEPT, subject=subject, who=who, at=now_ms(), serial=serial)


def read_trust_file(set_up: SetUp) -> TrustFile:
    """Return what the trust file says, unverified: to be shown, or changed and signed again."""
    path = set_up.manifests / TRUST_FILE
    with about(set_up.shown(path), "restore it; `mediator init` made it"):
        return parse_trust(read_file(path))


def write_trust_file(set_up: SetUp, said: TrustFile, roots: Sequence[SigningKey]) -> None:
    """Sign and write the trust file, which must hold under the root that is accepted now."""
    path = set_up.manifests / TRUST_FILE
    with about(set_up.shown(path), "name the root keys with `--root`, as many as are needed"):
        raw = sign_trust(said, roots)
        statement = read_file(path.with_name(TRUST_STATEMENT_FILE))
        accepted = read_acceptance(statement, read_operators(set_up.folder)).root
        trust = verify_trust(raw, accepted, now_ms(), *read_seen_trust(set_up.folder.state))
    replace_file(path, raw)
    remember_trust(set_up.folder.state, trust.file.version, trust.digest)


def must_be_handed_on(set_up: SetUp) -> None:
    """Refuse a trust file that the root which is accepted did not sign: a stranger's root would come in with it."""
    path = set_up.manifests / TRUST_STATEMENT_FILE
    next_step = "put the old file back; or, if this root is to take the place of that one, `--replace-root`"
    with about(set_up.shown(path.with_name(TRUST_FILE)), next_step):
        before = accepted_root(read_file(path), read_operators(set_up.folder))
        _must_hold(set_up, read_file(path.with_name(TRUST_FILE)), before)


def must_be_whole(set_up: SetUp) -> None:
    """Refuse a trust file that is not even signed by the root which it names, or is older than one that was seen."""
    with about(set_up.shown(set_up.manifests / TRUST_FILE), "let the root's holder sign it"):
        raw = as_handed_on(read_file(set_up.manifests / TRUST_FILE))
        _must_hold(set_up, raw, parse_trust(raw).root)


def _must_hold(set_up: SetUp, raw: bytes, root: RootRole) -> None:
    # Its end is not asked for: a file that has ended is renewed under a root that was accepted, so that comes first.
    verify_trust(raw, root, parse_trust(raw).issued, *read_seen_trust(set_up.folder.state))


def accept_operators(set_up: SetUp, operators: bytes, signer: SigningKey, who: str) -> None:
    """Replace the operators file, and let this operator say so; the root keys stay those that were accepted."""
    path = set_up.manifests / TRUST_STATEMENT_FILE
    before = read_operators(set_up.folder)
    with about(set_up.shown(path), "`mediator trust accept` accepts what is there"):
        root = read_acceptance(read_file(path), before).root
    serial = _next_serial(set_up, path, before)
    statement = trust_statement(root, parse_operators(operators), signer, who, serial)
    replace_together({path: statement, set_up.folder.operators_file: operators})
    remember(set_up.folder.state, accepted=serial)


def accept_root(set_up: SetUp, root: RootRole, signer: SigningKey, who: str) -> None:
    """Let this operator accept these root keys, and the operators file as it stands.

    Of the trust file the signatures of that root remain: those of whoever handed it on count for nothing from now on.
    """
    path = set_up.manifests / TRUST_STATEMENT_FILE
    operators = read_operators(set_up.folder)
    serial = _next_serial(set_up, path, operators)
    file = path.with_name(TRUST_FILE)
    handed_on = as_handed_on(read_file(file))
    replace_together({file: handed_on, path: trust_statement(root, operators, signer, who, serial)})
    remember(set_up.folder.state, accepted=serial)


def _next_serial(set_up: SetUp, path: Path, operators: Operators) -> int:
    seen = read_seen(set_up.folder.state).get(Signed.ACCEPTED, 0)
    return max(seen + 1, next_serial(path, operators, Act.TRUST_ACCEPT))
