"""What an agent sends, in short, and what it reads in a reply.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mediator.canonical import Json, JsonObject, parse_object
from mediator.evidence import Secret
from mediator.mediation.reply import REFUSAL_KEY, Reply
from mediator.refusal import Reason
from mediator.wire.arrival import Arrival
from tests.simulated.arrivals import enveloped, legacy_arrival, message, modern_arrival, over_http

__all__ = [
    "arrival_of",
    "error_of",
    "message",
    "refusal",
    "refusal_of",
    "result_of",
    "text_of",
    "tools_call",
    "tools_list",
]


def tools_call(name: str, /, **arguments: Json) -> JsonObject:
    """Return a call of the modern era; `message("tools/call", {...})` is one of the legacy era."""
    return enveloped("tools/call", {"name": name, "arguments": arguments})


def tools_list() -> JsonObject:
    """Return a request for the listing, of the modern era."""
    return enveloped("tools/list")


def arrival_of(asked: JsonObject | bytes | Arrival, *, bearer: str | None, server: str | None = None) -> Arrival:
    """Return what was asked as it arrives over HTTP: modern if it has the envelope, else in a legacy session."""
    if isinstance(asked, bytes):
        arrival = over_http(asked)
    elif isinstance(asked, Arrival):
        arrival = asked
    else:
        params = asked.get("params")
        is_modern = isinstance(params, dict) and "_meta" in params
        arrival = modern_arrival(asked) if is_modern else legacy_arrival(asked)
    return replace(arrival, server=server, credential=None if bearer is None else Secret(bearer))


def result_of(reply: Reply) -> Any:
    """Return the `result` of a reply; fails on an error."""
    return _message_of(reply)["result"]


def error_of(reply: Reply) -> Any:
    """Return the `error` of a reply; fails on a result."""
    return _message_of(reply)["error"]


def text_of(reply: Reply) -> str:
    """Return the text that the model reads."""
    return "\n".join(block["text"] for block in result_of(reply)["content"])


def refusal_of(reply: Reply) -> Any:
    """Return the refusal object of a reply, or nothing where it is no refusal."""
    message = _message_of(reply)
    if isinstance(error := message.get("error"), dict):
        return error.get("data")
    meta = result_of(reply).get("_meta")
    return meta.get(REFUSAL_KEY) if isinstance(meta, dict) else None


class refusal:  # noqa: N801 - reads as what it is in an assertion
    """Equal to a reply that refuses for this reason, whatever the era and the carrier."""

    def __init__(self, reason: Reason) -> None:
        self._reason = reason

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reply):
            return NotImplemented
        told = refusal_of(other)
        return isinstance(told, dict) and told.get("reason") == self._reason

    __hash__ = None  # type: ignore[assignment]  # compared, never kept

    def __repr__(self) -> str:
        return f"refusal({self._reason})"


def _message_of(reply: Reply) -> JsonObject:
    assert reply.body is not None, reply
    return parse_object(reply.body)
