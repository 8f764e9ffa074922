"""Real servers say the same through the mediator as they do directly, asked by the SDK's own client in both eras.

The part of `make real-servers` for which `make test` installs enough; and that its comparison sees what there is to see.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.promises import promise
from tests.real_servers.asking import Answer, Step
from tests.real_servers.comparing import Case, Meant, Verdict, compare, shown
from tests.real_servers.legs import ERAS, compare_legs, mediated, placed, through
from tests.real_servers.servers import ci_servers

CALL = Case(step=Step(method="tools/call", params={"name": "t", "arguments": {}}))
LIST = Case(step=Step(method="tools/list", params={}), meant=Meant.OWN_ORDER)


@promise("P1", "P2", "P11")
async def test_lists_and_calls_of_real_servers_are_equal_to_direct(tmp_path: Path) -> None:
    """Issue 4, must show 4: over reads, writes, tool errors, wrong arguments and unknown tools."""
    servers = ci_servers()
    if any(server.missing for server in servers):
        pytest.skip("`make test` installs mcp-server-time and mcp-server-git into .venv-servers")
    async with placed(tmp_path, servers) as loopback, mediated(tmp_path, loopback, servers) as mediator:
        for server in servers:
            for era in ERAS:
                steps = await compare_legs(loopback, server, era, through(mediator))
                assert len(steps) > 10 - (era == "modern")
                differing = {one.case.step.title: shown(one) for one in steps if one.verdict is Verdict.DIFFERS}
                assert differing == {}, (server.name, era)


def result(**members: Any) -> Answer:
    return Answer(result={"content": [{"type": "text", "text": "x"}], **members})


def error(code: int, message: str) -> Answer:
    return Answer(error={"code": code, "message": message})


def tools(*names: str, **members: Any) -> Answer:
    return Answer(result={"tools": [{"name": name, "description": name, **members} for name in names]})


REFUSED = result(isError=True, _meta={"org.mcp-mediator/refusal": {"reason": "ARGUMENTS_INVALID"}})
UNKNOWN = replace(CALL, meant=Meant.UNKNOWN_TOOL)
WRONG = replace(CALL, meant=Meant.CLOSED_ARGUMENTS)
MISSING = replace(CALL, meant=Meant.NOT_FOUND)
PROMPT = Case(step=Step(method="prompts/get", params={"name": "p", "arguments": {}}), meant=Meant.CLOSED_ARGUMENTS)
MORE = replace(LIST, meant=Meant.FOR_ABLE)
FAMILY = replace(LIST, meant=Meant.OWNERS_FAMILY)
UNTOLD = replace(CALL, meant=Meant.NO_LEVEL)
ANSWERED = replace(CALL, meant=Meant.KEY_ORDER)
ALIKE = {
    "the same": (CALL, result(isError=False), result(isError=False)),
    "tags of the modern era": (CALL, result(), result(resultType="complete", ttlMs=0, cacheScope="private")),
    "who the server says it is": (CALL, result(), result(_meta={"io.modelcontextprotocol/serverInfo": {"name": "m"}})),
    "execution, which the modern era lacks": (LIST, tools("a", execution={}), tools("a")),
    "what varies": (replace(CALL, varies=((r"\d+", "<n>"),)), result(at="12"), result(at="345")),
}
AS_MEANT = {
    "the order of the names": (LIST, tools("b", "a"), tools("a", "b")),
    "an unknown tool": (UNKNOWN, result(isError=True), error(-32602, "Unknown tool: t")),
    "arguments outside the schema": (WRONG, result(isError=True), REFUSED),
    "arguments of a prompt": (PROMPT, error(0, "what?"), Answer(error={"data": {"reason": "ARGUMENTS_INVALID"}})),
    "tools for who can do more": (MORE, tools("a"), tools("a", "b")),
    "a family of the owner's": (FAMILY, tools("a"), tools("b", "a")),
    "keys in another order": (ANSWERED, result(said='{"b":1,"a":2}'), result(said='{"a":2,"b":1}')),
    "log messages": (UNTOLD, replace(result(), said=({"method": "notifications/message"},)), result()),
    "something that is not there": (MISSING, error(0, "where?"), error(-32002, "not found")),
}
OTHERWISE = {
    "another text": (CALL, result(), Answer(result={"content": [{"type": "text", "text": "y"}]})),
    "a field lost": (CALL, result(isError=False), result()),
    "a field added": (CALL, result(), result(more=None)),
    "a number for a truth": (CALL, result(flag=True), result(flag=1)),
    "a shorter list": (CALL, result(many=[1, 2]), result(many=[1])),
    "an error for a result": (CALL, result(), error(-32603, "no")),
    "nothing said on the way": (CALL, replace(result(), said=({"method": "notifications/progress"},)), result()),
    "nothing asked": (CALL, replace(result(), asked=({"method": "roots/list"},)), result()),
    "the client's complaint": (CALL, result(), replace(result(), client="ValidationError")),
    "a tool missing": (LIST, tools("a", "b"), tools("a")),
    "a tool added": (LIST, tools("a"), tools("a", "b")),
    "a tool changed, and the order": (LIST, tools("b", "a"), tools("a", "b", more=1)),
    "an unknown tool that is served": (UNKNOWN, error(-32602, "no"), result()),
    "wrong arguments refused for another reason": (WRONG, result(isError=True), result(isError=True, more=1)),
    "found where nothing is": (MISSING, error(-32002, "not found"), result()),
    "a prompt's arguments refused for another reason": (PROMPT, error(0, "what?"), error(-32602, "no")),
    "a tool missing among more": (MORE, tools("a", "c"), tools("a", "b")),
    "a tool changed among more": (MORE, tools("a"), tools("a", "b", more=1)),
    "another value in another order": (ANSWERED, result(said='{"b":1,"a":2}'), result(said='{"a":3,"b":1}')),
    "progress that is not told": (UNTOLD, replace(result(), said=({"method": "notifications/progress"},)), result()),
    "log messages, and more": (UNTOLD, replace(result(), said=({"method": "notifications/message"},)), result(more=1)),
    "a method that is not served": (MISSING, error(-32002, "not found"), error(-32601, "not served")),
}


@pytest.mark.parametrize("name", [*ALIKE, *AS_MEANT, *OTHERWISE])
def test_the_comparison_sees_what_there_is_to_see(name: str) -> None:
    """Ours: a comparison that cannot fail shows nothing."""
    case, direct, passed = {**ALIKE, **AS_MEANT, **OTHERWISE}[name]
    expected = Verdict.EQUAL if name in ALIKE else Verdict.MEANT if name in AS_MEANT else Verdict.DIFFERS
    assert compare(case, direct, passed).verdict is expected
