"""ToolCall: header, envelope and body of a `tools/call` say the same thing, in one reading only.

Pure. It says nothing about whether the tool exists or the arguments fit: that is judged later, on record.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, TypeAlias, final

from mediator.canonical import Digest, Json, JsonObject, canonical_bytes, digest_of_bytes
from mediator.evidence import Seal
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.envelope import ENVELOPE_KEYS, HEADER_MISMATCH, PARAM_HEADER_PREFIX, Envelope
from mediator.wire.frame import Frame
from mediator.wire.header_value import decode_header_value
from mediator.wire.jsonrpc import INVALID_PARAMS, Request, RequestId
from mediator.wire.methods import Era
from mediator.wire.trace_parent import TraceParent, find_trace_parent

_SEAL: Final = Seal("mediator.wire.tool_call")

METHOD: Final = "tools/call"
_PARAM_HEADERS_MAX: Final = 64  # one for each argument that a tool declares; a record keeps them
_NAME_LENGTH_MAX: Final = 128  # MCP `server/tools`
_TRACE_KEY: Final = "traceparent"
_META_READ: Final = ENVELOPE_KEYS | {_TRACE_KEY}
_PARAMS_READ: Final = frozenset({"name", "arguments", "_meta"})
_DROPPED_MAX: Final = 32  # names; an agent may send thousands, and a record holds them
_DROPPED_LENGTH_MAX: Final = 64

ParamHeaders: TypeAlias = "tuple[tuple[str, Digest | None], ...]"
"""Each `Mcp-Param-*` header: its name in lower case behind the prefix, and the digest of the text it stands for
(nothing where it does not decode). A digest is enough to compare with an argument, and all that a record may keep."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call, well formed, read once.

    `arguments_bytes` is the RFC 8785 form of `arguments`: what is hashed, decided on, recorded and forwarded.
    `trace_parent` is what `params._meta` says; `http_trace_parent` what the header says, good for a link alone.
    `param_headers` is compared with the arguments once the pinned schema is known (`wire/param_headers.py`).
    `dropped` names what goes no further: keys of `_meta`, and `params.` with another member of the parameters.
    """

    request_id: RequestId
    era: Era
    version: str
    transport: Transport
    server: str | None
    name: str
    arguments: JsonObject
    arguments_bytes: bytes
    arguments_digest: Digest
    trace_parent: TraceParent | None
    http_trace_parent: TraceParent | None
    param_headers: ParamHeaders
    dropped: tuple[str, ...]
    source: str
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def frame(self) -> Frame:
        """The frame to answer it in."""
        return Frame(
            request_id=self.request_id, era=self.era, version=self.version, transport=self.transport, method=METHOD
        )


def parse_tool_call(arrival: Arrival, request: Request, envelope: Envelope) -> ToolCall:
    """Return the call that this request makes; its envelope has been found to agree with its headers.

    Raises `Refused(MALFORMED)` (-32602) where name or arguments do not have their form.
    """
    params = request.params
    name, arguments = params.get("name"), params.get("arguments", {})
    if not isinstance(name, str) or not 0 < len(name) <= _NAME_LENGTH_MAX:
        raise _invalid(f"`name` must be a string of 1 to {_NAME_LENGTH_MAX} characters")
    if not isinstance(arguments, dict):
        raise _invalid("`arguments` must be an object")
    if envelope.version is None:
        raise _invalid("a call is made in a session, or in an envelope")
    return _make_call(
        request_id=request.id,
        era=envelope.era,
        version=envelope.version,
        transport=arrival.transport,
        server=arrival.server,
        name=name,
        arguments=arguments,
        trace_parent=find_trace_parent(envelope.meta.get(_TRACE_KEY)),
        http_trace_parent=_http_trace_parent(envelope),
        param_headers=_param_headers(envelope) if envelope.param_headers else (),
        dropped=_dropped(params, envelope.meta),
        source=arrival.source,
    )


def call_form(call: ToolCall) -> JsonObject:
    """Return the JSON form that a record keeps: no argument values, only their digest."""
    return {
        "request_id": call.request_id,
        "era": str(call.era),
        "version": call.version,
        "transport": str(call.transport),
        "server": call.server,
        "name": call.name,
        "arguments": call.arguments_digest,
        "trace_parent": _trace_form(call.trace_parent),
        "http_trace_parent": _trace_form(call.http_trace_parent),
        "param_headers": [[name, digest] for name, digest in call.param_headers],
        "dropped": [*call.dropped],
        "source": call.source,
    }


def recall_call(form: JsonObject, arguments: JsonObject) -> ToolCall:
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
            "name": str(name),
            "arguments": str(digest),
            "trace_parent": None | dict() as trace_parent,
            "http_trace_parent": None | dict() as http_trace_parent,
            "param_headers": list(param_headers),
            "dropped": list(dropped),
            "source": str(source),
        } if era in set(Era) and transport in set(Transport):
            call = _make_call(
                request_id=request_id,
                era=Era(era),
                version=version,
                transport=Transport(transport),
                server=server,
                name=name,
                arguments=arguments,
                trace_parent=_trace_of(trace_parent),
                http_trace_parent=_trace_of(http_trace_parent),
                param_headers=tuple(map(_param_header_of, param_headers)),
                dropped=tuple(map(str, dropped)),
                source=source,
            )
        case _:
            raise _unreadable()
    if call.arguments_digest != digest:
        raise Refused(Reason.MALFORMED, "the kept arguments are not the recorded ones")
    return call


def _make_call(
    *,
    request_id: RequestId,
    era: Era,
    version: str,
    transport: Transport,
    server: str | None,
    name: str,
    arguments: JsonObject,
    trace_parent: TraceParent | None,
    http_trace_parent: TraceParent | None,
    param_headers: ParamHeaders,
    dropped: tuple[str, ...],
    source: str,
) -> ToolCall:
    try:
        arguments_bytes = canonical_bytes(arguments)
    except ValueError as error:
        raise Refused(Reason.MALFORMED, "`arguments` have no canonical form", code=INVALID_PARAMS) from error
    return ToolCall(
        request_id=request_id,
        era=era,
        version=version,
        transport=transport,
        server=server,
        name=name,
        arguments=arguments,
        arguments_bytes=arguments_bytes,
        arguments_digest=digest_of_bytes(arguments_bytes),
        trace_parent=trace_parent,
        http_trace_parent=http_trace_parent,
        param_headers=param_headers,
        dropped=dropped,
        source=source,
        seal=_SEAL,
    )


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


def _digest_of(text: str | None) -> Digest | None:
    return None if text is None else digest_of_bytes(text.encode())


def _dropped(params: JsonObject, meta: JsonObject) -> tuple[str, ...]:
    if meta.keys() <= _META_READ and params.keys() <= _PARAMS_READ:
        return ()
    names = [key for key in meta if key not in _META_READ]
    names += [f"params.{key}" for key in params if key not in _PARAMS_READ]
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


def _invalid(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, sentence=detail, code=INVALID_PARAMS)
