"""StdioToolServer: its processes, and for how long. What every adapter does stands in `tests/contracts/`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import anyio
import pytest

from mediator.adapters.tool_servers_stdio import link
from mediator.adapters.tool_servers_stdio.child import start
from mediator.adapters.tool_servers_stdio.held_files import Promise
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.canonical import digest_of_bytes
from mediator.evidence import Secret
from mediator.inspection.result import ToolResult
from mediator.manifest.offer import Offer
from mediator.mediation.instances import InstanceRule
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.permits import RecordingWatch, a_credential, a_permit, no_credential, pass_fence
from tests.simulated.tool_server_stdio import SimulatedStdioServer


class Adapted:
    """An adapter for a simulated server, ended with its test."""

    def __init__(self, folder: Path, adapter: dict[str, Any] | None = None, **fields: Any) -> None:
        self.server, self.watch = SimulatedStdioServer(folder, **fields), RecordingWatch()
        members: dict[str, Any] = {"watch": self.watch, "fence": pass_fence, "limits": StdioLimits(eof_seconds=0.5)}
        self.adapter = StdioToolServer("clock", self.server.command, **members | (adapter or {}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.fail_after(5):
            await self.adapter.aclose()
        assert self.server.alive == []

    async def call(self, **fields: Any) -> Any:
        permit = a_permit(**fields)
        with anyio.fail_after(5):
            result = await self.adapter.call(permit, no_credential(permit), KeptAside())
        assert isinstance(result, ToolResult)
        return result.result

    async def refused(self, **fields: Any) -> Reason:
        with pytest.raises(Refused) as caught:
            await self.call(**fields)
        return caught.value.reason

    @property
    def processes(self) -> list[int]:
        """Which process each call reached, counted in the order of their start."""
        return [self.server.started.index(one.number) for one in self.server.calls]


@pytest.mark.parametrize(
    ("rule", "stateless", "processes"),
    [
        (InstanceRule.TASK, True, [0, 1, 2]),
        (InstanceRule.AGENT, False, [0, 0, 1]),
        (InstanceRule.SHARED, True, [0, 0, 0]),
        (InstanceRule.SHARED, False, [0, 1, 2]),
    ],
)
async def test_a_process_is_shared_as_the_settings_and_the_manifest_say(
    tmp_path: Path, rule: InstanceRule, stateless: bool, processes: list[int]
) -> None:
    """Design 5.3: `shared` only where the manifest says `stateless`."""
    async with Adapted(tmp_path, {"instance": rule}) as adapted:
        for task, agent in (("t1", "a1"), ("t2", "a1"), ("t3", "a2")):
            await adapted.call(task=task, agent=agent, stateless=stateless)
        assert adapted.processes == processes


@promise("P3")
async def test_what_a_look_saw_is_forgotten_with_its_process(tmp_path: Path) -> None:
    """Ours: the next process is no other face of one that is no more, also where the look found what is refused."""

    class Refusing(RecordingWatch):
        def observe(self, server: str, offer: Offer, connection: str = "") -> None:
            super().observe(server, offer, connection)
            if len(self.seen) > 1:
                raise Refused(Reason.LEDGER_UNAVAILABLE, "disk full")

    watch = Refusing()
    async with Adapted(tmp_path, {"watch": watch}) as adapted:
        await adapted.adapter.offered()
        assert watch.forgotten == watch.connections
        with pytest.raises(Refused):
            await adapted.adapter.offered()
        assert watch.forgotten == watch.connections
        assert len(watch.forgotten) == 2


@promise("P3", "P11")
async def test_after_a_death_the_next_call_begins_another_and_the_offer_is_looked_at_again(tmp_path: Path) -> None:
    """Ours: whenever a server process begins."""
    async with Adapted(tmp_path, on={"tools/call": ["exit"]}) as adapted:
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        adapted.server.misbehave(on={})
        await adapted.call()
        assert adapted.processes == [0, 1]
        assert len(adapted.watch.seen) == 2


@promise("P3", "P7", "P11")
async def test_a_process_that_cannot_be_compared_is_not_called_and_keeps_no_other_from_being(tmp_path: Path) -> None:
    """The issue: a failed check fails the call closed, within its own time."""
    seconds = [0.0]
    members = {"now": lambda: seconds[0], "limits": StdioLimits(eof_seconds=0.5, opening_seconds=1)}
    async with Adapted(tmp_path, members, follows=True) as adapted:
        await adapted.call(task="a")
        await adapted.call(task="b")
        adapted.adapter._limits = StdioLimits(eof_seconds=0.5, opening_seconds=0.1)
        adapted.server.misbehave(on={"tools/list": ["hang"]})
        seconds[0] += 61
        assert await adapted.refused(task="a") is Reason.TOOL_SERVER_UNAVAILABLE
        with pytest.raises(Refused) as caught:
            await adapted.adapter.look_again()
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert len(adapted.server.calls) == 2
        adapted.server.misbehave(on={})
        await adapted.adapter.look_again()
        assert len(adapted.watch.seen) == 4


@promise("P3")
async def test_a_file_touched_between_the_look_and_the_start_ends_the_process_unheard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: between the look and the kernel's own there is a moment."""
    lock = tmp_path / "lock"
    lock.write_text("lock")
    promised = Promise(lock=frozenset({digest_of_bytes(b"lock")}), lock_file=lock)

    async def starting(*arguments: Any) -> None:
        await start(*arguments)
        lock.write_text("kcol")

    monkeypatch.setattr(link, "start", starting)
    async with Adapted(tmp_path, {"promise": lambda: promised}) as adapted:
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert adapted.server.arrived == []


