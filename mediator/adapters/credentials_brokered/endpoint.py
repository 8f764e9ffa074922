"""One token endpoint: a form goes there, a bearer token comes back (RFC 6749 §3.2, §5).

Every request has a connection and a client of its own: no cookie and no answer is kept. What comes back is bounded and
not believed, no redirect is followed, no proxy of the environment is asked, and an error repeats nothing of the answer
but its `error`, where that is a registered one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import logging
import ssl as tls
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

import anyio
import httpx2

from mediator.canonical import JsonLimits, JsonObject, parse_object
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused

_BYTES_MAX: Final = 64 * 1024  # a token is a header of at most 16 KiB; the rest of the answer is small
_TOKEN_MAX: Final = 16 * 1024  # as of a static one
_LIMITS: Final = JsonLimits(bytes_max=_BYTES_MAX, depth_max=16, values_max=1000)
_SECONDS: Final = 10.0  # ours: a sixth of the deadline of a call
_LIFE_UNSAID_SECONDS: Final = 60  # RFC 6749 §5.1: `expires_in` is recommended only
_LIFE_SECONDS_MAX: Final = 10 * 365 * 86400  # beyond that, no number of seconds but a slip
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "mcp-mediator"}
_OK: Final = 200
_ERRORS: Final = frozenset(
    {  # RFC 6749 §5.2, RFC 8693 §2.2.2; RFC 6749 §4.1.2.1 for the last two, which servers send here as well
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "server_error",
        "temporarily_unavailable",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token as it was issued, and for how many seconds from when it was asked for."""

    token: Secret
    seconds: int
    kind: str | None
    """RFC 8693 §2.2.1: `issued_token_type`."""


class TokenEndpoint:
    """Asks at one address; `ssl` is for those whose certificates this machine does not know."""

    def __init__(self, url: str, ssl: tls.SSLContext | None = None, seconds: float = _SECONDS) -> None:
        for library in ("httpx2", "httpcore2"):  # in their debugging logs stand the headers of whatever is answered
            logging.getLogger(library).setLevel(logging.WARNING)
        self.url: Final = url
        self._ssl: Final = ssl or tls.create_default_context()
        self._seconds: Final = seconds

    async def ask(self, form: Mapping[str, str], basic: tuple[str, Secret] | None = None) -> Issued:
        """Return what is issued for this form; `basic` is who asks, and the secret that proves it.

        Raises `Refused(TOOL_SERVER_UNAVAILABLE)` saying why there is none.
        """
        headers = dict(_HEADERS) if basic is None else {**_HEADERS, "authorization": _basic(*basic)}
        # Raised outside of `except`: what a library says of bytes that it could not read quotes them.
        answer = await self._post_within_time(form, headers)
        if isinstance(answer, str):
            raise self._unavailable(answer)
        status, content_type, body = answer
        if status != _OK:
            raise self._unavailable(f"answered with HTTP status {status}{_error_in(body)}")
        if content_type.split(";", 1)[0].strip().lower() != "application/json":
            raise self._unavailable("did not answer in JSON")
        issued = _issued(_read(body))
        if isinstance(issued, str):
            raise self._unavailable(issued)
        return issued

    async def _post_within_time(
        self, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, str, bytes] | str:
        """Return status, type and body of the answer; or why there is none."""
        try:
            with anyio.fail_after(self._seconds):
                return await self._post(form, headers)
        except TimeoutError:
            return f"gave no answer within {self._seconds} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
            return "cannot be reached, or speaks no HTTP"

    async def _post(self, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        body = bytearray()
        async with (
            httpx2.AsyncClient(verify=self._ssl, trust_env=False, follow_redirects=False, timeout=None) as client,
            client.stream("POST", self.url, data=dict(form), headers=dict(headers)) as response,
        ):
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise self._unavailable("sent an encoded answer that was not asked for")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _BYTES_MAX:
                    raise self._unavailable(f"sent more than {_BYTES_MAX} bytes")
            return response.status_code, response.headers.get("content-type", ""), bytes(body)

    def _unavailable(self, what: str) -> Refused:
        return Refused(Reason.TOOL_SERVER_UNAVAILABLE, f"no credential: the token endpoint `{self.url}` {what}")


def _basic(client_id: str, secret: Secret) -> str:
    # RFC 6749 §2.3.1: both are form-encoded first, so that a colon in one ends nothing.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _read(body: bytes) -> JsonObject | None:
    try:
        return parse_object(body, _LIMITS)
    except Refused:
        return None


def _error_in(body: bytes) -> str:
    error = (_read(body) or {}).get("error")
    return f", `{error}`" if isinstance(error, str) and error in _ERRORS else ""


def _issued(answer: JsonObject | None) -> Issued | str:
    """Return what was issued; or what is wrong with it."""
    if answer is None:
        return "sent JSON that is none"
    token, kind, seconds = answer.get("access_token"), answer.get("token_type"), answer.get("expires_in")
    issued_kind = answer.get("issued_token_type")
    if (
        not isinstance(kind, str) or kind.lower() != "bearer"
    ):  # RFC 6749 §7.1: not to be used where it is not understood
        return "issued no bearer token"
    if not isinstance(token, str) or not 0 < len(token) <= _TOKEN_MAX:
        return "issued no token of at most 16 KiB"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "issued a token that cannot stand in a header"
    if seconds is None:
        seconds = _LIFE_UNSAID_SECONDS
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds <= _LIFE_SECONDS_MAX:
        return "issued a token with no good `expires_in`"
    if issued_kind is not None and not isinstance(issued_kind, str):
        return "issued a token with no good `issued_token_type`"
    return Issued(token=Secret(token), seconds=seconds, kind=issued_kind)
