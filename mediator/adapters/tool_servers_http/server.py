"""HttpToolServer: the port to one tool server over Streamable HTTP, in either era.

A call is made once: the permit springs in the loop turn of its first byte. Whenever a legacy session begins, and
before the first call of each task to a modern server, the full list is given to the watch, which quarantines what
differs from its pin; the fence inside `spring` then refuses by itself. One server's failures are its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ssl as tls
from collections import OrderedDict
from collections.abc import Awaitable, Callable
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
_SESSIONS_MAX: Final = 1024  # legacy sessions at one server; as many connections are allowed on the agents' side


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
        self._voice = Voice(channel=channel, limits=self._limits, client_version=client_version)
        self._modern = modern(client_version)
        self._sessions: Instances[Visit] = Instances(instances_max=_SESSIONS_MAX, end=self._voice.end)
        self._watched: OrderedDict[str, None] = OrderedDict()  # tasks for which the offer was looked at

    async def call(self, permit: Permit, credential: ToolCredential) -> ToolResult:
        """Make the call, once. Raises `Refused` as the port says."""
        if permit.tool.server != self.name or credential.server != self.name:
            raise Refused(Reason.INTERNAL, f"a permit or a credential for another server than `{self.name}`")
        self._fence(permit)  # nothing is begun for a call whose trust has moved
        visit = await self._visit(permit, credential.bearer)
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
        """Return all that is offered now, and let the watch see it."""
        offer = offer_of(await self.introduce())
        self._watch.observe(self.name, offer)
        return offer

    async def end_task(self, task: str) -> None:
        """End the sessions of this task; its next call, if there could be one, would be looked at anew."""
        self._watched.pop(task, None)
        await self._sessions.end(Holder(rule=InstanceRule.TASK, name=task))

    async def aclose(self) -> None:
        """End every session and every connection."""
        await self._sessions.end_all()
        await self._pool.aclose()

    # --- before a call

    async def _visit(self, permit: Permit, credential: Secret | None) -> Visit:
        """Return the way to speak under which this call is made, with the offer looked at where that is due."""
        era = self._era or await self._opening(lambda: self._find_era(credential))
        if era is Era.LEGACY:
            return await self._sessions.enter(
                holder_of(self._rule, permit),
                key_of(credential),
                check=lambda: self._fence(permit),
                begin=lambda: self._opening(lambda: self._begin_session(credential)),
            )
        visit = Visit(tongue=self._modern, credential=credential)
        if permit.task not in self._watched:
            tools = await self._opening(lambda: self._voice.list_tools(visit))
            self._watch.observe(self.name, Offer(tools=tools))
            self._watched[permit.task] = None
            if len(self._watched) > self._limits.watched_tasks_max:
                self._watched.popitem(last=False)
        return visit

    async def _find_era(self, credential: Secret | None) -> Era:
        """Find out, and remember it until something says otherwise: a modern server knows `server/discover`."""
        era = Era.LEGACY if await self._voice.discover(credential) is None else Era.MODERN
        self._era = era
        return era

    async def _begin_session(self, credential: Secret | None) -> Visit:
        visit: Visit | None = None
        try:
            _, visit = await self._voice.initialize(credential)
            self._watch.observe(self.name, Offer(tools=await self._voice.list_tools(visit)))
        except BaseException as error:
            if isinstance(error, Refused):
                self._era = self._configured_era  # perhaps it is no legacy server any more
            if visit is not None:
                await self._voice.end(visit)
            raise
        return visit

    async def _introduce(self) -> Introduction:
        credential = self._own_credential
        if self._configured_era is not Era.LEGACY:
            introduction = await self._voice.discover(credential)
            if introduction is not None:
                return await self._voice.introduce(introduction, Visit(tongue=self._modern, credential=credential))
            if self._configured_era is Era.MODERN:
                raise nonsense("it does not know `server/discover`")
        introduction, visit = await self._voice.initialize(credential)
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
            self._sessions.forget(visit)
            return unavailable("the tool server has lost the session; the next call begins another")
        if heard.status < 500:  # noqa: PLR2004 - RFC 9110 §15.6: an outage says nothing of the era
            self._era = self._configured_era
            self._sessions.forget(visit)
        return unavailable(f"HTTP status {heard.status}")
