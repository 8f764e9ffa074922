"""A policy that fails while it is evaluated denies, whoever else permits: an engine would only skip it (A1).

Cedar's validation does not see an overflow; an agent that chooses the number chooses whether a forbid is skipped.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest

from mediator.adapters.engine_cedar import policy_set_digest
from mediator.assembly.folder import open_folder, read_key, read_settings
from mediator.assembly.serving import serve
from mediator.assembly.trust import read_policies
from mediator.canonical import JsonObject
from mediator.cli.main import run
from mediator.cli.policy import activation
from mediator.policy.finding import PolicySetInvalid
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, reason_in, refused_command, running, set_up
from tests.simulated.tool_server import SimulatedToolServer, tool
from tests.simulated.world import DEFAULT_POLICIES, OwnedTool, SimulatedWorld, refusal, refusal_of, result_of

SCHEMA: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PAY = OwnedTool(
    server="bank",
    definition={"name": "pay", "description": "Pay.", "inputSchema": SCHEMA},
    declared={"effect": "read"},
)
TOO_MUCH = "context.args.n * 9223372036854775807 > 0"
SCOPE = 'principal, action == Mediator::Action::"bank/pay", resource'
FORBID = f'@id("not-too-much")\n@reason("not so much")\nforbid ({SCOPE}) when {{ {TOO_MUCH} }};'
UNLESS = f'@id("not-too-much")\n@reason("not so much")\nforbid ({SCOPE}) unless {{ !({TOO_MUCH}) }};'
PERMIT = f'@id("a-little")\n@reason("a little")\npermit ({SCOPE}) when {{ {TOO_MUCH} }};'


def policies(text: str) -> dict[str, str]:
    return {**DEFAULT_POLICIES, "zz.cedar": text}


@promise("P7", "P8")
@pytest.mark.parametrize("text", [FORBID, UNLESS, PERMIT], ids=["forbid when", "forbid unless", "permit"])
async def test_an_error_denies_although_another_policy_permits(world: SimulatedWorld, text: str) -> None:
    """P7. The same call goes through where nothing fails: the agent's number decides, and must not decide so."""
    world.pin(PAY)
    world.activate(policies(text))
    task = world.open_task()
    for number in (2, -2, 2**53 - 1):
        reply = await world.answer(tools_call("bank__pay", n=number), bearer=task.token)
        assert reply == refusal(Reason.POLICY_ERROR)
        assert (world.ledger.last.record.entry["verdict"], world.ledger.last.record.entry["reason"]) == (
            "deny",
            "POLICY_ERROR",
        )
        assert world.ledger.last.outcome is None
        told = refusal_of(reply)
        assert set(told) == {"reason", "decision_id", "remedy"}
        assert b"overflow" not in (reply.body or b"")
        assert b"9223372036854775807" not in (reply.body or b"")
    assert world.tool_server.calls == []

    well = await world.answer(tools_call("bank__pay", n=0), bearer=task.token)
    assert result_of(well)["content"] == []
    assert len(world.tool_server.calls) == 1


NEVER_LOADED = {
    "an obligation that nobody knows": (
        f'@id("never-loads")\n@reason("x")\n@obligation("launder")\npermit ({SCOPE});',
        "launder",
    ),
    "one known, one not": (
        f'@id("never-loads")\n@reason("x")\n@obligation("record-result-digest launder")\npermit ({SCOPE});',
        "launder",
    ),
    "arguments of a whole group": (
        (
            '@id("never-loads")\n@reason("x")\nforbid (principal, action in Mediator::Action::"effect:read", resource)\n'
            "when { context.args.n > 5 };"
        ),
        "never-loads",
    ),
    "arguments of every call": (
        '@id("never-loads")\n@reason("x")\nforbid (principal, action, resource) when { context.args.n > 5 };',
        "never-loads",
    ),
    "arguments of a group, asked for first": (
        (
            '@id("never-loads")\n@reason("x")\nforbid (principal, action in Mediator::Action::"effect:read", resource)\n'
            "when { context has args && context.args has n && context.args.n > 5 };"
        ),
        "never-loads",
    ),
    "arguments of every call, asked for first": (
        (
            '@id("never-loads")\n@reason("x")\nforbid (principal, action, resource)\n'
            "when { context has args && context.args has n && context.args.n > 5 };"
        ),
        "never-loads",
    ),
    "an argument that the tool has not": (
        f'@id("never-loads")\n@reason("x")\nforbid ({SCOPE}) when {{ context.args.m > 5 }};',
        "never-loads",
    ),
    "no id": (f'@reason("x")\nforbid ({SCOPE});', "zz.cedar"),
}


@promise("P7")
@pytest.mark.parametrize("name", NEVER_LOADED)
def test_a_policy_that_could_not_be_obeyed_is_never_in_force(world: SimulatedWorld, name: str) -> None:
    """Design 5.5: an unknown obligation, arguments of a group. A bad set never replaces a good one; it is named."""
    world.pin(PAY)
    before = world.trust.snapshot()
    text, named = NEVER_LOADED[name]
    with pytest.raises(PolicySetInvalid) as invalid:
        world.activate(policies(text))
    assert named in str(invalid.value)
    assert world.trust.snapshot() is before


def add_policy(folder: Path, text: str) -> None:
    (folder / "policies" / "zz.cedar").write_text(text, encoding="utf-8")


def activate_the_overflow(folder: Path) -> None:
    add_policy(folder, FORBID)
    assert run(["policy", "activate", "--operator", OWNER, "--folder", str(folder)]) == 0


@promise("P1", "P7", "P11")
async def test_an_error_denies_in_a_running_mediator(tmp_path: Path) -> None:
    """The same over the wire: the agent reads a refusal, its session goes on, and the record names the reason."""
    server = SimulatedToolServer(tools=[tool("pay", inputSchema=SCHEMA)])
    async with running(tmp_path, {"bank": server}, before_start=activate_the_overflow) as mediator:
        answer = await mediator.post(tools_call("bank__pay", n=2))
        assert (answer.status_code, reason_in(answer)) == (200, "POLICY_ERROR")
        assert server.calls == []
        assert reason_in(await mediator.post(tools_call("bank__pay", n=0))) is None
        assert mediator.verdicts == [("deny", "POLICY_ERROR"), ("allow", None)]
        assert len(server.calls) == 1


@promise("P7")
async def test_a_set_that_cannot_be_obeyed_stops_the_start_even_where_an_operator_signed_it(tmp_path: Path) -> None:
    """P7: `policy activate` refuses it; and if it was signed all the same, nobody is served under half of it."""
    folder = tmp_path / "work"
    async with SimulatedToolServer(tools=[tool("pay", inputSchema=SCHEMA)]) as server:
        await set_up(folder, {"bank": ("--url", server.url)}, {}, None, None)
        home = open_folder(folder)
        for text, named in NEVER_LOADED.values():
            add_policy(folder, text)
            said = await refused_command("policy", "activate", "--operator", OWNER, "--folder", str(folder))
            assert "zz.cedar" in said
            digest = policy_set_digest(read_policies(folder / "policies"))
            signed = activation(read_key(home.key_file("operator", OWNER)), OWNER, digest, int(time.time() * 1000))
            (folder / "policies" / "active.dsse.json").write_bytes(signed)
            with anyio.fail_after(10), pytest.raises(Refused) as refused:
                await serve(home, read_settings(home), 0, lambda *_: pytest.fail("served"), lambda _: None)
            assert refused.value.reason is Reason.POLICY_ERROR
            assert named in refused.value.detail
