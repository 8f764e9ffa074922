"""A freeze in the middle of everything: once the command has returned, nothing more goes out (issue 7, must show 4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from mediator.mediation.permit import Permit
from tests.promises import promise
from tests.simulated.fleet import Fleet
from tests.simulated.fleet_at_work import at_work, call_with
from tests.simulated.running import OWNER, command
from tests.simulated.tool_server import Wire
from tests.simulated.tool_server_arrivals import Arrived

CALLERS = 16
HELD = 8


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(120):
        while not holds():
            await anyio.lowlevel.checkpoint()


@promise("P1", "P5", "P7")
@pytest.mark.parametrize("name", ["agent:assistant", "server:notes", "everything"])
async def test_nothing_is_dispatched_once_the_freeze_has_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Callers that never rest, calls that are with the tool server: of the first none goes out, of the second none comes back."""
    sprung: list[str] = []
    spring = Permit.spring

    def watched(permit: Permit, fence: Callable[[Permit], None]) -> None:
        """Take note of each call that is let through to its first byte: in the loop turn of that byte."""
        spring(permit, fence)
        sprung.append(permit.decision_id)

    monkeypatch.setattr(Permit, "spring", watched)
    async with at_work(tmp_path, Fleet()) as mediator:
        notes, gate, numbers = mediator.servers["notes"], anyio.Event(), itertools.count()
        told, held = Counter[str | None](), list[str | None]()

        async def answer(arrived: Arrived, wire: Wire) -> None:
            if arrived.params["name"] == "load":
                await gate.wait()
            await notes._answer_modern(arrived, wire)

        async def hold() -> None:
            held.append(await call_with(mediator, mediator.token, "notes__load", f"/reports/{next(numbers)}"))

        async def call_on() -> None:
            while told["FROZEN"] < 5 * CALLERS:
                told[await call_with(mediator, mediator.token, "notes__echo", f"/reports/{next(numbers)}")] += 1

        notes.on("tools/call", answer)
        async with anyio.create_task_group() as calling:
            for _ in range(HELD):
                calling.start_soon(hold)
            for _ in range(CALLERS):
                calling.start_soon(call_on)
            await until(lambda: len(notes.calls) >= HELD + 3 * CALLERS and told[None] >= CALLERS)
            assert held == []
            await command("freeze", name, "--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder))
            dispatched = len(sprung)
            await until(lambda: told["FROZEN"] >= 5 * CALLERS)
            gate.set()
        assert len(sprung) == dispatched
        await until(lambda: len(notes.calls) == dispatched)
        assert held == ["FROZEN"] * HELD
        assert set(told) <= {None, "FROZEN"}
        outcomes = {
            entry["id"]: (entry["outcome"], entry["reason"], entry["forwarded"])
            for entry in mediator.entries("outcome")
        }
        allowed = [entry["id"] for entry in mediator.decisions if entry["verdict"] == "allow"]
        assert outcomes.keys() == set(allowed)
        assert {decision_id for decision_id, (_, _, forwarded) in outcomes.items() if forwarded} == set(sprung)
        assert {outcome for outcome in outcomes.values() if outcome[0] != "RELEASED"} <= {
            ("REFUSED", "FROZEN", True),
            ("REFUSED", "FROZEN", False),
        }
