"""The steps of a call inside the process, each by itself: the very functions that the corridor calls, on its own values.

What a step is given is what the step before it made, once, outside of the measurement. Nothing is written again here:
where a step cannot be called alone, the function that holds it is called with its neighbour made to cost nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.core import Core, a_result, an_arrival, large_result, more_policies, open_core
from benchmarks.loopback import CONNECTIONS
from benchmarks.measure import Asynchronous, Probe, Synchronous
from mediator.adapters.engine_cedar import CedarEngine, prepare_engine
from mediator.adapters.tracer_otel.spans import spans_of
from mediator.assembly.trust import item_facts
from mediator.canonical import JsonObject, canonical_bytes
from mediator.identity.identify import Identified, identify
from mediator.inspection.release import inspect
from mediator.inspection.result import ToolResult, Waiting
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.deliberate import Deliberation, Ids, deliberate
from mediator.mediation.fence import Fence
from mediator.mediation.identities import Identities, audiences_of
from mediator.mediation.permit import Permit, enforce
from mediator.mediation.ports import Aside, Claimed, Lost, Stale
from mediator.mediation.record import Committed, decision_entry, outcome_entry
from mediator.mediation.reply import effect_of, reply_with
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision, Verdict
from mediator.policy.engine import PolicyEngine
from mediator.policy.request import AccessRequest, Action, DelegationRequest
from mediator.wire.arrival import Arrival
from mediator.wire.call import Call
from mediator.wire.methods import CallMethod
from mediator.wire.reading import read
from tests.simulated.world import DEFAULT_POLICIES

_RESULT_BYTES_MAX: Final = 1 << 24


class AtOnce:
    """A tool side that answers in the same loop turn, as soon as the permit was used."""

    def __init__(self, result: JsonObject) -> None:
        self._result = _came(result)
        self.fence: Fence | None = None

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> ToolResult:  # noqa: ARG002 - wants none
        assert self.fence is not None
        permit.spring(self.fence)
        return self._result

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> ToolResult:
        raise NotImplementedError

    def abandon(self, server: str, waiting: Waiting) -> None:
        raise NotImplementedError

    async def offered(self, server: str) -> Offer:  # noqa: ARG002 - nobody asks
        return Offer(tools=())

    async def look_again(self) -> Mapping[str, str]:
        return {}

    async def end_task(self, task: str) -> None:  # noqa: ARG002 - nothing was begun for it
        return


class _Answered:
    """An engine that has its answers ready: with it, a judgement costs what it costs without policy. Keeps what it is asked."""

    def __init__(self, engine: PolicyEngine) -> None:
        self._engine = engine
        self._answers: dict[Action, Decision] = {}
        self.questions: dict[Action, AccessRequest] = {}

    @property
    def digest(self) -> str:
        return self._engine.digest

    def evaluate(self, request: AccessRequest) -> Decision:
        answer = self._answers.get(request.action)
        if answer is None:
            self.questions[request.action] = request
            answer = self._answers[request.action] = self._engine.evaluate(request)
        return answer

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        return self._engine.evaluate_delegation(request)

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        return self._engine.evaluate_approval(question)


@asynccontextmanager
async def probes_of(folder: Path) -> AsyncIterator[dict[str, Probe]]:
    """Return the probes of the steps."""
    tools = AtOnce(a_result(2))
    async with open_core(folder, tools) as core:
        tools.fence = core.fence
        arrival = an_arrival(core.token)
        judged = Judged(core, arrival)
        more = more_policies()
        call, permit = judged.call, enforce(await _committed(core, judged.really()))
        small, large = _came(a_result(2)), _came(large_result())
        released = inspect(small, permit.item, CallMethod.TOOL, _RESULT_BYTES_MAX)
        commit_and_close = committing(core, judged)
        entry = decision_entry(judged.deliberation)
        outcome = outcome_entry(permit.committed.record, released, judged.now_ms, forwarded=True)
        await core.ports.ledger.close(permit, released, judged.now_ms)

        def gather() -> None:
            judged.gather()
            for _ in range(3):  # before the tool side begins, in the turn of the first byte, before release
                core.fence(permit)

        def gather_counted() -> None:
            gather()
            judged.claim()

        def reply(result: ToolResult) -> object:
            inspected = inspect(result, permit.item, CallMethod.TOOL, _RESULT_BYTES_MAX)
            return reply_with(call.frame, inspected, core.corridor.facts, effect_of(permit))

        yield {
            "yardstick": Synchronous(_fixed_piece),
            "parse": Synchronous(lambda: read(arrival, core.corridor.json_limits)),
            "identify": Synchronous(judged.identify),
            "identify fresh": Synchronous(judged.identify_fresh, 20),
            "gather": Synchronous(gather),
            "gather counted": Synchronous(gather_counted),
            "resolve": Synchronous(judged.deliberate),
            "policy": Synchronous(judged.asking(DEFAULT_POLICIES, _forgetful), 30),
            "policy remembered": Synchronous(judged.asking(DEFAULT_POLICIES)),
            "policy 50": Synchronous(judged.asking(more, _forgetful), 30),
            "policy 50 remembered": Synchronous(judged.asking(more)),
            "commit": Asynchronous(commit_and_close, at_a_time=CONNECTIONS),
            "reply": Synchronous(lambda: reply(small)),
            "reply large": Synchronous(lambda: reply(large), 30),
            "span": Synchronous(lambda: spans_of(entry, outcome)),
            "corridor": Asynchronous(lambda: core.corridor.answer(arrival), at_a_time=CONNECTIONS),
        }


def committing(core: Core, judged: Judged) -> Callable[[], Awaitable[None]]:
    """Return what commits a judgement of this call and closes it, with a small result; as many at a time as there are connections."""
    idle = [judged.deliberate(core.ports.ids.draw()) for _ in range(CONNECTIONS)]
    item = judged.deliberation.item
    assert item is not None
    released = inspect(_came(a_result(2)), item, CallMethod.TOOL, _RESULT_BYTES_MAX)

    async def commit_and_close() -> None:
        deliberation = idle.pop()
        permit = enforce(await _committed(core, deliberation))
        permit.spring(lambda _: None)
        await core.ports.ledger.close(permit, released, judged.now_ms)
        idle.append(deliberation)

    return commit_and_close


class Judged:
    """One call, judged once; and the steps of its judgement, to be repeated."""

    def __init__(self, core: Core, arrival: Arrival) -> None:
        call = read(arrival, core.corridor.json_limits)
        assert isinstance(call, Call)
        self.call: Final = call
        self.now_ms: Final = core.ports.clock.now_ms()
        self._ports, self._arrival = core.ports, arrival
        self._identities = Identities(core.ports.proofs)
        self._snapshot = core.ports.trust.snapshot()
        self._ids = core.ports.ids.draw()
        self.identity: Final = self.identify()
        self.circumstances: Final = core.ports.circumstances.gather(self.identity.claims.grant)
        self._answered = _Answered(self._snapshot.policies)
        self._unasked = replace(self._snapshot, policies=self._answered)
        self.deliberation: Final = self.deliberate()
        assert self.deliberation.stop is None, self.deliberation.stop
        self._counted = self._judge_counted(core.counted)

    def identify(self) -> Identified:
        return self._identities.identify(self._arrival, self._snapshot, self.now_ms)

    def identify_fresh(self) -> Identified:
        audiences = audiences_of(self._snapshot.audience, None)
        return identify(self._arrival.credential, self._snapshot.keys, audiences, self.now_ms, 30)

    def gather(self) -> None:
        self._ports.clock.now_ms()
        self._ports.trust.snapshot()
        self._ports.ids.draw()
        self._ports.circumstances.gather(self.identity.claims.grant)

    def claim(self) -> None:
        assert self._counted.chain is not None
        task, epoch = self._counted.chain.root.id, self._counted.circumstances.epoch
        assert isinstance(self._ports.claims.claim(task, self._counted.claims, epoch, self.now_ms), Claimed)

    def deliberate(self, ids: Ids | None = None) -> Deliberation:
        return deliberate(
            call=self.call,
            identity=self.identity,
            snapshot=self._unasked,
            circumstances=self.circumstances,
            now_ms=self.now_ms,
            ids=ids or self._ids,
        )

    def really(self) -> Deliberation:
        """Return the judgement under the trust in force: the fence compares it."""
        return deliberate(
            call=self.call,
            identity=self.identity,
            snapshot=self._snapshot,
            circumstances=self.circumstances,
            now_ms=self.now_ms,
            ids=self._ids,
        )

    def asking(
        self, policies: Mapping[str, str], forget: Callable[[CedarEngine], CedarEngine] | None = None
    ) -> Callable[[], None]:
        """Return what asks all that a call asks of these policies: may the tool be seen, may it be called."""
        engine = prepare_engine(policies, [item_facts(item) for item in self._snapshot.pins.items])
        other = prepare_engine(policies, [item_facts(item) for item in self._snapshot.pins.items])
        caller = engine if forget is None else forget(other)
        seen, called = self._answered.questions[Action.LIST], self._answered.questions[Action.CALL]
        assert caller.evaluate(called).verdict is Verdict.ALLOW

        def ask() -> None:
            engine.evaluate(seen)
            caller.evaluate(called)

        return ask

    def _judge_counted(self, token: str) -> Deliberation:
        identity = self._identities.identify(an_arrival(token), self._snapshot, self.now_ms)
        deliberation = deliberate(
            call=self.call,
            identity=identity,
            snapshot=self._snapshot,
            circumstances=self._ports.circumstances.gather(identity.claims.grant),
            now_ms=self.now_ms,
            ids=self._ids,
        )
        assert deliberation.claims, deliberation.stop
        return deliberation


def _forgetful(engine: CedarEngine) -> CedarEngine:
    """Return the engine without its memory of answers: every question is a new one to it."""
    setattr(engine, "_remembered", engine._ask)  # noqa: B010, SLF001 - there is no other way to switch it off
    return engine


def _fixed_piece() -> int:
    return sum(number * number for number in range(300))


def _came(result: JsonObject) -> ToolResult:
    return ToolResult(result=result, error=None, size_bytes=len(canonical_bytes(result)), noise=0)


async def _committed(core: Core, deliberation: Deliberation) -> Committed:
    match committed := await core.ports.ledger.commit(deliberation):
        case Committed():
            return committed
        case Lost() | Stale():
            message = "nothing is counted and nothing moves here"
            raise RuntimeError(message)
