"""What we say to tool servers: the client's half of MCP, in either era.

Pure: values in, bytes out; who carries them is an adapter's business. Rules:

- What the mediator itself sends is a closed table (P1): `initialize`, `notifications/initialized`,
  `server/discover`, the four lists (`ListMethod`), `notifications/cancelled`, and the refusal (-32601) of a server's
  request.
- A forwarded `tools/call` is rebuilt: tool name, the arguments' bytes as they were judged, our id, our envelope, our
  trace context, and nothing else. No capability is declared, so no server may ask anything of a client.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mediator.canonical import JsonObject, canonical_bytes
from mediator.wire.jsonrpc import METHOD_NOT_FOUND, RequestId
from mediator.wire.methods import LEGACY_VERSIONS, MODERN_VERSIONS, Era, ListMethod

CLIENT_NAME: Final = "mcp-mediator"
OFFERED_LEGACY_VERSION: Final = LEGACY_VERSIONS[-1]
ENVELOPE: Final = "io.modelcontextprotocol/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """What was agreed with one server: an era, a protocol version; and who we say we are."""

    era: Era
    version: str
    client_version: str

    def meta(self) -> JsonObject:
        """Return the envelope that the era puts into the `_meta` of each request: in the legacy one, nothing."""
        if self.era is Era.LEGACY:
            return {}
        return {
            ENVELOPE + "protocolVersion": self.version,
            ENVELOPE + "clientCapabilities": {},
            ENVELOPE + "clientInfo": client_info(self.client_version),
        }


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


def call_message(tongue: Tongue, request_id: int, name: str, arguments: bytes, traceparent: str) -> bytes:
    """Return a `tools/call` with these very bytes as its arguments; as a whole it is canonical if they are."""
    return (
        b'{"id":%d,"jsonrpc":"2.0","method":"tools/call","params":{"_meta":{%b"traceparent":%b},"arguments":%b,"name":%b}}'
        % (
            request_id,
            _envelope(tongue),
            canonical_bytes(traceparent),
            arguments,
            canonical_bytes(name),
        )
    )


def initialize_message(request_id: int, client_version: str) -> bytes:
    """Return the request that opens a legacy session; it offers the newest legacy version and no capability."""
    params: JsonObject = {
        "protocolVersion": OFFERED_LEGACY_VERSION,
        "capabilities": {},
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
    """Return the answer to whatever a server asks of us: we declared no capability, so there is no such method."""
    error: JsonObject = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
    return canonical_bytes({"jsonrpc": "2.0", "id": request_id, "error": error})


@lru_cache(maxsize=64)
def _envelope(tongue: Tongue) -> bytes:
    """Return the members of the envelope, as bytes before those of the trace context: the same for every call."""
    return b"".join(
        b"%b:%b," % (canonical_bytes(key), canonical_bytes(tongue.meta()[key])) for key in sorted(tongue.meta())
    )


def _request(request_id: int, method: str, params: JsonObject) -> bytes:
    return canonical_bytes({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
