"""An agent under injection acts without a reason, in other words than its owner's, or where it never did before (A1, A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject
from mediator.mediation.replay import recorded, replay
from mediator.policy.decision import Verdict
from mediator.refusal import Reason
from mediator.wire.call import JUSTIFICATION_KEY
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.policies import DEFAULT_POLICIES
from tests.simulated.replies import refusal_of, text_of, tools_call
from tests.simulated.world import FILES_WRITE, MAIL_SEND, SimulatedWorld, owned, refusal

JUSTIFIED = {name: text for name, text in DEFAULT_POLICIES.items() if name not in {"proof.cedar", "novelty.cedar"}}
NOVEL = {name: text for name, text in DEFAULT_POLICIES.items() if name not in {"proof.cedar", "justification.cedar"}}
SENDS = 'forbid(principal, action in Mediator::Action::"effect:send", resource)'
FAMILIAR = f'@id("t") @reason("new") {SENDS} unless {{ context.task.novel.isEmpty() }};'
TO_A_EXAMPLE = (
    f'@id("t") @reason("only a.example") {SENDS} unless {{ ["a.example"].containsAll(context.destination) }};'
)
WHY = "Ada waits for the minutes"


def send(to: str = "ada@a.example", why: str | None = None) -> JsonObject:
    params: JsonObject = {"name": "mail__send", "arguments": {"to": to, "body": "x"}}
    return enveloped("tools/call", params, meta=None if why is None else {JUSTIFICATION_KEY: why})


@pytest.fixture
def mailing(world: SimulatedWorld) -> SimulatedWorld:
    world.pin(MAIL_SEND, FILES_WRITE, owned("mail/read", "to", targets={"/to": "address"}))
    world.activate(JUSTIFIED)
    return world


@promise("P6", "P11")
async def test_an_act_without_a_reason_is_refused_and_says_how_to_give_one(mailing: SimulatedWorld) -> None:
    """Issue 7: a delete, a send, an exec. A write and a read need none; what is said stands on record, apart."""
    task = mailing.open_task(tools=["mail/send", "files/*"], effects=["send", "write"])
    refused = await mailing.answer(send(), bearer=task.token)
    assert refused == refusal(Reason.JUSTIFICATION_REQUIRED)
    assert "--because" in str(refusal_of(refused)["remedy"])
    assert mailing.tool_server.calls == []

    await mailing.answer(send(why=WHY), bearer=task.token)
    await mailing.answer(tools_call("files__write", path="/a", text="x"), bearer=task.token)
    assert [call.tool for call in mailing.tool_server.calls] == ["send", "write"]
    record = mailing.ledger.decisions[1].record
    assert record.values["justification"] == WHY
    assert WHY not in str(record.entry)


@promise("P1", "P6")
async def test_a_reason_goes_no_further_and_opens_nothing(mailing: SimulatedWorld) -> None:
    """Ours: it is not forwarded, and whoever has no grant for it has none with the best of reasons."""
    reader = mailing.open_task(tools=["mail/*"], effects=["read"])
    assert (await mailing.answer(send(why=WHY), bearer=reader.token)) == refusal(Reason.NOT_COVERED)
    task = mailing.open_task(tools=["mail/send"], effects=["send"])
    await mailing.answer(send(why=WHY), bearer=task.token)
    (call,) = mailing.tool_server.calls
    assert call.arguments == {"to": "ada@a.example", "body": "x"}
    assert WHY not in str(call.permit.forwarded)


@promise("P6")
async def test_an_unmodified_host_acts_by_its_owners_reason(mailing: SimulatedWorld) -> None:
    """Issue 7: `task open --because`; the host's client need not know of any of it. It replays."""
    task = mailing.open_task(tools=["mail/send"], effects=["send"], because=WHY)
    await mailing.answer(send(), bearer=task.token)
    kept = mailing.ledger.last
    assert kept.decision.verdict is Verdict.ALLOW
    assert WHY not in str(kept.record.entry)
    for kept in mailing.ledger.decisions:
        entry = recorded(kept.record.entry)
        assert replay(entry, kept.record.values, mailing.trust.snapshot()) == entry


