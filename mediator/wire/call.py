"""Call: what an agent asks of a tool, a prompt or a resource; header, envelope and body in one reading only.

Pure. It says nothing about whether the item exists or the arguments fit: that is judged later, on record. What each
method says of itself stands in `call_params.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import InitVar, dataclass, replace
from typing import Final, TypeAlias, final

from mediator.because import EXPECTED, is_because
from mediator.canonical import Digest, Json, JsonObject, canonical_bytes, digest_of_bytes
from mediator.evidence import Seal
from mediator.kind import ItemKind
from mediator.refusal import Reason, Refused, Told
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.call_params import WITH_ROUNDS, Asked, read_params
from mediator.wire.envelope import (
    CAPABILITIES_KEY,
    ENVELOPE_KEYS,
    HEADER_MISMATCH,
    LOG_LEVEL_KEY,
    PARAM_HEADER_PREFIX,
    Envelope,
)
from mediator.wire.frame import Frame
from mediator.wire.header_value import decode_header_value
from mediator.wire.jsonrpc import INVALID_PARAMS, MISSING_CAPABILITY, Request, RequestId, find_request_id
from mediator.wire.methods import MCP_TASK_METHODS, CallMethod, Era
from mediator.wire.receiver import (
    EXTENSIONS,
    NO_CAPABILITIES,
    NOBODY,
    TASKS,
    Receiver,
    read_capabilities,
    read_extensions,
    read_level,
)
from mediator.wire.trace_parent import TraceParent, find_trace_parent

_SEAL: Final = Seal("mediator.wire.call")

_PARAM_HEADERS_MAX: Final = 64  # one for each argument that a tool declares; a record keeps them
_TRACE_KEY: Final = "traceparent"
_PROGRESS_KEY: Final = "progressToken"
JUSTIFICATION_KEY: Final = "org.mcp-mediator/justification"
"""In `_meta`, for this mediator alone: why the call is made, in the agent's words."""

_META_READ: Final = ENVELOPE_KEYS | {_TRACE_KEY, _PROGRESS_KEY, JUSTIFICATION_KEY}
_DROPPED_MAX: Final = 32  # names; an agent may send thousands, and a record holds them
_DROPPED_LENGTH_MAX: Final = 64

ParamHeaders: TypeAlias = "tuple[tuple[str, Digest | None], ...]"
"""Each `Mcp-Param-*` header: its name in lower case behind the prefix, and the digest of the text it stands for
(nothing where it does not decode). A digest is enough to compare with an argument, and all that a record may keep."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, well formed, read once.

    `kind` and `name` say of which item: a resource's name is its URI, or the template that is to be completed.
    `arguments_bytes` is the RFC 8785 form of `arguments`: what is hashed, decided on, recorded and forwarded; of a
    resource that is its `uri`, of a completion its `argument` and `context`.
    `answers` are what the agent answers to what the tool server asked (`inputResponses`), `state` the handle that it
    was given with the question (`requestState`), or with an mcp task (`taskId`): then item and arguments are those of
    the call that became it, once the handle is open (`of_item`).
    `trace_parent` is what `params._meta` says; `http_trace_parent` what the header says, good for a link alone.
    `param_headers` is compared with the arguments once the pinned schema is known (`wire/param_headers.py`).
    `justification` is why, in the agent's own words: a value like the arguments, and no part of what is forwarded.
    `dropped` names what goes no further: keys of `_meta`, and `params.` with another member of the parameters.
    """

    request_id: RequestId
    era: Era
    version: str
    transport: Transport
    server: str | None
    method: CallMethod
    kind: ItemKind
    name: str
    arguments: JsonObject
    arguments_bytes: bytes
    arguments_digest: Digest
    answers: JsonObject | None
    answers_digest: Digest | None
    state: str | None
    receiver: Receiver
    trace_parent: TraceParent | None
    http_trace_parent: TraceParent | None
    param_headers: ParamHeaders
    justification: str | None
    dropped: tuple[str, ...]
    source: str
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def is_at_uri(self) -> bool:
        """Whether its name is a URI that the agent wrote, and not the name of an item."""
        return self.kind is ItemKind.RESOURCE and self.method is not CallMethod.COMPLETE

    @property
    def has_rounds(self) -> bool:
        """Whether the modern era lets it be made again with answers."""
        return self.method in WITH_ROUNDS

    @property
    def is_of_mcp_task(self) -> bool:
        """Whether it asks something of an mcp task: then its handle says of which item."""
        return self.method in MCP_TASK_METHODS

    @property
    def frame(self) -> Frame:
        """The frame to answer it in."""
        return Frame(
            request_id=self.request_id,
            era=self.era,
            version=self.version,
            transport=self.transport,
            method=str(self.method),
        )


