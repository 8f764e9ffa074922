"""One soak: many sessions of both eras, tool servers that are restarted, tasks that are replaced, and one judgement.

What is watched beside it: the logs of the tool servers, and the memory and descriptors of the mediator. In the end
everything is ended by the book, and what the mediator still holds then is looked at as well.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

import anyio

from tests.soak.agent import Agent
from tests.soak.legacy_agent import LegacyAgent
from tests.soak.modern_agent import ModernAgent
from tests.soak.speaking import LostError, RefusedError
from tests.soak.stage import INPUT_SECONDS, Slot, Stage, Task, ToolServer
from tests.soak.stand import SERVERS, CommandError, Stand
from tests.soak.tally import CANCEL_SECONDS, SETTLE_SECONDS, Tally
from tests.soak.vitals import Flatness, Sample, children_of, is_inspector, judge, look_at

SESSIONS_A_TASK: Final = 25
STEPS: Final = (10, 80)  # of one session
_LOOK_SECONDS: Final = 0.2
_DOWN_SECONDS: Final = 1.0
_RECOVERY_SECONDS: Final = 5.0  # after it listens again, until a tool server must serve
_ENDING_SECONDS: Final = 90.0
_QUIET_SECONDS: Final = 75.0  # connections that nobody uses are kept for 30, on both sides
_QUIET_DESCRIPTORS: Final = 8
_RESTARTED: Final = "compared with its pins"  # cannot be, and is again: the alarm over a tool server that was not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What kind of soak."""

    minutes: float
    sessions: int
    seed: int
    restart_seconds: float
    task_seconds: float
    pause_seconds: float


