"""The ports of a simulated world: a scripted tool side in process, and the places where a test steps in.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.inspection.result import Ask, ToolResult, Waiting
from mediator.manifest.offer import Offer
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.credential import ToolCredential, credential_for
from mediator.mediation.deliberate import Deliberation
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside, CircumstancesSource, Ledger, Lost, Stale, Stop
from mediator.mediation.record import Committed, DecisionRecord, Ending, OutcomeRecord
from mediator.wire.jsonrpc import Notification
from tests.simulated.pauses import Pauses

Answer: TypeAlias = "JsonObject | Exception | Callable[[Permit], ToolResult | Waiting]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedCall:
    """What a tool server was sent."""

    server: str
    tool: str
    arguments: JsonObject
    arguments_bytes: bytes
    bearer: Secret | None
    permit: Permit


class ScriptedToolServers:
    """Fills `ToolServers` in process: springs the permit, keeps the call, gives the scripted answer (an empty result)."""

    def __init__(self, pauses: Pauses, fence: Callable[[Permit], None]) -> None:
        self._pauses, self._fence = pauses, fence
        self._answers: dict[str, Answer] = {}
        self.calls: list[ForwardedCall] = []
        self.offers: dict[str, list[JsonObject]] = {}
        self.ended: list[str] = []
        self.notifications: list[Notification] = []
        self.asks: list[Ask] = []
        self.told_errors: list[JsonObject] = []
        self.pauses_once = False
        self.resumed: list[Permit] = []
        self.abandoned: list[tuple[str, Waiting]] = []

    def answer_with(self, key: str, answer: Answer) -> None:
        """Answer every call of `server/tool` so."""
        self._answers[key] = answer

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> ToolResult | Waiting:
        await self._pauses.pause("call")
        permit.spring(self._fence)
        call = ForwardedCall(
            server=permit.item.server,
            tool=permit.item.name,
            arguments=parse_object(permit.forwarded.arguments),
            arguments_bytes=permit.forwarded.arguments,
            bearer=credential.bearer,
            permit=permit,
        )
        self.calls.append(call)
        for notification in self.notifications:
            await aside.tell(notification)
        if self.pauses_once:
            await aside.pause()
        await self._pauses.pause("answer")
        for ask in self.asks:
            if (error := aside.judge(ask)) is None:
                self.asks.remove(ask)
                return Waiting(ask=ask, hold=permit)
            self.told_errors.append(error)
        return self._answer(f"{call.server}/{call.tool}", permit)

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> ToolResult | Waiting:  # noqa: ARG002
        permit.spring(self._fence)
        self.resumed.append(permit)
        return self._answer(f"{permit.item.server}/{permit.item.name}", permit)

    def abandon(self, server: str, waiting: Waiting) -> None:
        self.abandoned.append((server, waiting))

    def _answer(self, key: str, permit: Permit) -> ToolResult | Waiting:
        match self._answers.get(key, {"content": []}):
            case Exception() as error:
                raise error
            case dict() as result:
                size = len(canonical_bytes(result))
                return ToolResult(result=result, error=None, size_bytes=size, noise=0)
            case answer:
                return answer(permit)

    async def offered(self, server: str) -> Offer:
        return Offer(tools=self.offers.get(server, []))

    async def look_again(self) -> Mapping[str, str]:
        return {}

    async def end_task(self, task: str) -> None:
        self.ended.append(task)


class PausingPorts:
    """Fills `CircumstancesSource`, `Ledger`, `CredentialBroker` and `Tracer`: others' answers, after a pause."""

    def __init__(self, pauses: Pauses, circumstances: CircumstancesSource, ledger: Ledger) -> None:
        self._pauses, self._circumstances, self._ledger = pauses, circumstances, ledger
        self.bearers: dict[str, Secret] = {}
        self.trace: list[tuple[DecisionRecord, OutcomeRecord | None]] = []

    def gather(self, grant_id: str) -> Circumstances:
        self._pauses.step_in("gather")
        return self._circumstances.gather(grant_id)

    async def commit(self, deliberation: Deliberation) -> Committed | Lost | Stale:
        await self._pauses.pause("commit")
        committed = await self._ledger.commit(deliberation)
        await self._pauses.pause("recorded")
        return committed

    async def close(self, permit: Permit, ending: Ending, now_ms: int) -> OutcomeRecord:
        await self._pauses.pause("close")
        return await self._ledger.close(permit, ending, now_ms)

    def count(self, stop: Stop) -> None:
        self._pauses.step_in("count")
        self._ledger.count(stop)

    def note(self, kind: str, body: JsonObject, now_ms: int) -> None:
        self._ledger.note(kind, body, now_ms)

    async def obtain(self, permit: Permit) -> ToolCredential:
        await self._pauses.pause("credential")
        return credential_for(permit, self.bearers.get(permit.item.server))

    def observe(self, decision: DecisionRecord, outcome: OutcomeRecord | None) -> None:
        self._pauses.step_in("trace")
        self.trace.append((decision, outcome))
