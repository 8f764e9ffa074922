"""Unit tests of mediator/inspection/asking.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json, JsonObject
from mediator.evidence import Seal
from mediator.inspection.asking import (
    ReleasedAsk,
    answer_action,
    ask_alone,
    asks_back,
    is_answer,
    read_answer,
    release_ask,
    release_asking,
)
from mediator.inspection.result import Ask, ToolResult
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import Response
from mediator.wire.methods import AskMethod
from tests.promises import promise

FORM: JsonObject = {"message": "Which?", "requestedSchema": {"type": "object"}}
URL: JsonObject = {"message": "Go there", "mode": "url", "url": "https://a.example/x", "elicitationId": "1"}


def ask_of(method: AskMethod, params: JsonObject) -> Ask:
    return Ask(method=method, params=params, size_bytes=10)


def answered(result: JsonObject | None, noise: int = 0) -> ToolResult:
    return ToolResult(result=result, error=None, size_bytes=99, noise=noise)


@pytest.mark.parametrize(
    ("method", "params", "mode", "url"),
    [
        (AskMethod.ELICIT, FORM, "form", None),
        (AskMethod.ELICIT, {**FORM, "mode": "form"}, "form", None),
        (AskMethod.ELICIT, URL, "url", "https://a.example/x"),
        (AskMethod.ELICIT, {**URL, "url": "http://127.0.0.1:1/x"}, "url", "http://127.0.0.1:1/x"),
        (AskMethod.ELICIT, {**URL, "url": "https://a.example?a=b%20#c"}, "url", "https://a.example?a=b%20#c"),
        (AskMethod.SAMPLE, {"messages": [], "maxTokens": 5}, "", None),
        (AskMethod.ROOTS, {}, "", None),
    ],
)
def test_a_question_passes_as_it_is(method: AskMethod, params: JsonObject, mode: str, url: str | None) -> None:
    """MCP 2025-11-25: `client/elicitation`, `client/sampling`, `client/roots`; no field is lost."""
    ask = release_ask(ask_of(method, {**params, "_meta": {"traceparent": "x"}}))
    assert (ask.params, ask.mode, ask.url) == (params, mode, url)
    assert ask.form() == {"method": str(method), "params": params}


@promise("P3")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        (AskMethod.ELICIT, {}),
        (AskMethod.ELICIT, {"message": "x"}),
        (AskMethod.ELICIT, {**FORM, "mode": "voice"}),
        (AskMethod.ELICIT, {**FORM, "mode": ["form"]}),
        (AskMethod.ELICIT, {"message": "x", "mode": "url"}),
        (AskMethod.ELICIT, {**URL, "url": "javascript:alert(1)"}),
        (AskMethod.ELICIT, {**URL, "url": "http://a.example"}),
        (AskMethod.ELICIT, {**URL, "url": "http://localhost.a.example/"}),
        (AskMethod.ELICIT, {**URL, "url": "http://127.0.0.1.a.example/"}),
        (AskMethod.ELICIT, {**URL, "url": "http://localhost@a.example/"}),
        (AskMethod.ELICIT, {**URL, "url": "https://bank.example@a.example/"}),
        (AskMethod.ELICIT, {**URL, "url": "https://bank.example\\@a.example/"}),
        (AskMethod.ELICIT, {**URL, "url": "https://A.example/"}),
        (AskMethod.ELICIT, {**URL, "url": "https://a.example/ b"}),
        (AskMethod.ELICIT, {**URL, "url": "https://a.example/\n"}),
        (AskMethod.ELICIT, {**URL, "url": "https://a.example/" + "x" * 8192}),
        (AskMethod.ELICIT, {**URL, "url": "https://"}),
        (AskMethod.SAMPLE, {}),
    ],
)
def test_what_is_no_question_is_put_to_nobody(method: AskMethod, params: JsonObject) -> None:
    """MCP security practices: a person is sent to `https` alone, or to the own machine."""
    with pytest.raises(Refused) as stop:
        release_ask(ask_of(method, params))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


def test_a_result_that_asks_back_is_told_from_one() -> None:
    """MCP 2026-07-28, MRTR."""
    assert asks_back(answered({"resultType": "input_required"}))
    assert not asks_back(answered({"resultType": "complete"}))
    assert not asks_back(answered(None))


def test_what_a_modern_server_asks_is_kept_by_its_keys() -> None:
    """MCP 2026-07-28, MRTR: keys and state are the server's; on record stands what was asked, and no text."""
    requests: JsonObject = {"a": {"method": "elicitation/create", "params": FORM}, "b": {"method": "roots/list"}}
    asking = release_asking(answered({"inputRequests": requests, "requestState": "s"}, noise=2))
    assert {key: ask.method for key, ask in asking.asks.items()} == {"a": AskMethod.ELICIT, "b": AskMethod.ROOTS}
    assert asking.state == "s"
    facts = asking.facts()
    assert (facts["bytes"], facts["noise"]) == (99, 2)
    assert facts["asked"] == ["elicitation/create", "roots/list"]
    assert "Which?" not in str(facts)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputRequests": []},
        {"inputRequests": {"a": 1}},
        {"inputRequests": {"a": {"method": "tools/call"}}},
        {"inputRequests": {"a": {"method": "roots/list", "params": []}}},
        {"inputRequests": {str(number): {"method": "roots/list"} for number in range(17)}},
        {"inputRequests": {"k" * 257: {"method": "roots/list"}}},
        {"requestState": 1},
        {"requestState": "x" * 32_769},
        {"requestState": "\u0001" * 6_000},
    ],
)
def test_what_asks_back_in_no_form_is_withheld(body: Any) -> None:
    """MCP 2026-07-28, MRTR: at least one of questions and state; the bounds are ours."""
    with pytest.raises(Refused) as stop:
        release_asking(answered(body))
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


