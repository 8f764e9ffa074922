"""Prompts and resources down the corridor: listed, asked for, completed and subscribed to as tools are called.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.inspection.result import Ask, ToolResult
from mediator.kind import ItemKind
from mediator.mediation.reply import Listening, Reply, Subscription
from mediator.refusal import Reason
from mediator.wire.methods import AskMethod, ListMethod
from tests.promises import promise
from tests.simulated.arrivals import enveloped, message
from tests.simulated.pins import entries, full_manifest
from tests.simulated.world import SimulatedTask, SimulatedWorld, error_of, refusal, result_of

PROMPT: JsonObject = {"name": "greet", "x": 1, "arguments": [{"name": "who", "required": True}, {"name": "tone"}]}
NOW: JsonObject = {"uri": "log://now", "name": "now", "mimeType": "text/plain"}
PAGE: JsonObject = {"uriTemplate": "docs://{page}", "name": "page"}
MANIFEST = full_manifest(prompts=[PROMPT], resources=[NOW], resource_templates=[PAGE], prefixes=["log://old/"])
SAID: JsonObject = {"messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}]}
READ: JsonObject = {"contents": [{"uri": "docs://a", "text": "x"}]}


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.publish(MANIFEST, "files")
    world.tool_server.answer_with("files/greet", SAID)
    world.tool_server.answer_with("files/docs://{page}", READ)
    world.tool_server.answer_with("files/log://now", {})
    return world


@pytest.fixture
def task(world: SimulatedWorld) -> SimulatedTask:
    return world.open_task(tools="files/*")


async def listed(world: SimulatedWorld, method: str, bearer: str, server: str | None = None) -> list[Any]:
    reply = await world.answer(message(method), bearer=bearer, server=server)
    (items,) = result_of(reply).values()
    assert isinstance(items, list)
    return items


@promise("P2", "P3")
async def test_what_is_pinned_and_visible_is_listed_from_the_pin(world: SimulatedWorld, task: SimulatedTask) -> None:
    """P2: byte for byte; what differs is a prompt's assigned name on `/mcp`; a prefix is shown as a template."""
    assert await listed(world, "prompts/list", task.token) == [{**PROMPT, "name": "files__greet"}]
    assert await listed(world, "prompts/list", task.token, "files") == [PROMPT]
    assert await listed(world, "resources/list", task.token) == [NOW]
    page, old = await listed(world, "resources/templates/list", task.token)
    assert (page, old["uriTemplate"], old["mimeType"]) == (PAGE, "log://old/{+path}", "text/plain")


@promise("P3", "P4")
async def test_who_may_not_see_an_item_is_not_told_of_its_kind(world: SimulatedWorld) -> None:
    """P3: neither in a list nor in the capabilities; and each name that is not there looks the same."""
    task = world.open_task(tools="files/read")
    assert await listed(world, "prompts/list", task.token) == []
    handshake: JsonObject = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
    reply = await world.answer(message("initialize", handshake), bearer=task.token)
    assert result_of(reply)["capabilities"].keys() == {"tools", "logging"}
    for name in ("files__greet", "files__other", "greet"):
        reply = await world.answer(message("prompts/get", {"name": name}), bearer=task.token)
        assert reply == refusal(Reason.UNKNOWN_PROMPT)
        assert error_of(reply)["message"] == f"Unknown prompt: {name}"


@pytest.mark.parametrize(("server", "name"), [(None, "files__greet"), ("files", "greet")])
async def test_a_prompt_is_asked_for_under_its_own_name(
    world: SimulatedWorld, task: SimulatedTask, server: str | None, name: str
) -> None:
    """Design 5.1: looked up, never split."""
    asked = enveloped("prompts/get", {"name": name, "arguments": {"who": "x"}})
    reply = await world.answer(asked, bearer=task.token, server=server)
    assert result_of(reply)["messages"] == SAID["messages"]
    (call,) = world.tool_server.calls
    assert (call.permit.forwarded.name, call.arguments) == ("greet", {"who": "x"})
    entry: Any = world.ledger.last.record.entry
    assert (entry["call"]["method"], entry["item"]["kind"], entry["item"]["name"]) == ("prompts/get", "prompt", "greet")


