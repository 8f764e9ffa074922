"""What we say to tool servers: the client's half of MCP, in either era.

Pure: values in, bytes out; who carries them is an adapter's business. Rules:

- What the mediator itself sends is a closed table (P1): `initialize`, `notifications/initialized`,
  `server/discover`, the four lists (`ListMethod`), `subscriptions/listen` without a resource, `notifications/cancelled`,
  and the refusal (-32601) of a server's request.
- A forwarded call is rebuilt: the item's own name, the arguments' bytes as they were judged, the answers that were
  judged with them, our id, our envelope, our progress token, our trace context, and nothing else.
- The capabilities that are declared with a call are those of the agent that makes it. With what the mediator itself asks,
  and in a legacy handshake, all that there are: what a server offers must not depend on who calls. What nobody can answer
  is refused when it is asked.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.kind import ItemKind
from mediator.wire.call_params import ANSWERS, PROMPT_REFERENCE, RESOURCE_REFERENCE, STATE, TASK_ID
from mediator.wire.jsonrpc import METHOD_NOT_FOUND, RequestId
from mediator.wire.methods import LEGACY_VERSIONS, MODERN_VERSIONS, CallMethod, Era, ListMethod, LogLevel
from mediator.wire.receiver import ALL_CAPABILITIES, NOBODY, OURSELVES, Receiver

CLIENT_NAME: Final = "mcp-mediator"
OFFERED_LEGACY_VERSION: Final = LEGACY_VERSIONS[-1]
ENVELOPE: Final = "io.modelcontextprotocol/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """What was agreed with one server: an era, a protocol version; and who we say we are."""

    era: Era
    version: str
    client_version: str

    def meta(self, receiver: Receiver = OURSELVES) -> JsonObject:
        """Return the envelope that the era puts into the `_meta` of each request: in the legacy one, nothing."""
        if self.era is Era.LEGACY:
            return {}
        meta: JsonObject = {
            ENVELOPE + "protocolVersion": self.version,
            ENVELOPE + "clientCapabilities": receiver.capabilities.form(),
            ENVELOPE + "clientInfo": client_info(self.client_version),
        }
        if receiver.log_level is not None:
            meta[ENVELOPE + "logLevel"] = str(receiver.log_level)
        return meta


def modern(client_version: str) -> Tongue:
    """Return the tongue of the modern era."""
    return Tongue(era=Era.MODERN, version=MODERN_VERSIONS[-1], client_version=client_version)


def legacy(client_version: str, version: str = OFFERED_LEGACY_VERSION) -> Tongue:
    """Return the tongue of the legacy era, at the version that was agreed."""
    return Tongue(era=Era.LEGACY, version=version, client_version=client_version)


def client_info(client_version: str) -> JsonObject:
    """Return what we call ourselves."""
    return {"name": CLIENT_NAME, "version": client_version}


def traceparent_of(trace_id: str, span_id: str) -> str:
    """Return W3C trace context (§3.2) under which the tool server's span becomes a child of ours; always sampled."""
    return f"00-{trace_id}-{span_id}-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What of a permitted call goes out: plain values. `arguments` and `answers` are the bytes that were judged.

    `name` is the item's own name at its server; of a resource, its URI, or the template that is completed; of what is
    asked of an mcp task, the server's own id of it.
    """

    method: CallMethod
    kind: ItemKind
    name: str
    arguments: bytes
    traceparent: str
    receiver: Receiver = NOBODY
    answers: bytes | None = None
    state: str | None = None


def forward_message(tongue: Tongue, request_id: int, forwarded: Forwarded) -> bytes:
    """Return the request that carries a call; as a whole it is canonical if its arguments are."""
    receiver = forwarded.receiver
    is_plain = forwarded.answers is None and forwarded.state is None
    if forwarded.method is CallMethod.TOOL and receiver is NOBODY and is_plain:
        return (
            b'{"id":%d,"jsonrpc":"2.0","method":"tools/call","params":{"_meta":{%b"traceparent":%b},"arguments":%b,"name":%b}}'
            % (
                request_id,
                _envelope(tongue),
                canonical_bytes(forwarded.traceparent),
                forwarded.arguments,
                canonical_bytes(forwarded.name),
            )
        )
    meta = tongue.meta(receiver)
    if receiver.progress_token is not None:
        meta["progressToken"] = request_id  # ours: it says nothing of the agent's
    meta["traceparent"] = forwarded.traceparent
    params: JsonObject = {"_meta": meta, **_asked(forwarded)}
    if tongue.era is Era.MODERN:  # only there is a call made again with answers
        if forwarded.answers is not None:
            params[ANSWERS] = parse_object(forwarded.answers)
        if forwarded.state is not None:
            params[STATE] = forwarded.state
    return _request(request_id, forwarded.method, params)


def _asked(forwarded: Forwarded) -> JsonObject:
    arguments = parse_object(forwarded.arguments)
    match forwarded.method:
        case CallMethod.TOOL | CallMethod.PROMPT:
            return {"name": forwarded.name, "arguments": arguments}
        case CallMethod.COMPLETE if forwarded.kind is ItemKind.PROMPT:
            return {"ref": {"type": PROMPT_REFERENCE, "name": forwarded.name}, **arguments}
        case CallMethod.COMPLETE:
            return {"ref": {"type": RESOURCE_REFERENCE, "uri": forwarded.name}, **arguments}
        case CallMethod.TASK_GET | CallMethod.TASK_UPDATE | CallMethod.TASK_CANCEL:
            return {TASK_ID: forwarded.name}
        case _:
            return arguments


def initialize_message(request_id: int, client_version: str) -> bytes:
    """Return the request that opens a legacy session; it offers the newest legacy version."""
    params: JsonObject = {
        "protocolVersion": OFFERED_LEGACY_VERSION,
        "capabilities": ALL_CAPABILITIES.form(),
        "clientInfo": client_info(client_version),
    }
    return _request(request_id, "initialize", params)


def initialized_message() -> bytes:
    """Return the notification that ends the handshake."""
    return canonical_bytes({"jsonrpc": "2.0", "method": "notifications/initialized"})


def discover_message(request_id: int, client_version: str) -> bytes:
    """Return the modern era's question for who is there."""
    return _request(request_id, "server/discover", {"_meta": modern(client_version).meta()})


