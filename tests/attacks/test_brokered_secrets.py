"""Where secrets of tool servers could leak: every byte that anybody else could read is searched for each of them (A1, A2, P5).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediator.canonical import JsonObject
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.authorization_server import http_answer, json_answer
from tests.simulated.brokered import CLIENT_SECRET, KINDS, Brokered, brokered
from tests.simulated.collector import Collector, a_collector
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import reason_in


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    with a_collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        yield running


def parts_of(secret: str) -> Iterator[str]:
    """The secret, and whatever of it would be as good as it: of a token its claims and its signature."""
    yield secret
    yield from secret.split(".")[1:]


def leaked(secrets: set[str], places: dict[str, bytes]) -> list[str]:
    """Return the names of the places where any part of any secret is."""
    parts = {part.encode() for secret in secrets for part in parts_of(secret)}
    assert all(len(part) > 10 for part in parts), "too short to be found by chance"
    return [name for name, text in places.items() if any(part in text for part in parts)]


async def told(side: Brokered, message: JsonObject, reason: Reason | None = None, **headers: str) -> bytes:
    """All that the agent is sent in reply, which is refused for this reason."""
    answer = await side.mediator.post(message, **headers)
    assert reason_in(answer) == reason
    return (answer.text + json.dumps(dict(answer.headers))).encode()


async def talk(side: Brokered) -> list[bytes]:
    """Whatever an agent can do, and whatever can go wrong, with a mediator that brokers; return all that it is told."""
    token = side.mediator.token
    meta: JsonObject = {"authorization": token, "example.com/token": token, "baggage": f"token={token}"}
    carried = enveloped("tools/call", {"name": "sums__add", "arguments": {"a": 2, "b": 3}}, meta=meta)
    headers = {"cookie": f"token={token}", "x_api_key": token, "baggage": f"t={token}", "tracestate": f"t={token}"}
    add = tools_call("sums__add", a=2, b=3)
    replies = [
        await told(side, tools_list()),
        await told(side, add),
        await told(side, add, None, **headers),
        await told(side, carried),
        await told(side, tools_call("sums__fail")),
        await told(side, tools_call("sums__add", a="two", b=3), Reason.ARGUMENTS_INVALID),
    ]
    believe = side.tools.believe  # a tool server that believes the credential no more
    side.tools.believe = lambda _token, _url: None
    replies.append(await told(side, add, Reason.TOOL_SERVER_UNAVAILABLE))
    side.tools.believe = believe
    if side.authorization.requests:  # an authorization server that says back what it was told, in each way that it can
        for answer in (
            json_answer({"error": CLIENT_SECRET, "error_description": str(side.secrets())}, status=400),
            json_answer({"error": "invalid_client", "error_uri": f"https://evil.example/?{CLIENT_SECRET}"}, status=401),
            json_answer({"access_token": f"{CLIENT_SECRET} x", "token_type": "Bearer"}),
            http_answer(CLIENT_SECRET.encode(), head="Content-Type: application/json\r\n"),
            f"{CLIENT_SECRET}\r\n\r\n".encode(),
            http_answer(b"", status=302, head=f"Location: https://evil.example/{CLIENT_SECRET}\r\n"),
        ):
            side.mediator.mediator.credentials.drop({side.mediator.task})
            side.authorization.answer = answer
            replies.append(await told(side, add, Reason.TOOL_SERVER_UNAVAILABLE))
        side.authorization.answer = None
    replies.append(await told(side, add))
    await side.mediator.complete_task()
    replies.append(await told(side, add, Reason.TASK_COMPLETED))
    return replies


@promise("P1", "P5")
@pytest.mark.parametrize("kind", KINDS)
async def test_no_secret_is_anywhere_but_where_it_is_used(
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The issue: neither the agent's token nor the brokered one is in any log, record, span, error or agent-visible byte."""
    caplog.set_level(logging.NOTSET)
    async with brokered(tmp_path, kind, monkeypatch, settings={"telemetry": "enabled = true"}) as side:
        agent = {side.mediator.token}
        replies = await talk(side)
        ours, shown = side.secrets(), side.credentials()
        told_to_tools, asked = list(side.tools.arrived), list(side.authorization.requests)
        folder, alarms, task = side.mediator.folder, list(side.mediator.alarms), side.mediator.task
        assert len(shown) >= 2  # of the mediator's own, and of the task
        assert (len(ours) > 1) == (kind != "assertion")
    spans = collector.wait_for(3)
    said = capfd.readouterr()
    logged = [f"{one.getMessage()} {one.args} {one.exc_info} {one.exc_text}" for one in caplog.records]
    places = {
        "replies": b"\n".join(replies),
        "spans": b"\n".join(span.SerializeToString() for span in spans) + str(collector.resources).encode(),
        "logs": "\n".join(logged).encode(),
        "standard output": said.out.encode(),
        "standard error": said.err.encode(),
        "alarms": "\n".join(alarms).encode(),
        **{str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()},
    }
    assert any("ledger" in name for name in places)
    assert any("values-" in name for name in places)
    assert task.encode() in places["spans"]

    assert leaked(agent | ours | shown, places) == []

    # And each of them is shown to whom it is for, in one place, and to nobody else.
    bodies = b"\n".join(body for _, body in told_to_tools)
    headers = json.dumps([{**one, "authorization": ""} for one, _ in told_to_tools]).encode()
    shown_to_tools = json.dumps([one for one, _ in told_to_tools]).encode()
    assert leaked(agent | ours | shown, {"bodies": bodies, "headers": headers}) == []
    assert leaked(agent | ours, {"to the tool server": shown_to_tools}) == []
    assert leaked(agent | shown, {"to the authorization server": json.dumps(asked).encode()}) == []


@promise("P5")
@pytest.mark.parametrize("kind", ["exchange", "assertion"])
async def test_what_we_sign_of_a_task_opens_nothing_here(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8725 §3.11, §3.12: a tool server, or an authorization server, that comes back with our word is nobody."""
    async with brokered(tmp_path, kind, monkeypatch) as side:
        await told(side, tools_call("sums__add", a=2, b=3))
        words = side.secrets() if kind == "exchange" else side.credentials()
        for word in (one for one in words if one.count(".") == 2):
            answer = await side.mediator.post(tools_call("sums__add", a=2, b=3), token=word)
            assert (answer.status_code, reason_in(answer)) == (401, Reason.BAD_CREDENTIAL)
        assert side.tools.calls == 1


@promise("P5")
async def test_a_credential_of_one_task_is_given_to_no_other_and_to_no_other_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4: what is made for a task is that task's, whoever asks at the same time."""
    async with brokered(tmp_path, "exchange", monkeypatch) as side:
        first = side.mediator.token
        second = await side.mediator.open_task()
        shown: dict[str, set[str]] = {}
        for token in (first, second, first, second):
            before = len(side.tools.tokens)
            answer = await side.mediator.post(tools_call("sums__add", a=2, b=3), token=token)
            assert reason_in(answer) is None
            shown.setdefault(token, set()).update(side.tools.tokens[before:])
        assert [len(tokens) for tokens in shown.values()] == [1, 1]
        assert shown[first].isdisjoint(shown[second])
