"""Arrivals as agents send them: whole messages of either era, over either transport, and pieces to spoil them with.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
from dataclasses import replace

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.evidence import Secret
from mediator.wire.arrival import Arrival, LegacySession, Transport

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ENVELOPE: JsonObject = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
SESSION = LegacySession(id="5" * 32, version=LEGACY, holder="planner")


def message(method: str, params: JsonObject | None = None, request_id: Json = 1) -> JsonObject:
    """Return a request of the legacy era."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": {} if params is None else params}


def notification(method: str, params: JsonObject | None = None) -> JsonObject:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": method, "params": {} if params is None else params}


def enveloped(
    method: str, params: JsonObject | None = None, request_id: Json = 1, *, meta: JsonObject | None = None
) -> JsonObject:
    """Return a request of the modern era: the same, with its envelope and whatever else stands in `_meta`."""
    return message(method, {**(params or {}), "_meta": {**ENVELOPE, **(meta or {})}}, request_id)


def modern_headers(body: JsonObject) -> tuple[tuple[str, str], ...]:
    """Return the routing headers that a conforming client sends with this request."""
    headers = [("mcp-protocol-version", MODERN), ("mcp-method", str(body["method"]))]
    params = body.get("params")
    member = NAMED_BY.get(str(body["method"]), "taskId")
    name = params.get(member) if isinstance(params, dict) else None
    if isinstance(name, str):
        headers.append(("mcp-name", header_value(name)))
    return tuple(headers)


def header_value(text: str) -> str:
    """Return text as a header carries it: wrapped where it must be."""
    if text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def over_http(
    body: JsonObject | bytes,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    session: LegacySession | None = None,
    server: str | None = None,
    credential: str | None = "token",
) -> Arrival:
    """Return this body as it arrives over HTTP."""
    return Arrival(
        body=body if isinstance(body, bytes) else canonical_bytes(body),
        transport=Transport.HTTP,
        server=server,
        credential=None if credential is None else Secret(credential),
        headers=(("host", "127.0.0.1:8080"), ("content-type", "application/json"), *headers),
        session=session,
        source="127.0.0.1",
    )


def over_stdio(body: JsonObject | bytes, *, session: LegacySession | None = None) -> Arrival:
    """Return this body as it arrives over stdio."""
    return replace(over_http(body, session=session), transport=Transport.STDIO, headers=(), source="stdio")


def modern_arrival(body: JsonObject, *, server: str | None = None) -> Arrival:
    """Return an enveloped request over HTTP, with the headers that belong to it."""
    return over_http(body, modern_headers(body), server=server)


def legacy_arrival(body: JsonObject, *, session: LegacySession | None = SESSION) -> Arrival:
    """Return a request of the legacy era over HTTP, in a session."""
    return over_http(body, (("mcp-protocol-version", LEGACY),), session=session)
