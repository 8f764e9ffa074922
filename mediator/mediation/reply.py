"""Released | Reason -> Reply: the only thing that an edge can send.

Pure. Every reply is a JSON-RPC message in the frame of the request: its id, its era, its transport. A refusal is
never an empty list and never a bare status: it reads as what it is, and the session goes on (P11). The statuses:

- legacy: 200 for whatever has an id, save 401 and what the transport itself demands
- modern: the protocol's own table (MCP 2026-07-28, `basic/transports/streamable-http`)

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.evidence import Seal
from mediator.inspection.release import OUR_PREFIX, Released
from mediator.mediation.refusals import TELLINGS, Carrier, Telling
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import LEGACY_VERSIONS, MODERN_VERSIONS, Era
from mediator.wire.reading import Frame

_SEAL: Final = Seal("mediator.mediation.reply")

REFUSAL_KEY: Final = OUR_PREFIX + "refusal"
SERVER_NAME: Final = "mcp-mediator"
_JSON: Final = (("content-type", "application/json"),)
_LIST_TTL_MS: Final = 0  # what is visible can change with the next act of an operator


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A handshake that was answered: the edge gives it an id, and it belongs to this holder."""

    version: str
    holder: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent: an HTTP status, a JSON body (nothing for a notification), headers with lower-case names."""

    status: int
    body: bytes | None
    headers: tuple[tuple[str, str], ...]
    opens: OpenedSession | None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What the mediator says of itself: its version, and where its protected-resource metadata is (RFC 9728 §3)."""

    version: str
    metadata_url: str

    def identity(self) -> JsonObject:
        """Return the server identity of results and handshakes."""
        return {"name": SERVER_NAME, "version": self.version}


def accepted() -> Reply:
    """Return the reply to what wants no answer (MCP: 202 with no body)."""
    return _reply(202, None)


def reply_with(frame: Frame, released: Released, facts: ServerFacts) -> Reply:
    """Return the reply to a call that was released."""
    if released.is_protocol_error:
        return _reply(200, _message(frame.request_id, "error", canonical_bytes(released.body)))
    body = _as_of_era(released.body, frame.era, facts)
    return _reply(200, _message(frame.request_id, "result", canonical_bytes(body)))


def reply_with_list(frame: Frame, definitions: Sequence[bytes], facts: ServerFacts) -> Reply:
    """Return the listing of these definitions, each in its canonical bytes, from the pin."""
    rest: JsonObject = {}
    if frame.era is Era.MODERN:
        rest = _stamp(facts) | {"ttlMs": _LIST_TTL_MS, "cacheScope": "private"}
    tools = b'{"tools":[' + b",".join(definitions) + b"]"
    tail = b"," + canonical_bytes(rest)[1:] if rest else b"}"
    return _reply(200, _message(frame.request_id, "result", tools + tail))


def reply_with_discovery(frame: Frame, instructions: str | None, facts: ServerFacts) -> Reply:
    """Return the answer to `server/discover`: versions, capabilities, and pinned instructions."""
    result: JsonObject = _stamp(facts) | {
        "supportedVersions": list[Json](MODERN_VERSIONS),
        "capabilities": {"tools": {}},
        "ttlMs": _LIST_TTL_MS,
        "cacheScope": "private",
    }
    if instructions is not None:
        result["instructions"] = instructions
    return _reply(200, _message(frame.request_id, "result", canonical_bytes(result)))


def reply_with_handshake(frame: Frame, asked: str, holder: str, instructions: str | None, facts: ServerFacts) -> Reply:
    """Return the answer to `initialize`: the version asked for where it is served, else our latest legacy one.

    Over stdio a host hears when its list has changed; over HTTP nothing is sent that no request asked for.
    """
    tools: JsonObject = {"listChanged": True} if frame.transport is Transport.STDIO else {}
    version = asked if asked in LEGACY_VERSIONS else LEGACY_VERSIONS[-1]
    result: JsonObject = {
        "protocolVersion": version,
        "capabilities": {"tools": tools},
        "serverInfo": facts.identity(),
    }
    if instructions is not None:
        result["instructions"] = instructions
    body = _message(frame.request_id, "result", canonical_bytes(result))
    return _reply(200, body, opens=OpenedSession(version=version, holder=holder))


def reply_with_nothing(frame: Frame) -> Reply:
    """Return the empty result (`ping`)."""
    return _reply(200, _message(frame.request_id, "result", b"{}"))