@promise("P6", "P7")
@pytest.mark.parametrize("why", ["", "two\nlines", "x" * 501, "\u202etxet neddih"])
async def test_a_reason_that_hides_something_is_none(mailing: SimulatedWorld, why: str) -> None:
    """A1: it would stand on an approver's screen."""
    task = mailing.open_task(tools=["mail/send"], effects=["send"], because=WHY)
    reply = await mailing.answer(send(why=why), bearer=task.token)
    assert mailing.tool_server.calls == []
    assert b"-32602" in (reply.body or b"")


@promise("P6")
async def test_what_is_new_to_an_agent_needs_an_approval_and_who_did_it_makes_it_new_to_nobody_else(
    mailing: SimulatedWorld,
) -> None:
    """Issue 7: this agent, not this task; a read of a place makes no send to it familiar."""
    mailing.activate(NOVEL)
    task = mailing.open_task(tools=["mail/send", "mail/*"], effects=["send", "read"])
    await mailing.answer(tools_call("mail__read", to="ada@a.example"), bearer=task.token)
    assert (await mailing.answer(send(), bearer=task.token)) == refusal(Reason.APPROVAL_REQUIRED)
    assert mailing.ledger.last.decision.circumstances.novel == {"tool", "effect", "destination"}

    mailing.activate({**NOVEL, "novelty.cedar": ""})  # an operator lets it pass, once
    await mailing.answer(send(), bearer=task.token)
    mailing.activate(NOVEL)
    again = mailing.open_task(tools=["mail/send"], effects=["send"])
    await mailing.answer(send(), bearer=again.token)
    assert mailing.ledger.last.decision.verdict is Verdict.ALLOW  # another task of the same agent

    await mailing.answer(send("eve@evil.example"), bearer=again.token)
    assert mailing.ledger.last.decision.circumstances.novel == {"destination"}
    other = mailing.open_task(agent="worker", tools=["mail/send"], effects=["send"])
    assert (await mailing.answer(send(), bearer=other.token)) == refusal(Reason.APPROVAL_REQUIRED)


@promise("P7")
async def test_what_was_refused_makes_nothing_familiar(mailing: SimulatedWorld) -> None:
    """A1: whoever asks often enough is not known by it; whoever was allowed is."""
    mailing.activate({"t.cedar": FAMILIAR, **NOVEL, "novelty.cedar": ""})
    task = mailing.open_task(tools=["mail/send"], effects=["send"])
    for _ in range(3):
        assert "new" in text_of(await mailing.answer(send(), bearer=task.token))
    mailing.activate({**NOVEL, "novelty.cedar": ""})
    await mailing.answer(send(), bearer=task.token)
    mailing.activate({"t.cedar": FAMILIAR, **NOVEL, "novelty.cedar": ""})
    await mailing.answer(send(), bearer=task.token)
    assert mailing.ledger.last.decision.verdict is Verdict.ALLOW


@promise("P1")
@pytest.mark.parametrize(
    "to", ["ADA@a.example", "ada@A.example", "Ada <ada@a.example>", "ada@a.example,eve@evil.example", "ada@a.example "]
)
async def test_a_recipient_that_can_be_read_in_two_ways_is_refused(mailing: SimulatedWorld, to: str) -> None:
    """Design, part 4: what is judged is what is sent. The local part's case is the server's own affair."""
    mailing.activate({**JUSTIFIED, "t.cedar": TO_A_EXAMPLE})
    task = mailing.open_task(tools=["mail/send"], effects=["send"], because=WHY)
    reply = await mailing.answer(send(to), bearer=task.token)
    if to == "ADA@a.example":
        assert [call.tool for call in mailing.tool_server.calls] == ["send"]
        return
    assert reply == refusal(Reason.ARGUMENTS_INVALID)
    assert to not in str(mailing.ledger.last.record.entry)
    assert mailing.tool_server.calls == []


@promise("P7")
async def test_an_egress_list_is_held_for_each_place_of_a_call(mailing: SimulatedWorld) -> None:
    """Ours: the place is the call's own, whatever the manifest is declared to send to."""
    mailing.activate({**JUSTIFIED, "t.cedar": TO_A_EXAMPLE})
    task = mailing.open_task(tools=["mail/send"], effects=["send"], because=WHY)
    assert (await mailing.answer(send("eve@evil.example"), bearer=task.token)) == refusal(Reason.DENIED_BY_POLICY)
    await mailing.answer(send(), bearer=task.token)
    assert [call.arguments["to"] for call in mailing.tool_server.calls] == ["ada@a.example"]
