"""Decision points outside: asked about each call of an effect that they are named for, and none is made without their yes.

A running mediator, over HTTP, with OPA's data API and AuthZEN 1.0 beside each other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.promises import promise
from tests.simulated.decision_point import DecisionPoint
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

READ, WRITE = tools_call("tools__echo"), tools_call("tools__save", text="x")


@asynccontextmanager
async def at_work(
    tmp_path: Path, opa: Callable[[dict[str, Any]], bool | None], authzen: Callable[[dict[str, Any]], bool]
) -> AsyncIterator[tuple[Running, DecisionPoint, DecisionPoint]]:
    async with DecisionPoint(opa) as house, DecisionPoint(authzen) as group:

        def name_them(folder: Path) -> None:
            with (folder / "mediator.toml").open("a", encoding="utf-8") as file:
                for name, kind, url in (("house", "opa", house.opa_url), ("group", "authzen", group.authzen_url)):
                    file.write(f'\n[[decision_point]]\nname = "{name}"\nkind = "{kind}"\nurl = "{url}"\nseconds = 20\n')

        servers = {"tools": SimulatedToolServer(tools=[tool("echo"), tool("save")])}
        async with running(
            tmp_path, servers, effects={"tools/save": "write"}, before_start=name_them, bearers_act=True
        ) as mediator:
            await mediator.open_task(tools="tools/*", effects="read,write")
            yield mediator, house, group


def calls(mediator: Running) -> list[str | None]:
    return [call.tool for call in mediator.servers["tools"].calls]


def opinions_of(entry: Any) -> dict[str, str]:
    return {one["of"]: one["answer"] for one in entry["circumstances"].get("opinions", [])}


@promise("P7", "P8", "P9")
async def test_a_call_is_made_where_everybody_allows_it_and_is_on_record_with_what_they_said(tmp_path: Path) -> None:
    """Issue 7: an allow of ours is not enough for a write; a read asks nobody."""
    answers: dict[str, Any] = {"house": True, "group": True}
    async with at_work(tmp_path, lambda _: answers["house"], lambda _: answers["group"]) as (mediator, house, group):
        assert reason_in(await mediator.post(READ)) is None
        assert (house.asked, group.asked) == ([], [])
        assert reason_in(await mediator.post(WRITE)) is None
        assert opinions_of(mediator.decisions[-1]) == {"house": "allow", "group": "allow"}
        for said, reason in (
            ({"house": False, "group": True}, "DENIED_BY_POLICY"),
            ({"house": None, "group": True}, "DENIED_BY_POLICY"),
            ({"house": True, "group": False}, "DENIED_BY_POLICY"),
        ):
            answers.update(said)
            answer = await mediator.post(WRITE)
            assert reason_in(answer) == reason
            assert "decision point" in answer.json()["result"]["content"][0]["text"]
            assert mediator.decisions[-1]["verdict"] == "deny"
        answers.update(house=True, group=True)
        await group.close()
        assert reason_in(await mediator.post(WRITE)) == "POLICY_ERROR"
        assert opinions_of(mediator.decisions[-1]) == {"house": "allow", "group": "unavailable"}
        assert calls(mediator) == ["echo", "save"]
        assert len(house.asked) == 5
        told = house.asked[0][2]["input"]
        assert told["context"]["argument_names"] == ["text"]
        assert told["context"]["request_hash"] == mediator.decisions[1]["request_hash"]
        assert len([alarm for alarm in mediator.alarms if "`group`" in alarm]) == 1
