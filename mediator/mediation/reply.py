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
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.evidence import Seal
from mediator.identity.proof import ALGORITHMS, NONCE_HEADER, find_nonce
from mediator.inspection.asking import ASKS, Asking
from mediator.inspection.meta import OUR_PREFIX
from mediator.inspection.release import Released
from mediator.inspection.written import Written
from mediator.kind import ItemKind
from mediator.mediation.dialect import Dialect, message_bytes, result_of_era, stamp, write
from mediator.mediation.listing import Offering
from mediator.mediation.message import SUBSCRIPTION_KEY
from mediator.mediation.permit import Permit
from mediator.mediation.refusals import TELLINGS, Carrier, Telling
from mediator.refusal import Reason, Refused, Told
from mediator.wire.arrival import Transport
from mediator.wire.call_params import TASK_ID
from mediator.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, MISSING_CAPABILITY, RequestId
from mediator.wire.methods import LEGACY_VERSIONS, MODERN_VERSIONS, AskMethod, CallMethod, Era, ListMethod, LogLevel
from mediator.wire.reading import Frame, Initialize, Listen, ListItems, SetLevel
from mediator.wire.receiver import EXTENSIONS, NO_CAPABILITIES, Capabilities

_SEAL: Final = Seal("mediator.mediation.reply")

REFUSAL_KEY: Final = OUR_PREFIX + "refusal"
SERVER_NAME: Final = "mcp-mediator"
APPROVAL_KEY: Final = OUR_PREFIX + "approval"
"""The key of our own question among what is asked of a client."""

_JSON: Final = (("content-type", "application/json"),)
_LIST_TTL_MS: Final = 0  # what is visible can change with the next act of an operator
_LISTED: Final = MappingProxyType(
    {
        ListMethod.TOOLS: "tools",
        ListMethod.PROMPTS: "prompts",
        ListMethod.RESOURCES: "resources",
        ListMethod.RESOURCE_TEMPLATES: "resourceTemplates",
    }
)
_AUTHENTICATING: Final = frozenset({Carrier.CREDENTIAL, Carrier.SCOPE})
_PROVING: Final = frozenset({Reason.PROOF_INVALID, Reason.PROOF_REPLAYED})
_SUBSCRIBING: Final = frozenset({CallMethod.SUBSCRIBE, CallMethod.UNSUBSCRIBE})
_ERROR_STATUS: Final = MappingProxyType({INVALID_PARAMS: 400, METHOD_NOT_FOUND: 404, MISSING_CAPABILITY: 400})
"""MCP 2026-07-28, `basic/transports/streamable-http`: the statuses of what a tool server itself refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A handshake that was answered: the edge gives it an id, and it belongs to this holder."""

    version: str
    holder: str
    capabilities: Capabilities = NO_CAPABILITIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """That the caller hears of each change of this resource from now on; or, `is_over`, no more. `task` is whose it is."""

    task: str
    server: str
    uri: str
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A request to listen that was honoured: the edge keeps its stream open, and sends what it is about."""

    request_id: RequestId
    lists: frozenset[ListMethod]
    subscriptions: tuple[Subscription, ...]


def subscription_of(permit: Permit) -> Subscription:
    """Return the subscription that a permit is about."""
    call = permit.committed.deliberation.call
    is_over = call.method is CallMethod.UNSUBSCRIBE
    return Subscription(task=permit.task, server=permit.item.server, uri=call.name, is_over=is_over)


def effect_of(permit: Permit) -> Subscription | None:
    """Return what the edge has to do when a call was made: begin or end to tell of a resource."""
    return subscription_of(permit) if permit.forwarded.method in _SUBSCRIBING else None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is sent: an HTTP status, a JSON body (nothing for a notification), headers with lower-case names.

    `effect` is what the edge has to do for it, beside sending it: sessions, levels and streams are its own. Where that is
    `Listening` the body is what ends the stream.
    """

    status: int
    body: bytes | None
    headers: tuple[tuple[str, str], ...]
    effect: OpenedSession | LogLevel | Subscription | Listening | None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What the mediator says of itself: its version, and where its protected-resource metadata is (RFC 9728 §3).

    `extensions` are those of MCP that it serves.
    """

    version: str
    metadata_url: str
    extensions: tuple[str, ...] = EXTENSIONS

    def identity(self) -> JsonObject:
        """Return the server identity of results and handshakes."""
        return {"name": SERVER_NAME, "version": self.version}


def accepted() -> Reply:
    """Return the reply to what wants no answer (MCP: 202 with no body)."""
    return _reply(202, None)


def reply_with(
    frame: Frame,
    released: Released,
    facts: ServerFacts,
    effect: Subscription | None = None,
    mcp_task_handle: str | None = None,
) -> Reply:
    """Return the reply to a call that was released; an mcp task in it is known to the agent by its handle alone."""
    written = released.body
    if not isinstance(written, Written):
        body = written if mcp_task_handle is None else {**written, TASK_ID: mcp_task_handle}
        written = write(body, dialect_of(frame, facts), is_protocol_error=released.is_protocol_error)
    elif (written.request_id, written.era) != (frame.request_id, frame.era):
        message = "a reply that was written for another request"
        raise RuntimeError(message)
    if released.is_protocol_error:
        status = _ERROR_STATUS.get(written.code or 0, 200) if frame.era is Era.MODERN else 200
        return _reply(status, written.raw)
    return _reply(200, written.raw, effect=None if released.is_error else effect)


def dialect_of(frame: Frame, facts: ServerFacts) -> Dialect:
    """Return to whom the reply to this request is said, and by whom."""
    return Dialect(frame.request_id, frame.era, frame.method, facts.identity())


def reply_with_asking(frame: Frame, asking: Asking, handle: str, facts: ServerFacts) -> Reply:
    """Return what the tool server asks, as the answer of the modern era to a call that goes on with it."""
    own = stamp(facts.identity())
    result: JsonObject = {**own, "resultType": "input_required", "requestState": handle}
    if asking.asks:
        result["inputRequests"] = {key: ask.form() for key, ask in asking.asks.items()}
    return _reply(200, message_bytes(frame.request_id, "result", canonical_bytes(result)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalQuestion:
    """Where a person is sent to approve a call, and the handle with which the call comes back."""

    url: str
    approval_id: str
    handle: str


def reply_with_approval(frame: Frame, question: ApprovalQuestion, facts: ServerFacts) -> Reply:
    """Return the mediator's own question, as the answer of the modern era to a call that a person must approve."""
    params: JsonObject = {
        "mode": "url",
        "url": question.url,
        "message": f"A person must approve this call: `{question.approval_id}`. The page shows what is asked for, and how.",
    }
    asked: JsonObject = {APPROVAL_KEY: {"method": str(AskMethod.ELICIT), "params": params}}
    own = stamp(facts.identity())
    result: JsonObject = {**own, "resultType": "input_required", "requestState": question.handle, ASKS: asked}
    return _reply(200, message_bytes(frame.request_id, "result", canonical_bytes(result)))


