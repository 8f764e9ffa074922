"""The connections to one tool server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import pytest

from mediator.adapters.tool_servers_http.address import Address, parse_address
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.tool_server import SimulatedToolServer


@pytest.fixture
async def server() -> AsyncIterator[SimulatedToolServer]:
    async with SimulatedToolServer() as server:
        yield server


def pool_of(server: SimulatedToolServer, **limits: Any) -> Pool:
    return Pool(parse_address(server.url), HttpLimits(**limits), None)


async def refused(pool: Pool) -> Reason:
    with pytest.raises(Refused) as caught, anyio.fail_after(5):
        await pool.open("")
    return caught.value.reason


async def test_a_connection_that_was_given_back_is_found_again(server: SimulatedToolServer) -> None:
    """Ours."""
    pool = pool_of(server)
    assert pool.find_idle("a") is None
    connection = await pool.open("a")
    pool.settled(connection)
    assert pool.find_idle("a") is connection
    assert pool.find_idle("a") is None
    await pool.aclose()


@promise("P5")
async def test_no_connection_serves_two_credentials(server: SimulatedToolServer) -> None:
    """Design 5.2."""
    pool = pool_of(server)
    pool.settled(await pool.open("a"))
    assert pool.find_idle("b") is None
    assert pool.find_idle("") is None
    await pool.aclose()


async def test_a_connection_that_was_closed_meanwhile_is_not_found(server: SimulatedToolServer) -> None:
    """Ours: so nothing need be sent twice."""
    pool = pool_of(server)
    connection = await pool.open("a")
    pool.settled(connection)
    connection.abort()
    assert pool.find_idle("a") is None
    await pool.aclose()


@promise("P7")
async def test_their_number_is_bounded(server: SimulatedToolServer) -> None:
    """Ours: a flood of calls ends here, before a first byte."""
    pool = pool_of(server, connections_max=2)
    first, _ = await pool.open("a"), await pool.open("b")
    assert await refused(pool) is Reason.OVERLOADED
    first.abort()
    await server.until(lambda: server.hang_ups)
    await pool.open("c")
    await pool.aclose()


async def test_few_are_kept_for_one_credential(server: SimulatedToolServer) -> None:
    """Ours."""
    pool = pool_of(server, idle_max=1)
    first, second = await pool.open("a"), await pool.open("a")
    pool.settled(first)
    pool.settled(second)
    await server.until(lambda: server.hang_ups)
    assert pool.find_idle("a") is first
    await pool.aclose()


@promise("P5")
async def test_an_idle_connection_does_not_stay(server: SimulatedToolServer) -> None:
    """Ours: a credential lives for one task, and so does what was opened with it."""
    pool = pool_of(server, idle_seconds=0.02)
    first, second = await pool.open("a"), await pool.open("b")
    pool.settled(first)
    pool.settled(second)
    await server.until(lambda: server.hang_ups == 2)
    assert pool.find_idle("a") is None
    await pool.aclose()


async def test_one_that_was_used_again_stays_for_as_long_again(server: SimulatedToolServer) -> None:
    """Ours."""
    pool = pool_of(server, idle_seconds=0.05)
    old, young = await pool.open("a"), await pool.open("b")
    pool.settled(old)
    pool.settled(young)
    young.idle_since += 1000
    await server.until(lambda: server.hang_ups == 1)
    assert pool.find_idle("b") is young
    await pool.aclose()


async def test_after_the_end_none_is_left_and_none_is_opened(server: SimulatedToolServer) -> None:
    """Ours."""
    pool = pool_of(server)
    idle, used = await pool.open("a"), await pool.open("a")
    pool.settled(idle)

    await pool.aclose()

    assert idle.is_lost
    assert used.is_lost
    assert await refused(pool) is Reason.TOOL_SERVER_UNAVAILABLE
    await pool.aclose()


async def test_one_that_is_given_back_after_the_end_is_ended(server: SimulatedToolServer) -> None:
    """Ours."""
    pool = pool_of(server, ending_seconds=0)
    connection = await pool.open("a")
    await pool.aclose()
    pool.settled(connection)
    await server.until(lambda: server.hang_ups)


async def test_one_that_was_being_opened_at_the_end_is_ended(
    server: SimulatedToolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: whatever the order."""
    pool = pool_of(server)
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def connect_and_close(*args: Any) -> None:
        await connect(*args)
        await pool.aclose()

    monkeypatch.setattr(loop, "sock_connect", connect_and_close)
    assert await refused(pool) is Reason.TOOL_SERVER_UNAVAILABLE
    await server.until(lambda: server.hang_ups)


# --- opening ---------------------------------------------------------------------------------------------------------


def here(**changed: Any) -> Address:
    return replace(parse_address("http://127.0.0.1:1/"), **changed)


@promise("P11")
@pytest.mark.parametrize(
    "address",
    [here(), here(host="0.0.0.0"), here(host="10.0.0.1")],
    ids=["nobody listens", "any address", "another machine"],
)
async def test_what_cannot_be_connected_to_is_unavailable(address: Address) -> None:
    """Ours; without TLS only this machine is tried."""
    assert await refused(Pool(address, HttpLimits(), None)) is Reason.TOOL_SERVER_UNAVAILABLE


async def test_a_connection_that_does_not_come_about_is_given_up(
    server: SimulatedToolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""

    async def for_ever(*args: Any) -> None:
        del args
        await anyio.sleep_forever()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", for_ever)
    assert await refused(pool_of(server, connect_seconds=0.02)) is Reason.TOOL_SERVER_UNAVAILABLE


@promise("P7")
async def test_a_server_that_speaks_first_is_refused(server: SimulatedToolServer) -> None:
    """Ours: what stands there before the request is no answer to it."""
    server.greeting = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    pool = pool_of(server)
    connect = pool._connect

    async def connect_and_wait(key: str) -> Any:
        connection = await connect(key)
        while connection.is_quiet():
            await anyio.lowlevel.checkpoint()
        return connection

    pool._connect = connect_and_wait  # type: ignore[method-assign]  # so that its greeting is there for certain
    assert await refused(pool) is Reason.TOOL_SERVER_INVALID
    await pool.aclose()


def test_tls_is_the_default_context_unless_another_is_given() -> None:
    """Ours: certificates are checked."""
    address = parse_address("https://tools.example.com/")
    made, given = Pool(address, HttpLimits(), None)._ssl, ssl.create_default_context()
    assert made is not None
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert Pool(address, HttpLimits(), given)._ssl is given
    assert Pool(parse_address("http://localhost/"), HttpLimits(), given)._ssl is None
