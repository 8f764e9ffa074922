"""The two eras over HTTP.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from mediator.adapters.tool_servers_http.address import parse_address
from mediator.adapters.tool_servers_http.channel import Channel
from mediator.adapters.tool_servers_http.eras import Voice, is_lost_session
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.refusal import Reason, Refused
from mediator.wire.methods import Era
from mediator.wire.speech import modern
from tests.promises import promise
from tests.simulated.tool_server import SimulatedToolServer, Wire, hang, http_answer, raw, says, tool
from tests.simulated.tool_server_arrivals import Arrived

LIMITS = HttpLimits(ending_seconds=0.05)
MODERN = Visit(tongue=modern("9"), credential=None)

REFUSE_OUR_VERSION = says(
    b'{"jsonrpc":"2.0","id":{id},"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}'
)


@pytest.fixture
async def server() -> AsyncIterator[SimulatedToolServer]:
    async with SimulatedToolServer(era="both") as server:
        yield server


@pytest.fixture
async def voice(server: SimulatedToolServer) -> AsyncIterator[Voice]:
    address = parse_address(server.url)
    pool = Pool(address, LIMITS, None)
    yield Voice(channel=Channel(address, pool, LIMITS, "9"), limits=LIMITS, client_version="9")
    await pool.aclose()


async def refused(doing: Callable[[], Any]) -> Reason:
    with pytest.raises(Refused) as caught, anyio.fail_after(5):
        await doing()
    return caught.value.reason


# --- discovering -----------------------------------------------------------------------------------------------------


async def test_a_modern_server_discovers_itself(server: SimulatedToolServer, voice: Voice) -> None:
    """MCP 2026-07-28."""
    introduction = await voice.discover(None)

    assert introduction is not None
    assert introduction.tongue == modern("9")
    assert (await voice.introduce(introduction, MODERN)).tools == (tool("echo"),)
    assert [one.headers["mcp-method"] for one in server.arrived] == ["server/discover", "tools/list"]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "405 Method Not Allowed", "406 Not Acceptable"])
async def test_a_status_without_a_modern_error_is_the_legacy_era(
    server: SimulatedToolServer, voice: Voice, status: str
) -> None:
    """MCP 2026-07-28, versioning."""
    server.on("server/discover", raw(http_answer(b"no", status=status, content_type="text/plain"), then="keep"))
    assert await voice.discover(None) is None


@promise("P7")
@pytest.mark.parametrize("status", [401, 403, 407, 408, 429, 500, 502, 503])
async def test_a_status_that_says_nothing_of_the_era_is_an_outage(
    server: SimulatedToolServer, voice: Voice, status: int
) -> None:
    """Ours: a server is not taken for an older one because it is down, or shut."""
    server.on("server/discover", raw(http_answer(b"", status=f"{status} No"), then="keep"))
    assert await refused(lambda: voice.discover(None)) is Reason.TOOL_SERVER_UNAVAILABLE


async def test_a_version_that_is_refused_and_named_is_tried_once_more(
    server: SimulatedToolServer, voice: Voice
) -> None:
    """MCP 2026-07-28, versioning: -32022 names what is spoken; the client selects one and tries again."""

    async def refuse_once(arrived: Arrived, wire: Wire) -> None:
        server.on("server/discover", None)
        await REFUSE_OUR_VERSION(arrived, wire)

    server.on("server/discover", refuse_once)
    introduction = await voice.discover(None)

    assert introduction is not None
    assert introduction.tongue == modern("9")
    assert server.methods == ["server/discover"] * 2


async def test_a_version_that_is_refused_and_named_twice_is_refused(server: SimulatedToolServer, voice: Voice) -> None:
    """Ours: the server contradicts itself."""
    server.on("server/discover", REFUSE_OUR_VERSION)
    assert await refused(lambda: voice.discover(None)) is Reason.TOOL_SERVER_INVALID
    assert server.methods == ["server/discover"] * 2


# --- sessions --------------------------------------------------------------------------------------------------------


async def test_a_session_begins_speaks_and_ends(server: SimulatedToolServer, voice: Voice) -> None:
    """MCP 2025-11-25, lifecycle and Streamable HTTP."""
    introduction, visit = await voice.initialize(None)
    tools = (await voice.introduce(introduction, visit)).tools
    await voice.end(visit)

    assert introduction.tongue.era is Era.LEGACY
    assert tools == (tool("echo"),)
    assert [(one.verb, one.method) for one in server.arrived] == [
        ("POST", "initialize"),
        ("POST", "notifications/initialized"),
        ("POST", "tools/list"),
        ("DELETE", None),
    ]
    first, *others = [
        (one.headers.get("mcp-session-id"), one.headers.get("mcp-protocol-version")) for one in server.arrived
    ]
    assert first == (None, None)
    assert set(others) == {("session-1", "2025-11-25")}
    assert server.sessions == {}


async def test_a_server_may_name_an_older_version(server: SimulatedToolServer, voice: Voice) -> None:
    """MCP lifecycle: its version is what is spoken from then on."""
    server.script.version = "2025-03-26"
    _, visit = await voice.initialize(None)
    assert visit.tongue.version == "2025-03-26"
    assert server.arrived[-1].headers["mcp-protocol-version"] == "2025-03-26"


async def test_a_server_without_sessions_is_spoken_to_without_one(server: SimulatedToolServer, voice: Voice) -> None:
    """MCP before 2026-07-28: the id is the server's to give; without one there is nothing to end."""
    server.issues_sessions = False
    _, visit = await voice.initialize(None)
    await voice.end(visit)
    assert visit.session_id is None
    assert [one.verb for one in server.arrived] == ["POST", "POST"]


@promise("P7")
@pytest.mark.parametrize("session_id", ["a b", "x" * 1025, "\xe9"])
async def test_a_session_id_that_no_header_can_carry_is_refused(
    server: SimulatedToolServer, voice: Voice, session_id: str
) -> None:
    """MCP: visible ASCII; the length is ours."""
    result = b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}'
    lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(result)}\r\n"
    head = lines.encode() + b"Mcp-Session-Id: " + session_id.encode("latin-1") + b"\r\n\r\n"
    server.on("initialize", raw(head + result, then="keep"))
    assert await refused(lambda: voice.initialize(None)) is Reason.TOOL_SERVER_INVALID


async def test_a_server_that_does_not_take_the_handshakes_end_is_unavailable(
    server: SimulatedToolServer, voice: Voice
) -> None:
    """MCP lifecycle: 202."""
    server.on("notifications/initialized", raw(http_answer(b"", status="500 No"), then="keep"))
    assert await refused(lambda: voice.initialize(None)) is Reason.TOOL_SERVER_UNAVAILABLE


@promise("P11")
async def test_a_server_that_does_not_let_a_session_end_is_left_alone(
    server: SimulatedToolServer, voice: Voice
) -> None:
    """Ours: bounded, and nobody depends on it."""
    _, visit = await voice.initialize(None)
    server.on("DELETE", hang)
    with anyio.fail_after(5):
        await voice.end(visit)
    server.on("DELETE", raw(b"nonsense"))
    await voice.end(visit)


async def test_a_lost_session_is_told_from_an_unknown_method(server: SimulatedToolServer, voice: Voice) -> None:
    """MCP before 2026-07-28: 404 under a session id is the session's; in the modern era, the method's."""
    _, visit = await voice.initialize(None)
    server.forget_sessions()
    lost = await voice._ask(visit, "ping", 9, b"{}")
    assert is_lost_session(visit, lost)
    assert not is_lost_session(MODERN, lost)