@promise("P9")
async def test_a_resource_is_read_by_its_uri_which_stands_in_no_entry(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Design 5.8: what an agent writes into a URI is an argument: its digest is on record, its value beside it."""
    asked = enveloped("resources/read", {"uri": "docs://secret"})
    assert result_of(await world.answer(asked, bearer=task.token))["contents"] == READ["contents"]
    kept = world.ledger.last
    assert "secret" not in str(kept.record.entry)
    assert kept.record.values["arguments"] == {"uri": "docs://secret"}
    entry: Any = kept.record.entry
    assert entry["item"]["name"] == "docs://{page}"
    assert world.tool_server.calls[0].permit.forwarded.name == "docs://secret"


@pytest.mark.parametrize(("asked", "code"), [(message, -32002), (enveloped, -32602)])
@pytest.mark.parametrize("uri", ["docs://a/../b", "docs://a%2Fb", "mail://a", "docs://{page}/x", "log://now2"])
async def test_what_no_family_covers_is_not_found(
    world: SimulatedWorld, task: SimulatedTask, uri: str, asked: Any, code: int
) -> None:
    """SEP-2164; issue 3: URIs in normal form, or refused."""
    reply = await world.answer(asked("resources/read", {"uri": uri}), bearer=task.token)
    assert reply == refusal(Reason.UNKNOWN_RESOURCE)
    assert (error_of(reply)["code"], error_of(reply)["data"]["uri"]) == (code, uri)
    assert world.tool_server.calls == []
    assert f"{uri}'" not in str(world.ledger.last.record.entry), "a URI is an argument, and can be erased"
    assert f"{uri}`" not in str(world.ledger.last.record.entry)


@promise("P6")
async def test_a_prompt_or_resource_that_does_more_than_read_must_be_named() -> None:
    """P6; issue 4: completion and reads have the effect that the manifest gives."""
    world = SimulatedWorld()
    resources = [{**entry, "effect": "send"} for entry in entries(MANIFEST, "resources")]
    world.publish({**MANIFEST, "resources": list(resources)}, "files")
    vague = world.open_task(tools="files/*", effects=["read", "send"])
    exact = world.open_task(tools=["files/resource:docs://{page}"], effects=["send"])
    argument: JsonObject = {"name": "page", "value": "a"}
    completion: JsonObject = {"ref": {"type": "ref/resource", "uri": "docs://{page}"}, "argument": argument}
    reading: JsonObject = {"uri": "docs://a"}
    for method, params in (("resources/read", reading), ("completion/complete", completion)):
        reply = await world.answer(message(method, params), bearer=vague.token)
        assert reply == refusal(Reason.NOT_COVERED)
    world.tool_server.answer_with("files/docs://{page}", READ)
    assert result_of(await world.answer(message("resources/read", {"uri": "docs://a"}), bearer=exact.token)) == READ
    assert world.ledger.last.decision.item is not None
    assert world.ledger.last.decision.item.effect is Effect.SEND


async def test_a_completion_is_of_a_prompt_or_a_template(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP `server/utilities/completion`: the reference is ours, under the item's own name."""
    found: JsonObject = {"completion": {"values": ["a"]}}
    world.tool_server.answer_with("files/greet", found)
    world.tool_server.answer_with("files/docs://{page}", found)
    for ref in ({"type": "ref/prompt", "name": "files__greet"}, {"type": "ref/resource", "uri": "docs://{page}"}):
        name = "who" if "name" in ref else "page"
        asked: JsonObject = {"ref": dict(ref), "argument": {"name": name, "value": ""}}
        assert result_of(await world.answer(message("completion/complete", asked), bearer=task.token)) == found
    assert [call.permit.forwarded.name for call in world.tool_server.calls] == ["greet", "docs://{page}"]


async def test_a_subscription_is_a_decision_and_begins_and_ends_at_the_edge(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """Issue 4: each subscription is a new decision; what is told of afterwards says nothing but that it changed."""
    for method, is_over in (("resources/subscribe", False), ("resources/unsubscribe", True)):
        reply = await world.answer(message(method, {"uri": "log://now"}), bearer=task.token)
        assert result_of(reply) == {}
        assert reply.effect == Subscription(task=task.grant.id, server="files", uri="log://now", is_over=is_over)
    refused = await world.answer(message("resources/subscribe", {"uri": "mail://a"}), bearer=task.token)
    assert refused.effect is None
    assert len(world.ledger.decisions) == 3


@promise("P3")
async def test_a_wish_to_listen_is_honoured_as_far_as_the_caller_may(
    world: SimulatedWorld, task: SimulatedTask
) -> None:
    """MCP 2026-07-28, `basic/patterns/subscriptions`: the honoured subset; each resource is a decision."""
    wish: JsonObject = {"toolsListChanged": True, "resourceSubscriptions": ["log://now", "mail://a", "log://now", 7]}
    reply: Reply = await world.answer(enveloped("subscriptions/listen", {"notifications": wish}), bearer=task.token)
    assert reply.effect == Listening(
        request_id=1,
        lists=frozenset({ListMethod.TOOLS}),
        subscriptions=(Subscription(task=task.grant.id, server="files", uri="log://now"),),
    )
    assert [kept.record.entry["verdict"] for kept in world.ledger.decisions] == ["allow", "deny"]
    failing = ToolResult(result=None, error={"code": -32602, "message": "no"}, size_bytes=9, noise=0)
    world.tool_server.answer_with("files/log://now", lambda _permit: failing)
    reply = await world.answer(enveloped("subscriptions/listen", {"notifications": wish}), bearer=task.token)
    assert isinstance(reply.effect, Listening)
    assert reply.effect.subscriptions == ()
    world.complete(task)
    ended = await world.answer(enveloped("subscriptions/listen", {}), bearer=task.token)
    assert ended == refusal(Reason.TASK_COMPLETED)


async def test_a_level_is_the_sessions_from_now_on(world: SimulatedWorld, task: SimulatedTask) -> None:
    """MCP 2025-11-25, `server/utilities/logging`."""
    reply = await world.answer(message("logging/setLevel", {"level": "error"}), bearer=task.token)
    assert (result_of(reply), reply.effect) == ({}, "error")
    wrong = await world.answer(message("logging/setLevel", {"level": "loud"}), bearer=task.token)
    assert error_of(wrong)["code"] == -32602
    assert await world.answer(message("logging/setLevel", {"level": "error"})) == refusal(Reason.NO_CREDENTIAL)


@promise("P3")
async def test_a_prompt_that_drifted_does_not_exist_any_more(world: SimulatedWorld, task: SimulatedTask) -> None:
    """P3."""
    world.quarantine("files", "greet", ItemKind.PROMPT)
    reply = await world.answer(message("prompts/get", {"name": "files__greet"}), bearer=task.token)
    assert reply == refusal(Reason.UNKNOWN_PROMPT)
    assert await listed(world, "prompts/list", task.token) == []


@promise("P11")
@pytest.mark.parametrize("asked", ["completion/complete", "subscriptions/listen"])
async def test_nothing_is_held_open_for_what_has_no_second_round(
    world: SimulatedWorld, task: SimulatedTask, asked: str
) -> None:
    """MCP 2026-07-28, MRTR: calls of tools, prompts and reads alone are made again."""
    params: dict[str, JsonObject] = {
        "completion/complete": {
            "ref": {"type": "ref/prompt", "name": "files__greet"},
            "argument": {"name": "who", "value": "a"},
        },
        "subscriptions/listen": {"notifications": {"resourceSubscriptions": ["log://now"]}},
    }
    able: JsonObject = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    question = Ask(
        method=AskMethod.ELICIT, params={"message": "?", "requestedSchema": {"type": "object"}}, size_bytes=60
    )
    world.tool_server.asks = [question]
    await world.answer(enveloped(asked, params[asked], meta=able), bearer=task.token)
    assert [error["code"] for error in world.tool_server.told_errors] == [-32601]
    back: JsonObject = {"resultType": "input_required", "requestState": "s"}
    world.tool_server.asks = []
    for key in ("files/greet", "files/log://now"):
        world.tool_server.answer_with(key, back)
    reply = await world.answer(enveloped(asked, params[asked], meta=able), bearer=task.token)
    outcome = world.ledger.last.outcome
    assert outcome is not None
    assert (outcome.entry["outcome"], outcome.entry["reason"]) == ("REFUSED", "TOOL_SERVER_INVALID")
    assert "input_required" not in str(reply.body)
