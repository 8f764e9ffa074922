"""The two eras over HTTP: how each introduces itself, says what it offers, and is called. One file, so that they compare.

Each function sends closed messages of our own, and only `call` bytes that an agent chose. Nothing is kept here:
sessions and what is known of a server stand in `server.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio

from mediator.adapters.tool_servers_http.channel import Channel, Heard, Outgoing
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.canonical import Digest, JsonObject, parse_object
from mediator.evidence import Secret
from mediator.refusal import Refused
from mediator.wire import speech
from mediator.wire.hearing import (
    Introduction,
    Listener,
    nonsense,
    read_discover,
    read_initialize,
    unavailable,
)
from mediator.wire.jsonrpc import RequestId
from mediator.wire.listing import OfferReading
from mediator.wire.methods import Era
from mediator.wire.param_headers import ParamHeader, declared_headers
from mediator.wire.speech import Tongue
from mediator.wire.speech_headers import call_headers, request_headers

_SESSION_ID: Final = re.compile(r"[\x21-\x7e]{1,1024}")  # MCP: visible ASCII; the length is ours
_GONE: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One call to be made: plain values out of a permit."""

    name: str
    arguments: bytes
    definition: JsonObject  # as pinned
    digest: Digest  # of the definition
    traceparent: str
    result_bytes_max: int
    within_seconds: float
    spring: Callable[[], None]


