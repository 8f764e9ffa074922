"""An external authorization server, of which nothing that signs or publishes is ours: joserfc's keys and tokens, on Starlette.

    async with JoserfcIssuer().served() as server:
        server.issuer, server.keys_url                    # http://127.0.0.1:<port>, .../jwks
        await server.ask(http, audience, scope)           # a token, asked for at its token endpoint (RFC 6749 §4.4)
        server.rotate()                                   # a new key signs, of the next algorithm; the others stay published
        server.withdraw(kid)                              # this one is published no more, nor signs

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, Self

import anyio
import anyio.lowlevel
import httpx2
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Key = ECKey | RSAKey

MAKERS: Final[Mapping[str, Callable[[], Key]]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "PS256": lambda: RSAKey.generate_key(2048),
    "ES384": lambda: ECKey.generate_key("P-384"),
    "RS256": lambda: RSAKey.generate_key(2048),
}
CLIENT: Final = ("ci-bot", "s3cret")


@dataclass(slots=True)
class JoserfcIssuer:
    """See the top of the file. `keys` are by key id, each with its algorithm; the last one signs."""

    keys: dict[str, tuple[str, Key]] = field(default_factory=dict)
    issuer: str = ""
    fetches: int = 0
    _algorithms: Any = field(default_factory=lambda: cycle(MAKERS))

    @property
    def keys_url(self) -> str:
        return f"{self.issuer}/jwks"

    def rotate(self) -> str:
        """Sign by a new key from now on; return its key id."""
        algorithm = next(self._algorithms)
        key = MAKERS[algorithm]()
        key_id = secrets.token_hex(8)
        self.keys[key_id] = (algorithm, key)
        return key_id

    def withdraw(self, key_id: str) -> None:
        """Publish this key no more."""
        del self.keys[key_id]

    def token(self, audience: str, scope: str, key_id: str | None = None) -> str:
        """Return an access token (RFC 9068), by the key of this id or by the one that signs now."""
        now = int(time.time())
        key_id = key_id or [*self.keys][-1]
        algorithm, key = self.keys[key_id]
        header = {"alg": algorithm, "kid": key_id, "typ": "at+jwt"}
        claims = {"iss": self.issuer, "aud": audience, "sub": CLIENT[0], "client_id": CLIENT[0], "scope": scope}
        times = {"iat": now, "exp": now + 600, "jti": secrets.token_hex(16)}
        return jwt.encode(header, claims | times, key, algorithms=[algorithm])

    async def ask(self, http: httpx2.AsyncClient, audience: str, scope: str) -> str:
        """Return a token from the token endpoint, as a client has it."""
        form = {"grant_type": "client_credentials", "resource": audience, "scope": scope}
        answer = await http.post(f"{self.issuer}/token", data=form, auth=CLIENT)
        return str(answer.raise_for_status().json()["access_token"])

    # --- its life

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Self]:
        self.rotate()
        routes = [Route("/jwks", self._publish), Route("/token", self._issue, methods=["POST"])]
        listening = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="critical", ws="none"))
        async with anyio.create_task_group() as serving:
            serving.start_soon(server.serve, [listening])
            with anyio.fail_after(5):
                while not server.started:
                    await anyio.lowlevel.checkpoint()
            yield self
            server.should_exit = True

    async def _publish(self, _request: Request) -> Response:
        self.fetches += 1
        published = [(key_id, algorithm, key) for key_id, (algorithm, key) in self.keys.items()]
        forms = KeySet([key for *_, key in published]).as_dict(private=False)["keys"]
        named = [
            {**form, "kid": key_id, "alg": algorithm, "use": "sig"}
            for form, (key_id, algorithm, _) in zip(forms, published, strict=True)
        ]
        return JSONResponse({"keys": named})

    async def _issue(self, request: Request) -> Response:
        form = await request.form()
        token = self.token(str(form["resource"]), str(form["scope"]))
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 600})