def list_message(tongue: Tongue, request_id: int, method: ListMethod, cursor: str | None) -> bytes:
    """Return the request for one page of a list."""
    params: JsonObject = {}
    if meta := tongue.meta():
        params["_meta"] = meta
    if cursor is not None:
        params["cursor"] = cursor
    return _request(request_id, method, params)


def cancelled_message(request_id: int) -> bytes:
    """Return the notification that nobody waits for this request any more; it says nothing of why."""
    params: JsonObject = {"requestId": request_id}
    return canonical_bytes({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})


def refusal_message(request_id: RequestId) -> bytes:
    """Return the answer to what a server asks of us that nobody is to be asked: there is no such method."""
    error: JsonObject = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
    return error_message(request_id, error)


def error_message(request_id: RequestId, error: JsonObject) -> bytes:
    """Return an error as the answer to what a server asks."""
    return canonical_bytes({"jsonrpc": "2.0", "id": request_id, "error": error})


def answer_message(request_id: RequestId, result: JsonObject) -> bytes:
    """Return the agent's answer to what a server asks."""
    return canonical_bytes({"jsonrpc": "2.0", "id": request_id, "result": result})


def set_level_message(request_id: int, level: LogLevel) -> bytes:
    """Return the request for log messages of this level and above, in a legacy session."""
    return _request(request_id, "logging/setLevel", {"level": str(level)})


def listen_message(tongue: Tongue, request_id: int, uris: Sequence[str]) -> bytes:
    """Return the modern era's request to hear of every list that changes, and of these resources."""
    asked: JsonObject = {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourcesListChanged": True,
        "resourceSubscriptions": [*uris],
    }
    return _request(request_id, "subscriptions/listen", {"_meta": tongue.meta(), "notifications": asked})


@lru_cache(maxsize=64)
def _envelope(tongue: Tongue) -> bytes:
    """Return the members of the envelope, as bytes before those of the trace context: the same for every call."""
    return b"".join(
        b"%b:%b," % (canonical_bytes(key), canonical_bytes(said)) for key, said in sorted(tongue.meta(NOBODY).items())
    )


def _request(request_id: int, method: str, params: JsonObject) -> bytes:
    return canonical_bytes({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
