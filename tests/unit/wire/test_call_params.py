"""Unit tests of mediator/wire/call_params.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject
from mediator.kind import ItemKind
from mediator.refusal import Reason, Refused
from mediator.wire.call_params import Asked, read_params
from mediator.wire.methods import CallMethod
from tests.promises import promise

ARGUMENT: JsonObject = {"name": "who", "value": "a"}
PROMPT: JsonObject = {"type": "ref/prompt", "name": "greet"}


@pytest.mark.parametrize(
    ("method", "params", "asked"),
    [
        (
            CallMethod.TASK_GET,
            {"taskId": "h", "requestState": "x", "_meta": {}},
            Asked(kind=ItemKind.TOOL, name="", arguments={}, state="h", dropped=("requestState",)),
        ),
        (
            CallMethod.TASK_UPDATE,
            {"taskId": "h", "inputResponses": {"a": {}}},
            Asked(kind=ItemKind.TOOL, name="", arguments={}, state="h", answers={"a": {}}),
        ),
        (
            CallMethod.TASK_CANCEL,
            {"taskId": "h", "inputResponses": {}},
            Asked(kind=ItemKind.TOOL, name="", arguments={}, state="h", dropped=("inputResponses",)),
        ),
        (CallMethod.TOOL, {"name": "t"}, Asked(kind=ItemKind.TOOL, name="t", arguments={})),
        (
            CallMethod.PROMPT,
            {"name": "p", "arguments": {"a": "b"}, "x": 1},
            Asked(kind=ItemKind.PROMPT, name="p", arguments={"a": "b"}, dropped=("x",)),
        ),
        (
            CallMethod.RESOURCE,
            {"uri": "test://a", "_meta": {}},
            Asked(kind=ItemKind.RESOURCE, name="test://a", arguments={"uri": "test://a"}),
        ),
        (
            CallMethod.SUBSCRIBE,
            {"uri": "test://a", "requestState": "x"},
            Asked(kind=ItemKind.RESOURCE, name="test://a", arguments={"uri": "test://a"}, dropped=("requestState",)),
        ),
        (
            CallMethod.COMPLETE,
            {"ref": PROMPT | {"title": "T"}, "argument": ARGUMENT | {"x": 1}},
            Asked(kind=ItemKind.PROMPT, name="greet", arguments={"argument": ARGUMENT}),
        ),
        (
            CallMethod.COMPLETE,
            {
                "ref": {"type": "ref/resource", "uri": "test://{id}"},
                "argument": ARGUMENT,
                "context": {"arguments": {"b": "c"}, "x": 1},
            },
            Asked(
                kind=ItemKind.RESOURCE,
                name="test://{id}",
                arguments={"argument": ARGUMENT, "context": {"arguments": {"b": "c"}}},
            ),
        ),
        (
            CallMethod.COMPLETE,
            {"ref": PROMPT, "argument": ARGUMENT, "context": {}},
            Asked(kind=ItemKind.PROMPT, name="greet", arguments={"argument": ARGUMENT}),
        ),
        (
            CallMethod.TOOL,
            {"name": "t", "inputResponses": {"a": {"action": "accept"}}, "requestState": "s"},
            Asked(kind=ItemKind.TOOL, name="t", arguments={}, answers={"a": {"action": "accept"}}, state="s"),
        ),
        (
            CallMethod.TOOL,
            {"name": "t", "requestState": "s"},
            Asked(kind=ItemKind.TOOL, name="t", arguments={}, state="s"),
        ),
        (
            CallMethod.TOOL,
            {"name": "t", "inputResponses": {}, "requestState": "s"},
            Asked(kind=ItemKind.TOOL, name="t", arguments={}, answers={}, state="s"),
        ),
        (
            CallMethod.TOOL,
            {"name": "t", "inputResponses": {"a": {"action": "accept"}}},
            Asked(kind=ItemKind.TOOL, name="t", arguments={}, answers={"a": {"action": "accept"}}),
        ),
    ],
)
def test_each_method_says_of_which_item_and_with_which_arguments(
    method: CallMethod, params: JsonObject, asked: Asked
) -> None:
    """MCP: `server/*`, and 2026-07-28 `basic/patterns/mrtr`; what a method does not have goes no further."""
    assert read_params(method, params, has_rounds=True) == asked


@promise("P1")
def test_an_era_without_rounds_has_no_answers() -> None:
    """MCP before 2026-07-28: what a legacy agent writes there is an unknown member."""
    asked = read_params(CallMethod.TOOL, {"name": "t", "inputResponses": {}, "requestState": "s"}, has_rounds=False)
    assert (asked.answers, asked.state, asked.dropped) == (None, None, ("inputResponses", "requestState"))


@pytest.mark.parametrize(
    ("method", "params", "member"),
    [
        (CallMethod.TOOL, {}, "`name`"),
        (CallMethod.TOOL, {"name": "x" * 129}, "`name`"),
        (CallMethod.TASK_GET, {}, "`taskId`"),
        (CallMethod.TASK_CANCEL, {"taskId": ""}, "`taskId`"),
        (CallMethod.TASK_GET, {"taskId": "x" * 65_537}, "`taskId`"),
        (CallMethod.TASK_UPDATE, {"taskId": "h"}, "`inputResponses`"),
        (CallMethod.TASK_UPDATE, {"taskId": "h", "inputResponses": {"a": 1}}, "`inputResponses`"),
        (CallMethod.TOOL, {"name": "t", "arguments": []}, "`arguments`"),
        (CallMethod.TOOL, {"name": "t", "inputResponses": []}, "`inputResponses`"),
        (CallMethod.TOOL, {"name": "t", "inputResponses": {"a": 1}}, "`inputResponses`"),
        (CallMethod.TOOL, {"name": "t", "requestState": 1}, "`requestState`"),
        (CallMethod.TOOL, {"name": "t", "requestState": "x" * 65_537}, "`requestState`"),
        (CallMethod.PROMPT, {"name": ""}, "`name`"),
        (CallMethod.PROMPT, {"name": "p", "arguments": {"a": 1}}, "`arguments`"),
        (CallMethod.RESOURCE, {"uri": 7}, "`uri`"),
        (CallMethod.RESOURCE, {"uri": "x" * 8193}, "`uri`"),
        (CallMethod.COMPLETE, {"argument": ARGUMENT}, "`ref`"),
        (CallMethod.COMPLETE, {"ref": {"type": "ref/tool", "name": "t"}, "argument": ARGUMENT}, "`ref`"),
        (CallMethod.COMPLETE, {"ref": {"type": "ref/prompt", "name": 7}, "argument": ARGUMENT}, "`ref/name`"),
        (CallMethod.COMPLETE, {"ref": {"type": "ref/resource", "uri": ""}, "argument": ARGUMENT}, "`uri`"),
        (CallMethod.COMPLETE, {"ref": PROMPT}, "`argument`"),
        (CallMethod.COMPLETE, {"ref": PROMPT, "argument": {"name": "a", "value": 1}}, "`argument`"),
        (CallMethod.COMPLETE, {"ref": PROMPT, "argument": ARGUMENT, "context": []}, "`context`"),
        (CallMethod.COMPLETE, {"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": 1}}, "`context`"),
        (
            CallMethod.COMPLETE,
            {"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": {"b": 1}}},
            "`arguments`",
        ),
        (
            CallMethod.COMPLETE,
            {"ref": PROMPT, "argument": ARGUMENT, "context": {"arguments": {ARGUMENT["name"]: "hidden"}}},
            "`context`",
        ),
    ],
)
def test_what_has_not_its_form_is_refused_by_name(method: CallMethod, params: JsonObject, member: str) -> None:
    """JSON-RPC 2.0: -32602."""
    with pytest.raises(Refused) as stop:
        read_params(method, params, has_rounds=True)
    assert (stop.value.reason, stop.value.code) == (Reason.MALFORMED, -32602)
    assert stop.value.detail.startswith(member)
