"""Streamable HTTP: the endpoints that agents' clients speak to, in both protocol eras, as one ASGI application.

It makes an `Arrival` of each POST, hands it to the corridor and sends the reply; it judges nothing. What it sees to
itself: which paths and methods exist, from which hosts and origins (DNS rebinding), the form and size of bodies, the
sessions and streams of older versions, and that an agent which hangs up cancels its call. A token is read from one
`Authorization` header and from nowhere else; the query is not looked at, and refused where tokens are issued.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mediator.edge.approvals import PATH as APPROVALS
from mediator.edge.approvals import ApprovalPages
from mediator.edge.asgi import Disconnected, Exchange, Head, Receive, Scope, Send, read_head
from mediator.edge.at_the_door import (
    AtTheDoor,
    bad_request,
    bare_arrival,
    bearer_of,
    find_session,
    not_allowed,
    not_found,
    require_json,
    stopping,
    turned_away,
)
from mediator.edge.door import Door
from mediator.edge.http_facts import HttpFacts
from mediator.edge.metadata import WELL_KNOWN, protected_resource
from mediator.edge.oauth import OAuth
from mediator.edge.oauth_metadata import METHODS as OAUTH
from mediator.edge.post_answers import PostAnswers
from mediator.edge.publishing import PATH as MANIFESTS
from mediator.edge.publishing import Publishing
from mediator.edge.sessions import Sessions
from mediator.edge.standing_streams import StandingStreams
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.envelope import guess_era
from mediator.wire.methods import Era

_ENDPOINT: Final = re.compile(r"/mcp|/servers/(?P<server>[a-z0-9][a-z0-9-]{0,19})/mcp")
_METHODS: Final = "GET, POST, DELETE"
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
        oauth: OAuth | None = None,
        approvals: ApprovalPages | None = None,
    ) -> None:
        self._door = door
        self._publishing = publishing
        self._oauth = oauth
        self._approvals = approvals
        self._sessions = sessions
        self._facts = facts
        self._is_ready = is_ready
        self._posts = PostAnswers(door, sessions, facts)
        self._standing = StandingStreams(door, sessions, facts.sse_keep_alive_seconds)
        self._running: set[Exchange] = set()

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
                at = stopping()
                await self._turn_away(exchange, self._bare(exchange, None), at)
        except Disconnected:
            return
        finally:
            self._running.discard(exchange)

    def end_streams(self) -> None:
        """End what stays open for as long as its agent wants: nothing will be told any more."""
        self._posts.is_ending = self._standing.is_ending = True
        for exchange in self._running:
            if exchange.is_held:
                exchange.scope.cancel()

    def stop(self) -> None:
        """Cancel whatever is being answered, and answer nothing more."""
        self._posts.is_stopping = True
        for exchange in self._running:
            exchange.scope.cancel()

    async def _serve(self, exchange: Exchange) -> None:
        head = exchange.head
        match head.path:
            case "/healthz":
                await exchange.answer(200, _TEXT, b"yes\n")
            case "/readyz":
                is_ready = not self._posts.is_stopping and self._is_ready()
                told = (b"yes\n" if is_ready else b"no\n") + self._door.quarantine_line()
                await exchange.answer(200 if is_ready else 503, _TEXT, told)
            case path:
                try:
                    self._require_our_name(head)
                    await self._serve_path(exchange, path)
                except AtTheDoor as at:
                    await self._turn_away(exchange, self._bare(exchange, None), at)

    def _require_our_name(self, head: Head) -> None:
        # A page that an attacker serves under a name that he then points at this machine (DNS rebinding) sends his
        # name as `Host`, and his page as `Origin`. A host that stands twice has two readings.
        hosts, origins = head.header("host"), head.header("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._facts.hosts:
            raise AtTheDoor(421, Refused(Reason.MALFORMED, "a foreign `host`", sentence="this host is not served here"))
        if len(origins) > 1 or (origins and origins[0].lower() not in self._facts.origins):
            raise AtTheDoor(403, Refused(Reason.MALFORMED, "a foreign `origin`", sentence="this origin is not served"))

    async def _serve_path(self, exchange: Exchange, path: str) -> None:
        method = exchange.head.method
        if path == WELL_KNOWN or path.startswith(WELL_KNOWN + "/"):
            await self._serve_metadata(exchange, path.removeprefix(WELL_KNOWN))
            return
        if self._publishing is not None and (path == MANIFESTS or path.startswith(MANIFESTS + "/")):
            await self._publishing.serve(exchange, bearer_of(exchange.head))
            return
        if self._oauth is not None and path in OAUTH:
            await self._oauth.serve(exchange)
            return
        if self._approvals is not None and path.startswith(APPROVALS):
            await self._approvals.serve(exchange)
            return
        endpoint = _ENDPOINT.fullmatch(path)
        if endpoint is None:
            raise not_found()
        match method:
            case "GET":
                await self._standing.serve(exchange, self._bare(exchange, endpoint["server"]))
            case "POST":
                await self._serve_post(exchange, self._bare(exchange, endpoint["server"]))
            case "DELETE":
                await self._serve_delete(exchange, self._bare(exchange, endpoint["server"]))
            case _:
                raise not_allowed(_METHODS)

    async def _serve_metadata(self, exchange: Exchange, endpoint: str) -> None:
        if endpoint and _ENDPOINT.fullmatch(endpoint) is None:
            raise not_found()
        if exchange.head.method not in {"GET", "HEAD"}:
            raise not_allowed("GET, HEAD")
        document = protected_resource(
            self._facts.base_url, endpoint, self._facts.issuers, has_certificates=self._facts.has_certificates
        )
        await exchange.answer(200, _DOCUMENT, document)

    async def _serve_post(self, exchange: Exchange, bare: Arrival) -> None:
        require_json(exchange.head)
        try:
            body = await exchange.read_body()
        except Refused as stop:
            status = 413 if stop.reason is Reason.BODY_TOO_LARGE else 408
            raise AtTheDoor(status, stop) from stop
        arrival = replace(bare, body=body)
        try:
            if self._posts.is_stopping:
                raise stopping()
            opened = await find_session(self._door, self._sessions, arrival)
        except AtTheDoor as at:
            await self._turn_away(exchange, arrival, at)
            return
        if opened is not None:
            arrival = replace(arrival, session=opened.session)
        await self._posts.answer(exchange, arrival, opened)

    async def _serve_delete(self, exchange: Exchange, bare: Arrival) -> None:
        if guess_era(bare, {}) is Era.MODERN:  # it has no sessions
            raise not_allowed("POST")
        opened = await find_session(self._door, self._sessions, bare)
        if opened is None:
            raise bad_request(400, "`mcp-session-id` says which session is to end")
        self._sessions.end(opened.session.id, opened.session.holder)
        await exchange.answer(200, (), None)

    def _bare(self, exchange: Exchange, server: str | None) -> Arrival:
        return bare_arrival(exchange.head, server, self._facts.base_url)

    async def _turn_away(self, exchange: Exchange, arrival: Arrival, at: AtTheDoor) -> None:
        reply = turned_away(self._door, arrival, at)
        await exchange.answer(reply.status, reply.headers, reply.body)
