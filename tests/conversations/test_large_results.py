"""Large results through the whole mediator: faithful, and nobody waits for them but who asked.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
import httpx2
import pytest

from mediator.adapters.inspection_processes.pool import InspectionProcesses
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

ROWS: Final = [{"n": number, "text": "é line\n" * 90} for number in range(14_000)]
LARGE: Final[dict[str, Any]] = {
    "content": [{"type": "text", "text": "rows"}],
    "structuredContent": {"rows": ROWS},
    "isError": False,
    "x-unknown": {"kept": [1.5]},
    "_meta": {"com.example/kept": 1, "traceparent": "not the server's to say"},
}
OUTPUT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": {"type": "object", "required": ["n"]}}},
    "required": ["rows"],
}
SMALL: Final = {"content": [{"type": "text", "text": "x" * 200_000}], "structuredContent": {"rows": []}}


def server(**fields: Any) -> SimulatedToolServer:
    """A server with a tool that says much, and one that gives its arguments back."""
    return SimulatedToolServer(tools=[tool("much", outputSchema=OUTPUT), tool("echo")], **fields)


def pids_of(mediator: Running) -> tuple[int, ...]:
    inspectors = mediator.mediator.ports.inspectors
    return inspectors.pids if isinstance(inspectors, InspectionProcesses) else ()


async def at_work(mediator: Running) -> None:
    """Return once a worker has something to do."""
    inspectors = mediator.mediator.ports.inspectors
    assert isinstance(inspectors, InspectionProcesses)
    with anyio.fail_after(5):
        while inspectors._idle:
            await anyio.lowlevel.checkpoint()


def result_in(answer: httpx2.Response) -> dict[str, Any]:
    data = answer.text
    if answer.headers["content-type"] == "text/event-stream":
        data = next(line for line in data.split("\n") if line.startswith("data: {")).removeprefix("data: ")
    return dict(json.loads(data)["result"])


@promise("P8")
@pytest.mark.parametrize("answer_as", ["json", "sse"])
async def test_ten_megabytes_come_through_as_they_are(tmp_path: Path, answer_as: Any) -> None:
    """The issue, "Faithful": large results (10 MB)."""
    async with running(tmp_path, {"data": server(answer_as=answer_as)}) as mediator:
        mediator.servers["data"].answer_with("much", LARGE)
        answer = await mediator.post(tools_call("data__much"))
        assert len(answer.content) > 10_000_000
        result = result_in(answer)
        assert result["structuredContent"] == LARGE["structuredContent"]
        assert (result["content"], result["x-unknown"]) == (LARGE["content"], LARGE["x-unknown"])
        assert result["_meta"].keys() == {"com.example/kept", "io.modelcontextprotocol/serverInfo"}
        (outcome,) = mediator.entries("outcome")
        assert outcome["outcome"] == "RELEASED"
        facts = outcome["result"]
        assert isinstance(facts, dict)
        assert facts["removed"] == 2  # trace context, and what the server calls itself
        (pid,) = pids_of(mediator)
        assert mediator.alarms == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@promise("P11", "P12")
async def test_while_a_large_answer_is_inspected_another_call_is_answered(tmp_path: Path) -> None:
    """The issue: inspected off the loop. No clock: the worker is stopped until the small call has its answer."""
    async with running(tmp_path, {"data": server()}) as mediator:
        mediator.servers["data"].answer_with("much", SMALL)
        assert reason_in(await mediator.post(tools_call("data__much"))) is None  # there is a worker now
        (pid,) = pids_of(mediator)
        os.kill(pid, signal.SIGSTOP)
        answered: list[str] = []

        async def ask(name: str, **arguments: str) -> None:
            answer = await mediator.post(tools_call(f"data__{name}", **arguments))
            assert reason_in(answer) is None
            answered.append(name)

        async with anyio.create_task_group() as asking:
            asking.start_soon(ask, "much")
            await at_work(mediator)
            await ask("echo", text="x")
            os.kill(pid, signal.SIGCONT)
        assert answered == ["echo", "much"]


@promise("P7", "P11")
async def test_a_worker_that_is_killed_fails_one_call(tmp_path: Path) -> None:
    """Ours: the result is withheld, on record; the next one is inspected by another worker."""
    async with running(tmp_path, {"data": server()}) as mediator:
        mediator.servers["data"].answer_with("much", SMALL)
        await mediator.post(tools_call("data__much"))
        (pid,) = pids_of(mediator)
        os.kill(pid, signal.SIGSTOP)
        async with anyio.create_task_group() as asking:

            async def ask() -> None:
                assert reason_in(await mediator.post(tools_call("data__much"))) == "RESULT_WITHHELD"

            asking.start_soon(ask)
            await at_work(mediator)
            os.kill(pid, signal.SIGKILL)
        assert reason_in(await mediator.post(tools_call("data__much"))) is None
        assert mediator.outcomes == [("RELEASED", None), ("REFUSED", "RESULT_WITHHELD"), ("RELEASED", None)]
        assert len(mediator.alarms) == 1


@promise("P7")
@pytest.mark.parametrize("workers", [0, 1])
async def test_a_hostile_large_answer_is_withheld_wherever_it_is_inspected(tmp_path: Path, workers: int) -> None:
    """Ours: `[limits] inspection_workers` says where, and nothing else."""
    bad = {"content": [], "structuredContent": {"rows": [{"m": "x" * 200_000}]}}
    settings = {"limits": f"inspection_workers = {workers}"}
    async with running(tmp_path, {"data": server()}, settings=settings) as mediator:
        mediator.servers["data"].answer_with("much", bad)
        assert reason_in(await mediator.post(tools_call("data__much"))) == "TOOL_SERVER_INVALID"
        mediator.servers["data"].answer_with("much", SMALL)
        answer = await mediator.post(tools_call("data__much"))
        assert result_in(answer)["content"] == SMALL["content"]
        assert len(pids_of(mediator)) == workers
