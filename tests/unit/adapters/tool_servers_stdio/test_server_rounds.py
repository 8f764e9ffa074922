"""StdioToolServer: what is told, asked and subscribed to, between its processes and their callers.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.canonical import JsonObject
from mediator.inspection.result import Ask, Came, ToolResult, Waiting
from mediator.kind import ItemKind
from mediator.mediation.instances import InstanceRule
from mediator.mediation.permit import Permit
from mediator.refusal import Reason, Refused
from mediator.wire.methods import AskMethod, CallMethod, Era
from mediator.wire.receiver import ALL_CAPABILITIES, NOBODY, Receiver, read_capabilities
from tests.promises import promise
from tests.simulated.aside import KeptAside
from tests.simulated.permits import RecordingWatch, a_permit, no_credential
from tests.simulated.stdio_talk import SHOWS_PROGRESS, SlowAside, asks, logged, progress, until
from tests.simulated.tool_server_stdio import SimulatedStdioServer

ANSWERS: Final[JsonObject] = {"input": {"action": "decline"}}
ELICITS: Final = Receiver(capabilities=read_capabilities({"elicitation": {"form": {}}, "x-more": {}}))
SAMPLES: Final = Receiver(capabilities=read_capabilities({"sampling": {}}))
RESOURCES: Final = [{"uri": "a://1", "name": "one"}]
UPDATED: Final = '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a://1"}}\n'


class Side:
    """A simulated server behind its adapter, ended with its test."""

    def __init__(self, folder: Path, adapter: dict[str, Any] | None = None, **fields: Any) -> None:
        self.server, self.aside = SimulatedStdioServer(folder, **fields), KeptAside()
        self.updates: list[tuple[str, str, str | None]] = []
        self.fence_refuses: Refused | None = None
        members: dict[str, Any] = {"watch": RecordingWatch(), "fence": self.fence, "updates": self}
        self.adapter = StdioToolServer("clock", self.server.command, **members | (adapter or {}))

    def fence(self, permit: Permit) -> None:
        del permit
        if self.fence_refuses is not None:
            raise self.fence_refuses

    def updated(self, server: str, uri: str, task: str | None) -> None:
        self.updates.append((server, uri, task))

    def __len__(self) -> int:
        """Nothing at first: as the real watch, it is false then."""
        return len(self.updates)

    async def __aenter__(self) -> Side:  # noqa: PYI034 - nobody makes another of it
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.fail_after(5):
            await self.adapter.aclose()
        assert self.server.alive == []

    async def make(self, permit: Permit, aside: KeptAside | None = None) -> Came:
        with anyio.fail_after(5):
            return await self.adapter.call(permit, no_credential(permit), aside or self.aside)

    async def call(self, receiver: Receiver = NOBODY, **fields: Any) -> Came:
        return await self.make(a_permit(forwarded={"receiver": receiver}, **fields))

    async def subscribe(self, **fields: Any) -> Came:
        forwarded = {"method": CallMethod.SUBSCRIBE, "kind": ItemKind.RESOURCE, "name": "a://1"}
        return await self.make(a_permit(arguments={"uri": "a://1"}, forwarded=forwarded, **fields))

    async def resume(self, waiting: Waiting, permit: Permit) -> Came:
        with anyio.fail_after(5):
            return await self.adapter.resume(permit, waiting, self.aside)

    @property
    def answers(self) -> list[Mapping[str, Any]]:
        return [one.message for one in self.server.arrived if one.method is None]


# --- what is asked ---------------------------------------------------------------------------------------------------


@promise("P1")
async def test_a_call_goes_on_with_the_permits_one_answer(tmp_path: Path) -> None:
    """The issue: a new decision, not a new call."""
    async with Side(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as side:
        waiting = await side.call(ELICITS)
        assert isinstance(waiting, Waiting)
        permit = a_permit(answers=ANSWERS, number=2)
        result = await side.resume(waiting, permit)
        assert isinstance(result, ToolResult)
        assert result.error is None
        assert permit.was_used
        assert side.answers == [{"jsonrpc": "2.0", "id": "q", "result": ANSWERS["input"]}]
        assert len(side.server.calls) == 1


async def test_a_permit_without_an_answer_is_an_error_to_the_server(tmp_path: Path) -> None:
    """Ours: the client did not answer."""
    async with Side(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as side:
        waiting = await side.call(ELICITS)
        assert isinstance(waiting, Waiting)
        await side.resume(waiting, a_permit(number=2))
        assert side.answers[0]["error"]["code"] == -1


@promise("P1", "P7")
async def test_a_fence_that_has_moved_ends_the_call_that_is_held(tmp_path: Path) -> None:
    """Ours: the grant is fenced again."""
    async with Side(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as side:
        waiting = await side.call(ELICITS)
        assert isinstance(waiting, Waiting)
        side.fence_refuses = Refused(Reason.GRANT_REVOKED)
        with pytest.raises(Refused) as caught:
            await side.resume(waiting, a_permit(answers=ANSWERS, number=2))
        assert caught.value.reason is Reason.GRANT_REVOKED
        await side.server.until(lambda: "notifications/cancelled" in side.server.methods and bool(side.answers))
        assert "result" not in side.answers[0]


@promise("P7")
async def test_what_is_no_call_of_this_server_cannot_be_gone_on_with(tmp_path: Path) -> None:
    """Ours: a mistake of who routes."""
    foreign = Waiting(ask=Ask(method=AskMethod.ROOTS, params={}, size_bytes=1), hold=object())
    async with Side(tmp_path, on={"tools/call": [asks(), "await", "answer"]}) as side:
        side.adapter.abandon(foreign)
        waiting = await side.call(ELICITS)
        assert isinstance(waiting, Waiting)
        for held, permit in ((foreign, a_permit(number=2)), (waiting, a_permit(server="other", number=3))):
            with pytest.raises(Refused) as caught:
                await side.resume(held, permit)
            assert caught.value.reason is Reason.INTERNAL
        side.adapter.abandon(waiting)
        await side.server.until(lambda: "notifications/cancelled" in side.server.methods)
        with pytest.raises(Refused) as caught:
            await side.resume(waiting, a_permit(number=4))
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE


@promise("P11")
async def test_the_end_of_a_task_ends_what_is_held_for_it(tmp_path: Path) -> None:
    """Ours: with its process."""
    async with Side(tmp_path, on={"tools/call": [asks(), "hang"]}) as side:
        waiting = await side.call(ELICITS, task="a")
        assert isinstance(waiting, Waiting)
        await side.adapter.end_task("a")
        assert side.server.alive == []
        with pytest.raises(Refused) as caught:
            await side.resume(waiting, a_permit(number=2))
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE


async def test_a_legacy_process_is_greeted_in_the_same_words_whoever_calls(tmp_path: Path) -> None:
    """Ours: what a server offers must not depend on who calls; what nobody can answer is refused when it is asked."""
    async with Side(tmp_path) as side:
        for receiver in (NOBODY, ELICITS, SAMPLES, ELICITS):
            await side.call(receiver)
        declared = [one.params["capabilities"] for one in side.server.arrived if one.method == "initialize"]
        assert declared == [ALL_CAPABILITIES.form()]
        assert len(side.server.started) == 1
        await side.adapter.end_task("task-1")
        assert side.server.alive == []


async def test_a_modern_process_is_told_with_each_call(tmp_path: Path) -> None:
    """MCP 2026-07-28: in the envelope."""
    async with Side(tmp_path, {"era": Era.MODERN}, era="modern") as side:
        for receiver in (NOBODY, ELICITS):
            await side.call(receiver)
        key = "io.modelcontextprotocol/clientCapabilities"
        assert [one.params["_meta"][key] for one in side.server.calls] == [{}, {"elicitation": {"form": {}}}]
        assert len(side.server.started) == 1


@promise("P2", "P4")
async def test_a_process_of_several_tasks_asks_and_tells_no_caller(tmp_path: Path) -> None:
    """Design 5.3: such words carry nothing that ties them to a call, so they might be another task's."""
    shared = {"instance": InstanceRule.AGENT}
    async with Side(tmp_path, shared, on={"tools/call": [logged("another task's"), asks(), "await", "answer"]}) as side:
        result = await side.call(ELICITS)
        assert isinstance(result, ToolResult)
        assert (side.aside.told, side.aside.asked) == ([], [])
        assert [one["error"]["code"] for one in side.answers] == [-32601]


