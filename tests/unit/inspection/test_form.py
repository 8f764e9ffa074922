"""Unit tests of mediator/inspection/form.py. Results of tools are tested with `release.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.inspection.form import check_form
from mediator.inspection.release import expected_of
from mediator.manifest.family import FamilyForm
from mediator.manifest.pinned import PinnedItem
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod
from tests.simulated.judged import a_prompt, a_resource, a_tool

TEXT: JsonObject = {"type": "text", "text": "hi"}
FAMILY = a_resource("test://logs/", FamilyForm.PREFIX, "text/plain")


@pytest.mark.parametrize(
    ("method", "item", "body"),
    [
        (CallMethod.PROMPT, a_prompt(), {"description": "d", "messages": [{"role": "user", "content": TEXT, "x": 1}]}),
        (CallMethod.PROMPT, a_prompt(), {"messages": []}),
        (CallMethod.RESOURCE, a_resource(), {"contents": [{"uri": "test://now", "text": "", "x": 1}], "x": 1}),
        (CallMethod.RESOURCE, a_resource(), {"contents": [{"uri": "test://now", "blob": "aGk="}]}),
        (CallMethod.RESOURCE, FAMILY, {"contents": [{"uri": "test://logs/a", "mimeType": "text/plain", "text": ""}]}),
        (CallMethod.COMPLETE, a_prompt(), {"completion": {"values": ["a"], "total": 7, "hasMore": True}}),
        (CallMethod.SUBSCRIBE, a_resource(), {"x": 1}),
    ],
)
def test_a_result_of_the_method_passes_as_it_is(method: CallMethod, item: PinnedItem, body: JsonObject) -> None:
    """MCP 2025-11-25: `server/prompts`, `server/resources`, `server/utilities/completion`; no field is lost."""
    assert check_form(body, expected_of(item, method, 100)) == (body, 0)


def test_what_is_ours_to_say_is_taken_out_at_every_place() -> None:
    """Ours: of the result, of a message, of its content, of contents."""
    ours: JsonObject = {"_meta": {"traceparent": "x"}}
    message: JsonObject = {"role": "user", "content": {**TEXT, **ours}, **ours}
    body, removed = check_form({"messages": [message], **ours}, expected_of(a_prompt(), CallMethod.PROMPT, 100))
    assert (body, removed) == ({"messages": [{"role": "user", "content": TEXT}]}, 3)
    contents: JsonObject = {"uri": "test://now", "text": "", **ours}
    body, removed = check_form({"contents": [contents], **ours}, expected_of(a_resource(), CallMethod.RESOURCE, 100))
    assert (body, removed) == ({"contents": [{"uri": "test://now", "text": ""}]}, 2)


@pytest.mark.parametrize(
    ("method", "item", "body"),
    [
        (CallMethod.PROMPT, a_prompt(), {}),
        (CallMethod.PROMPT, a_prompt(), {"messages": ["hi"]}),
        (CallMethod.PROMPT, a_prompt(), {"messages": [{"role": "system", "content": TEXT}]}),
        (CallMethod.PROMPT, a_prompt(), {"messages": [{"role": "user", "content": [TEXT]}]}),
        (CallMethod.PROMPT, a_prompt(), {"messages": [{"role": "user"}]}),
        (CallMethod.RESOURCE, a_resource(), {"contents": {}}),
        (CallMethod.RESOURCE, a_resource(), {"contents": ["x"]}),
        (CallMethod.RESOURCE, a_resource(), {"contents": [{"text": "x"}]}),
        (CallMethod.RESOURCE, a_resource(), {"contents": [{"uri": "x"}]}),
        (CallMethod.RESOURCE, a_resource(), {"contents": [{"uri": "x", "text": "", "blob": ""}]}),
        (CallMethod.RESOURCE, FAMILY, {"contents": [{"uri": "x", "mimeType": "text/html", "text": ""}]}),
        (CallMethod.RESOURCE, FAMILY, {"contents": [{"uri": "x", "text": ""}]}),
        (CallMethod.COMPLETE, a_prompt(), {}),
        (CallMethod.COMPLETE, a_prompt(), {"completion": {"values": [1]}}),
        (CallMethod.COMPLETE, a_prompt(), {"completion": {"values": ["a"] * 101}}),
        (CallMethod.SUBSCRIBE, a_resource(), {"_meta": 7}),
        (CallMethod.TASK_GET, a_tool(), {"taskId": "theirs", "status": "completed", "result": {"content": []}}),
    ],
)
def test_what_is_no_result_of_the_method_is_withheld(method: CallMethod, item: PinnedItem, body: JsonObject) -> None:
    """Ours: an agent that trusts the form is not given another."""
    with pytest.raises(Refused) as stop:
        check_form(body, expected_of(item, method, 100))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


@pytest.mark.parametrize("media_type", [["text/plain"], {"a": 1}, 7])
def test_a_media_type_of_any_form_is_looked_at(media_type: Json) -> None:
    """Ours: whatever a server writes there, it is an answer of ours and no bug."""
    with pytest.raises(Refused):
        check_form(
            {"contents": [{"uri": "x", "mimeType": media_type, "text": ""}]},
            expected_of(FAMILY, CallMethod.RESOURCE, 100),
        )
