"""Claims of a token, one by one: a text, a time, an audience; each is there in its right form, or the token is bad.

Pure: no I/O, no clock. What a claim must say is for whoever verifies the token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import SAFE_INTEGER, Json, JsonObject
from mediator.refusal import Reason, Refused


def text_of(claims: JsonObject, name: str) -> str:
    """Return a claim that must be a text with something in it; raises `Refused(BAD_CREDENTIAL)`."""
    value: Json = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(f"the claim `{name}` is missing or not a string")
    return value


def seconds_of(claims: JsonObject, name: str) -> int:
    """Return a claim that must be a time (RFC 7519 §2), in whole seconds; raises `Refused(BAD_CREDENTIAL)`."""
    value: Json = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"the claim `{name}` is missing or not a time")
    if not 0 <= value <= SAFE_INTEGER:  # a record must be able to write it down
        raise _bad(f"the claim `{name}` is no time that anybody lives to see")
    return int(value)


def audience_of(claims: JsonObject) -> tuple[str, ...]:
    """Return whom the token is for (RFC 7519 §4.1.3), somebody at least; raises `Refused(BAD_CREDENTIAL)`."""
    audience = claims.get("aud")
    names = audience if isinstance(audience, list) else [audience]
    texts = tuple(name for name in names if isinstance(name, str))
    if not texts or len(texts) != len(names):
        raise _bad("`aud` is neither a string nor a list of strings")
    return texts


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CREDENTIAL, detail)
