"""One request to a tool server over HTTP: the same over TLS.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.http_channel import ANSWER, Called
from tests.simulated.tool_server import SimulatedToolServer, says


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tools")])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_over_tls_it_is_the_same(certificate: Path) -> None:
    """Ours: and session tickets, which come unasked, do not spoil a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with SimulatedToolServer(ssl=context) as server:
        server.on("tools/call", says(ANSWER))
        trusting = Called(server, HttpLimits(), ssl.create_default_context(cafile=str(certificate)))
        for _ in range(3):
            assert (await trusting.ask()).must_answer().result == {"content": []}
        assert trusting.connections == [1, 1, 1]
        connection = trusting.pool._idle[""][0]
        assert connection.is_quiet()
        await trusting.pool.aclose()


@promise("P7")
async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    """Ours: nothing goes out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with SimulatedToolServer(ssl=context) as server:
        doubting = Called(server, HttpLimits())
        assert await doubting.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert server.arrived == []
        await doubting.pool.aclose()
