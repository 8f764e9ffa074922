"""An identity provider on loopback: it publishes its keys, rotates them, and signs access tokens (RFC 9068) by the newest.

    async with IdentityProvider() as idp:
        idp.issuer, idp.keys_url                          # http://127.0.0.1:<port>, .../jwks
        idp.token(audience, scope="server:a effect:read") # an access token by the key that signs now
        idp.rotate()                                      # a new key signs; the ones before stay published
        idp.withdraw(key)                                 # this one is published no more
        idp.answer = b"HTTP/1.1 302 ..."                  # sent as it is, from now on
    idp.hangs = True                                  # nothing ends after what was sent
        idp.fetches                                       # how often its keys were asked for
        idp.close(), await idp.open_again()               # it is down, and back at the same place

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mediator.canonical import Json, JsonObject
from mediator.identity.compact import sign_compact
from mediator.identity.dsse import SigningKey
from tests.simulated.authorization_server import http_answer, json_answer
from tests.simulated.forged_tokens import jwk_of


@dataclass(slots=True)
class IdentityProvider:
    """See the top of the file."""

    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey.generate()])
    more: list[Json] = field(default_factory=list)  # published beside its keys
    answer: bytes | None = None
    hangs: bool = False
    heads: list[str] = field(default_factory=list)
    _port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def keys_url(self) -> str:
        return f"{self.issuer}/jwks"

    @property
    def fetches(self) -> int:
        return len(self.heads)

    def rotate(self) -> SigningKey:
        """Sign by a new key from now on; return the one that signed before."""
        self.keys.insert(0, SigningKey.generate())
        return self.keys[1]

    def withdraw(self, key: SigningKey) -> None:
        """Publish this key no more."""
        self.keys.remove(key)

    def token(self, audience: Json, *, key: SigningKey | None = None, typ: str = "at+jwt", **claims: Json) -> str:
        """Return an access token; claims replace what it would say, and None takes one out."""
        now = int(time.time())
        said: JsonObject = {
            "iss": self.issuer,
            "aud": audience,
            "sub": "ci-bot",
            "client_id": "ci-bot",
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_hex(16),
            "scope": "openid server:a effect:read",
        }
        whole: JsonObject = {name: value for name, value in (said | claims).items() if value is not None}
        return sign_compact(key or self.keys[0], {"typ": typ}, whole).reveal()

    # --- its life

    async def __aenter__(self) -> Self:
        await self.open_again()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def open_again(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        assert self._server is not None, "enter it first"
        self._server.close()
        for task in self._open:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            writer.write(self._answer(head.split("\r\n", 1)[0]) if self.answer is None else self.answer)
            await writer.drain()
            if self.hangs or self.answer == b"":  # it never answers, or never to the end
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            with contextlib.suppress(RuntimeError):
                if writer.transport.get_write_buffer_size():  # nobody reads the rest, and nobody waits for that
                    writer.transport.abort()
                writer.close()

    def _answer(self, line: str) -> bytes:
        if line != "GET /jwks HTTP/1.1":
            return http_answer(b"", status=404)
        return json_answer({"keys": [*(jwk_of(key) for key in self.keys), *self.more]})
