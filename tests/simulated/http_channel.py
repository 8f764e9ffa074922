"""A channel to a simulated tool server, for the tests of what is said on it; and event streams to answer with.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_http.address import parse_address
from mediator.adapters.tool_servers_http.channel import Channel, Heard, Outgoing
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import Listener
from tests.simulated.tool_server import Arrived, Behaviour, SimulatedToolServer, Wire

ANSWER: Final = b'{"jsonrpc":"2.0","id":{id},"result":{"content":[]}}'
NOTE: Final = b'{"jsonrpc":"2.0","method":"notifications/message"}'
ASKS: Final = b'{"jsonrpc":"2.0","id":"s","method":"roots/list"}'
STREAM: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(data: bytes) -> Callable[[int], bytes]:
    return lambda number: (b"data: " + data + b"\n\n").replace(b"{id}", b"%d" % number)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass
class Called:
    """A channel to a simulated server, on which one asks `tools/call` as often as one likes."""

    server: SimulatedToolServer
    limits: HttpLimits
    tls: ssl.SSLContext | None = None
    pool: Pool = field(init=False)
    channel: Channel = field(init=False)
    asked: int = 0

    def __post_init__(self) -> None:
        address = parse_address(self.server.url)
        self.pool = Pool(address, self.limits, self.tls)
        self.channel = Channel(address, self.pool, self.limits, "9")

    async def ask(self, credential: str | None = None, **fields: Any) -> Heard:
        self.asked += 1
        hearing = self.limits.hearing
        listener = Listener(request_id=self.asked, result_bytes_max=hearing.result_bytes_max, limits=hearing)
        body = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call"}' % self.asked
        members: dict[str, Any] = {"headers": (), "body": body, "listener": listener}
        outgoing = Outgoing(**members | fields)
        with anyio.fail_after(5):
            return await self.channel.send(outgoing, None if credential is None else Secret(credential))

    async def refused(self, **fields: Any) -> Reason:
        with pytest.raises(Refused) as caught:
            await self.ask(**fields)
        return caught.value.reason

    @property
    def connections(self) -> list[int]:
        """The connection of each request that arrived."""
        return [one.number for one in self.server.arrived]


def streams(*pieces: bytes | Callable[[int], bytes], end: bytes = b"0\r\n\r\n") -> Behaviour:
    """Answer with an event stream of these pieces, each a chunk and a segment of its own, and this end."""

    async def behave(arrived: Arrived, wire: Wire) -> None:
        await wire.send(STREAM)
        for piece in pieces:
            await wire.send(chunk(piece if isinstance(piece, bytes) else piece(arrived.message["id"])))
        await wire.send(end)

    return behave
