"""Form: the parameters of a request to the token endpoint, as bytes in `application/x-www-form-urlencoded`, read strictly.

Pure: no I/O. It knows no parameter but the two that may repeat. Rules:

- RFC 6749 §3.2: a parameter stands once. Only `resource` (RFC 8707 §2) and `audience` (RFC 8693 §2.1) may repeat.
- RFC 6749 §3.2: one without a value was left out; that it stood there is remembered, for who must not take an empty
  wish for none. Parameters that nobody asks for are ignored.
- Names and values are UTF-8 behind percent signs of two hexadecimal digits; every byte of the body is printable ASCII.
- Values print as nothing: tokens are among them.

Whatever is wrong is `invalid_request`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from mediator.evidence import Secret
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason

REPEATED: Final = frozenset({"resource", "audience"})
PARAMETERS_MAX: Final = 64  # a request of every document that is served here has less than twenty
TOKEN_BYTES_MAX: Final = 16 * 1024  # as `identity/token.py` reads
_PRINTABLE: Final = re.compile(rb"[\x21-\x7e]*")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What was given, by name; nothing in it is empty. `emptied` are the names that came without a value."""

    values: Mapping[str, tuple[str, ...]] = field(repr=False)
    emptied: frozenset[str]

    def find(self, name: str) -> str | None:
        """Return the value of a parameter that stands once."""
        values = self.values.get(name)
        return None if values is None else values[0]

    def find_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter that may repeat."""
        return self.values.get(name, ())

    def require(self, name: str) -> str:
        """Return the value of a parameter; raises `TokenRefused` where it is missing."""
        value = self.find(name)
        if value is None:
            raise _invalid(f"`{name}` is missing")
        return value

    def find_token(self, name: str) -> Secret | None:
        """Return a token; raises `TokenRefused` for one that is too long to be any."""
        value = self.find(name)
        return None if value is None else _token(name, value)

    def require_token(self, name: str) -> Secret:
        """Return a token; raises `TokenRefused` where it is missing or too long."""
        return _token(name, self.require(name))


def parse_form(body: bytes) -> Form:
    """Return the parameters of a request; raises `TokenRefused(INVALID_REQUEST)` for anything else, whatever the bytes."""
    if body.count(b"&") >= PARAMETERS_MAX:
        raise _invalid(f"more than {PARAMETERS_MAX} parameters")
    if _PRINTABLE.fullmatch(body) is None or _BAD_ESCAPE.search(body) is not None:
        raise _invalid("the body is not application/x-www-form-urlencoded")
    values: dict[str, tuple[str, ...]] = {}
    emptied: set[str] = set()
    for pair in body.split(b"&") if body else []:
        raw_name, _, raw_value = pair.partition(b"=")
        name, value = _decoded(raw_name), _decoded(raw_value)
        if not name:
            raise _invalid("a parameter without a name")
        if name not in REPEATED and (name in values or name in emptied):
            raise _invalid("a parameter stands twice")
        if value:
            values[name] = (*values.get(name, ()), value)
        else:
            emptied.add(name)
    return Form(values=values, emptied=frozenset(emptied))


def _decoded(raw: bytes) -> str:
    unescaped = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), raw.replace(b"+", b" "))
    try:
        return unescaped.decode()
    except UnicodeDecodeError as error:
        raise _invalid("a parameter is not UTF-8") from error


def _token(name: str, value: str) -> Secret:
    if len(value.encode()) > TOKEN_BYTES_MAX:
        raise _invalid(f"`{name}` is longer than {TOKEN_BYTES_MAX} bytes", Reason.BODY_TOO_LARGE)
    return Secret(value)


def _invalid(sentence: str, reason: Reason = Reason.MALFORMED) -> TokenRefused:
    return TokenRefused(OAuthError.INVALID_REQUEST, reason, sentence, sentence=sentence)
