"""What the corridor asks of the world: Protocols of one to four methods, and the values that pass through them.

No implementation stands here. Whatever a port cannot do, it says by `Refused` with its own reason; anything
else that escapes one is a bug and is answered `INTERNAL`. Only the tracer may fail without stopping a call.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mediator.canonical import JsonObject
from mediator.identity.identify import Identified
from mediator.inspection.asking import ReleasedAsk
from mediator.inspection.result import Ask, Came, Waiting
from mediator.inspection.written import Examined
from mediator.manifest.offer import Offer
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.claims import Claim
from mediator.mediation.credential import ToolCredential
from mediator.mediation.deliberate import Deliberation, Ids
from mediator.mediation.examination import Examination
from mediator.mediation.message import Message
from mediator.mediation.permit import Permit
from mediator.mediation.record import Committed, DecisionRecord, Ending, OutcomeRecord
from mediator.mediation.trust import TrustSnapshot
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance
from mediator.wire.jsonrpc import Notification, Response


class Clock(Protocol):
    """The time."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970 (UTC); never less than before, never less than the ledger's last entry."""
        ...


class Zone(Protocol):
    """Where the operator's clocks are."""

    def utc_offset_seconds(self, at_ms: int) -> int:
        """Return how far they are ahead of UTC then; never raises."""
        ...


class IdSource(Protocol):
    """Where ids and salts are drawn: the core draws nothing."""

    def draw(self) -> Ids:
        """Return fresh ids for one arrival."""
        ...


class TrustSource(Protocol):
    """The information point for what operators change."""

    def snapshot(self) -> TrustSnapshot:
        """Return the trust of this moment, without waiting; raises `Refused(SNAPSHOT_TOO_OLD)`."""
        ...


class OtherIssuers(Protocol):
    """What is done for tokens that are not ours: keys are learnt, and tasks opened."""

    async def learn(self, issuer: str) -> bool:
        """Look once more at this issuer's keys, within a bounded time; tell whether they are others now. Never raises."""
        ...

    def open(self, identity: Identified, now_ms: int) -> None:
        """Open the task that this identity's token brings, which is not stored; once it returns, it is.

        Raises `Refused`: `INSUFFICIENT_SCOPE`, `GRANT_UNKNOWN`, `RATE_LIMITED`, `LEDGER_UNAVAILABLE`, `STORE_UNAVAILABLE`.
        """
        ...


class CircumstancesSource(Protocol):
    """The information point for what calls and revocations change."""

    def gather(self, grant_id: str) -> Circumstances:
        """Return what is true of this grant's task right now, from memory; raises `Refused(STORE_UNAVAILABLE)`."""
        ...


class Familiarity(Protocol):
    """What each agent was allowed, today or on one of the days before that settings count."""

    def find_known(self, agent: str, marks: Collection[str], now_ms: int) -> frozenset[str]:
        """Return which of these marks the agent has, from memory; none that cannot be read. Never raises."""
        ...

    def remember(self, agent: str, marks: Collection[str], now_ms: int) -> None:
        """Have the agent have these from now on, also after a restart, if they can be written. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """Everything asked for was taken, once."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Something counted had nothing left; nothing was taken."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Stale:
    """The epoch moved since the circumstances were gathered; nothing was taken."""


Claiming: TypeAlias = Claimed | Lost | Stale


class Claims(Protocol):
    """What is counted, and the number that every change of trust bumps."""

    def epoch(self) -> int:
        """Return the current epoch; raises `Refused(STORE_UNAVAILABLE)`."""
        ...

    def claim(self, task: str, claims: Sequence[Claim], epoch: int, now_ms: int) -> Claiming:
        """Take all of it or none, if the epoch is still this one; counts the call for its task either way it is `Claimed`."""
        ...

    def count(self, task: str, claims: Sequence[Claim]) -> None:
        """Count what was known only afterwards, also beyond a limit: then nothing is left. Raises `Refused(STORE_UNAVAILABLE)`."""
        ...


class UsedOnce(Protocol):
    """What may be used once, remembered across restarts and by every process."""

    def use_once(self, key: str, until_ms: int, now_ms: int) -> bool:
        """Tell whether this is its first use; raises `Refused(STORE_UNAVAILABLE)`. Remembered until then, at least."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop before identification: counted by minute, source and reason, not recorded one by one."""

    source: str
    reason: Reason
    at_ms: int


class Ledger(Protocol):
    """The record of decisions. It may stop a call."""

    async def commit(self, deliberation: Deliberation) -> Committed | Lost | Stale:
        """Claim what is counted, write the record, and return the proof; raises `Refused(LEDGER_UNAVAILABLE)`.

        A denial claims nothing. For a privileged effect the record is durable (fdatasync) before this returns.
        """
        ...

    async def close(self, permit: Permit, ending: Ending, now_ms: int) -> OutcomeRecord:
        """Write what became of an allowed call; exactly once for each permit."""
        ...

    def count(self, stop: Stop) -> None:
        """Count a stop before identification; never raises."""
        ...

    def note(self, kind: str, body: JsonObject, now_ms: int) -> None:
        """Write an entry that is no decision (drift found, task opened or completed, policies put in force)."""
        ...


