"""A decision point on loopback, which speaks OPA's data API and AuthZEN 1.0 as their documents have them.

    async with DecisionPoint(lambda asked: asked["action"]["name"] != "send") as point:
        point.opa_url, point.authzen_url
        point.asked                                       # (path, headers, body) of each question
        point.answer = b"HTTP/1.1 302 Found..."              # sent as it is, from now on
        point.hangs = True                                # it never answers

OPA: `POST /v1/data/mediator/allow` with `{"input": ...}` answers `{"result": ...}`, and `{}` for a document that is undefined.
AuthZEN: `POST /access/v1/evaluation` with subject, action, resource and context answers `{"decision": ...}`; 400 for another form.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl as tls
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.simulated.authorization_server import http_answer, json_answer

OPA_PATH = "/v1/data/mediator/allow"
AUTHZEN_PATH = "/access/v1/evaluation"


@dataclass(slots=True)
class DecisionPoint:
    """See the top of the file. `rule` is asked what is in the question; None is undefined."""

    rule: Callable[[dict[str, Any]], bool | None]
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answer: bytes | None = None
    hangs: bool = False
    ssl: tls.SSLContext | None = None
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[Any]] = field(default_factory=set)
    _port: int = 0

    @property
    def base(self) -> str:
        return f"{'http' if self.ssl is None else 'https'}://127.0.0.1:{self._port}"

    @property
    def opa_url(self) -> str:
        return self.base + OPA_PATH

    @property
    def authzen_url(self) -> str:
        return self.base + AUTHZEN_PATH

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.ssl)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            path = line.split(" ")[1]
            self.asked.append((path, headers, body))
            if self.hangs:
                await reader.read()
                return
            writer.write(self.answer if self.answer is not None else self._answer(line, body))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            with contextlib.suppress(RuntimeError):
                if writer.transport.get_write_buffer_size():  # nobody reads the rest, and nobody waits for that
                    writer.transport.abort()
                writer.close()

    def _answer(self, line: str, body: dict[str, Any]) -> bytes:
        match line.split(" ")[:2]:
            case ["POST", path] if path == OPA_PATH:
                said = self.rule(body["input"])
                return json_answer({} if said is None else {"result": said})
            case ["POST", path] if path == AUTHZEN_PATH:
                whole = all(isinstance(body.get(part), dict) for part in ("subject", "action", "resource", "context"))
                if not whole or not {"type", "id"} <= body["subject"].keys() & body["resource"].keys():
                    return http_answer(b"", status=400)
                return json_answer({"decision": bool(self.rule(body))})
            case _:
                return http_answer(b"", status=404)
