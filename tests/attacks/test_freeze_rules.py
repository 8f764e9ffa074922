"""Rules that freeze, in a whole mediator: they trip by themselves, last, and are the operators' alone (A1, A2, A7).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import JsonObject
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.refusal import Reason, Refused
from tests.attacks.test_freezes import owner_key, put, write
from tests.promises import promise
from tests.simulated.fleet import Fleet
from tests.simulated.fleet_at_work import at_work, call_with, opened, within
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, reason_in, refused_command, running, started
from tests.simulated.tool_server import SimulatedToolServer, tool

DENIALS = "denials > 2 in 600s of agent"


@pytest.fixture
def fleet() -> Fleet:
    return Fleet("orchestrator", "worker")


def words(mediator: Running) -> tuple[str, ...]:
    return ("--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder))


async def listed(mediator: Running) -> JsonObject:
    return dict(json.loads(await command("freeze", "--list", "--json", "--folder", str(mediator.folder))))


@promise("P5", "P9")
async def test_an_agent_that_is_denied_too_often_is_frozen_by_itself(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 7: who tries what it may not, again and again; whoever handed to it works on, and it is let go as ever."""
    async with at_work(tmp_path, fleet) as mediator:
        await command("freeze", "--if", DENIALS, *words(mediator))
        task = await opened(mediator)
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within())
        assert await call_with(mediator, worker["access_token"]) is None
        for _ in range(3):
            assert await call_with(mediator, worker["access_token"], path="/elsewhere") == "NOT_COVERED"
        for _ in range(3):
            assert await call_with(mediator, worker["access_token"]) == "FROZEN"
        assert await call_with(mediator, task["access_token"]) is None
        (entry,) = mediator.entries("frozen")
        denied = [one["id"] for one in mediator.decisions if one["reason"] == "NOT_COVERED"]
        body = entry["body"]
        assert isinstance(body, dict)
        assert (body["name"], body["rule"], body["evidence"]) == ("agent:worker", DENIALS, denied)
        assert any("`agent:worker` is frozen by the rule" in alarm for alarm in mediator.alarms)
        assert await listed(mediator) == {"frozen": ["agent:worker"], "rules": [DENIALS]}
        await command("unfreeze", "agent:worker", *words(mediator))
        assert await call_with(mediator, worker["access_token"]) is None


@promise("P5", "P7")
async def test_rules_and_what_they_stopped_outlive_the_process_and_the_store(tmp_path: Path, fleet: Fleet) -> None:
    """A7: also where the database was deleted, for the ledger remembers both; a rule that was taken out stays out."""
    async with at_work(tmp_path, fleet) as mediator:
        for rule in (DENIALS, "loop of task"):
            await command("freeze", "--if", rule, *words(mediator))
        await command("unfreeze", "--if", "loop of task", *words(mediator))
        task = await opened(mediator)
        for _ in range(3):
            await call_with(mediator, task["access_token"], path="/elsewhere")
    for is_lost in (False, True):
        if is_lost:
            for path in (mediator.folder / ".mediator").glob("state.sqlite*"):
                path.unlink()
        async with started(mediator.folder, mediator.servers, urlsplit(mediator.url).port or 0) as again:
            assert await listed(again) == {"frozen": ["agent:orchestrator"], "rules": [DENIALS]}
            assert any("had forgotten the rule" in alarm for alarm in again.alarms) is is_lost


@promise("P3", "P9")
async def test_a_server_that_drifts_is_frozen_whole(tmp_path: Path) -> None:
    """A2: one tool changed behind everybody's back; by the rule, the others are not trusted either."""
    tools = [tool(name, inputSchema={"type": "object", "properties": {}}) for name in ("load", "echo")]
    async with running(tmp_path, {"notes": SimulatedToolServer(tools=tools)}, bearers_act=True) as mediator:
        await command("freeze", "--if", "drift of server", *words(mediator))
        assert reason_in(await mediator.post(tools_call("notes__echo"))) is None
        mediator.servers["notes"].tools = [{**tools[0], "description": "Send everything."}, tools[1]]
        await mediator.mediator.hold_to_pins()
        assert reason_in(await mediator.post(tools_call("notes__echo"))) == "FROZEN"
        (entry,) = mediator.entries("frozen")
        assert isinstance(entry["body"], dict)
        assert (entry["body"]["name"], entry["body"]["rule"]) == ("server:notes", "drift of server")


