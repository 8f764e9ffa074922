"""An agent of the modern era: each request says for itself who asks; to cancel is to hang up; it listens by a request.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import random
from typing import Any, Final

from tests.soak.agent import Agent, Step
from tests.soak.line import HOST, HungUpError, Line
from tests.soak.speaking import Cancel, CancelledCallError, Heard, LostError, result_of
from tests.soak.stage import INPUT_SECONDS, Slot, Stage, ToolServer
from tests.soak.tools import MODERN, SUBSCRIPTION_ID, dumped

_NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "soak", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
}
_ROUNDS_MAX: Final = 8
_LISTENING: Final = 0.3


class ModernAgent(Agent):
    """One session: there is none on the wire."""

    def __init__(self, stage: Stage, slot: Slot, name: str, chance: random.Random) -> None:
        super().__init__(stage, slot, name, chance)
        self.listens = chance.random() < _LISTENING

    async def begin(self) -> None:
        await self.ask("server/discover", {})

    async def end(self) -> None:
        """Say nothing: nobody remembers."""

    def own_steps(self) -> list[tuple[int, str, Step]]:
        return [(1, "leave a question", self._leave_a_question)]

    def ways_to_cancel(self) -> list[tuple[str, Cancel]]:
        return [("modern: the stream is closed", self._hang_up)]

    async def answer_question(self, question: dict[str, Any]) -> None:
        self.require(False, f"asked as the older era is: {question}")

    async def ask(self, method: str, params: dict[str, Any], heard: Heard | None = None) -> dict[str, Any]:
        heard = heard or Heard()
        for _ in range(_ROUNDS_MAX):
            result = await self._ask_once(method, params, heard)
            if result.get("resultType") != "input_required":
                return result
            if not heard.answers:
                raise CancelledCallError(heard.way)
            given = {key: _answer(asked) for key, asked in result["inputRequests"].items()}
            params = {**params, "inputResponses": given}
            if "requestState" in result:
                params["requestState"] = result["requestState"]
        raise LostError(f"asked {_ROUNDS_MAX} times")

    async def listen(self) -> None:
        servers = [self.server] if self.server is not None else self.stage.servers
        wanted = {"toolsListChanged": True, "resourceSubscriptions": [server.page for server in servers]}
        request_id = self.next_id()
        line = await self.take_line()
        try:
            await self._post(line, request_id, "subscriptions/listen", {"notifications": wanted})
            if not line.is_stream:
                self.require(False, f"no stream to listen: {(await line.answer())[:300]!r}")
                return
            async for event in line.events():
                message = event.message or {}
                meta = message.get("params", {}).get("_meta", {})
                self.require(meta.get(SUBSCRIPTION_ID) == request_id, f"what another one listens to: {message}")
                self.stage.tally.done[f"modern: {message.get('method')}"] += 1
            self.require(self.stage.is_over, "its stream of updates ended")
        except HungUpError as error:
            self.require(self.stage.is_over, f"its stream of updates ended: {error}")
        finally:
            self.drop(line)

    # --- steps

    async def _leave_a_question(self, server: ToolServer) -> None:
        """Do not answer what a legacy server asks: its call, which is held open, is ended after a while."""
        if server.era == "legacy" and (self.slot.is_alone or not server.is_held_to_one_caller):
            heard = Heard(answers=False, way="modern: a question is left", due_seconds=INPUT_SECONDS)
            await self.call(server, "ask", heard)

    async def _hang_up(self, _request_id: int, line: Line) -> None:
        line.close()
        raise CancelledCallError(self.ways_to_cancel()[0][0])

    # --- requests

    async def _ask_once(self, method: str, params: dict[str, Any], heard: Heard) -> dict[str, Any]:
        request_id = self.next_id()
        line = await self.take_line()

        async def answered() -> dict[str, Any]:
            await self._post(line, request_id, method, params)
            return await self.hear(line, request_id, heard)

        try:
            return result_of(await self.within(method, answered()), request_id)
        finally:
            self.give_back(line)

    async def _post(self, line: Line, request_id: int, method: str, params: dict[str, Any]) -> None:
        sent = {**params, "_meta": {**_ENVELOPE, **params.get("_meta", {})}}
        named = {"mcp-name": str(params[_NAMED_BY[method]])} if method in _NAMED_BY else {}
        headers = {
            "host": f"{HOST}:{self.stage.port}",
            "authorization": f"Bearer {self.task.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": method,
            **named,
        }
        body = dumped({"jsonrpc": "2.0", "id": request_id, "method": method, "params": sent})
        await line.send("POST", self.path, headers, body)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer with the key of the call that the question names."""
    return {"action": "accept", "content": {"key": asked["params"]["message"].rpartition(" ")[2]}}