# --- what is told ----------------------------------------------------------------------------------------------------


@promise("P11")
async def test_a_slow_consumer_keeps_no_other_process_waiting(tmp_path: Path) -> None:
    """Ours: the pipe is one process's."""
    slow = SlowAside()
    flood = "".join(map(progress, range(500)))
    async with Side(tmp_path, on={"tools/call": [flood, "answer"]}) as side:
        async with anyio.create_task_group() as calling:
            permit = a_permit(task="slow", forwarded={"receiver": SHOWS_PROGRESS})
            calling.start_soon(side.make, permit, slow)
            await until(lambda: any(one._link.in_flight.is_choked for one in side.adapter._running))
            result = await side.call(SHOWS_PROGRESS, task="quick")
            assert isinstance(result, ToolResult)
            assert (len(side.aside.told), len(slow.told)) == (500, 0)
            slow.gate.open.set()
        assert len(slow.told) == 500


# --- what is subscribed to -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize(("rule", "task"), [(InstanceRule.TASK, "task-1"), (InstanceRule.AGENT, None)])
async def test_the_watch_is_told_what_has_changed_and_for_whom(
    tmp_path: Path, era: str, rule: InstanceRule, task: str | None
) -> None:
    """Ours: of a process that several tasks share nobody can say for which of them."""
    fields: dict[str, Any] = {"era": era, "resources": RESOURCES, "on": {"tools/call": [UPDATED, "answer"]}}
    async with Side(tmp_path, {"instance": rule}, **fields) as side:
        result = await side.subscribe()
        assert isinstance(result, ToolResult)
        assert result.error is None
        await side.call()
        assert side.updates == [("clock", "a://1", task)]


async def test_a_task_that_ends_hears_of_nothing_any_more_where_others_go_on(tmp_path: Path) -> None:
    """Ours: of a shared process."""
    fields: dict[str, Any] = {"resources": RESOURCES, "on": {"tools/call": [UPDATED, "answer"]}}
    async with Side(tmp_path, {"instance": InstanceRule.AGENT}, **fields) as side:
        await side.subscribe(task="a")
        await side.adapter.end_task("a")
        await side.call(task="b")
        assert side.updates == []


async def test_nobody_is_told_where_nobody_watches(tmp_path: Path) -> None:
    """Ours: the default."""
    fields: dict[str, Any] = {"resources": RESOURCES, "on": {"tools/call": [UPDATED, "answer"]}}
    async with Side(tmp_path, {"updates": None}, **fields) as side:
        await side.subscribe()
        result = await side.call()
        assert isinstance(result, ToolResult)
        assert result.noise == 0
