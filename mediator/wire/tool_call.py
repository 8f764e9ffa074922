"""ToolCall: header, envelope and body of a `tools/call` say the same thing, in one reading only.

Pure. It says nothing about whether the tool exists or the arguments fit: that is judged later, on record.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.canonical import Digest, JsonObject
from mediator.evidence import Seal
from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import Era

_SEAL: Final = Seal("mediator.wire.tool_call")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceParent:
    """The caller's trace context (W3C Trace Context §3.2), read from `params._meta` alone."""

    trace_id: str  # 32 lower-case hexadecimal digits, not all zero
    span_id: str  # 16 lower-case hexadecimal digits, not all zero
    sampled: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call, well formed, read once.

    `arguments_bytes` is the RFC 8785 form of `arguments`: what is hashed, decided on, recorded and forwarded.
    `dropped` names the `_meta` keys that go no further.
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
    dropped: tuple[str, ...]
    source: str
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


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
        "dropped": list[Json](call.dropped),
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
            "dropped": list(dropped),
            "source": str(source),
        } if era in set(Era) and transport in set(Transport):
            call = make_call(
                request_id=request_id,
                era=Era(era),
                version=version,
                transport=Transport(transport),
                server=server,
                name=name,
                arguments=arguments,
                trace_parent=_trace_of(trace_parent),
                http_trace_parent=_trace_of(http_trace_parent),
                dropped=tuple(map(str, dropped)),
                source=source,
            )
        case _:
            raise Refused(Reason.MALFORMED, "a recorded call cannot be read")
    if call.arguments_digest != digest:
        raise Refused(Reason.MALFORMED, "the kept arguments are not the recorded ones")
    return call