@dataclass(slots=True, kw_only=True)
class Soak:
    """A soak that runs; `samples` and `stage.tally` say how it goes."""

    wanted: Wanted
    stand: Stand
    stage: Stage
    slots: list[Slot]
    samples: list[Sample] = field(default_factory=list)
    restarts: int = 0
    living: int = 0
    began: int = 0
    quiet: list[str] = field(default_factory=list)  # what was seen when all was over

    async def run(self, show: Callable[[], None]) -> None:
        """Go through with it; `show` is called now and then."""
        wanted, tally = self.wanted, self.tally
        alone = [slot for slot in self.slots if slot.is_alone]
        shared = [slot for slot in self.slots if not slot.is_alone]
        before = self.look()
        async with anyio.create_task_group() as watching:
            watching.start_soon(self._read_logs)
            watching.start_soon(self._sample)
            watching.start_soon(self._show, show)
            async with anyio.create_task_group() as living:
                async with anyio.create_task_group() as disturbing:
                    for number in range(wanted.sessions):
                        slot = alone[number] if number < len(alone) else shared[number % len(shared)]
                        living.start_soon(self._live, number, slot)
                    disturbing.start_soon(self._restart)
                    disturbing.start_soon(self._replace_tasks)
                    await anyio.sleep(wanted.minutes * 60)
                    disturbing.cancel_scope.cancel()
                self.stage.is_over = True
                living.cancel_scope.deadline = anyio.current_time() + _ENDING_SECONDS
            if living.cancel_scope.cancelled_caught:
                tally.fail(f"{self.living} sessions did not come to their end")
            for slot in self.slots:
                for task in (*slot.former, slot.task):
                    await self.stand.complete_task(task)
            await anyio.sleep(SETTLE_SECONDS + CANCEL_SECONDS + INPUT_SECONDS)
            await self._wait_for_quiet(before)
            watching.cancel_scope.cancel()
        if len(tally):
            tally.fail(f"{len(tally)} calls were never settled")
        if tally.requests != tally.replies + tally.withdrawn + tally.lost:
            told = f"{tally.replies} replies, {tally.withdrawn} withdrawn, {tally.lost} lost"
            tally.fail(f"{tally.requests} requests: {told}")

    @property
    def tally(self) -> Tally:
        return self.stage.tally

    def look(self) -> Sample:
        """Look at the mediator."""
        tasks = sum(1 + len(slot.former) for slot in self.slots)
        return look_at(self.stand.mediator.pid, self.stage.now(), self.stage.lines, tasks)

    def flatness(self) -> list[Flatness]:
        """Return how flat it was while the sessions lived."""
        return judge([sample for sample in self.samples if sample.at <= self.wanted.minutes * 60])

    # --- sessions

    async def _live(self, number: int, slot: Slot) -> None:
        chance = random.Random(f"{self.wanted.seed} {number}")
        kind: type[Agent] = LegacyAgent if number % 2 else ModernAgent
        await anyio.sleep(chance.uniform(0, min(10.0, self.wanted.minutes * 10)))
        generation = 0
        while not self.stage.is_over:
            generation += 1
            name = f"{kind.__name__[0].lower()}{number}.{generation}"
            await self._live_once(kind(self.stage, slot, name, chance), chance.randint(*STEPS))

    async def _live_once(self, agent: Agent, steps: int) -> None:
        agent.task.sessions += 1
        self.living += 1
        self.began += 1
        try:
            await agent.live(steps)
        except* LostError as lost:
            self.tally.lost += 1
            self.tally.fail(f"{agent.name}: {lost.exceptions[0]}")
        except* RefusedError as refused:
            self.tally.fail(f"{agent.name}: refused for {refused.exceptions[0]}")
        finally:
            agent.task.sessions -= 1
            self.living -= 1

    # --- disturbances

    async def _restart(self) -> None:
        """Restart the tool servers in turn; each must serve again before its next turn."""
        served: dict[str, int] = {}
        for server in cycle(SERVERS):
            await anyio.sleep(self.wanted.restart_seconds)
            if self.tally.served[server.name] <= served.get(server.name, -1):
                self.tally.fail(f"{server.name} did not serve again after its restart")
            window = self.tally.open_window(server.name, self.stage.now())
            try:
                await self._restart_one(server)
                await anyio.sleep(_RECOVERY_SECONDS)
            finally:
                window.end = self.stage.now()
            served[server.name] = self.tally.served[server.name]
            self.restarts += 1

    async def _restart_one(self, server: ToolServer) -> None:
        program = self.stand.tool_servers.get(server.name)
        if program is None:
            for slot in self.slots:
                await self._let_quit(server, slot.task)
            return
        await program.kill()
        await anyio.sleep(_DOWN_SECONDS)
        await program.start()
        await program.until_listening(self.stand.ports[server.name])

    async def _let_quit(self, server: ToolServer, task: Task) -> None:
        """Let this task's process of a server end itself, in the course of a call."""
        chance = random.Random(self.wanted.seed)
        agent = ModernAgent(self.stage, Slot(task=task, is_alone=False), f"q{self.restarts}.{task.id[-6:]}", chance)
        agent.server = None
        try:
            await agent.call(server, "quit")
        except LostError as lost:
            self.tally.lost += 1
            self.tally.fail(f"{agent.name}: {lost}")
        finally:
            agent.hang_up()

    async def _replace_tasks(self) -> None:
        """Open new tasks in place of the old ones, which are completed when no session is left under them."""
        for slot in cycle(self.slots):
            await anyio.sleep(self.wanted.task_seconds / len(self.slots))
            task = await self.stand.open_task("soak, again")
            slot.former.append(slot.task)
            slot.task = task
            for other in self.slots:
                for former in [task for task in other.former if not task.sessions]:
                    await self.stand.complete_task(former)
                    other.former.remove(former)

    # --- watching

    async def _read_logs(self) -> None:
        logs = {server.name: self.stand.log_of(server.name).open("rb") for server in SERVERS}
        try:
            while True:
                for name, log in logs.items():
                    for line in iter(log.readline, b""):
                        event, key, _ = line.decode().split()
                        self.tally.tell(name, event, key, self.stage.now())
                self.tally.settle(self.stage.now())
                await anyio.sleep(_LOOK_SECONDS)
        finally:
            for log in logs.values():
                log.close()

    async def _sample(self) -> None:
        pause = max(0.5, self.wanted.minutes * 60 / 900)
        while self.stand.mediator.exit_code is None:
            self.samples.append(self.look())
            await anyio.sleep(pause)
        self.tally.fail(f"the mediator ended with {self.stand.mediator.exit_code}")

    async def _show(self, show: Callable[[], None]) -> None:
        while True:
            show()
            await anyio.sleep(0.5)

    def _servers_left(self) -> list[int]:
        """Return the ids of the tool servers' processes."""
        return [child for child in children_of(self.stand.mediator.pid) if not is_inspector(child)]

    async def _wait_for_quiet(self, before: Sample) -> None:
        """Wait until the mediator holds no more than before anybody came, and take note if it never does."""
        pid = self.stand.mediator.pid
        with anyio.move_on_after(_QUIET_SECONDS):
            while (  # noqa: ASYNC110 - another process sets no event of ours
                self._servers_left() or self.look().descriptors > before.descriptors + _QUIET_DESCRIPTORS
            ):
                await anyio.sleep(1)
        after, children = self.look(), self._servers_left()
        self.quiet = [
            f"descriptors {before.descriptors} before anybody came, {after.descriptors} after all had gone",
            f"resident memory {before.rss_kib // 1024} MiB before, {after.rss_kib // 1024} MiB after",
            f"{len(children)} processes of tool servers are left",
            f"{len(children_of(pid)) - len(children)} processes that look at large answers stay",
        ]
        if after.descriptors > before.descriptors + _QUIET_DESCRIPTORS:
            self.tally.fail(f"when all had gone, {self.quiet[0]}")
        if children:
            self.tally.fail(f"when all had gone, {self.quiet[2]}")


async def verified(stand: Stand) -> list[str]:
    """End the mediator, and return what is wrong with how it ended, and with the ledger that it leaves."""
    found: list[str] = []
    code = await stand.mediator.end()
    if code != 0:
        found.append(f"the mediator ended with {code}")
    said = stand.mediator.log.read_text(encoding="utf-8").splitlines()
    alarms = [line for line in said if "alarm" in line or "Traceback" in line]
    found += [line for line in alarms if _RESTARTED not in line][:10]
    try:
        await stand.command("ledger", "verify")
    except CommandError as error:
        found.append(str(error))
    return found


async def new_soak(wanted: Wanted, stand: Stand) -> Soak:
    """Open the tasks, and return a soak that begins now."""
    alone = max(2, wanted.sessions // SESSIONS_A_TASK)
    shared = max(2, (wanted.sessions - alone) // SESSIONS_A_TASK)
    slots = [
        Slot(task=await stand.open_task(f"soak {number}"), is_alone=number >= shared)
        for number in range(shared + alone)
    ]
    began = time.monotonic()
    stage = Stage(
        port=stand.port,
        servers=SERVERS,
        tally=Tally(),
        now=lambda: time.monotonic() - began,
        pause_seconds=wanted.pause_seconds,
    )
    return Soak(wanted=wanted, stand=stand, stage=stage, slots=slots)
