"""An agent of the legacy era: a session by a handshake, a standing stream, several answers at once, and coming back.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import random
from typing import Any, Final

import anyio

from tests.soak.agent import Agent, Step
from tests.soak.line import HOST, HungUpError, Line
from tests.soak.speaking import Cancel, CancelledCallError, ComeBackError, Heard, LostError, result_of, why_lost
from tests.soak.stage import DEADLINE_SECONDS, Slot, Stage, ToolServer
from tests.soak.tools import LEGACY, dumped

_RESUMABLE: Final = LEGACY[0]
_LISTENING: Final = 0.5
_AT_ONCE: Final = 3
_END_SECONDS: Final = 15  # for a stream to end, on a machine that is busy
_DROPPED: Final = 0.1  # of the sessions: never ended, just left


class LegacyAgent(Agent):
    """One session."""

    def __init__(self, stage: Stage, slot: Slot, name: str, chance: random.Random) -> None:
        super().__init__(stage, slot, name, chance)
        self.listens = chance.random() < _LISTENING
        self.is_left = chance.random() < _DROPPED
        self.version: Final = chance.choice((_RESUMABLE, _RESUMABLE, "2025-06-18"))
        self._session = ""
        self._is_heard_out = anyio.Event()

    async def begin(self) -> None:
        asked: dict[str, Any] = {
            "protocolVersion": self.version,
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "soak", "version": "1"},
        }
        result = await self.ask("initialize", asked)
        self.require(result["protocolVersion"] == self.version, f"version {result['protocolVersion']}")
        await self._notify("notifications/initialized", {})
        if self.listens:
            await self._step("subscribe", self._subscribe)

    async def end(self) -> None:
        """End the session, or leave it to be forgotten; its stream ends with it."""
        if self.is_left or self.is_ended:
            return
        await self._delete()
        if self.listens:
            with anyio.move_on_after(_END_SECONDS):
                await self._is_heard_out.wait()
                return
            self.require(False, "its stream outlives the session")

    def own_steps(self) -> list[tuple[int, str, Step]]:
        return [
            (5, "several at once", self._several),
            (1, "ping", self._ping),
            *([(5, "come back", self._come_back)] if self.version == _RESUMABLE else []),
        ]

    def ways_to_cancel(self) -> list[tuple[str, Cancel]]:
        notified = ("legacy: a notification", self._notify_cancelled)
        ended = ("legacy: the session ends", self._end_meanwhile)
        hung_up = ("legacy: hung up, before there was coming back", self._hang_up)
        return [notified, notified, notified, ended, *([hung_up] * 2 if self.version != _RESUMABLE else [])]

    async def answer_question(self, question: dict[str, Any]) -> None:
        content = {"key": question["params"]["message"].rpartition(" ")[2]}
        result = {"action": "accept", "content": content}
        await self._post_only({"jsonrpc": "2.0", "id": question["id"], "result": result})

    async def ask(self, method: str, params: dict[str, Any], heard: Heard | None = None) -> dict[str, Any]:
        heard = heard or Heard()
        request_id = self.next_id()
        line = await self.take_line()
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}

        async def answered() -> dict[str, Any]:
            nonlocal line
            await line.send("POST", self.path, self._headers(), dumped(message))
            if method == "initialize":
                self._session = line.headers.get("mcp-session-id", "")
            try:
                return await self.hear(line, request_id, heard)
            except ComeBackError as back:
                heard.comes_back = False
                self.drop(line)
                line = await self.take_line()
                await line.send("GET", self.path, self._headers(**{"last-event-id": back.event_id}))
                return await self.hear(line, request_id, heard)

        try:
            return result_of(await self.within(method, answered()), request_id)
        finally:
            self.give_back(line)

    async def listen(self) -> None:
        line = await self.take_line()
        try:
            await line.send("GET", self.path, self._headers())
            if not line.is_stream:
                said = await line.answer()
                self.require(self.is_ended, f"no stream to listen: {said[:300]!r}")  # it may have come to its end first
                return
            async for event in line.events():
                message = event.message or {}
                self.require("id" not in message, f"a reply on the standing stream: {message}")
                if message:
                    self.stage.tally.done[f"legacy: {message.get('method')}"] += 1
            self.require(self.is_ended or self.stage.is_over, "its standing stream ended")
        except HungUpError as error:
            self.require(self.is_ended or self.stage.is_over, f"its standing stream ended: {error}")
        finally:
            self._is_heard_out.set()
            self.drop(line)

    # --- steps

    async def _several(self, server: ToolServer) -> None:
        """Call several times at once, each over a stream of its own."""
        async with anyio.create_task_group() as calling:
            for number in range(_AT_ONCE):
                tool = {"ms": 200, "steps": number + 1}
                calling.start_soon(self._one_of_several, server, tool)

    async def _one_of_several(self, server: ToolServer, arguments: dict[str, Any]) -> None:
        try:
            await self.call(server, "slow", **arguments)
        except LostError as lost:
            self.stage.tally.lost += 1
            self.require(False, f"one of several at {server.name}: {lost}")

    async def _ping(self, _server: ToolServer) -> None:
        self.require(await self.ask("ping", {}) == {}, "a ping says something")

    async def _come_back(self, server: ToolServer) -> None:
        """Hang up in the middle of a call, and come back for its answer."""
        steps = self.chance.randint(3, 8)
        heard = Heard(comes_back=True)
        if await self.call(server, "slow", heard, ms=250, steps=steps):
            self.require(
                heard.progress == list(range(1, steps + 1)), f"came back; progress {heard.progress} of {steps}"
            )

    async def _subscribe(self, server: ToolServer) -> None:
        await self.ask("resources/subscribe", {"uri": server.page})

    # --- ways to cancel

    async def _notify_cancelled(self, request_id: int, _line: Line) -> None:
        await self._notify("notifications/cancelled", {"requestId": request_id, "reason": "no more wanted"})

    async def _end_meanwhile(self, _request_id: int, _line: Line) -> None:
        await self._delete()

    async def _hang_up(self, _request_id: int, line: Line) -> None:
        line.close()
        raise CancelledCallError("legacy: hung up, before there was coming back")

    # --- messages

    async def _notify(self, method: str, params: dict[str, Any]) -> None:
        await self._post_only({"jsonrpc": "2.0", "method": method, "params": params})

    async def _post_only(self, message: dict[str, Any]) -> None:
        await self._say("POST", 202, dumped(message))

    async def _delete(self) -> None:
        self.is_ended = True
        await self._say("DELETE", 200)

    async def _say(self, verb: str, status: int, body: bytes = b"") -> None:
        """Send what gets a status and no message."""
        line = await self.take_line()
        try:
            with anyio.fail_after(DEADLINE_SECONDS):
                await line.send(verb, self.path, self._headers(), body)
                said = await line.answer()
        except (HungUpError, TimeoutError) as error:
            raise LostError(f"{verb}: {why_lost(error)}") from error
        finally:
            self.give_back(line)
        self.require(line.status == status, f"{line.status} instead of {status} to {verb}: {said[:300]!r}")

    def _headers(self, **more: str) -> dict[str, str]:
        session = {"mcp-session-id": self._session, "mcp-protocol-version": self.version} if self._session else {}
        return {
            "host": f"{HOST}:{self.stage.port}",
            "authorization": f"Bearer {self.task.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **session,
            **more,
        }
