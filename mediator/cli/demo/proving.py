"""A client that proves its key with each request (DPoP, RFC 9449): the whole of what an agent's HTTP client needs for it.

    async with httpx2.AsyncClient(auth=Proving(key, token)) as http: ...

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from typing import Final

import httpx2

from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.identity.proof import NONCE_HEADER, sign_proof


class Proving(httpx2.Auth):
    """Shows a token that is bound to this key; without one, it asks the token endpoint for one that will be."""

    def __init__(self, key: SigningKey, token: str | None = None) -> None:
        self._key: Final = key
        self._token: Final = None if token is None else Secret(token)
        self._nonce: str | None = None

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Prove the key for this request; where a nonce is asked for, once more with that."""
        self._prove(request)
        response = yield request
        nonce = response.headers.get(NONCE_HEADER)
        if nonce is not None and nonce != self._nonce:
            self._nonce = nonce
            self._prove(request)
            yield request

    def _prove(self, request: httpx2.Request) -> None:
        if self._token is not None:
            request.headers["Authorization"] = f"DPoP {self._token.reveal()}"
        request.headers["DPoP"] = sign_proof(
            self._key,
            method=request.method,
            url=str(request.url.copy_with(query=None, fragment=None)),
            credential=self._token,
            token_id=secrets.token_hex(16),
            now_ms=time.time_ns() // 1_000_000,
            nonce=self._nonce,
        ).reveal()
