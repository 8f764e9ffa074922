"""Turning down and taking back: a reviewer's statements that end approvals, added to `pins.lock`.

Pure: it returns the file's new bytes; the command writes them. What a retraction ends goes out of the file as well, so
that it does not come back where somebody takes the retraction away.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, Operators, sign_statement
from mediator.manifest.lock import Retraction, SignedApproval, parse_lock, verify_word, words_that_verify, write_lock
from mediator.manifest.standing import ends
from mediator.refusal import Reason, Refused


def retract(
    pins_lock: bytes | None,
    retraction: Retraction,
    act: Act,
    *,
    reviewer: SigningKey,
    operators: Operators,
    at: int,
    seen_serial: int = 0,
) -> tuple[bytes, tuple[SignedApproval, ...]]:
    """Return `pins.lock` with the retraction added, and the approvals that it ended, which are gone from it.

    `act` is `pin.reject` or `pin.revoke`. Raises `Refused`: `UNKNOWN_KEY`, `MALFORMED` for what `verify_word` would not
    read.
    """
    who = operators.get(reviewer.public.keyid)
    if who is None or not who.may(act):
        raise Refused(Reason.UNKNOWN_KEY, f"the key is no operator's who may say `{act}`: add the operator")
    statements = parse_lock(pins_lock)
    words = words_that_verify(statements, operators)
    serial = max(seen_serial, *(word.statement.serial for word in words), 0) + 1
    raw = sign_statement(reviewer, act=act, subject=retraction.as_subject(), who=who.name, at=at, serial=serial)
    said = verify_word(raw, operators)
    assert not isinstance(said, SignedApproval)  # the act says so
    ended = tuple(word for word in words if isinstance(word, SignedApproval) and ends(said, word))
    gone = {one.statement.raw for one in ended}
    return write_lock([*(one for one in statements if one not in gone), raw]), ended
