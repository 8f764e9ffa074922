"""Unit tests of mediator/edge/client_certificate.py: what a handshake proved, over TLS in memory.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from pathlib import Path

import pytest

from mediator.edge.client_certificate import ClientCertificate, find_client_certificate
from mediator.evidence import Seal
from tests.promises import promise
from tests.simulated.certificates import FAR, Authority, Issued, client_context, server_context


class Connected(asyncio.Transport):
    """A transport over a connection whose handshake is done."""

    def __init__(self, connection: object) -> None:
        super().__init__({"ssl_object": connection})


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """Return the server's side of a handshake that both have done."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    open_sides = [asking, answering]
    while open_sides:
        for side in tuple(open_sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_sides.remove(side)
    return answering


def proven(folder: Path, *, shows: bool = True, asks: bool = True) -> tuple[Issued, ClientCertificate | None]:
    authority = Authority(folder)
    agent, server = authority.issue("agent"), authority.issue("server", "localhost")
    connection = shake_hands(
        client_context(authority.file, agent if shows else None),
        server_context(server, authority.file if asks else None),
    )
    return agent, find_client_certificate(Connected(connection))


def test_its_thumbprint_is_that_of_its_bytes(tmp_path: Path) -> None:
    """RFC 8705 §3.1: base64url, without padding, of SHA-256 over the DER of the certificate."""
    agent, found = proven(tmp_path)

    assert found is not None
    der = ssl.PEM_cert_to_DER_cert(agent.pem.decode())
    assert found.thumbprint == base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    assert found.thumbprint == agent.thumbprint
    assert len(found.thumbprint) == 43


def test_it_is_over_at_its_end(tmp_path: Path) -> None:
    """RFC 5280 §4.1.2.5, as OpenSSL reads it: in the second of `notAfter` it is over."""
    _, found = proven(tmp_path)
    end = int(FAR.timestamp()) * 1000

    assert found is not None
    assert not found.is_over(end - 1)
    assert found.is_over(end)


@promise("P7")
@pytest.mark.parametrize(("shows", "asks"), [(False, True), (True, False), (False, False)])
def test_who_shows_none_or_was_not_asked_has_none(tmp_path: Path, *, shows: bool, asks: bool) -> None:
    """Ours: nothing was proved, so nothing is told."""
    assert proven(tmp_path, shows=shows, asks=asks)[1] is None


@promise("P7")
def test_without_tls_there_is_none() -> None:
    """Ours."""
    assert find_client_certificate(Connected(None)) is None


@promise("P7")
def test_nobody_else_makes_one() -> None:
    """House style 3: evidence that only its checker can make."""
    with pytest.raises(TypeError):
        ClientCertificate(thumbprint="x" * 43, ends_seconds=0, seal=Seal("mine"))
