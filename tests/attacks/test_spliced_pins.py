"""Somebody who writes `pins.lock` and holds no key (A1 with a file tool, A7): true statements, put together anew.

Each of them verifies, and the newest of all is there: the highest serial says nothing against the file.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from mediator.manifest.lock import parse_lock, write_lock
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.running import OWNER, command, message_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool


@promise("P2", "P3")
async def test_a_revoked_pin_does_not_come_back_beside_the_newest_statement(tmp_path: Path) -> None:
    """Issue 3: an older approval, put back where the revocation was taken out, is no approval."""
    server = SimulatedToolServer(tools=[tool("echo"), tool("other")])
    async with running(tmp_path, {"tools": server}) as mediator:
        here = ("--reviewer", OWNER, "--folder", str(mediator.folder))
        path = mediator.folder / "tool_manifests" / "pins.lock"
        before = parse_lock(path.read_bytes())
        await command("pin", "revoke", "tools", "--tool", "echo", "--note", "It leaks.", *here)
        await command("pin", "approve", "tools", "--tool", "other", *here)
        newest = parse_lock(path.read_bytes())[-1]
        path.write_bytes(write_lock([*before, newest]))
        for _ in range(2):
            await mediator.mediator.renewal.renew()
            answer = message_in(await mediator.post(enveloped("tools/list")))
            assert "tools__echo" not in {one["name"] for one in answer["result"]["tools"]}
            (problem,) = [one for one in mediator.mediator.problems if one.tool == "echo"]
            assert (
                problem.detail
                == "older than what was seen of this file, and not in it then: put back, or late; approve it again"
            )
        await command("pin", "approve", "tools", "--tool", "echo", *here)
        assert [one for one in mediator.mediator.problems if one.tool == "echo"] == []