def reply_with_list(asked: ListItems, definitions: Sequence[bytes], facts: ServerFacts) -> Reply:
    """Return the listing of these definitions, each in its canonical bytes, from the pin."""
    rest: JsonObject = {}
    if asked.frame.era is Era.MODERN:
        rest = stamp(facts.identity()) | {"ttlMs": _LIST_TTL_MS, "cacheScope": "private"}
    listed = b'{"%b":[%b]' % (_LISTED[asked.method].encode(), b",".join(definitions))
    tail = b"," + canonical_bytes(rest)[1:] if rest else b"}"
    return _reply(200, message_bytes(asked.frame.request_id, "result", listed + tail))


def reply_with_discovery(frame: Frame, offering: Offering, facts: ServerFacts) -> Reply:
    """Return the answer to `server/discover`: versions, capabilities, and pinned instructions."""
    result: JsonObject = stamp(facts.identity()) | {
        "supportedVersions": list[Json](MODERN_VERSIONS),
        "capabilities": _capabilities(offering) | _extensions(facts),
        "ttlMs": _LIST_TTL_MS,
        "cacheScope": "private",
    }
    if offering.instructions is not None:
        result["instructions"] = offering.instructions
    return _reply(200, message_bytes(frame.request_id, "result", canonical_bytes(result)))


def reply_with_handshake(asked: Initialize, holder: str, offering: Offering, facts: ServerFacts) -> Reply:
    """Return the answer to `initialize`: the version asked for where it is served, else our latest legacy one."""
    version = asked.version if asked.version in LEGACY_VERSIONS else LEGACY_VERSIONS[-1]
    result: JsonObject = {
        "protocolVersion": version,
        "capabilities": _capabilities(offering),
        "serverInfo": facts.identity(),
    }
    if offering.instructions is not None:
        result["instructions"] = offering.instructions
    body = message_bytes(asked.frame.request_id, "result", canonical_bytes(result))
    opened = OpenedSession(version=version, holder=holder, capabilities=asked.capabilities)
    return _reply(200, body, effect=opened)


