"""What an HTTP head says of its request, and whom the transport itself turns away.

Of a head, the arrival is made: whose credential came with it (one `Authorization` header, and nothing else), from
where, at which endpoint. Whoever is turned away is told so with the status that HTTP or MCP demands, and is counted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from mediator.edge.asgi import Head, Headers
from mediator.edge.door import Door
from mediator.edge.sessions import OpenSession, Sessions
from mediator.evidence import Secret
from mediator.identity.proof import Shown
from mediator.mediation.reply import Reply
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.envelope import guess_era
from mediator.wire.jsonrpc import INVALID_REQUEST
from mediator.wire.methods import Era
from mediator.wire.reading import frame_of

SESSION_HEADER: Final = "mcp-session-id"
_LATER: Final = (("retry-after", "1"),)
# RFC 6750 §2.1, RFC 9449 §7.1
_TOKEN: Final = re.compile(r"(?P<scheme>bearer|dpop) +(?P<token>[A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_DPOP: Final = "dpop"
_JSON: Final = re.compile(r"application/json *(;.*)?", re.IGNORECASE)


class AtTheDoor(Exception):  # noqa: N818 - a refusal, with the HTTP status that the transport demands
    """Who is turned away before the corridor is asked."""

    def __init__(self, status: int | None, stop: Refused, headers: Headers = ()) -> None:
        super().__init__(status)
        self.status: Final = status
        self.stop: Final = stop
        self.headers: Final = headers


def turned_away(door: Door, arrival: Arrival, at: AtTheDoor) -> Reply:
    """Return what is said to whom the transport turns away."""
    frame = frame_of(arrival, door.json_limits)
    if at.status == HTTPStatus.METHOD_NOT_ALLOWED:  # clients of older versions try what a newer one has not
        return door.tell(frame, at.stop, at.status, at.headers)
    return door.turn_away(arrival.source, frame, at.stop, at.status, at.headers)


def stopping() -> AtTheDoor:
    """Return the refusal of a mediator that ends."""
    return overloaded("the mediator is stopping")


def overloaded(detail: str) -> AtTheDoor:
    """Return the refusal of one too many."""
    return AtTheDoor(503, Refused(Reason.OVERLOADED, detail), _LATER)


def not_found() -> AtTheDoor:
    """Return the refusal of a path that does not exist."""
    return AtTheDoor(404, Refused(Reason.METHOD_NOT_ALLOWED, "no such path", sentence="nothing is served here"))


def not_allowed(allowed: str) -> AtTheDoor:
    """Return the refusal of an HTTP method."""
    stop = Refused(Reason.METHOD_NOT_ALLOWED, "an HTTP method that is not served", sentence=f"use {allowed}")
    return AtTheDoor(405, stop, (("allow", allowed),))


def bad_request(status: int, sentence: str) -> AtTheDoor:
    """Return the refusal of what the transport cannot serve: no session, an event that is not kept."""
    return AtTheDoor(status, Refused(Reason.MALFORMED, sentence, sentence=sentence, code=INVALID_REQUEST))


def require_json(head: Head) -> None:
    """Refuse a body that is no JSON, or is packed."""
    if head.header("content-encoding"):  # what unpacks to more than it weighs is never unpacked
        raise AtTheDoor(415, Refused(Reason.MALFORMED, "an encoded body", sentence="`Content-Encoding` is not served"))
    types = head.header("content-type")
    if len(types) != 1 or _JSON.fullmatch(types[0]) is None:
        raise AtTheDoor(415, Refused(Reason.MALFORMED, "no JSON", sentence="`Content-Type` must be application/json"))


def bare_arrival(head: Head, server: str | None, base_url: str) -> Arrival:
    """Return the arrival of this head, its body not read yet; made once for each request, as what it shows is."""
    found = _credential_of(head)
    is_dpop = found is not None and found["scheme"].lower() == _DPOP
    return Arrival(
        body=b"",
        transport=Transport.HTTP,
        server=server,
        credential=None if found is None else Secret(found["token"]),
        headers=head.headers,
        session=None,
        source=head.source,
        shown=shown_by(head, base_url, is_dpop=is_dpop) if is_dpop or head.certificate is not None else None,
    )


def shown_by(head: Head, base_url: str, *, is_dpop: bool) -> Shown:
    """Return what came beside the credential, with where: under our own name, whatever the request calls us."""
    return Shown(
        proofs=tuple(map(Secret, head.header(_DPOP))),
        is_dpop=is_dpop,
        method=head.method,
        url=base_url + head.path,
        certificate=head.certificate,
    )


def bearer_of(head: Head) -> Secret | None:
    """Return the bearer token of the one `Authorization` header; two of them are as none."""
    found = _credential_of(head)
    return None if found is None or found["scheme"].lower() == _DPOP else Secret(found["token"])


def _credential_of(head: Head) -> re.Match[str] | None:
    values = head.header("authorization")
    return _TOKEN.fullmatch(values[0]) if len(values) == 1 else None


def holder_of(door: Door, arrival: Arrival) -> str:
    """Return whose credential came; raises `AtTheDoor` where it is none."""
    try:
        return door.answers.holder_of(arrival)
    except Refused as stop:
        raise AtTheDoor(None, stop) from stop


async def listener_of(door: Door, arrival: Arrival) -> str:
    """Return whose credential came, where its task goes on; raises `AtTheDoor` where nothing is to be told any more."""
    try:
        holder_of(door, arrival)
    except AtTheDoor as at:
        if not await door.answers.learns(arrival, at.stop):
            raise
        holder_of(door, arrival)
    try:
        return door.answers.listener_of(arrival)
    except Refused as stop:
        raise AtTheDoor(HTTPStatus.FORBIDDEN, stop) from stop


async def find_session(door: Door, sessions: Sessions, arrival: Arrival) -> OpenSession | None:
    """Return the legacy session that this arrival names, if it names one; the modern era knows none.

    Raises `AtTheDoor` where its holder has no such session: 401 first, then 404, which says "initialize again".
    """
    try:
        return _find_session(door, sessions, arrival)
    except AtTheDoor as at:
        if not await door.answers.learns(arrival, at.stop):
            raise
        return _find_session(door, sessions, arrival)


def _find_session(door: Door, sessions: Sessions, arrival: Arrival) -> OpenSession | None:
    ids = arrival.header(SESSION_HEADER)
    if not ids or guess_era(arrival, {}) is Era.MODERN:
        return None
    holder = holder_of(door, arrival)
    found = sessions.find(ids[0], holder) if len(ids) == 1 else None
    if found is None:
        raise bad_request(404, "no such session: `initialize` again")
    return found
