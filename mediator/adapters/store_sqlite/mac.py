"""A stored grant's seal: HMAC-SHA256 over its form, under a key that stands outside the database.

Whoever can write the database alone gains no authority. What is under the MAC is the bytes that are parsed; the columns
beside them, by which grants are looked for, must say the same, or the grant is not stored.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, final

from mediator.canonical import canonical_bytes, parse_object
from mediator.delegation.grant import Grant, grant_form, parse_grant
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused

COLUMNS: Final = ("tenant", "parent", "root", "agent", "state", "opened_ms", "expires_ms", "statement_digest")
_KEY_LENGTH_MIN: Final = 32
_CONTEXT: Final = b"mcp-mediator: a stored grant, form 1\n"


@final
class GrantSeal:
    """Seals grants, and opens what it sealed. The key is the SHA-256 of the file's text, whatever its form."""

    __slots__ = ("_key",)

    def __init__(self, key: Secret) -> None:
        text = key.reveal().strip()
        if len(text) < _KEY_LENGTH_MIN:
            raise Refused(
                Reason.STORE_UNAVAILABLE, f"the key of the grants is shorter than {_KEY_LENGTH_MIN} characters"
            )
        self._key: Final = hashlib.sha256(text.encode()).digest()

    def seal(self, grant: Grant) -> tuple[bytes, bytes]:
        """Return the grant's RFC 8785 form and the MAC over it."""
        form = canonical_bytes(grant_form(grant))
        return form, self._mac(form)

    def find_grant(self, grant_id: str, form: bytes, mac: bytes) -> Grant | None:
        """Return the grant of that id, if this seal made the MAC and the form can be read; else it is not stored."""
        if not hmac.compare_digest(self._mac(form), mac):
            return None
        try:
            grant = parse_grant(parse_object(form))
        except Refused:
            return None
        return grant if grant.id == grant_id else None

    def find_stored(self, grant_id: str, form: bytes, mac: bytes, columns: tuple[object, ...]) -> Grant | None:
        """Return the grant as `find_grant`, if the columns (`columns_of`) say of it what it says itself."""
        grant = self.find_grant(grant_id, form, mac)
        return grant if grant is not None and columns_of(grant) == columns else None

    def _mac(self, form: bytes) -> bytes:
        return hmac.digest(self._key, _CONTEXT + form, "sha256")


def columns_of(grant: Grant) -> tuple[object, ...]:
    """Return what stands beside the form of a grant, in the order of `COLUMNS`."""
    return (
        grant.tenant,
        grant.parent,
        grant.root,
        grant.agent,
        str(grant.state),
        grant.opened_ms,
        grant.expires_ms,
        grant.statement_digest,
    )