class Approvals(Protocol):
    """Where calls wait for a person that were denied for want of an approval."""

    def request(self, committed: Committed) -> str | None:
        """Keep what was denied, and return under which id, that of the same request where it waits already.

        None where as many of its task wait as may. Raises `Refused`: `STORE_UNAVAILABLE`, `LEDGER_UNAVAILABLE`.
        """
        ...

    async def until_decided(self, approval_id: str) -> None:
        """Return once this request was approved or denied; at once, where it was, or nobody will."""
        ...

    def url(self, approval_id: str) -> str:
        """Return where a person is shown it."""
        ...


class CredentialBroker(Protocol):
    """Where credentials for tool servers come from; never from the agent."""

    async def obtain(self, permit: Permit) -> ToolCredential:
        """Return a credential made for this permit's tool server; raises `Refused(TOOL_SERVER_UNAVAILABLE)`."""
        ...


class Aside(Protocol):
    """Hears what a tool server says beside its answer, while it works on one call."""

    async def tell(self, notification: Notification) -> None:
        """Take a notification of this call; returns when there is room for the next one. Never raises `Refused`."""
        ...

    async def pause(self) -> None:
        """Take note that the server let us go for a while, and has us come back for the rest (SEP-1699). Never raises."""
        ...

    def judge(self, ask: Ask) -> JsonObject | None:
        """Decide what the server asks of the client; None: it is to be put to the agent, else the error to answer."""
        ...


class Caller(Protocol):
    """The agent's end of one call, while that is under way."""

    @property
    def can_be_asked(self) -> bool:
        """Whether a request can be sent to it now, over the connection on which it waits."""
        ...

    async def tell(self, message: Message) -> None:
        """Send a notification; returns when there is room for the next one. Dropped where the agent hears none."""
        ...

    async def pause(self) -> None:
        """Let it go for a while, and come back for the rest, where it can (MCP 2025-11-25, SEP-1699)."""
        ...

    async def ask(self, ask: ReleasedAsk) -> Response | None:
        """Put a question, and return the answer; None where the agent has gone."""
        ...


class Handles(Protocol):
    """What an agent is given to show again: nobody else can read it, change it, or show it in its place."""

    def seal(self, content: bytes, bound_to: str) -> str:
        """Return a handle (visible ASCII) that only `open` with the same `bound_to` reads."""
        ...

    def open(self, handle: str, bound_to: str) -> bytes | None:
        """Return what was sealed; None for anything that was not sealed here for this."""
        ...


class ToolServers(Protocol):
    """The tool side."""

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> Came:
        """Make the call, once, springing the permit in the loop turn of the first byte.

        What the server says beside its answer is given to `aside`, in order and before the answer. A large answer is
        returned unread where there are `Inspectors`. Where a legacy server asks something of the client that is to be
        put to the agent, the call is held open and `Waiting` returned.

        Raises `Refused`: `TOOL_SERVER_UNAVAILABLE`, `TOOL_SERVER_INVALID`, `RESULT_TOO_LARGE`, and what the fence says.
        Cancellation is passed on to the tool server.
        """
        ...

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> Came:
        """Answer what was asked (the permit's one answer; an error where it has none), and go on as `call`, once.

        The permit springs in the loop turn of the answer's first byte. Raises as `call`; `TOOL_SERVER_UNAVAILABLE`
        where the call is held open no longer.
        """
        ...

    def abandon(self, server: str, waiting: Waiting) -> None:
        """Cancel a call that is held open: nobody will answer. Never waits, never raises."""
        ...

    async def offered(self, server: str) -> Offer:
        """Return all that the server offers now, over all pages; raises `Refused` as `call`."""
        ...

    async def look_again(self) -> Mapping[str, str]:
        """Compare what every server offers where that is due, without any call; return what could not be asked, by name."""
        ...

    async def end_task(self, task: str) -> None:
        """End what was started for this task alone (processes, sessions)."""
        ...


class Inspectors(Protocol):
    """Who reads and inspects large answers, beside the loop on which everybody waits. Cancelled, it stops at once."""

    async def glance(self, raw: bytes) -> Glance | Refused:
        """Read one message and return what it is; or why it is none, or why it could not be read. Never raises `Refused`."""
        ...

    async def examine(self, raw: bytes, examination: Examination) -> Examined:
        """Run `examine` on one message; raises `Refused` as that, and `OVERLOADED`, and `RESULT_WITHHELD` where it fails."""
        ...


class OfferWatch(Protocol):
    """Told what a tool server offers each time that is learnt; quarantines what differs from its pin."""

    def observe(self, server: str, offer: Offer, connection: str = "") -> None:
        """Compare with the pins, and with what other connections of this server were told.

        What differs is out of the snapshot, and the epoch moved, before this returns.
        """
        ...

    def agrees(self, server: str, offer: Offer) -> bool:
        """Tell whether everything of this server that is pinned is offered exactly as pinned; take no note of it."""
        ...

    def changed(self, server: str) -> None:
        """Take note that the server says its lists have changed: what it offers is compared soon. Never waits or raises."""
        ...

    def forget(self, server: str, connection: str) -> None:
        """Take note that this connection (process, session) is no more."""
        ...


class UpdateWatch(Protocol):
    """Told that a resource of a tool server has changed, to which somebody has subscribed."""

    def updated(self, server: str, uri: str, task: str | None) -> None:
        """Tell those of this task who subscribed to it (of any task where that is None); never waits, never raises."""
        ...


class Tracer(Protocol):
    """The picture of a decision in a trace. It may not stop a call: never awaits, never raises."""

    def observe(self, decision: DecisionRecord, outcome: OutcomeRecord | None) -> None:
        """Take note of a decision, and of its outcome where there is one."""
        ...
