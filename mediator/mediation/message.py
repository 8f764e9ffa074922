"""Message: what an agent is sent that is no answer to a request of its own. Nothing else can be sent.

Pure. Made of what was released (progress, log messages, what a tool server asks), or of our own words: that a list
has changed, that a resource has, how a subscription stands (MCP 2026-07-28, `basic/patterns/subscriptions`). None of the
mediator's own says what changed: that is asked for, and answered from the pins.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import InitVar, dataclass
from types import MappingProxyType
from typing import Final, final

from mediator.canonical import JsonObject, canonical_bytes
from mediator.evidence import Seal
from mediator.inspection.asking import ReleasedAsk
from mediator.inspection.notices import ReleasedNotice
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import ListMethod
from mediator.wire.reading import LISTENED_BY

_SEAL: Final = Seal("mediator.mediation.message")

SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"
_CHANGED: Final = MappingProxyType(
    {
        ListMethod.TOOLS: "notifications/tools/list_changed",
        ListMethod.PROMPTS: "notifications/prompts/list_changed",
        ListMethod.RESOURCES: "notifications/resources/list_changed",
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One JSON-RPC notification or request, ready to be sent."""

    body: bytes
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def notice_message(notice: ReleasedNotice) -> Message:
    """Return what a tool server says while it works on a call."""
    return _notification(notice.method, notice.params)


def ask_message(request_id: RequestId, ask: ReleasedAsk) -> Message:
    """Return what a tool server asks, as a request to the agent under this id of ours."""
    body: JsonObject = {"jsonrpc": "2.0", "id": request_id, "method": str(ask.method), "params": ask.params}
    return Message(body=canonical_bytes(body), seal=_SEAL)


def list_changed_message(method: ListMethod, subscription: RequestId | None = None) -> Message:
    """Return that a list has changed."""
    return _notification(_CHANGED[method], _with_subscription({}, subscription))


def updated_message(uri: str, subscription: RequestId | None = None) -> Message:
    """Return that a resource has changed."""
    return _notification("notifications/resources/updated", _with_subscription({"uri": uri}, subscription))


def acknowledged_message(subscription: RequestId, lists: Collection[ListMethod], uris: Collection[str]) -> Message:
    """Return what of a request to listen is honoured."""
    honoured: JsonObject = {LISTENED_BY[method]: True for method in ListMethod if method in lists}
    if uris:
        honoured["resourceSubscriptions"] = [*uris]
    params = _with_subscription({"notifications": honoured}, subscription)
    return _notification("notifications/subscriptions/acknowledged", params)


def _with_subscription(params: JsonObject, subscription: RequestId | None) -> JsonObject:
    return params if subscription is None else {**params, "_meta": {SUBSCRIPTION_KEY: subscription}}


def _notification(method: str, params: JsonObject) -> Message:
    body: JsonObject = {"jsonrpc": "2.0", "method": method}
    if params:
        body["params"] = params
    return Message(body=canonical_bytes(body), seal=_SEAL)
