"""Attack: whoever reaches the TLS port and is no honest client (A4, A5, A6), against the HTTP edge on a real socket.

Words that are no TLS, versions that are broken, certificates of somebody else, handshakes that never end, and words of
a certificate that a connection did not prove. None has anything answered or believed; the honest are served meanwhile.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, TypeAlias

import anyio
import pytest
import uvloop

from mediator.edge.asgi import read_head
from mediator.refusal import Reason
from mediator.settings.sections import LimitSettings
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.certificates import FAR, Authority, Issued, client_context, server_context
from tests.simulated.http_edge import HttpEdge, Peer, serving

LONG_AGO = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
ADDRESS = "127.0.0.1"
KIB = 1024
Asks: TypeAlias = Literal["optional", "required"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Issued:
    return authority.issue("server", ADDRESS)


@pytest.fixture(scope="module")
def agent(authority: Authority) -> Issued:
    return authority.issue("agent")


@pytest.fixture(params=["optional", "required"])
def asks(request: pytest.FixtureRequest) -> Asks:
    return "required" if request.param == "required" else "optional"


async def wait_until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not is_so():
            await anyio.lowlevel.checkpoint()


async def is_shut_out(edge: HttpEdge, client: ssl.SSLContext) -> bool:
    """Tell whether this client has no answer; of TLS 1.3 a client hears only afterwards that it was refused."""
    try:
        async with edge.connect(client) as peer:
            await peer.ask(edge.request())
    except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
        return True
    return False


@promise("P7", "P11")
@pytest.mark.parametrize("words", [b"GET /mcp HTTP/1.1\r\nhost: a\r\n\r\n", b"\x00" * 64, b"SSH-2.0-OpenSSH\r\n"])
async def test_what_is_no_tls_has_no_answer_in_the_clear(authority: Authority, server: Issued, words: bytes) -> None:
    """Ours: a request that was sent in the clear, with its token, is not served, redirected, or given a reason to go on."""
    async with serving(tls=server_context(server)) as edge:
        async with edge.connect() as plain:
            await plain.send(words)
            assert not (await rest_of(plain)).startswith(b"HTTP")
        await wait_until(lambda: edge.corridor.counted == [(ADDRESS, Reason.MALFORMED)])
        assert not await is_shut_out(edge, client_context(authority.file))

    assert len(edge.heads) == 1


async def rest_of(peer: Peer) -> bytes:
    said = b""
    with anyio.fail_after(5):
        try:
            while True:
                said += await peer.stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return said


@promise("P7")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_older_versions_are_not_spoken(authority: Authority, server: Issued) -> None:
    """RFC 8996: TLS 1.0 and 1.1 are broken; RFC 9325 §3.1.1: 1.2 is the least."""
    old = client_context(authority.file)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(tls=server_context(server)) as edge:
        assert await is_shut_out(edge, old)

    assert edge.heads == []


@promise("P7")
async def test_a_certificate_of_a_foreign_authority_is_nobody_s(
    tmp_path: Path, authority: Authority, server: Issued, asks: Asks
) -> None:
    """RFC 8705 §2.1: who vouches is configured. Also where certificates are optional: a bad one is worse than none."""
    stranger = Authority(tmp_path, authority.name).issue("agent")  # it calls itself by our authority's name
    async with serving(tls=server_context(server, authority.file, asks)) as edge:
        assert await is_shut_out(edge, client_context(authority.file, stranger))
        await wait_until(lambda: edge.corridor.counted == [(ADDRESS, Reason.PROOF_INVALID)])

    assert edge.heads == []


@promise("P7")
@pytest.mark.parametrize(
    ("begins", "ends", "host"),
    [(LONG_AGO.replace(year=2020), LONG_AGO, None), (FAR.replace(year=2099), FAR, None), (LONG_AGO, FAR, ADDRESS)],
    ids=["expired", "not yet", "a server's"],
)
async def test_a_certificate_out_of_its_time_or_its_use_is_nobody_s(
    tmp_path: Path, asks: Asks, begins: dt.datetime, ends: dt.datetime, host: str | None
) -> None:
    """RFC 5280 §4.1.2.5 and §4.2.1.12: whoever stole a server's key is no client by it."""
    ours = Authority(tmp_path)
    bad = ours.issue("agent", *([] if host is None else [host]), begins=begins, ends=ends)
    shown = ours.issue("server", ADDRESS)
    async with serving(tls=server_context(shown, ours.file, asks)) as edge:
        assert await is_shut_out(edge, client_context(ours.file, bad))
        assert not await is_shut_out(edge, client_context(ours.file, ours.issue("other")))

    assert [head.certificate is None for head in edge.heads] == [False]


@promise("P7")
async def test_where_a_certificate_is_required_nobody_is_served_without(authority: Authority, server: Issued) -> None:
    """Ours: it ends with the handshake, before a word of HTTP is read."""
    async with serving(tls=server_context(server, authority.file, "required")) as edge:
        assert await is_shut_out(edge, client_context(authority.file))
        await wait_until(lambda: edge.corridor.counted == [(ADDRESS, Reason.PROOF_REQUIRED)])

    assert edge.heads == []


