"""Subscriptions to the resources of one process, in both eras.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mediator.inspection.result import ToolResult, Waiting
from mediator.refusal import Reason, Refused
from mediator.wire.methods import CallMethod
from tests.promises import promise
from tests.simulated.stdio_talk import LIMITS, Talk, asks, until

RESOURCES: Final = [{"uri": uri, "name": uri} for uri in ("a://1", "a://2")]


def updated(uri: Any = "a://1") -> str:
    return json.dumps({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}) + "\n"


class Subscriber(Talk):
    """A talk of a server with two resources, in which a task subscribes and leaves."""

    def __init__(self, folder: Path, era: str, **fields: Any) -> None:
        super().__init__(folder, era=era, resources=RESOURCES, **fields)

    async def change(self, method: CallMethod, uri: str, **more: Any) -> ToolResult:
        arguments = json.dumps({"uri": uri}).encode()
        result = await self.make(method, arguments, name=uri, **more)
        assert isinstance(result, ToolResult)
        return result

    async def subscribe(self, uri: str = "a://1", **more: Any) -> ToolResult:
        return await self.change(CallMethod.SUBSCRIBE, uri, **more)

    async def unsubscribe(self, uri: str = "a://1", **more: Any) -> ToolResult:
        return await self.change(CallMethod.UNSUBSCRIBE, uri, **more)

    @property
    def listened(self) -> list[tuple[Any, list[str]]]:
        """The id of each request to listen, and to what."""
        return [
            (one.message["id"], one.params["notifications"]["resourceSubscriptions"])
            for one in self.server.arrived
            if one.method == "subscriptions/listen"
        ]


# --- in both eras ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_who_has_subscribed_hears_of_it_until_it_leaves(tmp_path: Path, era: str) -> None:
    """MCP resources: what was updated may be a part of what was subscribed to."""
    says = {"tools/call": [updated(), updated("a://1/part"), updated("a://12"), updated(7), "answer"]}
    async with Subscriber(tmp_path, era, on=says) as talk:
        await talk.begin()
        assert (await talk.call()).noise == 4
        assert (await talk.subscribe()).result == {}
        assert (await talk.call()).noise == 2
        assert talk.updated == ["a://1", "a://1/part"]
        assert (await talk.unsubscribe()).result == {}
        assert (await talk.call()).noise == 4
        assert len(talk.updated) == 2


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_the_server_does_not_honour_is_an_error(tmp_path: Path, era: str) -> None:
    """MCP: it says so, by an error or by leaving it out."""
    async with Subscriber(tmp_path, era, on={"tools/call": [updated("a://3"), "answer"]}) as talk:
        await talk.begin()
        result = await talk.subscribe("a://3")
        assert result.error is not None
        assert result.error["code"] == (-32002 if era == "legacy" else -32602)
        assert (await talk.call()).noise == 1


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_two_tasks_hear_of_stays_until_the_last_leaves(tmp_path: Path, era: str) -> None:
    """Ours: they may share a process."""
    async with Subscriber(tmp_path, era, on={"tools/call": [updated(), "answer"]}) as talk:
        await talk.begin()
        sprung: list[str] = []
        await talk.subscribe(task="one")
        await talk.subscribe(task="two", spring=lambda: sprung.append("in"))
        assert (await talk.unsubscribe(task="one", spring=lambda: sprung.append("out"))).result == {}
        await talk.call()
        assert (talk.updated, sprung) == (["a://1"], ["in", "out"])
        talk.conversation.forget_task("two")
        await talk.call()
        assert talk.updated == ["a://1"]


@promise("P1")
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("change", [Subscriber.subscribe, Subscriber.unsubscribe])
async def test_nothing_is_said_where_the_permit_does_not_spring(tmp_path: Path, era: str, change: Any) -> None:
    """Ours: a subscription is a call like any other."""

    def fence() -> None:
        raise Refused(Reason.UNKNOWN_RESOURCE)

    async with Subscriber(tmp_path, era) as talk:
        await talk.begin()
        with pytest.raises(Refused) as caught:
            await change(talk, spring=fence)
        assert caught.value.reason is Reason.UNKNOWN_RESOURCE
        await talk.call()
    assert not {"subscriptions/listen", "resources/subscribe", "resources/unsubscribe"} & {*talk.server.methods}


# --- the legacy era --------------------------------------------------------------------------------------------------


async def test_what_is_said_of_it_with_the_answer_is_heard(tmp_path: Path) -> None:
    """Ours: nobody has looked at the answer yet."""
    line = '{"jsonrpc":"2.0","id":{id},"result":{}}\n' + updated()
    async with Subscriber(tmp_path, "legacy", on={"resources/subscribe": [line]}) as talk:
        await talk.begin()
        await talk.subscribe()
        await until(lambda: talk.updated)


async def test_a_subscription_in_whose_course_is_asked_counts(tmp_path: Path) -> None:
    """Ours: it may be answered any time."""
    says = {"resources/subscribe": [asks(), "await", "answer"], "tools/call": [updated(), "answer"]}
    async with Subscriber(tmp_path, "legacy", on=says) as talk:
        await talk.begin()
        waiting = await talk.make(CallMethod.SUBSCRIBE, b'{"uri":"a://1"}', name="a://1")
        assert isinstance(waiting, Waiting)
        await talk.resume(waiting, {})
        await talk.call()
        assert talk.updated == ["a://1"]


# --- the modern era --------------------------------------------------------------------------------------------------


async def test_one_request_listens_to_all_and_is_made_anew_when_they_change(tmp_path: Path) -> None:
    """MCP 2026-07-28 subscriptions: the old one goes when the new one is acknowledged."""
    async with Subscriber(tmp_path, "modern") as talk:
        await talk.begin()
        await talk.subscribe()
        await talk.subscribe("a://2")
        await talk.unsubscribe()
        await talk.unsubscribe("a://2")
        await talk.call()
        assert [uris for _, uris in talk.listened] == [["a://1"], ["a://1", "a://2"], ["a://2"]]
        assert talk.cancelled == [request_id for request_id, _ in talk.listened]
        assert talk.open_exchanges == []


async def test_a_server_that_says_when_its_lists_change_is_listened_to_from_the_beginning(tmp_path: Path) -> None:
    """MCP 2026-07-28 subscriptions: it says so to nobody else; without a resource that stays, and is waited for by nobody."""
    changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'
    says = {"tools/call": [changed, "answer"]}
    async with Subscriber(tmp_path, "modern", says_changes=True, on=says) as talk:
        await talk.begin()
        talk.conversation.freshness.settle(talk.conversation.began, None)
        assert not talk.conversation.freshness.is_due()
        await talk.call()
        assert talk.conversation.freshness.is_due()
        await talk.subscribe()
        await talk.unsubscribe()
        assert (await talk.call()).noise == 1  # what is said of a list belongs to no call; an acknowledgement is of use
        assert [uris for _, uris in talk.listened] == [[], ["a://1"], []]
        assert talk.cancelled == [request_id for request_id, _ in talk.listened[:2]]


async def test_in_the_legacy_era_it_says_so_without_being_asked(tmp_path: Path) -> None:
    """MCP 2025-11-25: a notification in the session."""
    async with Subscriber(tmp_path, "legacy", says_changes=True) as talk:
        await talk.begin()
        await talk.call()
        assert talk.listened == []


async def test_a_server_that_does_not_listen_answers_with_its_own_error(tmp_path: Path) -> None:
    """MCP: `subscriptions/listen` may be unknown."""
    error = '{"jsonrpc":"2.0","id":{id},"error":{"code":-32601,"message":"no"}}\n'
    async with Subscriber(tmp_path, "modern", on={"subscriptions/listen": [error]}) as talk:
        await talk.begin()
        result = await talk.subscribe()
        assert result.error == {"code": -32601, "message": "no"}
        assert talk.cancelled == []


async def test_a_server_that_ends_the_listening_is_asked_again(tmp_path: Path) -> None:
    """MCP: a graceful end is a result; the next that subscribes listens for all."""
    ends = '{"jsonrpc":"2.0","id":6,"result":{"resultType":"complete"}}\n'
    async with Subscriber(tmp_path, "modern", on={"tools/call": [ends, "answer"]}) as talk:
        await talk.begin()
        await talk.subscribe()
        assert talk.listened[0][0] == 6
        await talk.call()
        await talk.subscribe()
        assert [uris for _, uris in talk.listened] == [["a://1"], ["a://1"]]
        assert talk.cancelled == []


@promise("P7")
@pytest.mark.parametrize("about", ["true", '"{id}"', "1", "null"])
async def test_an_acknowledgement_of_something_else_is_none(tmp_path: Path, about: str) -> None:
    """MCP: each message bears the id of its request."""
    params = f'{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{about}}},"notifications":{{}}}}'
    line = f'{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{params}}}\n'
    async with Subscriber(tmp_path, "modern", on={"subscriptions/listen": [line]}) as talk:
        await talk.begin()
        with pytest.raises(Refused) as caught:
            await talk.subscribe(within_seconds=0.05)
        assert caught.value.reason is Reason.DEADLINE_PASSED
        await talk.server.until(lambda: talk.cancelled)
        assert talk.open_exchanges == []


async def test_an_acknowledgement_that_comes_too_late_is_dropped(tmp_path: Path) -> None:
    """Ours: nobody waits for it any more."""
    params = '{"_meta":{"io.modelcontextprotocol/subscriptionId":6},"notifications":{}}'
    line = f'{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{params}}}\n'
    says = {"subscriptions/listen": ["hang"], "tools/call": [line, "answer"]}
    async with Subscriber(tmp_path, "modern", on=says) as talk:
        await talk.begin()
        with pytest.raises(Refused):
            await talk.subscribe(within_seconds=0.05)
        assert talk.listened[0][0] == 6
        assert (await talk.call()).noise == 1


async def test_a_caller_that_hangs_up_leaves_what_was_listened_to_before(tmp_path: Path) -> None:
    """Ours: the new request goes, the old one stays."""
    async with Subscriber(tmp_path, "modern", follows=True) as talk:
        await talk.begin()
        await talk.subscribe()
        talk.server.misbehave(on={"subscriptions/listen": ["hang"], "tools/call": [updated(), "answer"]})
        async with anyio.create_task_group() as calling:
            calling.start_soon(talk.subscribe, "a://2")
            await talk.server.until(lambda: len(talk.listened) == 2)
            calling.cancel_scope.cancel()
        await talk.call()
        assert (talk.cancelled, talk.updated) == ([talk.listened[1][0]], ["a://1"])


@promise("P11")
async def test_a_process_that_dies_while_it_listens_is_unavailable(tmp_path: Path) -> None:
    """Ours."""
    async with Subscriber(tmp_path, "modern", on={"tools/call": ["exit"]}) as talk:
        await talk.begin()
        await talk.subscribe()
        assert await talk.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        await talk.has_ended()
        with pytest.raises(Refused) as caught:
            await talk.subscribe("a://2")
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        await until(lambda: not talk.open_exchanges)


@promise("P1", "P4")
async def test_what_no_grant_stands_behind_any_more_is_not_said_again(tmp_path: Path) -> None:
    """Ours: a new set is said under one permit; each of the others passes the fence once more."""

    def gone() -> None:
        raise Refused(Reason.GRANT_REVOKED)

    async with Subscriber(tmp_path, "modern") as talk:
        await talk.begin()
        await talk.subscribe("a://1", task="one", check=gone)
        await talk.subscribe("a://2", task="two")
        assert [uris for _, uris in talk.listened] == [["a://1"], ["a://2"]]


@promise("P11")
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_what_is_subscribed_to_is_bounded_and_the_oldest_makes_room(tmp_path: Path, era: str) -> None:
    """Ours: each change says the whole set once more, so a set without end would cost without end."""
    async with Subscriber(
        tmp_path,
        era,
        limits=replace(LIMITS, subscribed_max=1),
        on={"tools/call": [updated("a://1"), updated("a://2"), "answer"]},
    ) as talk:
        await talk.begin()
        for uri in ("a://1", "a://2", "a://2"):
            await talk.subscribe(uri, task="one")
        await talk.call()
        assert talk.updated == ["a://2"]