def _nobody_listens() -> None:
    """Stand in where a change is of no interest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visit:
    """One way of speaking to one server under one credential; in the legacy era, a session (some servers give no id).

    `changed` is called when the server says here that its lists have changed. `began` is the handshake of a session.
    """

    tongue: Tongue
    credential: Secret | None
    session_id: str | None = None
    began: Introduction | None = None
    changed: Callable[[], None] = _nobody_listens

    def headers(self, method: str) -> list[tuple[str, str]]:
        """Return the headers of one message of ours."""
        if self.tongue.era is Era.MODERN:
            return request_headers(self.tongue, method)
        lines = [("MCP-Protocol-Version", self.tongue.version)]
        if self.session_id is not None:
            lines.append(("Mcp-Session-Id", self.session_id))
        return lines


def _nothing_is_kept(_lost: Visit) -> None:
    """Stand in where no session is kept."""


@dataclass(slots=True, kw_only=True)
class Voice:
    """Speaks to one server."""

    channel: Channel
    limits: HttpLimits
    client_version: str
    lost: Callable[[Visit], None] = _nothing_is_kept  # told of a session that the server does not know any more
    _declared: dict[Digest, tuple[ParamHeader, ...]] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=partial(itertools.count, 1))

    async def discover(self, credential: Secret | None) -> Introduction | None:
        """Ask in the modern era who is there; nothing, if that is no modern server."""
        visit = Visit(tongue=speech.modern(self.client_version), credential=credential)
        request_id = next(self._ids)
        body = speech.discover_message(request_id, self.client_version)
        heard = await self._ask(visit, "server/discover", request_id, body)
        if heard.answer is None:
            _refuse_unless_it_is_about_the_era(heard.status)
            return None
        return read_discover(heard.answer, self.client_version)

    async def initialize(
        self, credential: Secret | None, changed: Callable[[], None] = _nobody_listens
    ) -> tuple[Introduction, Visit]:
        """Open a legacy session."""
        request_id = next(self._ids)
        outgoing = Outgoing(
            headers=(),
            body=speech.initialize_message(request_id, self.client_version),
            listener=self._listener(request_id),
        )
        heard = await self.channel.send(outgoing, credential)
        introduction = read_initialize(heard.must_answer(), self.client_version)
        if heard.session_id is not None and not _SESSION_ID.fullmatch(heard.session_id):
            raise nonsense("a session id that no header can carry back")
        visit = Visit(
            tongue=introduction.tongue,
            credential=credential,
            session_id=heard.session_id,
            began=introduction,
            changed=changed,
        )
        await self._tell(visit, "notifications/initialized", speech.initialized_message())
        return introduction, visit

    async def introduce(self, introduction: Introduction, visit: Visit) -> Introduction:
        """Return the introduction with all that the server offers, over all pages."""
        reading = OfferReading(introduction, self.limits.hearing)
        while (question := reading.question) is not None:
            request_id = next(self._ids)
            body = speech.list_message(visit.tongue, request_id, question.method, question.cursor)
            heard = await self._ask(visit, question.method, request_id, body)
            if is_lost_session(visit, heard):
                self.lost(visit)
                raise unavailable("the tool server has lost the session; the next call begins another")
            reading.take(heard.must_answer())
        return reading.whole()

    async def call(self, visit: Visit, forward: Forward) -> tuple[Heard, int]:
        """Make a call; return what was heard, and how much beside it."""
        request_id = next(self._ids)
        if visit.tongue.era is Era.MODERN:
            declared = self._declared_headers(forward)
            arguments = parse_object(forward.arguments) if declared else {}
            headers = call_headers(visit.tongue, forward.name, declared, arguments)
        else:
            headers = visit.headers("tools/call")
        listener = self._listener(request_id, visit, forward.result_bytes_max)
        is_under_way = False

        def spring() -> None:
            nonlocal is_under_way
            forward.spring()
            is_under_way = True

        outgoing = Outgoing(
            headers=headers,
            body=speech.call_message(visit.tongue, request_id, forward.name, forward.arguments, forward.traceparent),
            listener=listener,
            spring=spring,
            within_seconds=forward.within_seconds,
        )
        try:
            heard = await self.channel.send(outgoing, visit.credential, partial(self._refuse, visit))
        except anyio.get_cancelled_exc_class():
            # In the modern era a closed stream says it; before, a disconnection explicitly did not.
            if is_under_way and visit.tongue.era is Era.LEGACY:
                await self._tell_quietly(visit, "notifications/cancelled", speech.cancelled_message(request_id))
            raise
        return heard, listener.noise

    async def end(self, visit: Visit) -> None:
        """End a legacy session; whether the server agrees is its own affair."""
        if visit.session_id is not None:
            outgoing = Outgoing(headers=visit.headers(""), body=b"", listener=None, verb="DELETE")
            await self._quietly(visit, outgoing)

    async def _ask(self, visit: Visit, method: str, request_id: int, body: bytes) -> Heard:
        outgoing = Outgoing(headers=visit.headers(method), body=body, listener=self._listener(request_id, visit))
        return await self.channel.send(outgoing, visit.credential)

    async def _tell(self, visit: Visit, method: str, body: bytes) -> None:
        heard = await self.channel.send(
            Outgoing(headers=visit.headers(method), body=body, listener=None), visit.credential
        )
        if heard.status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5
            raise unavailable(f"HTTP status {heard.status} for `{method}`")

    async def _tell_quietly(self, visit: Visit, method: str, body: bytes) -> None:
        await self._quietly(visit, Outgoing(headers=visit.headers(method), body=body, listener=None))

    async def _quietly(self, visit: Visit, outgoing: Outgoing) -> None:
        """Send something that nobody depends on: for so long, and whatever becomes of it."""
        with anyio.move_on_after(self.limits.ending_seconds, shield=True):
            try:
                await self.channel.send(outgoing, visit.credential)
            except Refused:
                return

    async def _refuse(self, visit: Visit, asked: list[RequestId]) -> None:
        """Answer what a legacy server asks of us with -32601; a modern one asks nothing, and has no way to hear it."""
        if visit.tongue.era is Era.LEGACY:
            for request_id in asked:
                await self._tell_quietly(visit, "", speech.refusal_message(request_id))

    def _listener(self, request_id: int, visit: Visit | None = None, result_bytes_max: int | None = None) -> Listener:
        hearing = self.limits.hearing
        limit = hearing.result_bytes_max if result_bytes_max is None else result_bytes_max
        changed = _nobody_listens if visit is None else visit.changed
        return Listener(request_id=request_id, result_bytes_max=limit, limits=hearing, changed=changed)

    def _declared_headers(self, forward: Forward) -> tuple[ParamHeader, ...]:
        """Return which arguments the pinned schema wants in headers: worked out once for each definition."""
        known = self._declared.get(forward.digest)
        if known is None:
            schema = forward.definition.get("inputSchema")
            known = declared_headers(schema) if isinstance(schema, dict) else ()
            if len(self._declared) >= self.limits.hearing.items_max:
                self._declared.clear()
            self._declared[forward.digest] = known
        return known


def is_lost_session(visit: Visit, heard: Heard) -> bool:
    """Tell whether this answer says that the session is gone."""
    return visit.session_id is not None and heard.status == _GONE


def _refuse_unless_it_is_about_the_era(status: int) -> None:
    """Refuse where a bare status says nothing of the era: who may come in, how often, and outages.

    MCP 2026-07-28, versioning: any other 4xx without a modern error is a server of the legacy era.
    """
    if status in {401, 403, 407, 408, 429} or status >= 500:  # noqa: PLR2004 - RFC 9110 §15.6
        raise unavailable(f"HTTP status {status}")
