"""Rotation: an operator retires the key that signs tokens, and a new one signs from then on; no valid token is refused.

Obeys one statement (`issuer.rotate`) once: made just now, and naming the key in use, which it is no more afterwards. All of
it is done in one loop turn, so no token is minted and none verified in between. Grants are what tokens name and know of no
key: whatever was revoked, completed or has run out before a rotation is so after it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mediator.adapters.trust_held import HeldTrust
from mediator.assembly.folder import Folder
from mediator.assembly.issuer import Issuer, IssuerKeys
from mediator.assembly.issuer_files import commit, prepare, retiring_form, withdraw
from mediator.canonical import JsonObject
from mediator.identity.dsse import SigningKey
from mediator.identity.keys import KeySet
from mediator.identity.statement import Act, Operators, verify_statement
from mediator.mediation.ports import Clock, Ledger
from mediator.mediation.tasks import require_fresh
from mediator.refusal import Reason, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Rotates the local issuer's key. `load_keys` reads what issuers are trusted, with these keys of the local one."""

    folder: Folder
    operators: Operators
    issuer: Issuer
    load_keys: Callable[[IssuerKeys], KeySet]
    trust: HeldTrust
    ledger: Ledger
    clock: Clock

    def rotate(self, raw: bytes) -> JsonObject:
        """Obey this statement; return which key was retired, until when it verifies, and which signs from now on.

        Raises `Refused`: as `verify_statement` and `require_fresh`; `NOT_COVERED` for one that names another key than
        that in use; and naming what cannot be read or written: then nothing has changed. And `STORE_UNAVAILABLE` where
        the epoch cannot be moved; then everything has, and every fence sees it.
        """
        statement, now_ms = verify_statement(raw, self.operators, Act.ISSUER_ROTATE), self.clock.now_ms()
        require_fresh(statement, now_ms)
        before = self.issuer.keys
        old = before.signing_key.public
        if statement.subject != retiring_form(old):
            detail = f"the statement does not name the key in use, `{old.keyid}`: it was rotated already, or never was"
            raise Refused(Reason.NOT_COVERED, detail, remedy="`mediator keys list` shows it; make the statement again")
        after = before.rotated(SigningKey.generate(), raw, now_ms)
        trusted = self.load_keys(after)
        (retiring,) = (key for key in after.retired if key.public == old)
        form: JsonObject = {
            "old": old.keyid,
            "new": after.signing_key.public.keyid,
            "retired_ms": retiring.retirement.retired_ms,
            "until_ms": retiring.retirement.until_ms,
        }
        try:
            prepare(self.folder, after, retiring)
            # Written down first: a rotation that is on record and did not come about is told by the key in use.
            self.ledger.note("issuer.rotated", {**form, "who": statement.who, "statement": statement.digest}, now_ms)
            is_erased = commit(self.folder)
        except Refused:  # and of nothing else: what is in force once the file was replaced is not taken back
            withdraw(self.folder, retiring)
            raise
        self.issuer.put(after)
        self.trust.renew(replace(self.trust.snapshot(), keys=trusted))
        return {**form, "erased": is_erased}
