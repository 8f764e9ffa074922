"""A tool server of the soak over stdio: `python -m tests.soak.stdio_tools --name NAME --era ERA --log FILE`.

It answers any number of requests at once, and ends when its input does.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
from typing import Any, Final

from tests.soak.tools import UPDATE_SECONDS, Log, SoakTools, Unanswerable, dumped, error_message, notification
from tests.soak.tools import result_message as answered

_LINE_BYTES_MAX: Final = 2**24


class StdioTools:
    """The process."""

    def __init__(self, tools: SoakTools) -> None:
        self._tools = tools
        self._ids = itertools.count(1)
        self._asked: dict[object, asyncio.Future[dict[str, Any]]] = {}
        self._running: dict[object, asyncio.Task[None]] = {}
        self._listening: set[object] = set()

    async def serve(self, lines: asyncio.StreamReader) -> None:
        """Answer until the input ends."""
        async with asyncio.TaskGroup() as serving:
            updating = serving.create_task(self._update())
            while line := await lines.readline():
                self._take(json.loads(line), serving)
            updating.cancel()
            for task in self._running.values():
                task.cancel()

    def say(self, message: dict[str, Any]) -> None:
        """Write one message."""
        line = dumped(message) + b"\n"
        while line:
            line = line[os.write(1, line) :]

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        self.say(notification(method, params))

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        asked = f"q{next(self._ids)}"
        self._asked[asked] = asyncio.get_running_loop().create_future()
        self.say({"jsonrpc": "2.0", "id": asked, "method": method, "params": params})
        try:
            return await self._asked[asked]
        finally:
            del self._asked[asked]

    def _take(self, message: dict[str, Any], serving: asyncio.TaskGroup) -> None:
        match message:
            case {"method": "notifications/cancelled", "params": {"requestId": request_id}}:
                self._listening.discard(request_id)
                if request_id in self._running:
                    self._running[request_id].cancel()
            case {"method": "subscriptions/listen", "id": request_id, "params": params}:
                self.say(self._tools.acknowledged(request_id, params))
                self._listening.add(request_id)
            case {"method": "resources/subscribe", "id": request_id}:
                self._listening.add(None)
                self.say(answered(request_id, {}))
            case {"method": method, "id": request_id}:
                task = serving.create_task(self._answer(method, request_id, message.get("params", {})))
                self._running[request_id] = task
                task.add_done_callback(lambda _: self._running.pop(request_id, None))
            case {"id": request_id} if request_id in self._asked and not self._asked[request_id].done():
                self._asked[request_id].set_result(message.get("result") or {"action": "cancel"})

    async def _answer(self, method: str, request_id: object, params: dict[str, Any]) -> None:
        try:
            answer = answered(request_id, await self._tools.answer(method, params, self))
        except Unanswerable as stop:
            answer = error_message(request_id, stop)
        self.say(answer)

    async def _update(self) -> None:
        while True:
            await asyncio.sleep(UPDATE_SECONDS)
            for subscription in self._listening:
                self.say(self._tools.updated(subscription))


async def _main(name: str, era: str, log: Log) -> None:
    lines = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    log.note("start")
    await StdioTools(SoakTools(name, era, log)).serve(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak.stdio_tools")
    for word in ("--name", "--era", "--log"):
        parser.add_argument(word, required=True)
    given = parser.parse_args()
    asyncio.run(_main(given.name, given.era, Log(given.log)))