def parse_call(
    arrival: Arrival,
    request: Request,
    envelope: Envelope,
    method: CallMethod,
    extensions: Collection[str] = EXTENSIONS,
) -> Call:
    """Return the call that this request makes; its envelope has been found to agree with its headers.

    Raises `Refused(MALFORMED)` (-32602) where its parameters do not have their form; -32021 where it asks something of an
    mcp task and does not declare the extension.
    """
    receiver = _receiver(arrival, envelope, extensions)
    if method in MCP_TASK_METHODS and not receiver.capabilities.has_mcp_tasks:
        raise _undeclared()
    asked = read_params(method, request.params, has_rounds=envelope.era is Era.MODERN)
    if envelope.version is None:
        raise _invalid("a call is made in a session, or in an envelope")
    return _make_call(
        asked,
        method=method,
        request_id=request.id,
        era=envelope.era,
        version=envelope.version,
        transport=arrival.transport,
        server=arrival.server,
        receiver=receiver,
        trace_parent=find_trace_parent(envelope.meta.get(_TRACE_KEY)),
        http_trace_parent=_http_trace_parent(envelope),
        param_headers=_param_headers(envelope) if envelope.param_headers else (),
        justification=_justification(envelope.meta) if JUSTIFICATION_KEY in envelope.meta else None,
        dropped=_dropped(asked.dropped, envelope.meta),
        source=arrival.source,
    )


def with_answers(call: Call, answers: JsonObject | None) -> Call:
    """Return the same call once more, with what the agent answered to what the tool server asked last, and no more.

    Raises `Refused(MALFORMED)` where they have no canonical form.
    """
    digest = None if answers is None else digest_of_bytes(_canonical(answers))
    return replace(call, answers=answers, answers_digest=digest, seal=_SEAL)


def without_answers(call: Call) -> Call:
    """Return the same call as it was made at first: without the handle that it shows, and what it answers."""
    return replace(call, answers=None, answers_digest=None, state=None, seal=_SEAL)


def of_item(call: Call, name: str, arguments: JsonObject) -> Call:
    """Return what is asked of an mcp task as what it is asked of: the item and the arguments of the call that became it."""
    content = _canonical(arguments)
    digest = digest_of_bytes(content)
    return replace(call, name=name, arguments=arguments, arguments_bytes=content, arguments_digest=digest, seal=_SEAL)


def call_form(call: Call) -> JsonObject:
    """Return the JSON form that a record keeps: no argument values, only their digest. A URI is an argument."""
    return {
        "request_id": call.request_id,
        "era": str(call.era),
        "version": call.version,
        "transport": str(call.transport),
        "server": call.server,
        "method": str(call.method),
        "kind": str(call.kind),
        "name": None if call.is_at_uri else call.name,
        "arguments": call.arguments_digest,
        "answers": call.answers_digest,
        "has_state": call.state is not None,
        "trace_parent": _trace_form(call.trace_parent),
        "http_trace_parent": _trace_form(call.http_trace_parent),
        "param_headers": [[name, digest] for name, digest in call.param_headers],
        **({} if call.justification is None else {"justification": _digest_of(call.justification)}),
        "dropped": [*call.dropped],
        "source": call.source,
    }


def recall_call(
    form: JsonObject, arguments: JsonObject, answers: JsonObject | None = None, justification: str | None = None
) -> Call:
    """Return the call as a decision record and its values kept it, for a replay.

    Raises `Refused(MALFORMED)` for any other form, and for arguments that are not the recorded ones.
    """
    match form:
        case {
            "request_id": int() | str() as request_id,
            "era": str(era),
            "version": str(version),
            "transport": str(transport),
            "server": None | str() as server,
            "method": str(method),
            "kind": str(kind),
            "name": None | str() as name,
            "arguments": str(digest),
            "answers": None | str() as answers_digest,
            "has_state": bool(has_state),
            "trace_parent": None | dict() as trace_parent,
            "http_trace_parent": None | dict() as http_trace_parent,
            "param_headers": list(param_headers),
            "dropped": list(dropped),
            "source": str(source),
        } if era in set(Era) and transport in set(Transport) and method in set(CallMethod) and kind in set(ItemKind):
            call = _make_call(
                Asked(
                    kind=ItemKind(kind),
                    name=str(arguments.get("uri")) if name is None else name,
                    arguments=arguments,
                    answers=answers,
                    state="" if has_state else None,
                ),
                method=CallMethod(method),
                request_id=request_id,
                era=Era(era),
                version=version,
                transport=Transport(transport),
                server=server,
                receiver=NOBODY,
                trace_parent=_trace_of(trace_parent),
                http_trace_parent=_trace_of(http_trace_parent),
                param_headers=tuple(map(_param_header_of, param_headers)),
                justification=justification,
                dropped=tuple(map(str, dropped)),
                source=source,
            )
        case _:
            raise _unreadable()
    is_recorded = call.arguments_digest == digest and call.answers_digest == answers_digest
    if not is_recorded or _digest_of(justification) != form.get("justification"):
        raise Refused(Reason.MALFORMED, "the kept arguments, answers or justification are not the recorded ones")
    return call


