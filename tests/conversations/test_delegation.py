"""Three agents and a connector: what is handed on narrows, each acts, the whole chain is on record, all ends with the task.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediator.canonical import JsonObject, canonical_bytes
from tests.promises import promise
from tests.simulated.fleet import Fleet, Told, details, good, refused
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

FLEET = ("orchestrator", "worker", "specialist")
FORBIDDEN_CONNECTOR = """
@id("not-through-the-plugin") @reason("what goes through this plugin may not send")
forbid (principal, action in Mediator::Action::"effect:send", resource)
when { context.chain.connectors.contains("plugin") };
"""


def tools() -> SimulatedToolServer:
    words = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    paths = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    return SimulatedToolServer(
        tools=[
            tool("echo", inputSchema=words),
            tool("load", inputSchema=paths),
            tool("send", inputSchema=words),
        ]
    )


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(*FLEET, connectors=("plugin",))


@asynccontextmanager
async def at_work(tmp_path: Path, fleet: Fleet) -> AsyncIterator[Running]:
    async with running(
        tmp_path, {"notes": tools()}, effects={"notes/send": "send"}, before_start=fleet.write, bearers_act=True
    ) as mediator:
        yield mediator


async def opened(mediator: Running, agent: str, *more: str) -> Told:
    """Open a task by its owner's statement, which may do more than a profile, and may be handed on."""
    words = [
        "--agent",
        agent,
        "--owner",
        OWNER,
        "--tools",
        "notes/send",
        "--tools",
        "notes/load",
        "--tools",
        "notes/echo",
    ]
    said = await command(
        "task", "open", *words, "--effects", "read,send", "--purpose", "a report", "--max-depth", "3", *more,
        "--json", "--folder", str(mediator.folder),
    )  # fmt: skip
    return dict(json.loads(said))


async def call(mediator: Running, told: Told, name: str, **arguments: str) -> str | None:
    """Call a tool with this token; return the reason of the refusal, if it is one."""
    answer = await mediator.post(tools_call(f"notes__{name}", **arguments), token=told["access_token"])
    return reason_in(answer)


