"""HttpToolServer: the port to one tool server over Streamable HTTP, in either era.

A call is made once: the permit springs in the loop turn of its first byte. Whenever a legacy session begins, before the
first call of each task to a modern server, and for each of them again when it is due, all that the server offers is
given to the watch, which quarantines what differs from its pin; the fence inside `spring` then refuses by itself. One
server's failures are its own.

That its lists have changed a server says within the answer to a call. The stream on which it could say so at any time
(`GET`, `subscriptions/listen`) is not opened: one more connection for each session, only to hear sooner what the
mediator looks at by itself.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
import ssl as tls
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import anyio

from mediator.adapters.tool_servers_http.address import parse_address
from mediator.adapters.tool_servers_http.channel import Channel, Heard, key_of
from mediator.adapters.tool_servers_http.eras import Forward, Visit, Voice, is_lost_session
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.evidence import Secret
from mediator.inspection.result import ToolResult
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.freshness import FRESHNESS_SECONDS, Freshness, Monotonic
from mediator.mediation.instances import Holder, InstanceRule, Instances, holder_of
from mediator.mediation.offering import offer_of
from mediator.mediation.permit import Permit
from mediator.mediation.ports import OfferWatch
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import UNSUPPORTED_VERSION, Introduction, nonsense, unavailable
from mediator.wire.jsonrpc import INVALID_REQUEST
from mediator.wire.methods import Era
from mediator.wire.speech import modern, traceparent_of

_T = TypeVar("_T")
_ABOUT_THE_ERA: Final = (INVALID_REQUEST, UNSUPPORTED_VERSION)  # perhaps the server was replaced by another
_OWN: Final = "the mediator's own"
_SESSIONS_MAX: Final = 1024  # legacy sessions at one server; as many connections are allowed on the agents' side


@dataclass(slots=True, kw_only=True)
class _Known:
    """What is kept of one visit: until when its offer counts as compared, and by which name the watch knows it."""

    name: str
    freshness: Freshness
    discovered: Introduction | None = None  # what a modern server said just now, for the first reading


class HttpToolServer:
    """One configured tool server. `era` is nothing where it is to be found out; `own_credential` is for `offered`."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        watch: OfferWatch,
        fence: Callable[[Permit], None],
        era: Era | None = None,
        instance: InstanceRule = InstanceRule.TASK,
        limits: HttpLimits | None = None,
        client_version: str = "0",
        own_credential: Secret | None = None,
        ssl: tls.SSLContext | None = None,
        freshness_seconds: float = FRESHNESS_SECONDS,
        now: Monotonic = time.monotonic,
    ) -> None:
        self.name: Final = name
        self._watch, self._fence = watch, fence
        self._configured_era = self._era = era
        self._rule = instance
        self._limits = limits or HttpLimits()
        self._own_credential = own_credential
        address = parse_address(url)
        self._pool = Pool(address, self._limits, ssl)
        channel = Channel(address, self._pool, self._limits, client_version)
        self._voice = Voice(
            channel=channel, limits=self._limits, client_version=client_version, lost=self._forget_session
        )
        self._modern = modern(client_version)
        self._sessions: Instances[Visit] = Instances(instances_max=_SESSIONS_MAX, end=self._end_session)
        self._tasks: OrderedDict[tuple[str, str], Visit] = (
            OrderedDict()
        )  # visits of modern servers, by task and credential
        self._fresh = partial(Freshness, freshness_seconds, now)
        self._own = self._fresh()  # of what the mediator sees under its own credential
        self._known: dict[Visit, _Known] = {}
        self._numbers = itertools.count(1)

    async def call(self, permit: Permit, credential: ToolCredential) -> ToolResult:
        """Make the call, once. Raises `Refused` as the port says."""
        if permit.tool.server != self.name or credential.server != self.name:
            raise Refused(Reason.INTERNAL, f"a permit or a credential for another server than `{self.name}`")
        self._fence(permit)  # nothing is begun for a call whose trust has moved
        visit = await self._visit(permit, credential.bearer)
        if (known := self._known[visit]).freshness.is_due():
            await known.freshness.ensure(lambda: self._look_at(visit, known))
        heard, noise = await self._voice.call(visit, self._forward(permit))
        answer = heard.answer
        if answer is None or is_lost_session(visit, heard):
            raise self._without_answer(visit, heard)
        if answer.error_code in _ABOUT_THE_ERA:
            self._era = self._configured_era
        return ToolResult(result=answer.result, error=answer.error, size_bytes=answer.size_bytes, noise=noise)

    async def introduce(self) -> Introduction:
        """Return what the server says of itself and all that it offers, for review; nothing is kept of it."""
        return await self._opening(self._introduce)

    async def offered(self) -> Offer:
        """Return all that is offered now under the mediator's own credential, and let the watch see it."""
        mark = self._own.mark()
        offer = offer_of(await self.introduce())
        self._watch.observe(self.name, offer, _OWN)
        self._own.settle(mark, offer.ttl_ms)
        return offer

    async def look_again(self) -> None:
        """Compare what is offered under the mediator's own credential, if that is due; raises `Refused` as `offered`.

        A session or a task looks again for itself, before its next call.
        """
        await self._own.ensure(self.offered)

    def pins_changed(self) -> None:
        """Let each session and each task be compared with the pins of now before its next call."""
        for freshness in (self._own, *(known.freshness for known in self._known.values())):
            freshness.changed()

    async def end_task(self, task: str) -> None:
        """End the sessions of this task; its next call, if there could be one, would be looked at anew."""
        for key in [key for key in self._tasks if key[0] == task]:
            self._forget(self._tasks.pop(key))
        await self._sessions.end(Holder(rule=InstanceRule.TASK, name=task))

    async def aclose(self) -> None:
        """End every session and every connection; whoever stands in its place is compared with nothing of them."""
        await self._sessions.end_all()
        for visit in tuple(self._known):
            self._forget(visit)
        self._watch.forget(self.name, _OWN)
        await self._pool.aclose()

    # --- before a call

    async def _visit(self, permit: Permit, credential: Secret | None) -> Visit:
        """Return the way to speak under which this call is made."""
        discovered: Introduction | None = None
        if self._era is None:
            discovered = await self._opening(lambda: self._voice.discover(credential))
            self._era = Era.LEGACY if discovered is None else Era.MODERN
        if self._era is Era.LEGACY:
            return await self._sessions.enter(
                holder_of(self._rule, permit),
                key_of(credential),
                check=lambda: self._fence(permit),
                begin=lambda: self._opening(lambda: self._begin_session(credential)),
            )
        return self._modern_visit(permit.task, credential, discovered)

    def _modern_visit(self, task: str, credential: Secret | None, discovered: Introduction | None) -> Visit:
        """Return the task's way to speak to a modern server; `discovered` is what it said of itself just now."""
        key = (task, key_of(credential))
        if (visit := self._tasks.get(key)) is None:
            known = self._know()
            visit = Visit(tongue=self._modern, credential=credential, changed=self._changed_for(known))
            known.discovered = discovered
            self._known[visit] = known
            self._tasks[key] = visit
            if len(self._tasks) > self._limits.watched_tasks_max:
                self._forget(self._tasks.popitem(last=False)[1])
        return visit

    async def _begin_session(self, credential: Secret | None) -> Visit:
        visit: Visit | None = None
        known = self._know()
        try:
            _, visit = await self._voice.initialize(credential, self._changed_for(known))
            self._known[visit] = known
            mark = known.freshness.mark()
            known.freshness.settle(mark, (await self._look_at(visit, known)).ttl_ms)
        except BaseException as error:
            if isinstance(error, Refused):
                self._era = self._configured_era  # perhaps it is no legacy server any more
            if visit is not None:
                await self._end_session(visit)
            raise
        return visit

    async def _look_at(self, visit: Visit, known: _Known) -> Offer:
        """Read all that is offered here, and let the watch see it."""
        offer = offer_of(await self._opening(lambda: self._read_offer(visit, known)))
        self._watch.observe(self.name, offer, known.name)
        return offer

    async def _read_offer(self, visit: Visit, known: _Known) -> Introduction:
        introduction, known.discovered = visit.began or known.discovered, None
        if introduction is None:
            introduction = await self._voice.discover(visit.credential)
        if introduction is None:
            self._era = self._configured_era
            raise nonsense("it does not know `server/discover` any more")
        return await self._voice.introduce(introduction, visit)

    # --- what is known of a visit

    def _know(self) -> _Known:
        return _Known(name=f"connection {next(self._numbers)}", freshness=self._fresh())

    def _changed_for(self, known: _Known) -> Callable[[], None]:
        def changed() -> None:
            known.freshness.changed()
            self._own.changed()

        return changed

    def _forget(self, visit: Visit) -> None:
        if (known := self._known.pop(visit, None)) is not None:
            self._watch.forget(self.name, known.name)

    def _forget_session(self, visit: Visit) -> None:
        self._sessions.forget(visit)
        for key in [key for key, one in self._tasks.items() if one is visit]:  # a modern one: its task begins anew
            del self._tasks[key]
        self._forget(visit)

    async def _end_session(self, visit: Visit) -> None:
        self._forget(visit)
        await self._voice.end(visit)

    async def _introduce(self) -> Introduction:
        credential = self._own_credential
        if self._configured_era is not Era.LEGACY:
            introduction = await self._voice.discover(credential)
            if introduction is not None:
                visit = Visit(tongue=self._modern, credential=credential, changed=self._own.changed)
                return await self._voice.introduce(introduction, visit)
            if self._configured_era is Era.MODERN:
                raise nonsense("it does not know `server/discover`")
        introduction, visit = await self._voice.initialize(credential, self._own.changed)
        try:
            return await self._voice.introduce(introduction, visit)
        finally:
            await self._voice.end(visit)

    async def _opening(self, begin: Callable[[], Awaitable[_T]]) -> _T:
        """Do what must come before a call, within its own deadline: a list without end must not use up the call's."""
        try:
            with anyio.fail_after(self._limits.opening_seconds):
                return await begin()
        except TimeoutError as error:
            raise unavailable(f"no handshake and list within {self._limits.opening_seconds} s") from error

    # --- the call

    def _forward(self, permit: Permit) -> Forward:
        return Forward(
            name=permit.tool.name,
            arguments=permit.arguments_bytes,
            definition=permit.tool.definition,
            digest=permit.tool.digest,
            traceparent=traceparent_of(permit.spans.trace_id, permit.spans.client_span),
            result_bytes_max=permit.result_bytes_max,
            within_seconds=permit.deadline_seconds,
            spring=lambda: permit.spring(self._fence),
        )

    def _without_answer(self, visit: Visit, heard: Heard) -> Refused:
        """Return the refusal for a bare status. The first byte is out: this call is not made again."""
        if is_lost_session(visit, heard):
            self._forget_session(visit)
            return unavailable("the tool server has lost the session; the next call begins another")
        if heard.status < 500:  # noqa: PLR2004 - RFC 9110 §15.6: an outage says nothing of the era
            self._era = self._configured_era
            self._forget_session(visit)
        return unavailable(f"HTTP status {heard.status}")