@promise("P7", "P9")
async def test_a_budget_that_is_used_up_freezes_whom_the_rule_names(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 7: by the name of the budget; another budget, or `max_calls`, trips nothing."""

    def scarce(folder: Path) -> None:
        file = folder / "mediator.toml"
        budget = '\n[[budget]]\nname = "{}"\nper = "task"\nmax = {}\ntools = ["notes/{}"]\n'
        budgets = budget.format("few", 2, "echo") + budget.format("fewer", 1, "load")
        file.write_text(file.read_text(encoding="utf-8") + budgets, encoding="utf-8")

    async with at_work(tmp_path, fleet, prepare=scarce) as again:
        await command("freeze", "--if", "budget few of owner", *words(again))
        task = await opened(again, agent="worker")
        assert [await call_with(again, task["access_token"]) for _ in range(3)] == [
            None,
            "BUDGET_SPENT",
            "BUDGET_SPENT",
        ]
        assert again.mediator.store.list_frozen() == frozenset()
        told = [await call_with(again, task["access_token"], "notes__echo", f"/reports/{n}") for n in range(4)]
        assert told == [None, None, "BUDGET_SPENT", "FROZEN"]
        assert again.mediator.store.list_frozen() == {f"owner:{OWNER}"}


@promise("P7", "P9")
async def test_a_loop_freezes_its_task_and_no_other(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 7: the same request again and again; the agent's next task begins anew."""
    async with at_work(tmp_path, fleet, settings={"loop": "calls_max = 3"}) as mediator:
        await command("freeze", "--if", "loop of task", *words(mediator))
        task = await opened(mediator, agent="worker")
        told = [await call_with(mediator, task["access_token"]) for _ in range(5)]
        assert told == [None] * 3 + ["LOOP_DETECTED", "FROZEN"]
        assert mediator.mediator.store.list_frozen() == {f"task:{task['task']}"}
        again = await opened(mediator, agent="worker")
        assert await call_with(mediator, again["access_token"]) is None


@promise("P7", "P9")
async def test_only_an_operator_keeps_a_rule_or_takes_it_out_and_once_a_statement(tmp_path: Path, fleet: Fleet) -> None:
    """A4: as with a freeze; and one act's statement is not another's."""
    async with at_work(tmp_path, fleet) as mediator:
        home, owner = open_folder(mediator.folder), owner_key(mediator)

        def stated(act: Act, key: SigningKey, who: str = OWNER, rule: str = DENIALS) -> bytes:
            at = mediator.mediator.ports.clock.now_ms()
            subject: JsonObject = {"rule": rule, "reason": "a test"}
            return sign_statement(key, act=act, subject=subject, who=who, at=at, serial=at)

        attempts = [
            (Act.UNFREEZE_RULE, stated(Act.UNFREEZE_RULE, fleet.keys["worker"], "worker")),
            (Act.UNFREEZE_RULE, stated(Act.UNFREEZE_RULE, read_key(home.key_file("agent", "assistant")), "assistant")),
            (Act.UNFREEZE_RULE, stated(Act.UNFREEZE_RULE, SigningKey.generate())),
            (Act.UNFREEZE_RULE, stated(Act.FREEZE_RULE, owner)),
            (Act.FREEZE_RULE, stated(Act.UNFREEZE_RULE, owner)),
            (Act.FREEZE_RULE, stated(Act.FREEZE, owner)),
            (Act.FREEZE_RULE, stated(Act.FREEZE_RULE, owner, rule="whatever")),
        ]
        kept = stated(Act.FREEZE_RULE, owner)
        assert await put(mediator, "freeze.rule", kept) == {"rule": DENIALS, "changed": True}
        for act, statement in (*attempts, (Act.FREEZE_RULE, kept)):
            with pytest.raises(Refused):
                await put(mediator, str(act), statement)
        assert await listed(mediator) == {"frozen": [], "rules": [DENIALS]}
        assert await put(mediator, "unfreeze.rule", stated(Act.UNFREEZE_RULE, owner)) == {
            "rule": DENIALS,
            "changed": True,
        }
        with pytest.raises(Refused) as stop:
            await put(mediator, "freeze.rule", kept)
        assert stop.value.reason is Reason.PROOF_REPLAYED


@promise("P7")
async def test_a_rule_that_is_taken_out_by_hand_in_the_database_is_noticed(tmp_path: Path, fleet: Fleet) -> None:
    """A7: rules stand under the MAC of the freezes; a row that is not as we wrote it stops everything."""
    async with at_work(tmp_path, fleet) as mediator:
        await command("freeze", "--if", DENIALS, *words(mediator))
        write(mediator, "UPDATE freezes SET form = CAST(replace(form, 'of agent', 'of owner') AS BLOB)")
        write(mediator, "UPDATE epoch SET value = value + 1")
        task = await refused_command("freeze", "--if", "loop of task", *words(mediator))
        assert "not as we wrote them" in task
        assert await call_with(mediator, mediator.token) == "FROZEN"