def _make_call(
    asked: Asked,
    *,
    method: CallMethod,
    request_id: RequestId,
    era: Era,
    version: str,
    transport: Transport,
    server: str | None,
    receiver: Receiver,
    trace_parent: TraceParent | None,
    http_trace_parent: TraceParent | None,
    param_headers: ParamHeaders,
    justification: str | None,
    dropped: tuple[str, ...],
    source: str,
) -> Call:
    arguments_bytes = _canonical(asked.arguments)
    return Call(
        request_id=request_id,
        era=era,
        version=version,
        transport=transport,
        server=server,
        method=method,
        kind=asked.kind,
        name=asked.name,
        arguments=asked.arguments,
        arguments_bytes=arguments_bytes,
        arguments_digest=digest_of_bytes(arguments_bytes),
        answers=asked.answers,
        answers_digest=None if asked.answers is None else digest_of_bytes(_canonical(asked.answers)),
        state=asked.state,
        receiver=receiver,
        trace_parent=trace_parent,
        http_trace_parent=http_trace_parent,
        param_headers=param_headers,
        justification=justification,
        dropped=dropped,
        source=source,
        seal=_SEAL,
    )


def _canonical(value: JsonObject) -> bytes:
    try:
        return canonical_bytes(value)
    except ValueError as error:
        raise Refused(Reason.MALFORMED, "`arguments` have no canonical form", code=INVALID_PARAMS) from error


def _receiver(arrival: Arrival, envelope: Envelope, extensions: Collection[str]) -> Receiver:
    meta, session = envelope.meta, arrival.session
    token = find_request_id({"id": meta.get(_PROGRESS_KEY)}) if _PROGRESS_KEY in meta else None
    if envelope.era is Era.MODERN:
        capabilities = NO_CAPABILITIES
        if declared := meta.get(CAPABILITIES_KEY):
            capabilities = replace(read_capabilities(declared), extensions=read_extensions(declared, extensions))
        level = read_level(meta.get(LOG_LEVEL_KEY))
    else:
        capabilities = NO_CAPABILITIES if session is None else session.capabilities
        level = None if session is None else session.log_level
    if token is None and level is None and capabilities == NO_CAPABILITIES:
        return NOBODY
    return Receiver(progress_token=token, log_level=level, capabilities=capabilities)


def _http_trace_parent(envelope: Envelope) -> TraceParent | None:
    match envelope.trace_headers:
        case (value,):
            return find_trace_parent(value)
        case _:  # W3C Trace Context §3.2: more than one is as none
            return None


def _param_headers(envelope: Envelope) -> ParamHeaders:
    if len(envelope.param_headers) > _PARAM_HEADERS_MAX:
        detail = f"more than {_PARAM_HEADERS_MAX} `{PARAM_HEADER_PREFIX}*` headers"
        raise Refused(Reason.HEADER_MISMATCH, detail, sentence=detail, code=HEADER_MISMATCH)
    return tuple((name, _digest_of(decode_header_value(value))) for name, value in envelope.param_headers)


def _justification(meta: JsonObject) -> str:
    why = meta[JUSTIFICATION_KEY]
    if not is_because(why):
        raise _invalid(f"`_meta` `{JUSTIFICATION_KEY}`: expected {EXPECTED}")
    return why


def _digest_of(text: str | None) -> Digest | None:
    return None if text is None else digest_of_bytes(text.encode())


def _dropped(members: tuple[str, ...], meta: JsonObject) -> tuple[str, ...]:
    if not members and meta.keys() <= _META_READ:
        return ()
    names = [key for key in meta if key not in _META_READ]
    names += [f"params.{key}" for key in members]
    shown = tuple(name[:_DROPPED_LENGTH_MAX] for name in names[:_DROPPED_MAX])
    rest = len(names) - len(shown)
    return (*shown, f"(and {rest} more)") if rest else shown


def _trace_form(parent: TraceParent | None) -> JsonObject | None:
    if parent is None:
        return None
    return {"trace_id": parent.trace_id, "span_id": parent.span_id, "sampled": parent.sampled}


def _trace_of(form: JsonObject | None) -> TraceParent | None:
    match form:
        case None:
            return None
        case {"trace_id": str(trace_id), "span_id": str(span_id), "sampled": bool(sampled)}:
            return TraceParent(trace_id=trace_id, span_id=span_id, sampled=sampled)
        case _:
            raise _unreadable()


def _param_header_of(form: Json) -> tuple[str, Digest | None]:
    match form:
        case [str(name), None]:
            return (name, None)
        case [str(name), str(digest)]:
            return (name, Digest(digest))
        case _:
            raise _unreadable()


def _unreadable() -> Refused:
    return Refused(Reason.MALFORMED, "a recorded call cannot be read")


def _undeclared() -> Refused:
    # SEP-2663, "Protocol Errors": whoever did not declare the extension is told which one it would need.
    detail = f"the client did not declare the extension `{TASKS}`"
    data: dict[str, Told] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
    return Refused(Reason.MALFORMED, detail, sentence=detail, code=MISSING_CAPABILITY, data=data)


def _invalid(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, sentence=detail, code=INVALID_PARAMS)
