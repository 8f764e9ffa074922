"""The issuer's key rotated while agents work: nobody's valid token is refused, and nobody's call is broken.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mediator.adapters.clock_system import SystemClock
from mediator.assembly.issuer import TOKEN_LIFE_MS
from mediator.canonical import JsonObject
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, reason_in, running
from tests.simulated.tool_server import Arrived, SimulatedToolServer, Wire, tool

CALL: JsonObject = tools_call("a__echo", text="x")


def servers() -> dict[str, SimulatedToolServer]:
    return {"a": SimulatedToolServer(tools=[tool("echo")])}


async def rotate(mediator: Running) -> dict[str, Any]:
    words = ("keys", "rotate", "--operator", OWNER, "--json", "--folder", str(mediator.folder))
    return dict(json.loads(await command(*words)))


def let_pass(mediator: Running, ms: int) -> None:
    """Let so much time pass for the mediator: its clock never goes back."""
    clock = mediator.mediator.ports.clock
    assert isinstance(clock, SystemClock)
    clock._last_ms = clock.now_ms() + ms


@promise("P5", "P7")
async def test_old_tokens_hold_until_they_have_expired_and_new_ones_are_by_the_new_key(tmp_path: Path) -> None:
    """The issue: JWKS with rotation. Over the control socket, twice, and both keys' tokens side by side."""
    async with running(tmp_path, servers()) as mediator:
        first = mediator.token
        one = await rotate(mediator)
        second = await mediator.open_task()
        two = await rotate(mediator)
        third = await mediator.open_task()
        for token in (first, second, third):
            assert reason_in(await mediator.post(CALL, token=token)) is None
        signed_by = [decision["identity"]["key_id"] for decision in mediator.decisions]  # type: ignore[index,call-overload]  # JSON
        assert signed_by == [one["old"], one["new"], two["new"]]
        assert two["old"] == one["new"]
        issuer, now_ms = mediator.mediator.issuer, mediator.mediator.ports.clock.now_ms()
        assert {key.keyid for key in issuer.public_keys(now_ms)} == {*signed_by}

        let_pass(mediator, TOKEN_LIFE_MS)
        for token in (first, second):
            answer = await mediator.post(CALL, token=token)
            assert (answer.status_code, reason_in(answer)) == (401, "UNKNOWN_KEY")
        assert (await mediator.post(CALL, token=third)).status_code == 401  # which has expired
        fresh, _ = mediator.mediator.desk.token(mediator.task)
        assert reason_in(await mediator.post(CALL, token=fresh.reveal())) is None
        assert len(issuer.public_keys(mediator.mediator.ports.clock.now_ms())) == 1
        assert [entry["body"]["who"] for entry in mediator.entries("issuer.rotated")] == [OWNER, OWNER]  # type: ignore[index,call-overload]  # JSON


@promise("P11")
async def test_a_rotation_breaks_no_call_that_is_under_way(tmp_path: Path) -> None:
    """The issue: neither before its first byte nor before its answer is released."""
    server = SimulatedToolServer(tools=[tool("echo")])
    async with running(tmp_path, {"a": server}) as mediator:
        for method in ("tools/list", "tools/call"):
            seen: list[str] = []

            async def step_in(arrived: Arrived, wire: Wire) -> None:
                server.on(method, None)  # noqa: B023 - of this round
                seen.append((await rotate(mediator))["new"])  # noqa: B023
                await server._answer(arrived, wire)

            server.on(method, step_in)
            mediator.mediator.tool_servers.pins_changed()  # so that its lists are asked for again
            assert (method, reason_in(await mediator.post(CALL))) == (method, None)
            assert seen == [mediator.mediator.issuer.signing_key.public.keyid]
        assert set(mediator.outcomes) == {("RELEASED", None)}


@promise("P11")
async def test_a_session_goes_on_over_a_rotation(tmp_path: Path) -> None:
    """Ours: a session belongs to who holds the grant, whichever key signed the token that says so."""
    async with running(tmp_path, servers()) as mediator, mediator.client("legacy") as session:
        await session.list_tools()
        await rotate(mediator)
        result = await session.call_tool("a__echo", {"text": "x"})
        assert not result.is_error
