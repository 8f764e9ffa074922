"""Envelope: in which era and version a message speaks; for the modern one, header and envelope say the same.

Pure. A ladder: the first rung that fails is the refusal. Over HTTP the header `MCP-Protocol-Version` chooses the era,
as everywhere; but an envelope of the modern era under a legacy header, or under none, is refused and never guessed
at. Over stdio each message chooses for itself: with the envelope it is modern, without it legacy.

The rungs of a modern request (MCP 2026-07-28, `basic/index` and `basic/transports/streamable-http`):

1. no routing header stands twice                                   -32020
2. `params._meta` carries the protocol version and the capabilities -32602
3. the routing headers say what the body says (HTTP)                -32020
4. the version is one that is served                                -32022
5. the envelope's members have their form                           -32602

Headers of the legacy era are not validated there and so never believed. Nothing here says whether a method exists.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import JsonObject
from mediator.evidence import Seal
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.header_value import decode_header_value
from mediator.wire.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, Notification, Request
from mediator.wire.methods import LEGACY_VERSIONS, MODERN_VERSIONS, Era

_SEAL: Final = Seal("mediator.wire.envelope")

# MCP 2026-07-28, `basic/index`: codes and keys of its own
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022
VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
CLIENT_INFO_KEY: Final = "io.modelcontextprotocol/clientInfo"
LOG_LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"
ENVELOPE_KEYS: Final = frozenset({VERSION_KEY, CAPABILITIES_KEY, CLIENT_INFO_KEY, LOG_LEVEL_KEY})

VERSION_HEADER: Final = "mcp-protocol-version"
METHOD_HEADER: Final = "mcp-method"
NAME_HEADER: Final = "mcp-name"
PARAM_HEADER_PREFIX: Final = "mcp-param-"
TRACE_HEADER: Final = "traceparent"
_ROUTING_HEADERS: Final = frozenset({VERSION_HEADER, METHOD_HEADER, NAME_HEADER})

_NAMED_BY: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",  # SEP-2663, "Streamable HTTP: Routing Headers"
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Which member of `params` the header `Mcp-Name` repeats; of all methods that have one, not only of those we serve."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a message was found to speak.

    `meta` is its `params._meta`: an object, and for the rest unread. `param_headers` are its `Mcp-Param-*` headers,
    without the prefix, as they came (none in the legacy era, which knows none); `trace_headers` its `traceparent`.
    """

    era: Era
    version: str | None
    meta: JsonObject
    param_headers: tuple[tuple[str, str], ...]
    trace_headers: tuple[str, ...]
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


@dataclass(slots=True)
class _Headers:
    """The headers that are MCP's business, from one walk over all of them; local to this module."""

    routing: dict[str, str]
    twice: set[str]
    params: list[tuple[str, str]]
    trace: list[str]


def classify(arrival: Arrival, message: Request | Notification) -> Envelope:
    """Return the era and version of a message, once everything that says so agrees.

    Raises `Refused`: `HEADER_MISMATCH`, or `MALFORMED` with the protocol's own code.
    """
    meta = message.params.get("_meta", {})
    headers = _sort(arrival)
    if arrival.transport is Transport.HTTP and VERSION_HEADER in headers.twice:
        raise _mismatch(f"`{VERSION_HEADER}` stands twice")
    if not _is_modern(arrival, headers, message.method, meta, wants_answer=isinstance(message, Request)):
        return _legacy(arrival, headers, message, meta)
    if isinstance(message, Notification):
        return _modern_notice(arrival, headers, meta)
    return _modern(arrival, headers, message, meta)


def guess_era(arrival: Arrival, members: JsonObject) -> Era:
    """Return the era to answer in, of what may be no message at all; never raises."""
    headers = _sort(arrival)
    params = members.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    is_modern = _is_modern(arrival, headers, members.get("method"), meta, wants_answer="id" in members)
    return Era.MODERN if is_modern else Era.LEGACY


def _sort(arrival: Arrival) -> _Headers:
    headers = _Headers(routing={}, twice=set(), params=[], trace=[])
    for name, value in arrival.headers:
        if name in _ROUTING_HEADERS:
            if name in headers.routing:
                headers.twice.add(name)
            else:
                headers.routing[name] = value
        elif name.startswith(PARAM_HEADER_PREFIX):
            headers.params.append((name[len(PARAM_HEADER_PREFIX) :], value))
        elif name == TRACE_HEADER:
            headers.trace.append(value)
    return headers


def _is_modern(arrival: Arrival, headers: _Headers, method: object, meta: object, *, wants_answer: bool) -> bool:
    if arrival.transport is Transport.HTTP:
        version = headers.routing.get(VERSION_HEADER)
        return version is not None and version not in LEGACY_VERSIONS
    if method == "initialize":  # a handshake exists in the legacy era alone
        return False
    if isinstance(meta, dict) and VERSION_KEY in meta:
        return True
    # A notification needs no envelope; before any handshake only the modern era has something to say.
    return not wants_answer and arrival.session is None


