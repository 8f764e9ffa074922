"""Unit tests of mediator/mediation/message.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject, parse_object
from mediator.evidence import Seal
from mediator.inspection.asking import release_ask
from mediator.inspection.notices import release_notice
from mediator.inspection.result import Ask
from mediator.mediation.message import (
    Message,
    acknowledged_message,
    ask_message,
    list_changed_message,
    notice_message,
    updated_message,
)
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import AskMethod, ListMethod
from mediator.wire.receiver import Receiver
from tests.promises import promise

KEY = "io.modelcontextprotocol/subscriptionId"


def said(message: Message) -> JsonObject:
    form = parse_object(message.body)
    assert form.pop("jsonrpc") == "2.0"
    return form


@promise("P3")
def test_our_own_words_say_that_something_changed_and_not_what() -> None:
    """MCP 2025-11-25, and 2026-07-28 `basic/patterns/subscriptions`."""
    assert said(list_changed_message(ListMethod.TOOLS)) == {"method": "notifications/tools/list_changed"}
    assert said(list_changed_message(ListMethod.PROMPTS, 7)) == {
        "method": "notifications/prompts/list_changed",
        "params": {"_meta": {KEY: 7}},
    }
    assert said(updated_message("test://a")) == {
        "method": "notifications/resources/updated",
        "params": {"uri": "test://a"},
    }
    assert said(updated_message("test://a", "s"))["params"] == {"uri": "test://a", "_meta": {KEY: "s"}}


def test_a_wish_to_listen_is_acknowledged_with_what_is_honoured() -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`."""
    message = acknowledged_message(7, {ListMethod.RESOURCES}, ["test://a"])
    assert said(message) == {
        "method": "notifications/subscriptions/acknowledged",
        "params": {
            "notifications": {"resourcesListChanged": True, "resourceSubscriptions": ["test://a"]},
            "_meta": {KEY: 7},
        },
    }
    assert said(acknowledged_message(7, (), ()))["params"] == {"notifications": {}, "_meta": {KEY: 7}}


def test_what_a_tool_server_says_and_asks_is_sent_as_it_was_released() -> None:
    """P3: nothing else of it."""
    progress = Notification(method="notifications/progress", params={"progressToken": 1, "progress": 2})
    notice = release_notice(progress, Receiver(progress_token="t"), is_asked_for=False)
    assert notice is not None
    assert said(notice_message(notice)) == {
        "method": "notifications/progress",
        "params": {"progressToken": "t", "progress": 2},
    }
    ask = release_ask(Ask(method=AskMethod.ROOTS, params={}, size_bytes=2))
    assert said(ask_message("q", ask)) == {"id": "q", "method": "roots/list", "params": {}}


def test_a_message_is_made_nowhere_else() -> None:
    """House style: evidence."""
    with pytest.raises(TypeError):
        Message(body=b"{}", seal=Seal("mine"))
