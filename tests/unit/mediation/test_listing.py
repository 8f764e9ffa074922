"""Listings: what is pinned and visible, from the pin, byte for byte; or a refusal in words.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject, canonical_bytes
from mediator.mediation.listing import find_offering
from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.arrivals import enveloped, message
from tests.simulated.pins import approved, loaded, manifest_of, signed
from tests.simulated.world import (
    MAIL_SEND,
    WEATHER_READ,
    SimulatedWorld,
    error_of,
    owned,
    refusal,
    result_of,
    tools_list,
)


@pytest.fixture
def world() -> SimulatedWorld:
    world = SimulatedWorld()
    world.pin(WEATHER_READ, MAIL_SEND, owned("mail/read", "folder"), owned("archive/find", "text"))
    return world


async def names(world: SimulatedWorld, bearer: str, server: str | None = None) -> list[str]:
    reply = await world.answer(tools_list(), bearer=bearer, server=server)
    return [tool["name"] for tool in result_of(reply)["tools"]]


@promise("P2", "P3")
async def test_what_matches_the_grant_is_listed_whether_or_not_its_effect_is_covered(world: SimulatedWorld) -> None:
    """Design 5.7, visible: the refusal of a call then is readable."""
    task = world.open_task(tools=["mail/*", "weather/read"])
    assert await names(world, task.token) == ["mail__read", "mail__send", "weather__read"]
    everything = world.open_task(tools="*")
    assert await names(world, everything.token) == ["archive__find", "mail__read", "mail__send", "weather__read"]


async def test_a_servers_own_endpoint_lists_its_tools_under_their_own_names(world: SimulatedWorld) -> None:
    """Design 5.2."""
    task = world.open_task()
    assert await names(world, task.token, "mail") == ["read", "send"]


@promise("P3", "P4")
async def test_what_was_pinned_later_quarantined_or_hidden_is_not_listed(world: SimulatedWorld) -> None:
    """P3; design 5.6: patterns are closed at granting."""
    task = world.open_task()
    world.pin(owned("mail/forward", "to"))
    world.quarantine("mail", "send")
    assert await names(world, task.token, "mail") == ["read"]
    world.activate(
        '@id("only-weather") @reason("only the weather") permit (principal, action == Mediator::Action::"list", resource)'
        ' when { resource in Mediator::Server::"weather" };'
    )
    assert await names(world, task.token) == ["weather__read"]


@promise("P2")
@pytest.mark.parametrize("server", [None, "weather"])
async def test_a_definition_is_shown_byte_for_byte(world: SimulatedWorld, server: str | None) -> None:
    """P2: what differs is the assigned name on `/mcp`, and nothing else."""
    task = world.open_task(tools="weather/*")
    shown: JsonObject = {**WEATHER_READ.definition, "name": "weather__read" if server is None else "read"}
    for asked in (tools_list(), message("tools/list")):
        reply = await world.answer(asked, bearer=task.token, server=server)
        assert b'"tools":[' + canonical_bytes(shown) + b"]" in (reply.body or b"")


@promise("P11")
async def test_who_is_frozen_is_told_so(world: SimulatedWorld) -> None:
    """Design 5.7: never an empty list in place of a refusal."""
    task = world.open_task()
    world.freeze("agent:planner")
    for asked in (tools_list(), enveloped("server/discover")):
        assert await world.answer(asked, bearer=task.token) == refusal(Reason.FROZEN)


async def test_there_is_one_page_and_no_cursor_of_ours(world: SimulatedWorld) -> None:
    """MCP, pagination: an invalid cursor is -32602."""
    task = world.open_task()
    reply = await world.answer(enveloped("tools/list", {"cursor": "2"}), bearer=task.token)
    assert error_of(reply)["code"] == -32602
    assert reply == refusal(Reason.MALFORMED)


@promise("P2")
async def test_pinned_instructions_are_given_where_their_server_speaks_and_to_who_sees_a_tool_of_it() -> None:
    """P2: text offered live never reaches an agent; and one server's text does not speak over another's tools."""
    world = SimulatedWorld()
    manifest = manifest_of(WEATHER_READ.definition, server="weather")
    envelope = signed({**manifest, "instructions": "Ask for a city."})
    pins, problems = loaded(approved(envelope, "weather"), {"weather": envelope})
    assert problems == ()
    world._put_in_force(pins)
    task, blind = world.open_task(), world.open_task(tools="mail/*")
    for asked in (enveloped("server/discover"), message("initialize", {"protocolVersion": "2025-11-25"})):
        reply = await world.answer(asked, bearer=task.token, server="weather")
        assert result_of(reply)["instructions"] == "Ask for a city."
        assert "instructions" not in result_of(await world.answer(asked, bearer=task.token))
        hidden = await world.answer(asked, bearer=blind.token, server="weather")
        unknown = await world.answer(asked, bearer=blind.token, server="nobody-knows")
        assert hidden == unknown == refusal(Reason.METHOD_NOT_ALLOWED)
        assert hidden.body == unknown.body


@promise("P3", "P11")
@pytest.mark.parametrize("server", ["mail", "nobody-knows"])
async def test_a_server_of_which_a_caller_sees_nothing_is_no_empty_list_and_is_like_one_that_is_not_there(
    world: SimulatedWorld, server: str
) -> None:
    """Design 5.7: never an empty list in place of a refusal; never a name that the caller could not know."""
    task = world.open_task(tools="weather/*")
    modern = await world.answer(tools_list(), bearer=task.token, server=server)
    legacy = await world.answer(message("tools/list"), bearer=task.token, server=server)
    assert (modern.status, error_of(modern)["code"]) == (404, -32601)
    assert (legacy.status, error_of(legacy)["code"]) == (200, -32601)
    assert error_of(modern) == error_of(await world.answer(tools_list(), bearer=task.token, server="nobody-knows"))


def test_instructions_are_looked_for_in_the_pins_alone() -> None:
    """Ours: the function takes no tool server."""
    assert "tool_servers" not in find_offering.__annotations__
