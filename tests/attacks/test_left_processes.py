"""What was started for a part of a task ends with that part: nobody fills a tool server with processes of dead grants (A1).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import anyio

from mediator.delegation.grant import GrantState
from tests.promises import promise
from tests.simulated.fleet import Fleet, details
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, command, running
from tests.simulated.tool_server import tool
from tests.simulated.tool_server_stdio import SimulatedStdioServer

SECONDS = 20.0


@promise("P5", "P11")
async def test_processes_of_grants_that_are_over_end_before_their_task_does(tmp_path: Path) -> None:
    """Ours: of 64 processes of a server each grant holds one, and a task may hand on a small part at every step."""
    fleet = Fleet("orchestrator", "worker", "specialist")
    clock = SimulatedStdioServer(tmp_path, name="clock", tools=[tool("echo")])
    others = {"clock": ("--command", " ".join(clock.command))}
    async with running(tmp_path, {}, others=others, before_start=fleet.write) as mediator:
        words = ("--agent", "orchestrator", "--owner", OWNER, "--tools", "*", "--effects", "read", "--max-depth", "2")
        told = await command("task", "open", *words, "--purpose", "x", "--json", "--folder", str(mediator.folder))
        task, asked = json.loads(told), details(["clock/echo"])
        over = await fleet.hand_on(mediator, task, "orchestrator", "worker", asked)
        lives = await fleet.hand_on(mediator, task, "orchestrator", "specialist", asked)
        for held in (over, lives):
            await mediator.post(tools_call("clock__echo", text="x"), token=held["access_token"])
        ends, goes_on = (call.number for call in clock.calls)
        assert ends != goes_on
        # As where its time is over, or where the ledger failed right after the revocation: nobody ended its process.
        mediator.mediator.store.end_grant(over["grant"], GrantState.REVOKED, "a test")
        with anyio.fail_after(SECONDS):
            await mediator.mediator.end_dead_tasks()
        await clock.until(lambda: ends not in clock.alive)
        assert goes_on in clock.alive
        assert mediator.mediator.tool_servers.grants == {lives["grant"]}
