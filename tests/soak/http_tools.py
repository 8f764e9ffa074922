"""A tool server of the soak over HTTP: `python -m tests.soak.http_tools --name NAME --era ERA --log FILE --port PORT`.

Calls are answered with streams of events, everything else with JSON. In the legacy era a call is cancelled by a
notification, in the modern one by hanging up; sessions are forgotten when the process ends.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import uvicorn

from tests.soak.tools import UPDATE_SECONDS, Log, SoakTools, Unanswerable, dumped, error_message, notification
from tests.soak.tools import result_message as answered

_Scope: TypeAlias = "dict[str, Any]"
_Receive: TypeAlias = "Callable[[], Awaitable[dict[str, Any]]]"
_Send: TypeAlias = "Callable[[dict[str, Any]], Awaitable[None]]"
_STREAM: Final = [(b"content-type", b"text/event-stream")]
_JSON: Final = [(b"content-type", b"application/json")]
_STATUS: Final = {-32602: 400, -32601: 404}


@dataclass(eq=False)
class Session:
    """A handshake of the legacy era, and what is in flight in it."""

    running: dict[object, asyncio.Task[None]] = field(default_factory=dict)
    asked: dict[object, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    is_subscribed: bool = False


class Exchange:
    """One request and its answer. As an aside it tells, and asks, on the stream of the answer."""

    def __init__(self, scope: _Scope, receive: _Receive, send: _Send, session: Session) -> None:
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self._receive, self._send = receive, send
        self._session = session
        self._ids = itertools.count(1)

    async def read(self) -> dict[str, Any]:
        body = b""
        while True:
            part = await self._receive()
            body += part.get("body", b"")
            if not part.get("more_body", False):
                return dict(json.loads(body))

    async def hang_up(self) -> None:
        """Return when the other side has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def whole(self, status: int, message: dict[str, Any] | None, *more: tuple[bytes, bytes]) -> None:
        body = b"" if message is None else dumped(message)
        length = (b"content-length", str(len(body)).encode())
        await self._send({"type": "http.response.start", "status": status, "headers": [*_JSON, length, *more]})
        await self._send({"type": "http.response.body", "body": body})

    async def begin(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": _STREAM})

    async def event(self, message: dict[str, Any] | None, *, is_last: bool = False) -> None:
        body = b"" if message is None else b"event: message\r\ndata: " + dumped(message) + b"\r\n\r\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        await self.event(notification(method, params))

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        asked = f"q{next(self._ids)}-{secrets.token_hex(4)}"
        self._session.asked[asked] = asyncio.get_running_loop().create_future()
        await self.event({"jsonrpc": "2.0", "id": asked, "method": method, "params": params})
        try:
            return await self._session.asked[asked]
        finally:
            del self._session.asked[asked]


class HttpTools:
    """The ASGI application."""

    def __init__(self, tools: SoakTools) -> None:
        self._tools = tools
        self._sessions: dict[str, Session] = {}

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        bare = Exchange(scope, receive, send, Session())
        session_id = bare.headers.get("mcp-session-id", "")
        session = self._sessions.get(session_id)
        exchange = bare if session is None else Exchange(scope, receive, send, session)
        match scope["method"]:
            case "POST" if self._tools.is_modern:
                await self._answer_modern(exchange, await exchange.read())
            case "POST":
                await self._answer_legacy(exchange, await exchange.read(), session)
            case "GET" if session is not None:
                await self._keep_telling(exchange, lambda: session.is_subscribed, None)
            case "DELETE" if session is not None:
                for task in self._sessions.pop(session_id).running.values():
                    task.cancel()
                await exchange.whole(200, None)
            case _:
                await exchange.whole(404 if session_id else 405, None)

    # --- legacy

    async def _answer_legacy(self, exchange: Exchange, message: dict[str, Any], session: Session | None) -> None:
        if message.get("method") == "initialize":
            if message["params"]["protocolVersion"] == "2026-07-28":
                await exchange.whole(400, error_message(message["id"], Unanswerable(-32022, "unsupported version")))
                return
            session_id = secrets.token_hex(8)
            self._sessions[session_id] = Session()
            result = await self._tools.answer("initialize", message["params"], exchange)
            await exchange.whole(200, answered(message["id"], result), (b"mcp-session-id", session_id.encode()))
            return
        if session is None:
            status = 404 if "mcp-session-id" in exchange.headers else 400
            await exchange.whole(status, error_message(message.get("id"), Unanswerable(-32600, "no session")))
            return
        match message:
            case {"method": "notifications/cancelled", "params": {"requestId": request_id}}:
                if request_id in session.running:
                    session.running[request_id].cancel()
                await exchange.whole(202, None)
            case {"method": "tools/call", "id": request_id}:
                await self._call(exchange, message, session.running, request_id)
            case {"method": "resources/subscribe", "id": request_id}:
                session.is_subscribed = True
                await exchange.whole(200, answered(request_id, {}))
            case {"method": _, "id": _}:
                await exchange.whole(*await self._answered(exchange, message))
            case {"id": request_id} if request_id in session.asked and not session.asked[request_id].done():
                session.asked[request_id].set_result(message.get("result") or {"action": "cancel"})
                await exchange.whole(202, None)
            case _:
                await exchange.whole(202, None)

    # --- modern

    async def _answer_modern(self, exchange: Exchange, message: dict[str, Any]) -> None:
        match message:
            case {"method": "subscriptions/listen", "id": request_id, "params": params}:
                await exchange.begin()
                await exchange.event(self._tools.acknowledged(request_id, params))
                await self._keep_telling(exchange, lambda: True, request_id, is_begun=True)
            case {"method": "tools/call", "id": request_id}:
                running: dict[object, asyncio.Task[None]] = {}
                async with asyncio.TaskGroup() as attending:

                    async def attend() -> None:
                        await exchange.hang_up()
                        if request_id in running:
                            running[request_id].cancel()

                    watch = attending.create_task(attend())
                    await self._call(exchange, message, running, request_id)
                    watch.cancel()
            case {"method": _, "id": _}:
                status, answer = await self._answered(exchange, message)
                await exchange.whole(_STATUS.get(answer.get("error", {}).get("code"), status), answer)
            case _:
                await exchange.whole(202, None)

    # --- both

    async def _call(
        self, exchange: Exchange, message: dict[str, Any], running: dict[object, asyncio.Task[None]], request_id: object
    ) -> None:
        async def answer() -> None:
            _, said = await self._answered(exchange, message)
            await exchange.event(said, is_last=True)

        await exchange.begin()
        async with asyncio.TaskGroup() as calling:
            running[request_id] = task = calling.create_task(answer())
            await asyncio.wait([task])
            del running[request_id]
        if task.cancelled():
            await exchange.event(None, is_last=True)

    async def _answered(self, exchange: Exchange, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            result = await self._tools.answer(message["method"], message.get("params", {}), exchange)
        except Unanswerable as stop:
            return 200, error_message(message["id"], stop)
        return 200, answered(message["id"], result)

    async def _keep_telling(
        self, exchange: Exchange, is_wanted: Callable[[], bool], subscription: object, *, is_begun: bool = False
    ) -> None:
        if not is_begun:
            await exchange.begin()
            await exchange.event(None)
        async with asyncio.TaskGroup() as telling:

            async def update() -> None:
                while True:
                    await asyncio.sleep(UPDATE_SECONDS)
                    if is_wanted():
                        await exchange.event(self._tools.updated(subscription))

            updating = telling.create_task(update())
            await exchange.hang_up()
            updating.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak.http_tools")
    for word in ("--name", "--era", "--log"):
        parser.add_argument(word, required=True)
    parser.add_argument("--port", required=True, type=int)
    given = parser.parse_args()
    log = Log(given.log)
    log.note("start")
    application: Any = HttpTools(SoakTools(given.name, given.era, log))
    uvicorn.run(application, port=given.port, log_level="warning", access_log=False, lifespan="off")
