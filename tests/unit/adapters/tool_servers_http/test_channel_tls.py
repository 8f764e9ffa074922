"""One request to a tool server over HTTP: the same over TLS.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.certificates import a_certificate
from tests.simulated.http_channel import ANSWER, Called
from tests.simulated.tool_server import SimulatedToolServer, says


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_certificate(tmp_path_factory.mktemp("tls"))


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
