"""A fleet before a running mediator: how fast tokens are exchanged, and how soon a revocation is felt.

Agents speak HTTP by raw connections on the mediator's own loop, which cost little beside it. The mediator is the whole of
it, set up by its own commands; its tool server is simulated, and answers on the same loop too.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.loopback import Messages
from mediator.canonical import canonical_bytes
from mediator.delegation.token_request import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE
from mediator.edge.oauth import ASSERTION_TYPE
from tests.simulated.arrivals import modern_headers
from tests.simulated.fleet import Fleet, Told, details
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, running
from tests.simulated.tool_server import SimulatedToolServer, tool

DEPTH: Final = 4
CALLERS: Final = 16
CHAIN: Final = tuple(f"agent-{link}" for link in range(DEPTH + 1))
RECEIVERS: Final = tuple(f"receiver-{number}" for number in range(24))  # one holds 256 live grants at most
_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
ASKED: Final = details(["tools/echo"])


class Line(Messages):
    """One agent's connection: a request out, the status and the body of its answer in."""

    def __init__(self) -> None:
        super().__init__()
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one, and wait for what comes."""
        self._waiter = asyncio.get_running_loop().create_future()
        self.write(request)
        async with asyncio.timeout(30):
            return await self._waiter

    def take(self, head: bytes, body: bytes) -> None:
        assert self._waiter is not None
        self._waiter.set_result((int(head.split(b" ", 2)[1]), body))


BOUNDLESS: Final = {"loop": "calls_max = 0", "delegation": "fan_out_max = 1000000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What is measured: a mediator, its fleet, and connections to it."""

    mediator: Running
    fleet: Fleet
    lines: Sequence[Line]

    def form(self, path: str, agent: str, **parameters: str) -> bytes:
        """Return a request of this agent to the issuer, with a fresh assertion."""
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion(agent, None)}
        return self.request(f"/oauth2/{path}", urlencode({**proof, **parameters}).encode(), _FORM)

    def opening(self, agent: str) -> bytes:
        """Return a request for a task of its own."""
        return self.form("token", agent, grant_type="client_credentials", authorization_details=ASKED)

    def exchange(self, held: Told, giver: str, receiver: str) -> bytes:
        """Return a request by which the holder of a token hands a part of it on."""
        return self.form(
            "token",
            giver,
            grant_type=TOKEN_EXCHANGE,
            subject_token=held["access_token"],
            subject_token_type=ACCESS_TOKEN,
            actor_token=self._assertion(receiver, held["grant"]),
            actor_token_type=JWT,
            authorization_details=ASKED,
        )

    async def chain(self) -> list[Told]:
        """Return the tokens of a new chain, root first."""
        told: list[Told] = [await self.told(self.opening(CHAIN[0]))]
        for giver, receiver in pairwise(CHAIN):
            told.append(await self.told(self.exchange(told[-1], giver, receiver)))
        return told

    async def told(self, request: bytes) -> dict[str, Any]:
        """Return what was answered, which must be good."""
        status, body = await self.lines[0].ask(request)
        assert status == 200, body
        return dict(json.loads(body))

    def call(self, told: Told) -> bytes:
        """Return a call of the tool with this token."""
        message = tools_call("tools__echo", text="x")
        head = (
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("authorization", f"Bearer {told['access_token']}"),
            *modern_headers(message),
        )
        return self.request("/mcp", canonical_bytes(message), head)

    def request(self, path: str, body: bytes, head: Sequence[tuple[str, str]]) -> bytes:
        """Return a whole request."""
        host = ("host", self.mediator.url.removeprefix("http://"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in (host, *head))
        return f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body

    def _assertion(self, agent: str, grant: str | None) -> str:
        return self.fleet.assertion(self.mediator, agent, grant=grant)


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Start it."""
    fleet = Fleet(*CHAIN, *RECEIVERS, max_depth=DEPTH)
    words = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    async with AsyncExitStack() as ending:
        server = SimulatedToolServer(tools=[tool("echo", inputSchema=words)])
        mediator = await ending.enter_async_context(
            running(folder, {"tools": server}, before_start=fleet.write, settings=BOUNDLESS)
        )
        port, lines = int(mediator.url.rsplit(":", 1)[1]), list[Line]()
        for _ in range(CALLERS + 1):  # the last one is for whoever revokes
            transport, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
            ending.callback(transport.close)
            lines.append(line)
        yield Stand(mediator=mediator, fleet=fleet, lines=lines)


# --- exchanges a second ---------------------------------------------------------------------------------------------


async def rates(stand: Stand, clients: Sequence[int], requests: int, rounds: int) -> dict[tuple[str, int], list[float]]:
    """Return how many of each kind were answered a second, in each round, with so many clients; kinds take turns."""
    held, number = await stand.told(stand.opening(CHAIN[0])), count()

    def receiver() -> str:
        return RECEIVERS[next(number) % len(RECEIVERS)]

    kinds: dict[str, Callable[[], bytes]] = {
        "tools/call": lambda: stand.call(held),
        "client_credentials": lambda: stand.opening(receiver()),
        "token exchange": lambda: stand.exchange(held, CHAIN[0], receiver()),
    }
    found: dict[tuple[str, int], list[float]] = {(kind, many): [] for many in clients for kind in kinds}
    for _ in range(rounds):
        for (kind, many), taken in found.items():
            taken.append(await _rate(stand.lines[:many], [kinds[kind]() for _ in range(requests)]))
    return found


async def _rate(lines: Sequence[Line], requests: Sequence[bytes]) -> float:
    waiting = iter(requests)

    async def go_on(line: Line) -> None:
        for request in waiting:
            status, body = await line.ask(request)
            assert status == 200, body
            assert b'"error"' not in body, body

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for line in lines:
            asking.create_task(go_on(line))
    return len(requests) / (time.perf_counter() - begun)


# --- a revocation ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """One revocation amid calls. `allowed_*`: calls below it that were allowed; times in ms from its request on."""

    returned_ms: float
    refused_ms: float
    """Until the first call of the subtree was refused."""
    call_ms: float
    """What a call took before, in the same moments."""
    allowed_meanwhile: int
    """Answered between the request and its return."""
    allowed_afterwards: int
    """Begun after the return: there must be none."""
    refused: int
    others_afterwards: int
    """Calls of the link above, which was not revoked, that were allowed afterwards."""


@dataclass(frozen=True, slots=True)
class _Called:
    begun: float
    answered: float
    is_allowed: bool
    is_below: bool


class _Tally:
    """The calls that were made, and who waits for more of them."""

    def __init__(self) -> None:
        self.made: list[_Called] = []
        self._wanted, self._reached = 0, asyncio.Event()

    def add(self, called: _Called) -> None:
        self.made.append(called)
        if len(self.made) >= self._wanted:
            self._reached.set()

    async def until_more(self, calls: int) -> None:
        """Return when so many more were answered."""
        self._wanted = len(self.made) + calls
        self._reached.clear()
        await self._reached.wait()


async def revoke_amid_calls(stand: Stand, calls: int) -> Revoked:
    """Revoke the second link of a new chain, while callers hold the last link of it, and one the first."""
    told = await stand.chain()
    tally, ends = _Tally(), asyncio.Event()

    async def call(line: Line, *, is_below: bool) -> None:
        request = stand.call(told[-1] if is_below else told[0])
        while not ends.is_set():
            begun = time.perf_counter()
            status, body = await line.ask(request)
            refused = b"GRANT_REVOKED" in body
            assert refused or (status == 200 and b'"error"' not in body), body
            tally.add(_Called(begun, time.perf_counter(), is_allowed=not refused, is_below=is_below))

    *callers, revoker = stand.lines
    async with asyncio.TaskGroup() as calling:
        for number, line in enumerate(callers):
            calling.create_task(call(line, is_below=number > 0))
        await tally.until_more(calls)
        asked = time.perf_counter()
        status, body = await revoker.ask(stand.form("revoke", CHAIN[0], token=told[1]["access_token"]))
        returned = time.perf_counter()
        assert status == 200, body
        await tally.until_more(calls)
        ends.set()
    below = [one for one in tally.made if one.is_below]
    first = min(one.answered for one in below if not one.is_allowed)
    return Revoked(
        returned_ms=(returned - asked) * 1e3,
        refused_ms=(first - asked) * 1e3,
        call_ms=median(one.answered - one.begun for one in below if one.answered < asked) * 1e3,
        allowed_meanwhile=sum(one.is_allowed and asked <= one.answered <= returned for one in below),
        allowed_afterwards=sum(one.is_allowed and one.begun > returned for one in below),
        refused=sum(not one.is_allowed for one in below),
        others_afterwards=sum(one.is_allowed and one.begun > returned for one in tally.made if not one.is_below),
    )