def reply_with_level(asked: SetLevel) -> Reply:
    """Return the answer to `logging/setLevel`: the session has this level from now on."""
    return _reply(200, message_bytes(asked.frame.request_id, "result", b"{}"), effect=asked.level)


def reply_with_listening(asked: Listen, listening: Listening, facts: ServerFacts) -> Reply:
    """Return that a request to listen is honoured; its body ends the stream in order."""
    own = stamp(facts.identity())
    result: JsonObject = {**own, "_meta": {**_objects(own["_meta"]), SUBSCRIPTION_KEY: listening.request_id}}
    return _reply(200, message_bytes(asked.frame.request_id, "result", canonical_bytes(result)), effect=listening)


def reply_with_nothing(frame: Frame) -> Reply:
    """Return the empty result (`ping`)."""
    return _reply(200, message_bytes(frame.request_id, "result", b"{}"))


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
    body = message_bytes(frame.request_id, "error", canonical_bytes(error))
    if telling.carrier in _AUTHENTICATING and frame.transport is Transport.HTTP:
        headers = (*headers, ("www-authenticate", _challenge(stop, telling, facts)))
        if (nonce := find_nonce(stop)) is not None:
            headers = (*headers, (NONCE_HEADER, nonce))
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
    body = result_of_era(result, dialect_of(frame, facts))
    return _reply(status or 200, message_bytes(frame.request_id, "result", canonical_bytes(body)), headers)


def _status(frame: Frame, stop: Refused, telling: Telling) -> int:
    if telling.carrier in _AUTHENTICATING:
        return telling.status
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
        form.setdefault(key, _told_form(value))
    return form


def _told_form(told: Told) -> Json:
    if isinstance(told, dict):
        return {key: _told_form(value) for key, value in told.items()}
    return told if isinstance(told, str) else list[Json](told)


def _challenge(stop: Refused, telling: Telling, facts: ServerFacts) -> str:
    # RFC 6750 §3.1: no `error` where no credential was sent. RFC 9728 §5.1: where the metadata is.
    parts = [f'resource_metadata="{facts.metadata_url}"']
    if telling.carrier is Carrier.SCOPE:
        scope = (stop.data or {}).get("scope")
        parts = ['error="insufficient_scope"', *([] if scope is None else [f'scope="{scope}"']), *parts]
    elif stop.reason in _PROVING:  # RFC 9449 §7.1, §9
        error = "invalid_dpop_proof" if find_nonce(stop) is None else "use_dpop_nonce"
        algorithms = " ".join(ALGORITHMS)
        told = [f'error="{error}"', f'error_description="{telling.sentence}"', f'algs="{algorithms}"', *parts]
        return "DPoP " + ", ".join(told)
    elif stop.reason is not Reason.NO_CREDENTIAL:
        parts = ['error="invalid_token"', f'error_description="{telling.sentence}"', *parts]
    return "Bearer " + ", ".join(parts)


def _capabilities(offering: Offering) -> JsonObject:
    """Return what is served for what is visible: of each kind that there is."""
    capabilities: JsonObject = {"tools": {"listChanged": True}, "logging": {}}
    if ItemKind.PROMPT in offering.kinds:
        capabilities["prompts"] = {"listChanged": True}
    if ItemKind.RESOURCE in offering.kinds:
        capabilities["resources"] = {"listChanged": True, "subscribe": True}
    if not offering.kinds.isdisjoint({ItemKind.PROMPT, ItemKind.RESOURCE}):
        capabilities["completions"] = {}
    return capabilities


def _extensions(facts: ServerFacts) -> JsonObject:
    return {"extensions": {name: {} for name in facts.extensions}} if facts.extensions else {}


def _objects(value: Json) -> JsonObject:
    assert isinstance(value, dict)
    return value


def _reply(
    status: int,
    body: bytes | None,
    headers: tuple[tuple[str, str], ...] = (),
    effect: OpenedSession | LogLevel | Subscription | Listening | None = None,
) -> Reply:
    own = _JSON if body is not None else ()
    return Reply(status=status, body=body, headers=(*own, *headers), effect=effect, seal=_SEAL)