def _legacy(arrival: Arrival, headers: _Headers, message: Request | Notification, meta: object) -> Envelope:
    if not isinstance(meta, dict):
        raise _malformed("`params._meta` must be an object", INVALID_PARAMS)
    is_handshake = message.method == "initialize"
    if VERSION_KEY in meta and not is_handshake:
        raise _mismatch(f"an envelope of the modern era came without its header `{VERSION_HEADER}`")
    session = arrival.session
    needs_none = isinstance(message, Notification) or is_handshake
    may_ping = arrival.transport is Transport.STDIO and message.method == "ping"
    if session is None and not needs_none and not may_ping:
        raise _malformed("no session: `initialize` first, or send the envelope of the modern era", INVALID_REQUEST)
    version = session.version if session is not None and not is_handshake else None
    trace = tuple(headers.trace)
    return Envelope(era=Era.LEGACY, version=version, meta=meta, param_headers=(), trace_headers=trace, seal=_SEAL)


def _modern_notice(arrival: Arrival, headers: _Headers, meta: object) -> Envelope:
    if not isinstance(meta, dict):
        raise _malformed("`params._meta` must be an object", INVALID_PARAMS)
    # The only thing that is required of one is a version that is served; there is nothing for it to act on.
    version = headers.routing[VERSION_HEADER] if arrival.transport is Transport.HTTP else meta.get(VERSION_KEY)
    if version is not None:
        _require_served(version)
    return _modern_envelope(headers, MODERN_VERSIONS[-1], meta)


def _modern(arrival: Arrival, headers: _Headers, request: Request, meta: object) -> Envelope:
    # 1. A reader of the first copy and a reader of the last would disagree.
    if arrival.transport is Transport.HTTP and headers.twice:
        raise _mismatch(f"`{min(headers.twice)}` stands twice")
    # 2. The envelope is there.
    if not isinstance(meta, dict) or VERSION_KEY not in meta or CAPABILITIES_KEY not in meta:
        raise _malformed(f"`params._meta` must carry `{VERSION_KEY}` and `{CAPABILITIES_KEY}`", INVALID_PARAMS)
    version = meta[VERSION_KEY]
    # 3. Headers and body agree; before the next rung, so that who contradicts itself is told that.
    if arrival.transport is Transport.HTTP:
        _require_agreement(request, headers.routing, version)
    # 4. The version is served.
    served = _require_served(version)
    # 5. What is in the envelope has its form. Nothing of it is a fact for a decision.
    if not isinstance(meta[CAPABILITIES_KEY], dict) or not isinstance(meta.get(CLIENT_INFO_KEY, {}), dict):
        raise _malformed(f"`{CAPABILITIES_KEY}` and `{CLIENT_INFO_KEY}` must be objects", INVALID_PARAMS)
    return _modern_envelope(headers, served, meta)


def _modern_envelope(headers: _Headers, version: str, meta: JsonObject) -> Envelope:
    return Envelope(
        era=Era.MODERN,
        version=version,
        meta=meta,
        param_headers=tuple(headers.params),
        trace_headers=tuple(headers.trace),
        seal=_SEAL,
    )


def _require_agreement(request: Request, headers: dict[str, str], version: object) -> None:
    if headers[VERSION_HEADER] != version:
        raise _mismatch(f"`{VERSION_HEADER}` is not the version of the envelope")
    if headers.get(METHOD_HEADER) != request.method:
        raise _mismatch(f"`{METHOD_HEADER}` is not the method of the body")
    member = _NAMED_BY.get(request.method)
    named = request.params.get(member) if member is not None else None
    if named is not None and decode_header_value(headers.get(NAME_HEADER, "")) != named:
        raise _mismatch(f"`{NAME_HEADER}` is not the `{member}` of the body")


def _require_served(version: object) -> str:
    if not isinstance(version, str):  # no outcome of a negotiation, but a defect
        raise _malformed(f"`{VERSION_KEY}` must be a string", INVALID_PARAMS)
    if version not in MODERN_VERSIONS:
        raise Refused(
            Reason.MALFORMED,
            "a protocol version that is not served",
            sentence="unsupported protocol version",
            code=UNSUPPORTED_VERSION,
            data={"supported": list(MODERN_VERSIONS), "requested": version},
        )
    return version


def _mismatch(detail: str) -> Refused:
    return Refused(Reason.HEADER_MISMATCH, detail, sentence=detail, code=HEADER_MISMATCH)


def _malformed(detail: str, code: int) -> Refused:
    return Refused(Reason.MALFORMED, detail, sentence=detail, code=code)