@promise("P7")
@pytest.mark.parametrize(
    "name",
    ["x-client-cert", "client-cert", "x-forwarded-client-cert", "x-ssl-client-fingerprint", "certificate", "state"],
)
async def test_a_certificate_in_a_header_is_nothing(
    authority: Authority, server: Issued, agent: Issued, name: str
) -> None:
    """RFC 8705 §3, RFC 9440 §4: what a connection proved is what its handshake proved, and what anybody writes is not."""
    async with serving(tls=server_context(server, authority.file)) as edge:
        async with edge.connect(client_context(authority.file)) as peer:
            assert (await peer.ask(edge.request(None, (name, agent.thumbprint)))).status == 200
        async with edge.connect(client_context(authority.file, agent)) as peer:
            assert (await peer.ask(edge.request(None, (name, "x" * 43)))).status == 200

    assert [head.certificate for head in edge.heads] == [None, agent.thumbprint]


def test_a_server_that_says_nothing_of_a_certificate_proved_none() -> None:
    """Ours: whatever else stands in what ASGI hands over."""
    head = read_head(
        {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {"certificate": {"a": "b"}}}
    )
    assert head.certificate is None


@promise("P7")
async def test_each_connection_has_its_own_certificate(authority: Authority, server: Issued, agent: Issued) -> None:
    """Ours: what one proved is nobody else's, however they take turns."""
    other = authority.issue("other")
    async with serving(tls=server_context(server, authority.file)) as edge, AsyncExitStack() as held:
        shown = [agent, None, other]
        peers = [await held.enter_async_context(edge.connect(client_context(authority.file, one))) for one in shown]
        for _ in range(2):
            for peer in peers:
                assert (await peer.ask(edge.request())).status == 200

    assert [head.certificate for head in edge.heads] == [agent.thumbprint, None, other.thumbprint] * 2


@promise("P7")
async def test_a_connection_outlives_no_certificate(authority: Authority, server: Issued, agent: Issued) -> None:
    """Ours: a handshake looks at the time once; a connection that is kept would prove for ever what proves nothing now."""
    now_ms = [0]
    async with serving(tls=server_context(server, authority.file), now_ms=lambda: now_ms[0]) as edge:
        async with edge.connect(client_context(authority.file, agent)) as peer:
            assert (await peer.ask(edge.request())).status == 200
            now_ms[0] = int(FAR.timestamp()) * 1000
            answer = await peer.ask(edge.request())
            assert (answer.status, answer.reason, answer.headers["connection"]) == (401, "PROOF_INVALID", "close")
            assert await peer.is_ended()
        async with edge.connect(client_context(authority.file)) as without:  # has none that could be over
            assert (await without.ask(edge.request())).status == 200

    assert [head.certificate for head in edge.heads] == [agent.thumbprint, None]
    assert edge.corridor.counted == [(ADDRESS, Reason.PROOF_INVALID)]


async def begin(edge: HttpEdge, held: AsyncExitStack, begun: bytes) -> None:
    peer = await held.enter_async_context(edge.connect())
    if begun:
        with contextlib.suppress(anyio.BrokenResourceError):  # it may be one too many
            await peer.send(begun)


async def hold_half_open(edge: HttpEdge, honest: ssl.SSLContext, begun: bytes) -> None:
    """Hold hundreds of connections that never end their handshake, and be served on one that does."""
    async with AsyncExitStack() as held:
        for _ in range(300):
            await begin(edge, held, begun)
            assert edge.gate.connections <= 100
        await wait_until(lambda: len(edge.corridor.counted) == 200)
        assert edge.gate.connections == 100
        edge.gate.connections_per_address_max = 101  # the honest one comes from elsewhere
        async with edge.connect(honest) as peer:
            for _ in range(3):
                assert (await peer.ask(edge.request())).status == 200
    await wait_until(lambda: edge.gate.connections == 0)
    async with AsyncExitStack() as held:  # and whoever waits is not waited for
        edge.gate.head_seconds = 0.05
        for _ in range(100):
            await begin(edge, held, begun)
        await wait_until(lambda: edge.gate.connections == 0)


@promise("P7", "P11")
@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "half a hello"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_half_open_handshakes_take_their_share_and_no_more(
    authority: Authority, server: Issued, begun: bytes, loop: str
) -> None:
    """Design 5.2: bounded in number by the gate, from the first packet on, and in time by that of a head."""

    async def attack() -> list[tuple[str, Reason]]:
        async with serving(
            LimitSettings(connections_per_address_max=100, first_body_byte_seconds=60), tls=server_context(server)
        ) as edge:
            await hold_half_open(edge, client_context(authority.file), begun)
        return edge.corridor.counted

    counted = uvloop.run(attack()) if loop == "uvloop" else anyio.run(attack)
    assert counted == [(ADDRESS, Reason.OVERLOADED)] * 200


@promise("P11")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_flood_that_nobody_reads_waits_at_its_tool(authority: Authority, server: Issued, loop: str) -> None:
    """Ours: TLS has a buffer of its own on the way, which is bounded like the socket's; whoever reads nothing is let go."""
    text = "x" * 10 * KIB

    async def attack() -> int:
        async with serving(tls=server_context(server)) as edge:
            edge.corridor.says, edge.corridor.text = 10_000, text
            async with edge.connect(client_context(authority.file)) as peer:
                await peer.send(edge.request(enveloped("tools/call", {"name": "talks"})))
                await wait_until(lambda: bool(edge.corridor.told))
                await anyio.wait_all_tasks_blocked()
                told = edge.corridor.told
                assert not await is_shut_out(edge, client_context(authority.file))
                assert edge.corridor.told == told
            await wait_until(lambda: edge.gate.connections == 0)
            return told

    told = uvloop.run(attack()) if loop == "uvloop" else anyio.run(attack)
    assert told * len(text) < 16 * KIB * KIB
