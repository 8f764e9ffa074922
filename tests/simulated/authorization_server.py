"""An authorization server on loopback, small and honest: it believes nothing that it has not checked.

    async with AuthorizationServer() as server:
        server.token_url                                  # http://127.0.0.1:<port>/token
        server.allow("mediator", secret="s")              # a client by its secret, or by its key
        server.trust("https://mediator.example", key)     # an issuer whose word on a subject it takes in exchange
        server.issued                                     # each token that it issued: .token, .audience, .claims, .client
        server.refuse_with = "invalid_scope"              # from now on
        server.hold()                                     # what comes waits from now on, until `server.let_go()`

It takes client credentials (RFC 6749 §4.4) and token exchanges (RFC 8693), from clients that prove themselves by HTTP
basic or by `private_key_jwt` (RFC 7523), and issues opaque tokens bound to one audience. Assertions are verified with
PyJWT: signature, `aud`, `exp`, and each `jti` once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import ssl as tls
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from mediator.identity.dsse import PublicKey

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token, for whom it is, and what was said of its subject; `claims` are none where nobody was named."""

    token: str
    audience: str
    scope: str
    client: str
    claims: Mapping[str, Any]


class _Denied(Exception):  # noqa: N818 - as OAuth says it
    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


@dataclass(slots=True)
class AuthorizationServer:
    """See the top of the file. `answer`, where it is set, is sent as it is, head and all."""

    now_ms: Callable[[], int] = field(default_factory=lambda: wall_clock_ms)
    ssl: tls.SSLContext | None = None
    life_seconds: int | None = 600
    requests: list[tuple[dict[str, str], dict[str, str]]] = field(
        default_factory=list
    )  # headers and form, as they came
    issued: list[IssuedToken] = field(default_factory=list)
    refuse_with: str | None = None
    answer: bytes | None = None
    more: dict[str, Any] = field(default_factory=dict)  # members of an answer that are to be otherwise
    _clients: dict[str, str | PublicKey] = field(default_factory=dict)
    _issuers: list[tuple[str | None, PublicKey]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _go_on: asyncio.Event = field(default_factory=asyncio.Event)
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.Task[Any]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    # --- what a test says and sees

    @property
    def base(self) -> str:
        assert self._server is not None, "enter it first"
        return f"{'http' if self.ssl is None else 'https'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def token_url(self) -> str:
        return f"{self.base}/token"

    def allow(self, client_id: str, *, secret: str | None = None, key: PublicKey | None = None) -> None:
        """Know this client by its secret, or by its key."""
        proof = secret or key
        assert proof is not None
        self._clients[client_id] = proof

    def trust(self, issuer: str | None, key: PublicKey) -> None:
        """Take this issuer's word on a subject (whoever's name it gives, where none is given here)."""
        self._issuers.append((issuer, key))

    def accepts(self, token: str | None, audience: str) -> bool:
        """Tell whether this is a token that was issued for this audience."""
        return any(one.token == token and one.audience == audience for one in self.issued)

    def hold(self) -> None:
        """Let whatever comes wait from now on."""
        self._go_on.clear()

    def let_go(self) -> None:
        self._go_on.set()

    async def until_asked(self, times: int = 1) -> None:
        """Return once it was asked so often. Five seconds at most."""
        async with asyncio.timeout(5):
            while len(self.requests) < times:
                self._came.clear()
                await self._came.wait()

    # --- its life

    async def __aenter__(self) -> Self:
        self._go_on.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.ssl)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            pairs = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True)
            form = {name: values[0] for name, values in pairs.items()}
            self.requests.append((headers, form))
            self._came.set()
            await self._go_on.wait()
            writer.write(self.answer or self._answer(head[0], headers, pairs))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    # --- its answers

    def _answer(self, line: str, headers: Mapping[str, str], pairs: Mapping[str, list[str]]) -> bytes:
        try:
            return json_answer(self._issue(line, headers, pairs) | self.more)
        except _Denied as denied:
            return json_answer({"error": denied.error}, status=denied.status)

    def _issue(self, line: str, headers: Mapping[str, str], pairs: Mapping[str, list[str]]) -> dict[str, Any]:
        if line != "POST /token HTTP/1.1" or headers.get("content-type") != "application/x-www-form-urlencoded":
            raise _Denied("invalid_request")
        if any(len(values) != 1 for values in pairs.values()):  # RFC 6749 §3.2: none more than once
            raise _Denied("invalid_request")
        if self.refuse_with is not None:
            raise _Denied(self.refuse_with)
        form = {name: values[0] for name, values in pairs.items()}
        client = self._authenticate(headers, form)
        audience = form.get("resource") or form.get("audience")
        if audience is None:
            raise _Denied("invalid_target")
        answer: dict[str, Any] = {"token_type": "Bearer"}
        claims: Mapping[str, Any] = {}
        match form.get("grant_type"):
            case "client_credentials":
                pass
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                if form.get("subject_token_type") != JWT or form.get("requested_token_type") != ACCESS_TOKEN:
                    raise _Denied("invalid_request")
                claims = self._subject(form.get("subject_token", ""))
                answer["issued_token_type"] = ACCESS_TOKEN
            case _:
                raise _Denied("unsupported_grant_type")
        token = f"issued-{secrets.token_urlsafe(24)}"
        scope = form.get("scope", "")
        self.issued.append(IssuedToken(token=token, audience=audience, scope=scope, client=client, claims=claims))
        life = {} if self.life_seconds is None else {"expires_in": self.life_seconds}
        return answer | life | {"access_token": token}

    def _authenticate(self, headers: Mapping[str, str], form: Mapping[str, str]) -> str:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = base64.b64decode(encoded).decode().partition(":")
            if self._clients.get(unquote_plus(client)) != unquote_plus(secret):
                raise _Denied("invalid_client", 401)
            return unquote_plus(client)
        key = self._clients.get(form.get("client_id", ""))
        if form.get("client_assertion_type") != JWT_BEARER or not isinstance(key, PublicKey):
            raise _Denied("invalid_client", 401)
        claims = self._verified(form.get("client_assertion", ""), key, "invalid_client")
        if not claims["iss"] == claims["sub"] == form["client_id"]:  # RFC 7523 §3
            raise _Denied("invalid_client", 401)
        return form["client_id"]

    def _subject(self, token: str) -> Mapping[str, Any]:
        for issuer, key in self._issuers:
            try:
                claims = self._verified(token, key, "invalid_grant")
            except _Denied:
                continue
            if issuer in {None, claims["iss"]}:
                return claims
        raise _Denied("invalid_grant")

    def _verified(self, token: str, key: PublicKey, error: str) -> Mapping[str, Any]:
        claims = verified(token, key, self.token_url, self.now_ms())
        if claims is None or claims["jti"] in self._seen:
            raise _Denied(error)
        self._seen.add(claims["jti"])
        return claims


def wall_clock_ms() -> int:
    """Return the time, for those who are spoken to by a mediator that reads it too."""
    return time.time_ns() // 1_000_000


def verified(token: str | None, key: PublicKey, audience: str, now_ms: int) -> Mapping[str, Any] | None:
    """Return the claims of an assertion that this key signed for this audience, and that holds then."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token or "",
            Ed25519PublicKey.from_public_bytes(key.raw),
            algorithms=["EdDSA"],
            audience=audience,
            options={
                "require": ["iss", "sub", "aud", "iat", "exp", "jti"],
                "verify_exp": False,  # by the wall clock, that is: it is checked below
                "verify_iat": False,
            },
        )
    except jwt.PyJWTError:
        return None
    return claims if claims["iat"] <= now_ms / 1000 < claims["exp"] else None


def json_answer(body: Mapping[str, Any], *, status: int = 200, head: str = "") -> bytes:
    """Return a whole HTTP response with that JSON; `head` adds header lines, each with its CRLF."""
    return http_answer(json.dumps(body).encode(), status=status, head=f"Content-Type: application/json\r\n{head}")


def http_answer(body: bytes, *, status: int = 200, head: str = "") -> bytes:
    lines = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n"
    return lines.encode() + body
