"""Streamable HTTP: the endpoints that agents' clients speak to, in both protocol eras, as one ASGI application.

It makes an `Arrival` of each POST, hands it to the corridor and sends the reply; it judges nothing. What it sees to
itself: which paths and methods exist, from which hosts and origins (DNS rebinding), the form and size of bodies, the
sessions of older versions, and that an agent which hangs up cancels its call. A token is read from one `Authorization`
header and from nowhere else; the query is not looked at. Standalone streams (GET) are not served.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final

import anyio
from anyio.abc import TaskGroup

from mediator.edge.asgi import Disconnected, Exchange, Head, Headers, Receive, Scope, Send, read_head
from mediator.edge.calls import Calls, find_cancellation
from mediator.edge.door import Door
from mediator.edge.http_facts import HttpFacts
from mediator.edge.metadata import WELL_KNOWN, protected_resource
from mediator.edge.publishing import PATH as MANIFESTS
from mediator.edge.publishing import Publishing
from mediator.edge.sessions import OpenSession, Sessions
from mediator.evidence import Secret
from mediator.mediation.reply import Reply
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.envelope import guess_era
from mediator.wire.jsonrpc import INVALID_REQUEST
from mediator.wire.methods import Era
from mediator.wire.reading import frame_of

SESSION_HEADER: Final = "mcp-session-id"
_ENDPOINT: Final = re.compile(r"/mcp|/servers/(?P<server>[a-z0-9][a-z0-9-]{0,19})/mcp")
_BEARER: Final = re.compile(r"bearer +(?P<token>[A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)  # RFC 6750 §2.1
_JSON: Final = re.compile(r"application/json *(;.*)?", re.IGNORECASE)
_ATTEND_AFTER_SECONDS: Final = 0.02  # so much later at most is it noticed that an agent has hung up
_METHODS: Final = "POST, DELETE"
_TEXT: Final = (("content-type", "text/plain; charset=utf-8"),)
_DOCUMENT: Final = (("content-type", "application/json"),)


class StreamableHttp:
    """The ASGI application. `is_ready` says whether calls can be decided right now."""

    def __init__(
        self,
        door: Door,
        sessions: Sessions,
        facts: HttpFacts,
        is_ready: Callable[[], bool],
        publishing: Publishing | None = None,
    ) -> None:
        self._door = door
        self._publishing = publishing
        self._sessions = sessions
        self._facts = facts
        self._is_ready = is_ready
        self._running: set[Exchange] = set()
        self._is_stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(read_head(scope), receive, send, self._facts.body)
        self._running.add(exchange)
        try:
            with exchange.scope as serving:
                await self._serve(exchange)
            if serving.cancelled_caught and not exchange.is_begun:
                at = _stopping()
                await self._turn_away(exchange, _bare(exchange.head, None), at)
        except Disconnected:
            return
        finally:
            self._running.discard(exchange)

    def stop(self) -> None:
        """Cancel whatever is being answered, and answer nothing more."""
        self._is_stopping = True
        for exchange in self._running:
            exchange.scope.cancel()

    async def _serve(self, exchange: Exchange) -> None:
        head = exchange.head
        match head.path:
            case "/healthz":
                await exchange.answer(200, _TEXT, b"yes\n")
            case "/readyz":
                is_ready = not self._is_stopping and self._is_ready()
                told = (b"yes\n" if is_ready else b"no\n") + self._door.quarantine_line()
                await exchange.answer(200 if is_ready else 503, _TEXT, told)
            case path:
                try:
                    self._require_our_name(head)
                    await self._serve_path(exchange, path)
                except _AtTheDoor as at:
                    await self._turn_away(exchange, _bare(head, None), at)

    def _require_our_name(self, head: Head) -> None:
        # A page that an attacker serves under a name that he then points at this machine (DNS rebinding) sends his
        # name as `Host`, and his page as `Origin`. A host that stands twice has two readings.
        hosts, origins = head.header("host"), head.header("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._facts.hosts:
            raise _AtTheDoor(
                421, Refused(Reason.MALFORMED, "a foreign `host`", sentence="this host is not served here")
            )
        if len(origins) > 1 or (origins and origins[0].lower() not in self._facts.origins):
            raise _AtTheDoor(403, Refused(Reason.MALFORMED, "a foreign `origin`", sentence="this origin is not served"))

    async def _serve_path(self, exchange: Exchange, path: str) -> None:
        method = exchange.head.method
        if path == WELL_KNOWN or path.startswith(WELL_KNOWN + "/"):
            await self._serve_metadata(exchange, path.removeprefix(WELL_KNOWN))
            return
        if self._publishing is not None and (path == MANIFESTS or path.startswith(MANIFESTS + "/")):
            await self._publishing.serve(exchange, _credential(exchange.head))
            return
        endpoint = _ENDPOINT.fullmatch(path)
        if endpoint is None:
            raise _AtTheDoor(404, Refused(Reason.METHOD_NOT_ALLOWED, "no such path", sentence="nothing is served here"))
        match method:
            case "POST":
                await self._serve_post(exchange, _bare(exchange.head, endpoint["server"]))
            case "DELETE":
                await self._serve_delete(exchange, _bare(exchange.head, endpoint["server"]))
            case _:
                raise _not_allowed(_METHODS)

    async def _serve_metadata(self, exchange: Exchange, endpoint: str) -> None:
        if endpoint and _ENDPOINT.fullmatch(endpoint) is None:
            raise _AtTheDoor(404, Refused(Reason.METHOD_NOT_ALLOWED, "no such path", sentence="nothing is served here"))
        if exchange.head.method not in {"GET", "HEAD"}:
            raise _not_allowed("GET, HEAD")
        document = protected_resource(self._facts.base_url, endpoint, self._facts.issuers)
        await exchange.answer(200, _DOCUMENT, document)

    async def _serve_post(self, exchange: Exchange, bare: Arrival) -> None:
        _require_json(exchange.head)
        try:
            body = await exchange.read_body()
        except Refused as stop:
            status = 413 if stop.reason is Reason.BODY_TOO_LARGE else 408
            raise _AtTheDoor(status, stop) from stop
        arrival = replace(bare, body=body)
        try:
            if self._is_stopping:
                raise _stopping()
            opened = self._session_of(arrival)
        except _AtTheDoor as at:
            await self._turn_away(exchange, arrival, at)
            return
        if opened is None:
            await self._answer(exchange, arrival, Calls())
            return
        arrival = replace(arrival, session=opened.session)
        cancelled = find_cancellation(arrival, self._door.json_limits)
        if cancelled is not None:
            opened.calls.cancel(cancelled, self._door.json_limits)
        await self._answer(exchange, arrival, opened.calls)

    async def _serve_delete(self, exchange: Exchange, bare: Arrival) -> None:
        if guess_era(bare, {}) is Era.MODERN:  # it has no sessions
            raise _not_allowed("POST")
        opened = self._session_of(bare)
        if opened is None:
            raise _no_session(400, "`mcp-session-id` says which session is to end")
        self._sessions.end(opened.session.id, opened.session.holder)
        await exchange.answer(200, (), None)

    def _session_of(self, arrival: Arrival) -> OpenSession | None:
        """Return the legacy session that this arrival names, if it names one; the modern era knows none.

        Raises `_AtTheDoor` where its holder has no such session: 401 first, then 404, which says "initialize again".
        """
        ids = arrival.header(SESSION_HEADER)
        if not ids or guess_era(arrival, {}) is Era.MODERN:
            return None
        try:
            holder = self._door.answers.holder_of(arrival)
        except Refused as stop:
            raise _AtTheDoor(None, stop) from stop
        found = self._sessions.find(ids[0], holder) if len(ids) == 1 else None
        if found is None:
            raise _no_session(404, "no such session: `initialize` again")
        return found

    async def _answer(self, exchange: Exchange, arrival: Arrival, calls: Calls) -> None:
        """Ask the corridor, and send what it says; hanging up, or a cancellation in the session, cancels the call.

        Nobody attends to a call that is answered at once: that would cost more than everything else here.
        """
        reply: Reply | None = None
        async with anyio.create_task_group() as attending:
            call = exchange.scope = attending.cancel_scope
            due = asyncio.get_running_loop().call_later(_ATTEND_AFTER_SECONDS, self._attend_to, exchange, attending)
            try:
                with calls.answering(arrival, call):
                    reply = await self._door.answers.answer(arrival)
            finally:
                due.cancel()
            if exchange.is_attended:
                call.cancel()
        if reply is not None:
            await self._send(exchange, arrival, reply)
        elif self._is_stopping:
            await self._turn_away(exchange, arrival, _stopping())
        elif not exchange.is_gone:
            # MCP: a cancelled request gets no response; what is left to say is that nothing follows.
            await exchange.answer(202, (), None)

    def _attend_to(self, exchange: Exchange, attending: TaskGroup) -> None:
        exchange.is_attended = True
        attending.start_soon(self._attend, exchange, attending.cancel_scope)

    async def _attend(self, exchange: Exchange, call: anyio.CancelScope) -> None:
        """Cancel the call when the agent hangs up; turn the answer into a stream when it takes long."""
        with anyio.move_on_after(max(0.0, self._facts.sse_after_seconds - _ATTEND_AFTER_SECONDS)):
            await exchange.until_disconnected()
        if not exchange.is_gone and _accepts_stream(exchange.head):
            await exchange.begin_stream()
        while not exchange.is_gone:
            with anyio.move_on_after(self._facts.sse_keep_alive_seconds):
                await exchange.until_disconnected()
            if exchange.is_streaming and not exchange.is_gone:
                await exchange.keep_alive()
        call.cancel()

    async def _send(self, exchange: Exchange, arrival: Arrival, reply: Reply) -> None:
        headers = reply.headers
        if reply.opens is not None and not exchange.is_streaming:
            try:
                session = self._sessions.open(reply.opens)
            except Refused as stop:
                await self._turn_away(exchange, arrival, _AtTheDoor(503, stop, _LATER))
                return
            headers = (*headers, (SESSION_HEADER, session.id))
        await exchange.answer(reply.status, headers, reply.body)

    async def _turn_away(self, exchange: Exchange, arrival: Arrival, at: _AtTheDoor) -> None:
        frame = frame_of(arrival, self._door.json_limits)
        if at.status == HTTPStatus.METHOD_NOT_ALLOWED:  # clients of older versions ask for a stream with every session
            reply = self._door.tell(frame, at.stop, at.status, at.headers)
        else:
            reply = self._door.turn_away(arrival.source, frame, at.stop, at.status, at.headers)
        await exchange.answer(reply.status, reply.headers, reply.body)


_LATER: Final = (("retry-after", "1"),)


class _AtTheDoor(Exception):  # noqa: N818 - a refusal, with the HTTP status that the transport demands
    def __init__(self, status: int | None, stop: Refused, headers: Headers = ()) -> None:
        super().__init__(status)
        self.status: Final = status
        self.stop: Final = stop
        self.headers: Final = headers


def _stopping() -> _AtTheDoor:
    return _AtTheDoor(503, Refused(Reason.OVERLOADED, "the mediator is stopping"), _LATER)


def _not_allowed(allowed: str) -> _AtTheDoor:
    stop = Refused(Reason.METHOD_NOT_ALLOWED, "an HTTP method that is not served", sentence=f"use {allowed}")
    return _AtTheDoor(405, stop, (("allow", allowed),))


def _no_session(status: int, sentence: str) -> _AtTheDoor:
    return _AtTheDoor(status, Refused(Reason.MALFORMED, "no session", sentence=sentence, code=INVALID_REQUEST))


def _require_json(head: Head) -> None:
    if head.header("content-encoding"):  # what unpacks to more than it weighs is never unpacked
        raise _AtTheDoor(415, Refused(Reason.MALFORMED, "an encoded body", sentence="`Content-Encoding` is not served"))
    types = head.header("content-type")
    if len(types) != 1 or _JSON.fullmatch(types[0]) is None:
        raise _AtTheDoor(415, Refused(Reason.MALFORMED, "no JSON", sentence="`Content-Type` must be application/json"))


def _accepts_stream(head: Head) -> bool:
    return any("text/event-stream" in value or "*/*" in value for value in head.header("accept"))


def _bare(head: Head, server: str | None) -> Arrival:
    """Return the arrival of this head, its body not read yet."""
    return Arrival(
        body=b"",
        transport=Transport.HTTP,
        server=server,
        credential=_credential(head),
        headers=head.headers,
        session=None,
        source=head.source,
    )


def _credential(head: Head) -> Secret | None:
    """Return the bearer token of the one `Authorization` header; two of them are as none."""
    values = head.header("authorization")
    found = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    return None if found is None else Secret(found["token"])