def refuse(
    frame: Frame,
    stop: Refused,
    facts: ServerFacts,
    *,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Reply:
    """Return the refusal, told as its row in the table says; `status` where the transport itself demands one."""
    telling = TELLINGS[stop.reason]
    sentence = _sentence(stop, telling, frame)
    refusal = _refusal_form(stop, telling)
    if frame.method == "tools/call" and frame.request_id is not None and telling.carrier is Carrier.RESULT:
        return _refuse_call(frame, sentence, refusal, facts, status, headers)
    code = stop.code if stop.code is not None else telling.code
    error: JsonObject = {"code": code, "message": sentence, "data": refusal}
    body = _message(frame.request_id, "error", canonical_bytes(error))
    if telling.carrier is Carrier.CREDENTIAL and frame.transport is Transport.HTTP:
        headers = (*headers, ("www-authenticate", _challenge(stop.reason, telling, facts)))
    return _reply(status or _status(frame, stop, telling), body, headers)


def _refuse_call(
    frame: Frame,
    sentence: str,
    refusal: JsonObject,
    facts: ServerFacts,
    status: int | None,
    headers: tuple[tuple[str, str], ...],
) -> Reply:
    result: JsonObject = {
        "content": [{"type": "text", "text": sentence}],
        "isError": True,
        "_meta": {REFUSAL_KEY: refusal},
    }
    body = _message(frame.request_id, "result", canonical_bytes(_as_of_era(result, frame.era, facts)))
    return _reply(status or 200, body, headers)


def _status(frame: Frame, stop: Refused, telling: Telling) -> int:
    if telling.carrier is Carrier.CREDENTIAL:
        return 401
    if frame.era is Era.LEGACY and frame.request_id is not None and stop.reason is not Reason.BODY_TOO_LARGE:
        return 200
    if stop.code == -32601:  # noqa: PLR2004 - MCP 2026-07-28: an unknown method is 404, whatever the reason we keep
        return 404
    return telling.status


def _sentence(stop: Refused, telling: Telling, frame: Frame) -> str:
    if stop.reason is Reason.INTERNAL:
        return telling.sentence
    sentence = telling.sentence if stop.sentence is None else f"{telling.sentence}: {stop.sentence}"
    remedy = stop.remedy or telling.remedy
    is_read_by_model = telling.carrier is Carrier.RESULT and frame.method == "tools/call"
    return f"{sentence}. To go on: {remedy}." if remedy and is_read_by_model else sentence


def _refusal_form(stop: Refused, telling: Telling) -> JsonObject:
    form: JsonObject = {"reason": str(stop.reason)}
    if stop.decision_id is not None:
        form["decision_id"] = stop.decision_id
    remedy = stop.remedy or telling.remedy
    if remedy is not None:
        form["remedy"] = remedy
    for key, value in (stop.data or {}).items():
        form.setdefault(key, value if isinstance(value, str) else list[Json](value))
    return form


def _challenge(reason: Reason, telling: Telling, facts: ServerFacts) -> str:
    # RFC 6750 §3.1: no `error` where no credential was sent. RFC 9728 §5.1: where the metadata is.
    parts = [f'resource_metadata="{facts.metadata_url}"']
    if reason is not Reason.NO_CREDENTIAL:
        parts = ['error="invalid_token"', f'error_description="{telling.sentence}"', *parts]
    return "Bearer " + ", ".join(parts)


def _as_of_era(body: JsonObject, era: Era, facts: ServerFacts) -> JsonObject:
    """Say the same result as the era says it: the modern one tags and signs it, the legacy one does neither."""
    if era is Era.MODERN:
        meta = body.get("_meta")
        stamp = _stamp(facts)
        if isinstance(meta, dict):
            stamp["_meta"] = {**meta, **_objects(stamp["_meta"])}
        return {**body, **stamp}
    rest = {key: value for key, value in body.items() if key != "resultType"}
    if "structuredContent" in rest and not isinstance(rest["structuredContent"], dict):
        del rest["structuredContent"]  # before 2026-07-28 it is an object or absent; its schema was left out as well
    return rest


def _stamp(facts: ServerFacts) -> JsonObject:
    return {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": facts.identity()}}


def _objects(value: Json) -> JsonObject:
    assert isinstance(value, dict)
    return value


def _message(request_id: RequestId | None, kind: str, body: bytes) -> bytes:
    return b'{"id":' + canonical_bytes(request_id) + b',"jsonrpc":"2.0","' + kind.encode() + b'":' + body + b"}"


def _reply(
    status: int,
    body: bytes | None,
    headers: tuple[tuple[str, str], ...] = (),
    opens: OpenedSession | None = None,
) -> Reply:
    own = _JSON if body is not None else ()
    return Reply(status=status, body=body, headers=(*own, *headers), opens=opens, seal=_SEAL)
