"""Decision points over HTTP: only a plain yes is one, and whoever cannot be asked is unavailable and said to be.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediator.adapters.second_opinions_http import Address, HttpOpinions
from mediator.evidence import Secret
from mediator.mediation.opinion import Answer, OpinionRequest
from tests.promises import promise
from tests.simulated.authorization_server import http_answer, json_answer
from tests.simulated.certificates import Authority, client_context, server_context
from tests.simulated.decision_point import AUTHZEN_PATH, OPA_PATH, DecisionPoint

REQUEST = OpinionRequest(
    agent="planner",
    agent_class="fleet",
    team="research",
    owner="you@example.com",
    server="mail",
    name="send",
    kind="tool",
    effect="send",
    method="tools/call",
    task="task-1",
    purpose="a report",
    chain=("orchestrator", "planner"),
    proof="dpop",
    arguments={"to": "a@example.com", "text": "hello"},
    request_hash="sha256:1",
)
KINDS = ("opa", "authzen")


def url_of(point: DecisionPoint, kind: str) -> str:
    return point.opa_url if kind == "opa" else point.authzen_url


def asking(point: DecisionPoint, kind: str, alarms: list[str] | None = None, **more: Any) -> HttpOpinions:
    address: dict[str, Any] = {
        "kind": kind,
        "url": url_of(point, kind),
        "seconds": 5.0,
        "tells_arguments": False,
    } | more
    return HttpOpinions({"house": Address(**address)}, ([] if alarms is None else alarms).append)


async def answer_of(opinions: HttpOpinions) -> Answer:
    (opinion,) = await opinions.ask(("house",), REQUEST)
    assert (opinion.of, opinion.request_hash) == ("house", REQUEST.request_hash)
    return opinion.answer


@pytest.mark.parametrize("kind", KINDS)
async def test_a_plain_answer_is_taken(kind: str) -> None:
    """OPA's data API; AuthZEN 1.0, part 6.2."""
    for said, answer in ((True, Answer.ALLOW), (False, Answer.DENY)):
        async with DecisionPoint(lambda _, said=said: said) as point:  # type: ignore[misc]
            assert await answer_of(asking(point, kind)) is answer


async def test_a_document_of_opa_may_be_undefined_or_an_object_that_says_allow() -> None:
    """OPA: no `result` where the rule has no value; packages answer with all their rules."""
    async with DecisionPoint(lambda _: None) as point:
        assert await answer_of(asking(point, "opa")) is Answer.DENY
        for result, answer in (({"allow": True, "why": "x"}, Answer.ALLOW), ({"allow": False}, Answer.DENY)):
            point.answer = json_answer({"result": result})
            assert await answer_of(asking(point, "opa")) is answer


@promise("P1", "P9")
async def test_what_is_told_is_who_asks_for_what_and_of_arguments_the_names_alone() -> None:
    """AuthZEN 1.0, part 5; for OPA the same below `input`. Values are told to whom the settings let see them."""
    async with DecisionPoint(lambda _: True) as point:
        await answer_of(asking(point, "authzen", bearer=Secret("s3cret")))
        await answer_of(asking(point, "opa", tells_arguments=True))
    (path, headers, told), (other_path, other_headers, other) = point.asked
    assert (path, other_path) == (AUTHZEN_PATH, OPA_PATH)
    assert (headers.get("authorization"), other_headers.get("authorization")) == ("Bearer s3cret", None)
    context = {
        "task": "task-1",
        "purpose": "a report",
        "chain": ["orchestrator", "planner"],
        "proof": "dpop",
        "request_hash": "sha256:1",
    }
    assert told == {
        "subject": {
            "type": "agent",
            "id": "planner",
            "properties": {"class": "fleet", "team": "research", "owner": "you@example.com"},
        },
        "action": {"name": "send", "properties": {"method": "tools/call"}},
        "resource": {"type": "tool", "id": "mail/send", "properties": {"server": "mail", "name": "send"}},
        "context": context | {"argument_names": ["text", "to"]},
    }
    assert other == {"input": told | {"context": context | {"arguments": dict(REQUEST.arguments)}}}


NO_DECISION: dict[str, bytes] = {
    "a text": json_answer({"result": "true", "decision": "true"}),
    "a number": json_answer({"result": 1, "decision": 1}),
    "a list": json_answer({"result": [True], "decision": [True]}),
    "null": json_answer({"result": None, "decision": None}),
    "an object of nothing": json_answer({"result": {}, "decision": {}}),
    "no JSON": http_answer(b"true"),
    "two readings": http_answer(b'{"result": false, "result": true, "decision": false, "decision": true}'),
    "no object": http_answer(b"[true]"),
    "nothing": http_answer(b""),
    "too much": http_answer(b'{"x": "' + b"y" * 70_000 + b'", "result": true, "decision": true}'),
    "another status": json_answer({"result": True, "decision": True}, status=203),
    "an error": json_answer({"result": True, "decision": True}, status=500),
    "a redirect": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1/data/other\r\nContent-Length: 0\r\n\r\n",
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "no HTTP": b"SSH-2.0-x\r\n",
    "half an answer": b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"result": true',
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", NO_DECISION.values(), ids=list(NO_DECISION))
@promise("P7")
async def test_whatever_is_no_plain_answer_is_none(kind: str, answer: bytes) -> None:
    """P7: an operator is told, once until it answers again."""
    alarms: list[str] = []
    async with DecisionPoint(lambda _: True) as point:
        opinions = asking(point, kind, alarms)
        point.answer = answer
        assert [await answer_of(opinions) for _ in range(2)] == [Answer.UNAVAILABLE] * 2
        assert len(alarms) == 1
        assert "`house`" in alarms[0]
        point.answer = None
        assert await answer_of(opinions) is Answer.ALLOW
        point.answer = answer
        assert await answer_of(opinions) is Answer.UNAVAILABLE
        assert len(alarms) == 2
    assert all(path in {OPA_PATH, AUTHZEN_PATH} for path, _, _ in point.asked)


@promise("P7", "P11")
async def test_who_does_not_answer_in_time_is_unavailable_and_holds_up_nobody_for_longer() -> None:
    """P7."""
    alarms: list[str] = []
    async with DecisionPoint(lambda _: True) as point:
        point.hangs = True
        assert await answer_of(asking(point, "opa", alarms, seconds=0.05)) is Answer.UNAVAILABLE
    assert "within 0.05 s" in alarms[0]


@promise("P7")
async def test_who_is_not_there_or_not_known_is_unavailable(tmp_path: Path) -> None:
    """P7: also one whose certificate nobody here trusts."""
    server = server_context(Authority(tmp_path).issue("house", "127.0.0.1"))
    async with DecisionPoint(lambda _: True, ssl=server) as stranger:
        assert await answer_of(asking(stranger, "opa")) is Answer.UNAVAILABLE
        known = client_context(tmp_path / "authority.pem")
        assert await answer_of(asking(stranger, "opa", ssl=known)) is Answer.ALLOW
    async with DecisionPoint(lambda _: True) as point:
        opinions = asking(point, "opa")
        await point.close()
        assert await answer_of(opinions) is Answer.UNAVAILABLE
    (other,) = await opinions.ask(("stranger",), REQUEST)
    assert (other.of, other.answer) == ("stranger", Answer.UNAVAILABLE)