@promise("P4", "P5", "P9")
async def test_three_agents_share_a_task(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 5: narrower at each hand, refused beyond, the whole chain on record with its owner, all dead at the end."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "orchestrator")
        below: JsonObject = {"/path": {"path_below": "/reports"}}
        worker = await fleet.hand_on(
            mediator, task, "orchestrator", "worker", details(["notes/load", "notes/echo"], max_calls=5)
        )
        specialist = await fleet.hand_on(
            mediator, worker, "worker", "specialist", details(["notes/load"], arguments=below, max_depth=0)
        )

        assert await call(mediator, task, "send", text="begun") is None
        assert await call(mediator, worker, "echo", text="x") is None
        assert await call(mediator, specialist, "load", path="/reports/q3") is None
        assert await call(mediator, worker, "send", text="x") == "UNKNOWN_TOOL"
        assert await call(mediator, specialist, "load", path="/reports/../secrets") == "NOT_COVERED"
        assert await call(mediator, specialist, "load", path="/secrets") == "NOT_COVERED"
        assert await call(mediator, specialist, "echo", text="x") == "UNKNOWN_TOOL"

        wider = details(["notes/send"], ["send"])
        actor = fleet.assertion(mediator, "specialist", grant=worker["grant"])
        told = await fleet.exchange(mediator, worker["access_token"], "worker", wider, actor)
        assert refused(told) == (400, "invalid_authorization_details")

        last = next(entry for entry in mediator.decisions if entry["agent"] == "specialist")
        assert last["chain"] == [*FLEET]
        assert last["owner"] == OWNER

        await command("task", "complete", task["task"], "--owner", OWNER, "--folder", str(mediator.folder))
        for dead in (task, worker, specialist):
            assert await call(mediator, dead, "load", path="/reports/q3") == "TASK_COMPLETED"
            held = canonical_bytes([{"type": "mcp_tool_grant", "grant": dead["grant"]}]).decode()
            renewed = await fleet.ask(
                mediator, "orchestrator", "token", grant_type="client_credentials", authorization_details=held
            )
            assert refused(renewed) == (400, "invalid_grant")


@promise("P4", "P9")
async def test_a_connector_is_a_link_that_policy_can_speak_of(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 5: who exchanges with its own key is seen; the agent may send directly, and not through that one."""
    async with at_work(tmp_path, fleet) as mediator:
        (mediator.folder / "policies" / "plugin.cedar").write_text(FORBIDDEN_CONNECTOR, encoding="utf-8")
        await command("policy", "activate", "--operator", OWNER, "--folder", str(mediator.folder))
        task = await opened(mediator, "orchestrator", "--may-act", "plugin")
        through = good(
            await fleet.exchange(mediator, task["access_token"], "plugin", details(["notes/send"], ["send"]))
        )
        assert await call(mediator, task, "send", text="directly") is None
        assert await call(mediator, through, "send", text="through the plugin") == "DENIED_BY_POLICY"
        entry = mediator.decisions[-1]
        assert entry["chain"] == ["orchestrator", "plugin"]
        assert entry["connectors"] == ["plugin"]
        assert mediator.decisions[-2]["identity"]["relayed"] == "unknown"  # type: ignore[index,call-overload]


@promise("P4")
async def test_who_is_not_named_receives_nothing(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 8693 §4.4: `may_act` names the next actor; without it the holder alone may ask."""
    async with at_work(tmp_path, fleet) as mediator:
        task, asked = await opened(mediator, "orchestrator"), details(["notes/load"])
        told = await fleet.exchange(mediator, task["access_token"], "worker", asked)
        assert refused(told) == (400, "actor_unauthorized")
        named = await opened(mediator, "orchestrator", "--may-act", "worker")
        actor = fleet.assertion(mediator, "specialist", grant=named["grant"])
        told = await fleet.exchange(mediator, named["access_token"], "orchestrator", asked, actor)
        assert refused(told) == (400, "actor_unauthorized")
        good(await fleet.exchange(mediator, named["access_token"], "worker", asked))


async def test_an_agent_opens_tasks_within_its_profile(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 6749 §4.4, RFC 9396: to read; for more its owner opens one."""
    async with at_work(tmp_path, fleet) as mediator:
        whole = await fleet.token(mediator, "worker")
        assert await call(mediator, whole, "echo", text="x") is None
        part = await fleet.token(mediator, "worker", details(["notes/load"], expires_in=60))
        assert part["expires_in"] <= 60
        assert await call(mediator, part, "echo", text="x") == "UNKNOWN_TOOL"
        asked = details(["notes/send"], ["send"])
        told = await fleet.ask(
            mediator, "worker", "token", grant_type="client_credentials", authorization_details=asked
        )
        assert refused(told) == (400, "invalid_authorization_details")
        assert "owner" in told.json()["error_description"]


@promise("P5")
async def test_a_token_is_revoked_with_all_below_it_and_told_of_to_its_chain_alone(
    tmp_path: Path, fleet: Fleet
) -> None:
    """RFC 7009 §2, RFC 7662 §2."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "orchestrator")
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", details(["notes/load"]))

        async def told(asker: str) -> Any:
            return (await fleet.ask(mediator, asker, "introspect", token=worker["access_token"])).json()

        seen = await told("worker")
        assert (seen["active"], seen["owner"], seen["act"]) == (
            True,
            OWNER,
            {"sub": "worker", "act": {"sub": "orchestrator"}},
        )
        assert await told("specialist") == {"active": False}
        left = await fleet.ask(mediator, "specialist", "revoke", token=worker["access_token"])
        assert left.status_code == 200
        assert await call(mediator, worker, "load", path="/a") is None
        await fleet.ask(mediator, "orchestrator", "revoke", token=worker["access_token"])
        assert await call(mediator, worker, "load", path="/a") == "GRANT_REVOKED"
        assert await call(mediator, task, "load", path="/a") is None
        assert await told("worker") == {"active": False}


@promise("P5")
@pytest.mark.parametrize("what", ["agent:orchestrator", "owner", "key", "class:fleet"])
async def test_who_is_frozen_is_stopped_with_all_below_and_goes_on_when_let_go(
    tmp_path: Path, fleet: Fleet, what: str
) -> None:
    """Issue 5: disabling an owner, an agent or a key: effective at the next call, for the whole subtree."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "orchestrator")
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", details(["notes/load"]))
        name = {"owner": f"owner:{OWNER}", "key": f"key:{fleet.keys['orchestrator'].public.keyid}"}.get(what, what)
        words = (name, "--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder))
        await command("freeze", *words)
        assert [await call(mediator, one, "load", path="/a") for one in (task, worker)] == ["FROZEN", "FROZEN"]
        told = await fleet.exchange(mediator, worker["access_token"], "worker", details(["notes/load"]))
        assert refused(told)[0] == 400
        await command("unfreeze", *words)
        assert await call(mediator, worker, "load", path="/a") is None


async def test_the_tree_is_drawn(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 5: for people, and with `--json` for programs."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "orchestrator")
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", details(["notes/load"]))
        here = ("--folder", str(mediator.folder))
        drawn = await command("grant", "list", *here)
        assert drawn.index(task["grant"][:20]) < drawn.index(worker["grant"][:20])
        listed = json.loads(await command("grant", "list", "--json", *here))
        parents = {one["grant"]: one["parent"] for one in listed["grants"]}
        assert parents[worker["grant"]] == task["grant"]
        await command("grant", "revoke", worker["grant"], "--who", OWNER, "--reason", "a test", *here)
        assert await call(mediator, worker, "load", path="/a") == "GRANT_REVOKED"
        assert "revoked" in await command("grant", "show", worker["grant"], *here)


async def test_a_task_is_renewed_by_its_owner(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 5: a decision on record."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "orchestrator", "--minutes", "5")
        words = (task["task"], "--owner", OWNER, "--minutes", "60", "--json", "--folder", str(mediator.folder))
        before = json.loads(await command("task", "show", task["task"], "--json", "--folder", str(mediator.folder)))
        after = json.loads(await command("task", "renew", *words))
        assert after["expires_ms"] > before["expires_ms"]
        assert len(mediator.entries("task.renewed")) == 1