def test_the_one_question_of_a_legacy_server_stands_under_a_key_of_ours() -> None:
    """Ours."""
    ask = release_ask(ask_of(AskMethod.ROOTS, {}))
    asking = ask_alone(ask, "input", 7)
    assert (dict(asking.asks), asking.state, asking.size_bytes) == ({"input": ask}, None, 7)


@pytest.mark.parametrize(
    ("method", "result", "answer"),
    [
        (AskMethod.ELICIT, {"action": "accept", "content": {"a": 1}}, {"action": "accept", "content": {"a": 1}}),
        (AskMethod.ELICIT, {"action": "decline"}, {"action": "decline"}),
        (AskMethod.ELICIT, {"action": "maybe"}, {"action": "cancel"}),
        (AskMethod.ELICIT, None, {"action": "cancel"}),
        (AskMethod.SAMPLE, None, None),
        (AskMethod.SAMPLE, {"role": "assistant"}, None),
        (AskMethod.ROOTS, {"roots": []}, {"roots": []}),
    ],
)
def test_an_answer_goes_on_where_it_is_one(
    method: AskMethod, result: JsonObject | None, answer: JsonObject | None
) -> None:
    """MCP 2025-11-25: who does not answer an elicitation has cancelled it."""
    ask = release_ask(ask_of(method, {"messages": []} if method is AskMethod.SAMPLE else FORM))
    error: JsonObject | None = {"code": -1, "message": "no"} if result is None else None
    assert read_answer(ask, Response(id=1, result=result, error=error)) == answer


@pytest.mark.parametrize(
    ("method", "answer", "is_one"),
    [
        (AskMethod.ELICIT, {"action": "accept", "content": None}, True),
        (AskMethod.ELICIT, {"action": "accept", "content": []}, False),
        (AskMethod.ELICIT, {"action": ["accept"]}, False),
        (AskMethod.SAMPLE, {"role": "assistant", "content": {"type": "text"}}, True),
        (AskMethod.SAMPLE, {"role": "assistant", "content": [{"type": "text"}]}, True),
        (AskMethod.SAMPLE, {"content": {}}, False),
        (AskMethod.ROOTS, {"roots": {}}, False),
    ],
)
def test_the_form_of_an_answer(method: AskMethod, answer: JsonObject, is_one: bool) -> None:
    """MCP 2025-11-25 and 2026-07-28."""
    assert is_answer(method, answer) is is_one


def test_a_question_is_made_nowhere_else() -> None:
    """House style: evidence."""
    params: dict[str, Json] = {}
    with pytest.raises(TypeError):
        ReleasedAsk(method=AskMethod.ROOTS, params=params, seal=Seal("mine"))


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        ({"action": "accept"}, "accept"),
        ({"action": "decline", "content": {}}, "decline"),
        ({"action": "cancel"}, "cancel"),
        ({"action": "maybe"}, None),
        ({"action": ["accept"]}, None),
        ({}, None),
        ("accept", None),
        (None, None),
    ],
)
def test_what_a_person_did_with_an_elicitation_is_one_of_three(answer: Json, action: str | None) -> None:
    """MCP 2025-11-25, ElicitResult."""
    assert answer_action(answer) == action
