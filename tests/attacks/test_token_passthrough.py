"""Whose token goes where: the agent's stays here, the tool server's goes there, and the ledger has neither (A1, A2, P5).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from mediator.canonical import JsonObject
from tests.promises import promise
from tests.simulated.arrivals import enveloped
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, drop, says, tool

CREDENTIAL = "the-tool-servers-own-credential-0123456789"


def parts_of(token: str) -> Iterator[str]:
    """The token, and whatever of it would be as good as it: its claims, its signature."""
    yield token
    yield from token.split(".")[1:]


def arrived_at(server: SimulatedToolServer) -> str:
    """All that arrived at a tool server, as one text."""
    told = [json.dumps([dict(one.headers), dict(one.message)]) + one.body.decode() for one in server.arrived]
    return "\n".join(told)


def ledger_files(folder: Path) -> bytes:
    """Every byte of the ledger, and of all else that the running mediator wrote, but for its keys."""
    files = [file for file in (folder / ".mediator").rglob("*") if file.is_file()]
    assert any("ledger" in file.parts for file in files)
    return b"\n".join(file.read_bytes() for file in files)


def is_nowhere(secret: str, *texts: str | bytes) -> bool:
    """Tell whether no part of a token is in any of the texts."""
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    return not any(part.encode() in text for part in parts_of(secret) for text in raw)


@promise("P1", "P5")
@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_agents_token_stays_here(tmp_path: Path, era: Literal["modern", "legacy"]) -> None:
    """MCP authorization: a token that was made for us is passed to nobody; wherever else the agent may put it."""
    server = SimulatedToolServer(tools=[tool("read")], era=era)
    async with running(tmp_path, {"files": server}) as mediator:
        token = mediator.token
        assert len(list(parts_of(token))) == 3
        meta: JsonObject = {"authorization": token, "example.com/token": token, "baggage": f"token={token}"}
        carried = enveloped("tools/call", {"name": "files__read", "arguments": {"text": "x"}}, meta=meta)
        headers = {"cookie": f"token={token}", "x_api_key": token, "baggage": f"t={token}", "tracestate": f"t={token}"}
        for message in (tools_list(), tools_call("files__read", text="x")):
            assert reason_in(await mediator.post(message)) is None
        assert reason_in(await mediator.post(tools_call("files__read", text="x"), **headers)) is None
        assert reason_in(await mediator.post(carried)) is None
        assert len(server.calls) == 3
        server.on("tools/call", drop)
        assert reason_in(await mediator.post(tools_call("files__read", text="x"))) == "TOOL_SERVER_UNAVAILABLE"

        assert [one.bearer for one in server.arrived] == [None] * len(server.arrived)
        assert not any("cookie" in one.headers or "x-api-key" in one.headers for one in server.arrived)
        records = json.dumps([*mediator.decisions, *mediator.entries("outcome"), *mediator.drifts])
        assert is_nowhere(token, arrived_at(server), records, ledger_files(mediator.folder), *mediator.alarms)


@promise("P5")
async def test_a_tool_servers_credential_goes_to_that_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5: not to another server, not to the agent, not into a file, whether the server answers, errs or leaks it."""
    monkeypatch.setenv("FILES_TOKEN", CREDENTIAL)
    files = SimulatedToolServer(tools=[tool("read")], bearer=CREDENTIAL)
    clock = SimulatedToolServer(tools=[tool("now")])
    async with files:
        reached = {"files": ("--url", files.url, "--credential", "env:FILES_TOKEN")}
        async with running(tmp_path, {"clock": clock}, others=reached) as mediator:
            replies = [await told(mediator, tools_list())]
            replies.append(await told(mediator, tools_call("files__read", text="x")))
            assert [call.arguments for call in files.calls] == [{"text": "x"}]
            replies.append(await told(mediator, tools_call("clock__now")))
            files.bearer = "another"
            replies.append(await told(mediator, tools_call("files__read", text="x"), "TOOL_SERVER_UNAVAILABLE"))
            files.bearer = CREDENTIAL
            files.on("tools/call", says(b"no JSON, but " + CREDENTIAL.encode()))
            replies.append(await told(mediator, tools_call("files__read", text="x"), "TOOL_SERVER_INVALID"))

            assert {one.bearer for one in files.arrived} == {CREDENTIAL}
            assert {one.bearer for one in clock.arrived} == {None}
            written = [file.read_bytes() for file in mediator.folder.rglob("*") if file.is_file()]
            assert is_nowhere(CREDENTIAL, *replies, arrived_at(clock), *written, *mediator.alarms)
            bodies = "".join(one.body.decode() for one in files.arrived)
            assert is_nowhere(CREDENTIAL, bodies)
            assert is_nowhere(mediator.token, arrived_at(files), arrived_at(clock))


async def told(mediator: Running, message: JsonObject, reason: str | None = None) -> str:
    """All that the agent is sent in reply, which is refused for this reason."""
    answer = await mediator.post(message)
    assert reason_in(answer) == reason
    return answer.text + json.dumps(dict(answer.headers))


@promise("P5", "P7")
async def test_an_agents_token_is_no_argument_of_a_tool(tmp_path: Path) -> None:
    """P5, closed world: nothing that the schema does not name goes along, by which name it may come."""
    server = SimulatedToolServer(tools=[tool("read")])
    async with running(tmp_path, {"files": server}) as mediator:
        for name in ("token", "authorization", "_meta", "access_token"):
            answer = await mediator.post(tools_call("files__read", **{name: mediator.token}))
            assert (name, reason_in(answer)) == (name, "ARGUMENTS_INVALID")
            assert mediator.token not in answer.text
        assert server.calls == []
        assert mediator.verdicts == [("deny", "ARGUMENTS_INVALID")] * 4
        assert is_nowhere(mediator.token, json.dumps(mediator.decisions))  # arguments are kept apart, to be erased
