"""An agent's session, whatever its era: the steps that it goes through, and what it holds against each answer.

Each session has a task's token, an endpoint (all servers, or one), and a random sequence of its own. It ends after a
number of steps, or when its task was replaced; in which way, is the era's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import anyio

from tests.soak.speaking import Cancel, CancelledCallError, Heard, LostError, RefusedError, Speaker
from tests.soak.stage import Slot, Stage, ToolServer
from tests.soak.tally import Came

_LONG_MS: Final = 300  # of a step of a call that is to be cancelled, which has so many that nobody sees its end
_LONG_STEPS: Final = 50
_LARGE_KIB: Final = (150, 400)

Step: TypeAlias = "Callable[[ToolServer], Awaitable[None]]"


class Agent(Speaker):
    """One session."""

    listens: bool

    def __init__(self, stage: Stage, slot: Slot, name: str, chance: random.Random) -> None:
        super().__init__(stage, name)
        self.slot, self.task, self.chance = slot, slot.task, chance
        self.server = chance.choice((*[None] * len(stage.servers), *stage.servers))  # nothing: all of them
        self.is_ended = False
        self._keys = 0

    @property
    def path(self) -> str:
        """The endpoint: of one tool server, or of all."""
        return "/mcp" if self.server is None else f"/servers/{self.server.name}/mcp"

    # --- what the eras do

    @abstractmethod
    async def begin(self) -> None:
        """Begin the session."""

    @abstractmethod
    async def end(self) -> None:
        """End it."""

    @abstractmethod
    async def ask(self, method: str, params: dict[str, Any], heard: Heard | None = None) -> dict[str, Any]:
        """Return the result of a request; raises `RefusedError`, `LostError`, `CancelledCallError`."""

    @abstractmethod
    async def listen(self) -> None:
        """Hear what is told beside all answers, for as long as the session lasts."""

    @abstractmethod
    def ways_to_cancel(self) -> list[tuple[str, Cancel]]:
        """Return each way, by name."""

    @abstractmethod
    def own_steps(self) -> list[tuple[int, str, Step]]:
        """Return the steps that only this era has, as `_steps`."""

    # --- its life

    async def live(self, steps: int) -> None:
        """Go through the session, from its beginning to its end."""
        weights, names, does = zip(*self._steps(), strict=True)
        try:
            await self.begin()
            async with anyio.create_task_group() as living:
                if self.listens:
                    living.start_soon(self.listen)
                for _ in range(steps):
                    if self.is_ended or self.stage.is_over or self.slot.task is not self.task:
                        break
                    (step,) = self.chance.choices(range(len(does)), weights)
                    await self._step(names[step], does[step])
                    await anyio.sleep(self.chance.uniform(0, 2 * self.stage.pause_seconds))
                await self.end()
                living.cancel_scope.cancel()
        finally:
            self.hang_up()

    async def _step(self, name: str, do: Step) -> None:
        server = self.server or self.chance.choice(self.stage.servers)
        begin = self.stage.now()
        try:
            await do(server)
        except LostError as lost:
            self.stage.tally.lost += 1
            self.stage.tally.fail(f"{self.name}: {name} at {server.name}: {lost}")
        except RefusedError as refused:  # of what is no call: those are settled with their tool servers
            self.stage.tally.refused[refused.reason] += 1
            if not self.stage.tally.is_excused(server.name, begin, self.stage.now()):
                self.stage.tally.fail(f"{self.name}: {name} at {server.name} was refused for {refused.reason}")
        self.stage.tally.done[name] += 1

    def _steps(self) -> list[tuple[int, str, Step]]:
        return [
            (12, "list", self._list),
            (40, "call", self._echo),
            (2, "large result", self._large),
            (12, "slow call, progress", self._slow),
            (8, "elicitation", self._be_asked),
            (8, "read", self._read),
            (8, "prompt", self._prompt),
            (10, "cancel", self._cancel),
            *self.own_steps(),
        ]

    # --- steps of both eras

    async def _list(self, server: ToolServer) -> None:
        method, member, offered = self.chance.choice(_LISTS)
        result = await self.ask(method, {})
        wanted = {self.named(server, name) if member != "resources" else name for name in offered}
        listed = {entry["name"] for entry in result[member]}
        self.require(wanted <= listed, f"{method} lacks {sorted(wanted - listed)}")

    async def _echo(self, server: ToolServer) -> None:
        await self.call(server, "echo", text=f"said by {self.name}")

    async def _large(self, server: ToolServer) -> None:
        await self.call(server, "large", kib=self.chance.randint(*_LARGE_KIB))

    async def _slow(self, server: ToolServer) -> None:
        steps = self.chance.randint(2, 6)
        heard = Heard()
        if await self.call(server, "slow", heard, ms=self.chance.randint(50, 400), steps=steps):
            self.require(heard.progress == list(range(1, steps + 1)), f"progress {heard.progress} of {steps}")

    async def _be_asked(self, server: ToolServer) -> None:
        if not server.is_held_to_one_caller or self.slot.is_alone:
            await self.call(server, "ask")

    async def _read(self, server: ToolServer) -> None:
        result = await self.ask("resources/read", {"uri": server.page})
        self.require(result["contents"][0]["text"] == server.name, f"{server.page} says {result['contents']}")

    async def _prompt(self, server: ToolServer) -> None:
        asked = {"name": self.named(server, "say"), "arguments": {"topic": self.name}}
        result = await self.ask("prompts/get", asked)
        said = result["messages"][0]["content"]["text"]
        self.require(said == f"Say {self.name}.", f"the prompt says {said!r}")

    async def _cancel(self, server: ToolServer) -> None:
        way, cancel = self.chance.choice(self.ways_to_cancel())
        await self.call(server, "slow", Heard(cancel=cancel, way=way), ms=_LONG_MS, steps=_LONG_STEPS)

    # --- calls

    async def call(
        self, server: ToolServer, tool: str, heard: Heard | None = None, **arguments: Any
    ) -> dict[str, Any] | None:
        """Call a tool, and keep account of it; nothing where no result came."""
        self._keys += 1
        key, tally, now = f"{self.name}.{self._keys}", self.stage.tally, self.stage.now
        heard = heard or Heard()
        tally.begin(key, server.name, now())
        try:
            result = await self.ask("tools/call", self._call_params(server, tool, key, arguments), heard)
        except RefusedError as refused:
            tally.end(key, Came.REFUSED, now(), reason=refused.reason)
        except CancelledCallError as cancelled:
            tally.end(key, Came.CANCELLED, now() + heard.due_seconds, way=str(cancelled))
        except LostError:
            tally.end(key, Came.LOST, now())
            raise
        else:
            tally.end(key, Came.RESULT, now())
            text = key if tool == "ask" else arguments.get("text")
            came = result.get("structuredContent", {})
            self.require(came.get("call") == key, f"{key} was answered with {str(result)[:300]}")
            self.require(text is None or came.get("text") == text, f"{key} was answered with {str(result)[:300]}")
            return result
        return None

    def _call_params(self, server: ToolServer, tool: str, key: str, arguments: dict[str, Any]) -> dict[str, Any]:
        params = {"name": self.named(server, tool), "arguments": {"call": key, **arguments}}
        return params if tool != "slow" else {**params, "_meta": {"progressToken": key}}

    def named(self, server: ToolServer, name: str) -> str:
        """Return the name under which this endpoint has it."""
        return name if self.server is not None else f"{server.name}__{name}"


_LISTS: Final = (
    ("tools/list", "tools", ("echo", "large", "slow", "ask", "quit")),
    ("prompts/list", "prompts", ("say",)),
    ("resources/list", "resources", ("page",)),
)