@promise("P11")
async def test_a_process_that_dies_just_as_it_has_begun_is_not_kept(tmp_path: Path) -> None:
    """Ours: its task's next call begins another."""

    class Dying(RecordingWatch):
        def observe(self, server: str, offer: Offer, connection: str = "") -> None:
            super().observe(server, offer, connection)
            if len(self.seen) == 1:
                for conversation in adapted.adapter._running:
                    conversation._link._is_mute()

    async with Adapted(tmp_path, {"watch": Dying()}) as adapted:
        assert await adapted.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        assert await adapted.call() is not None
        assert adapted.processes == [1]


@promise("P11")
async def test_one_tasks_dead_process_is_no_other_tasks(tmp_path: Path) -> None:
    """Ours."""
    async with Adapted(tmp_path) as adapted:
        await adapted.call(task="a")
        adapted.server.misbehave(on={"tools/call": ["exit"]})
        assert await adapted.refused(task="b") is Reason.TOOL_SERVER_UNAVAILABLE
        await adapted.call(task="a")
        assert adapted.processes == [0, 1, 0]


@promise("P5")
async def test_a_secret_reaches_the_process_by_its_environment_alone(tmp_path: Path) -> None:
    """MCP authorization: over stdio, credentials come from the environment."""
    environment = {"API_KEY": Secret("k3y"), "MODE": "x"}
    async with Adapted(tmp_path, {"environment": environment}, show_environment=True) as adapted:
        await adapted.call()
        (started, *_) = adapted.server.events
        seen = {name: value for name, value in started["environment"].items() if name != "LC_CTYPE"}
        assert seen == {"API_KEY": "k3y", "MODE": "x"}


@promise("P5")
async def test_a_token_that_cannot_be_shown_is_not_taken(tmp_path: Path) -> None:
    """Ours: a broker that hands one out is mistaken."""
    async with Adapted(tmp_path) as adapted:
        permit = a_permit()
        with pytest.raises(Refused) as caught:
            await adapted.adapter.call(permit, a_credential(permit, "t"), KeptAside())
        assert caught.value.reason is Reason.INTERNAL
        assert adapted.server.started == []


@promise("P7")
async def test_their_number_is_bounded(tmp_path: Path) -> None:
    """Ours."""
    async with Adapted(tmp_path, {"limits": StdioLimits(processes_max=1)}) as adapted:
        await adapted.call(task="a")
        assert await adapted.refused(task="b") is Reason.OVERLOADED
        await adapted.adapter.end_task("a")
        await adapted.call(task="b")


async def test_what_it_said_last_is_kept_for_an_operator_and_for_nobody_else(tmp_path: Path) -> None:
    """Ours: stderr may hold arguments; it stands in no refusal and no record."""
    async with Adapted(tmp_path) as adapted:
        adapted.adapter._program._command = (
            *adapted.server.command[:2],
            "-c",
            "import sys; sys.exit('no key in /secret/path')",
        )
        with pytest.raises(Refused) as caught:
            await adapted.call()
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        assert "secret" not in caught.value.detail
        assert adapted.adapter.last_words == "no key in /secret/path\n"


async def test_an_offer_that_the_watch_cannot_take_begins_no_process(tmp_path: Path) -> None:
    """Ours (fail closed): what was not compared is not called."""

    class Failing(RecordingWatch):
        def observe(self, server: str, offer: Offer, connection: str = "") -> None:
            del server, offer, connection
            raise Refused(Reason.STORE_UNAVAILABLE)

    async with Adapted(tmp_path, {"watch": Failing()}) as adapted:
        assert await adapted.refused() is Reason.STORE_UNAVAILABLE
        assert adapted.server.alive == []
        assert adapted.server.calls == []


async def test_a_caller_that_leaves_while_its_process_begins_leaves_no_process(tmp_path: Path) -> None:
    """Ours."""
    async with Adapted(tmp_path, on={"tools/list": ["hang"]}) as adapted:
        async with anyio.create_task_group() as calling:
            calling.start_soon(adapted.call)
            await adapted.server.until(lambda: "tools/list" in adapted.server.methods)
            calling.cancel_scope.cancel()
        assert adapted.server.alive == []
        assert adapted.adapter._running == set()


@promise("P7")
@pytest.mark.parametrize("has_begun", [True, False])
async def test_the_end_comes_for_what_is_just_beginning_too(tmp_path: Path, has_begun: bool) -> None:
    """The issue: ended with the mediator; no process survives."""
    async with Adapted(tmp_path, on={"tools/list": ["hang"]}) as adapted:
        reasons: list[Reason] = []

        async def call() -> None:
            reasons.append(await adapted.refused())

        async with anyio.create_task_group() as calling:
            calling.start_soon(call)
            if has_begun:
                await adapted.server.until(lambda: "tools/list" in adapted.server.methods)
            else:
                while not adapted.adapter._running:
                    await anyio.lowlevel.checkpoint()
            with anyio.fail_after(5):
                await adapted.adapter.aclose()
            assert adapted.server.alive == []
            assert adapted.adapter._running == set()
        assert reasons == [Reason.TOOL_SERVER_UNAVAILABLE]
