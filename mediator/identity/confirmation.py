"""Confirmation: to which key a token is bound (RFC 7800 §3.1), so that whoever stole it can do nothing with it.

Pure: no I/O, no clock. Two members are known: `jkt`, the thumbprint of the key that signs DPoP proofs (RFC 9449 §6.1), and
`x5t#S256`, that of the certificate of the connection (RFC 8705 §3.1). A token that is bound in any other way, or in a way
that cannot be read, is bound to something that nobody can show here, and is refused: what narrows is never left out.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.refusal import Reason, Refused

CLAIM: Final = "cnf"
_JKT: Final = "jkt"
_CERTIFICATE: Final = "x5t#S256"
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # SHA-256 in base64url, its one spelling


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What must be shown beside a token, all of it: one of the two at least is there."""

    jkt: str | None = None
    certificate: str | None = None

    def form(self) -> JsonObject:
        """Return the claim, as it is written into a token and kept with a decision."""
        members = {_JKT: self.jkt, _CERTIFICATE: self.certificate}
        return {name: value for name, value in members.items() if value is not None}


def confirmation_of(claims: JsonObject) -> Confirmation | None:
    """Return to which key a token is bound, if it is; raises `Refused(BAD_CREDENTIAL)`."""
    return read_confirmation(claims[CLAIM]) if CLAIM in claims else None


def read_confirmation(form: Json) -> Confirmation:
    """Return what `Confirmation.form` wrote; raises `Refused(BAD_CREDENTIAL)` for any other form."""
    if not isinstance(form, dict) or not form or not form.keys() <= {_JKT, _CERTIFICATE}:
        raise Refused(Reason.BAD_CREDENTIAL, f"`{CLAIM}` binds the token in a way that is not served")
    return Confirmation(
        jkt=must_be_thumbprint(form[_JKT]) if _JKT in form else None,
        certificate=must_be_thumbprint(form[_CERTIFICATE]) if _CERTIFICATE in form else None,
    )


def must_be_thumbprint(value: Json) -> str:
    """Return a SHA-256 thumbprint in base64url (RFC 7638 §3, RFC 8705 §3.1); raises `Refused(BAD_CREDENTIAL)`."""
    if not isinstance(value, str) or not is_thumbprint(value):
        raise Refused(Reason.BAD_CREDENTIAL, "not a SHA-256 thumbprint in base64url")
    return value


def is_thumbprint(value: Json) -> bool:
    """Tell whether this is 32 bytes in base64url, in its one spelling."""
    return isinstance(value, str) and _THUMBPRINT.fullmatch(value) is not None
