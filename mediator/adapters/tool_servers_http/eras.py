"""The two eras over HTTP: how each introduces itself and says what it offers. One file, so that they compare.

Each function sends closed messages of our own; bytes that an agent chose are `calling.py`'s. Nothing is kept here:
sessions and what is known of a server stand in `visits.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio

from mediator.adapters.tool_servers_http.background import Background
from mediator.adapters.tool_servers_http.channel import Channel, Heard, Outgoing
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.canonical import Digest, JsonObject
from mediator.evidence import Secret
from mediator.mediation.ports import Inspectors
from mediator.refusal import Refused
from mediator.wire import speech
from mediator.wire.hearing import (
    Introduction,
    Listener,
    is_worth_another_discover,
    nonsense,
    read_discover,
    read_initialize,
    unavailable,
)
from mediator.wire.listing import OfferReading
from mediator.wire.methods import LogLevel
from mediator.wire.param_headers import ParamHeader, declared_headers

_SESSION_ID: Final = re.compile(r"[\x21-\x7e]{1,1024}")  # MCP: visible ASCII; the length is ours
_GONE: Final = 404


def _nothing_is_kept(_lost: Visit) -> None:
    """Stand in where no session is kept."""


@dataclass(slots=True, kw_only=True)
class Voice:
    """Speaks to one server."""

    channel: Channel
    limits: HttpLimits
    client_version: str
    background: Background = field(default_factory=Background)
    inspectors: Inspectors | None = None  # of large answers to calls; what the mediator itself asks is read at once
    lost: Callable[[Visit], None] = _nothing_is_kept  # told of a session that the server does not know any more
    _declared: dict[Digest, tuple[ParamHeader, ...]] = field(default_factory=dict)
    ids: itertools.count[int] = field(default_factory=partial(itertools.count, 1))

    async def discover(self, credential: Secret | None) -> Introduction | None:
        """Ask in the modern era who is there; nothing, if that is no modern server."""
        visit = Visit(tongue=speech.modern(self.client_version), credential=credential)
        heard = await self._discover(visit)
        if heard.answer is not None and is_worth_another_discover(heard.answer):
            heard = await self._discover(visit)
        if heard.answer is None:
            _refuse_unless_it_is_about_the_era(heard.status)
            return None
        return read_discover(heard.answer, self.client_version)

    async def initialize(self, credential: Secret | None) -> tuple[Introduction, Visit]:
        """Open a legacy session."""
        request_id = next(self.ids)
        outgoing = Outgoing(
            headers=(),
            body=speech.initialize_message(request_id, self.client_version),
            listener=self.listener(request_id),
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
        )
        await self._tell(visit, "notifications/initialized", speech.initialized_message())
        return introduction, visit

    async def introduce(self, introduction: Introduction, visit: Visit) -> Introduction:
        """Return the introduction with all that the server offers, over all pages."""
        reading = OfferReading(introduction, self.limits.hearing)
        while (question := reading.question) is not None:
            request_id = next(self.ids)
            body = speech.list_message(visit.tongue, request_id, question.method, question.cursor)
            heard = await self._ask(visit, question.method, request_id, body)
            self.keep_session(visit, heard)
            reading.take(heard.must_answer())
        return reading.whole()

    async def set_level(self, visit: Visit, level: LogLevel) -> None:
        """Ask for log messages of this level, where a legacy server has any and was not asked for them already."""
        if visit.level is level or visit.began is None or "logging" not in visit.began.capabilities:
            return
        request_id = next(self.ids)
        body = speech.set_level_message(request_id, level)
        try:
            with anyio.fail_after(self.limits.opening_seconds):
                heard = await self._ask(visit, "logging/setLevel", request_id, body)
        except TimeoutError as error:
            raise unavailable(f"no answer to `logging/setLevel` within {self.limits.opening_seconds} s") from error
        self.keep_session(visit, heard)
        visit.level = level

    async def say(self, visit: Visit, body: bytes) -> None:
        """Answer what a legacy server asks; nothing of ours depends on whether it hears."""
        outgoing = Outgoing(headers=visit.headers(""), body=body, listener=None)
        with anyio.move_on_after(self.limits.ending_seconds), contextlib.suppress(Refused):
            await self.channel.send(outgoing, visit.credential)

    def cancel(self, visit: Visit, request_id: int) -> None:
        """Let a legacy server know that nobody waits for this any more; nobody waits for that either."""
        body = speech.cancelled_message(request_id)
        self.background.begin(self.tell_quietly(visit, "notifications/cancelled", body))

    def keep_session(self, visit: Visit, heard: Heard) -> None:
        """Return if the session is still there; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where it is lost."""
        if is_lost_session(visit, heard):
            self.lost(visit)
            raise unavailable("the tool server has lost the session; the next call begins another")

    async def end(self, visit: Visit) -> None:
        """End a legacy session; whether the server agrees is its own affair."""
        if visit.session_id is not None:
            outgoing = Outgoing(headers=visit.headers(""), body=b"", listener=None, verb="DELETE")
            await self._quietly(visit, outgoing)

    async def _discover(self, visit: Visit) -> Heard:
        request_id = next(self.ids)
        body = speech.discover_message(request_id, self.client_version)
        return await self._ask(visit, "server/discover", request_id, body)

    async def _ask(self, visit: Visit, method: str, request_id: int, body: bytes) -> Heard:
        outgoing = Outgoing(headers=visit.headers(method), body=body, listener=self.listener(request_id, visit))
        return await self.channel.send(outgoing, visit.credential)

    async def _tell(self, visit: Visit, method: str, body: bytes) -> None:
        heard = await self.channel.send(
            Outgoing(headers=visit.headers(method), body=body, listener=None), visit.credential
        )
        if heard.status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5
            raise unavailable(f"HTTP status {heard.status} for `{method}`")

    async def tell_quietly(self, visit: Visit, method: str, body: bytes) -> None:
        """Send a message that wants no answer; whatever becomes of it."""
        await self._quietly(visit, Outgoing(headers=visit.headers(method), body=body, listener=None))

    async def _quietly(self, visit: Visit, outgoing: Outgoing) -> None:
        """Send something that nobody depends on: for so long, and whatever becomes of it."""
        with anyio.move_on_after(self.limits.ending_seconds, shield=True):
            try:
                await self.channel.send(outgoing, visit.credential)
            except Refused:
                return

    def listener(self, request_id: int, visit: Visit | None = None, result_bytes_max: int | None = None) -> Listener:
        """Return who waits for the answer to this request."""
        hearing = self.limits.hearing
        limit = hearing.result_bytes_max if result_bytes_max is None else result_bytes_max
        if visit is None:
            return Listener(request_id=request_id, result_bytes_max=limit, limits=hearing)
        return Listener(request_id=request_id, result_bytes_max=limit, limits=hearing, changed=visit.changed)

    def declared_headers(self, definition: JsonObject, digest: Digest) -> tuple[ParamHeader, ...]:
        """Return which arguments the pinned schema wants in headers: worked out once for each definition."""
        known = self._declared.get(digest)
        if known is None:
            schema = definition.get("inputSchema")
            known = declared_headers(schema) if isinstance(schema, dict) else ()
            if len(self._declared) >= self.limits.hearing.items_max:
                self._declared.clear()
            self._declared[digest] = known
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
