"""MCP with one process, many calls at once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import HearingLimits
from mediator.wire.methods import Era
from tests.promises import promise
from tests.simulated.stdio_talk import LIMITS, Talk

ANSWER: Final = '{"jsonrpc":"2.0","id":{id},"result":{"content":[]}}\n'


# --- the handshake ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server_era", "era", "methods"),
    [
        ("legacy", None, ["initialize", "notifications/initialized", "tools/list"]),
        ("modern", None, ["initialize", "server/discover", "tools/list"]),
        ("both", None, ["initialize", "notifications/initialized", "tools/list"]),
        ("both", Era.MODERN, ["server/discover", "tools/list"]),
        ("legacy", Era.LEGACY, ["initialize", "notifications/initialized", "tools/list"]),
    ],
)
async def test_the_older_way_is_tried_first_unless_an_era_is_configured(
    tmp_path: Path, server_era: str, era: Era | None, methods: list[str]
) -> None:
    """MCP 2026-07-28, versioning: over stdio there is no status to tell by."""
    talk = Talk(tmp_path, talk_era=era)
    talk.server.script.era = server_era  # type: ignore[assignment]  # a parameter's text
    talk.server.save()
    async with talk:
        introduction = await talk.begin()
    assert talk.server.methods == methods
    assert introduction.tongue.era is (era or (Era.MODERN if server_era == "modern" else Era.LEGACY))


HANDSHAKES: Final = {
    "no version": {"initialize": ['{"jsonrpc":"2.0","id":{id},"result":{}}\n']},
    "a version of another world": {"initialize": ['{"jsonrpc":"2.0","id":{id},"result":{"protocolVersion":"9"}}\n']},
    "neither way": {
        "initialize": ['{"jsonrpc":"2.0","id":{id},"error":{"code":-32601}}\n'],
        "server/discover": ['{"jsonrpc":"2.0","id":{id},"error":{"code":-32601}}\n'],
    },
    "nonsense": {"initialize": ['{"jsonrpc":"2.0","id":{id},"result":\n']},
    "noise without end": {"initialize": ["flood-stdout"]},
}


@promise("P7", "P11")
@pytest.mark.parametrize("on", HANDSHAKES.values(), ids=HANDSHAKES.keys())
async def test_a_handshake_that_fails_is_refused(tmp_path: Path, on: dict[str, list[str]]) -> None:
    """MCP lifecycle, and ours."""
    async with Talk(tmp_path, on=on) as talk:
        with pytest.raises(Refused) as caught:
            await talk.begin()
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID


@promise("P11")
@pytest.mark.parametrize("on", [{"*start*": ["exit"]}, {"initialize": ["exit"]}, {"tools/list": ["exit"]}])
async def test_a_process_that_ends_in_its_handshake_is_unavailable(tmp_path: Path, on: dict[str, list[str]]) -> None:
    """Ours."""
    async with Talk(tmp_path, on=on) as talk:
        with pytest.raises(Refused) as caught:
            await talk.begin()
        assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
        await talk.has_ended()


async def test_a_version_that_is_refused_and_named_is_tried_once_more(tmp_path: Path) -> None:
    """MCP 2026-07-28, versioning: the client selects one of the versions that are named; ours: once."""
    refusal = '{"jsonrpc":"2.0","id":{id},"error":{"code":-32022,"message":"m","data":{"supported":["2026-07-28"]}}}\n'
    async with Talk(tmp_path, talk_era=Era.MODERN, on={"server/discover": [refusal]}) as talk:
        with pytest.raises(Refused) as caught:
            await talk.begin()
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID
    assert talk.server.methods == ["server/discover"] * 2


async def test_a_call_before_the_handshake_is_our_own_mistake(tmp_path: Path) -> None:
    """Ours."""
    async with Talk(tmp_path) as talk:
        assert await talk.refused() is Reason.INTERNAL
        with pytest.raises(Refused) as caught:
            await talk.conversation.introduce()
        assert caught.value.reason is Reason.INTERNAL


# --- what is nobody's answer -----------------------------------------------------------------------------------------


async def test_what_is_no_message_is_dropped_and_counted(tmp_path: Path) -> None:
    """Ours: servers print; MCP says that they must not."""
    noise = [
        "starting up\n",
        "\n",
        '{"level":"info"}\n',
        "[1]\n",
        '{"jsonrpc":"2.0","id":null,"error":{}}\n',
        "\udcff\n",
    ]
    async with Talk(tmp_path, on={"tools/call": [*noise, ANSWER]}) as talk:
        await talk.begin()
        answer = await talk.call()
        assert (answer.result, answer.noise) == ({"content": []}, 6)
        assert (await talk.call()).noise == 6  # counted from one answer to the next


@promise("P7")
async def test_an_answer_that_came_before_its_request_is_dropped(tmp_path: Path) -> None:
    """Ours: nobody waits for that id yet."""
    early = '{"jsonrpc":"2.0","id":3,"result":{"forged":true}}\n'
    async with Talk(tmp_path, on={"tools/list": [early, "answer"]}) as talk:
        await talk.begin()
        answer = await talk.call(b'{"text":"x"}')
    assert talk.server.calls[0].message["id"] == 3
    assert answer.result is not None
    assert answer.result["structuredContent"] == {"text": "x"}


async def test_of_two_answers_the_first_stands(tmp_path: Path) -> None:
    """Ours: then nobody waits for that id any more."""
    second = '{"jsonrpc":"2.0","id":{id},"result":{"second":true}}\n'
    async with Talk(tmp_path, on={"tools/call": [ANSWER, second]}) as talk:
        await talk.begin()
        assert (await talk.call()).result == {"content": []}
        assert (await talk.call()).result == {"content": []}


async def test_an_answer_that_comes_too_late_is_dropped(tmp_path: Path) -> None:
    """Ours: its caller has gone, and the process was told."""
    async with Talk(tmp_path, on={"tools/call": ["hang"], "notifications/cancelled": []}) as talk:
        await talk.begin()
        assert await talk.refused(within_seconds=0.05) is Reason.DEADLINE_PASSED
        await talk.server.until(lambda: "notifications/cancelled" in talk.server.methods)
    assert talk.server.arrived[-1].params == {"requestId": talk.server.calls[0].message["id"]}


@promise("P7")
@pytest.mark.parametrize("what", [["flood-stdout"], ["x\n" * 30], ["x" * 19_000 + "\n" + "x" * 2000 + "\n"]])
async def test_a_process_that_says_too_much_is_ended(tmp_path: Path, what: list[str]) -> None:
    """Ours: by number and by size."""
    async with Talk(tmp_path, on={"tools/call": what}) as talk:
        await talk.begin()
        assert await talk.refused() is Reason.TOOL_SERVER_INVALID
        await talk.has_ended()
        assert await talk.refused() is Reason.TOOL_SERVER_INVALID  # it does not come back


async def test_a_line_beyond_all_limits_ends_the_process(tmp_path: Path) -> None:
    """Ours: nobody can say whose answer it was."""
    async with Talk(tmp_path, on={"tools/call": ["x" * 60_000]}) as talk:
        await talk.begin()
        assert await talk.refused() is Reason.RESULT_TOO_LARGE
        await talk.has_ended()


async def test_an_answer_beyond_its_own_limit_fails_its_own_call(tmp_path: Path) -> None:
    """Design 5.4."""
    large = '{"jsonrpc":"2.0","id":{id},"result":{"x":"' + "y" * 200 + '"}}\n'
    async with Talk(tmp_path, on={"tools/call": [large]}) as talk:
        await talk.begin()
        assert await talk.refused(result_bytes_max=100) is Reason.RESULT_TOO_LARGE
        assert (await talk.call()).result == {"x": "y" * 200}


@promise("P11")
async def test_what_was_meant_as_a_message_and_is_none_fails_whoever_waits(tmp_path: Path) -> None:
    """Ours: better all of one process's callers at once than each at its deadline."""
    broken = '{"jsonrpc":"2.0","id":{id},"result":{"a":1,"a":2}}\n'
    async with Talk(tmp_path, on={"tools/call": ["hang"], "ping": [broken]}) as talk:
        await talk.begin()
        reasons: list[Reason] = []

        async def call() -> None:
            reasons.append(await talk.refused())

        async with anyio.create_task_group() as calling:
            calling.start_soon(call)
            calling.start_soon(call)
            await talk.server.until(lambda: len(talk.server.calls) == 2)
            talk.conversation._link._child.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
        assert reasons == [Reason.TOOL_SERVER_INVALID] * 2
        await talk.has_ended()


# --- processes that die, or do not listen ----------------------------------------------------------------------------


@promise("P11")
async def test_a_process_that_dies_in_a_call_fails_that_call(tmp_path: Path) -> None:
    """Ours."""
    async with Talk(tmp_path, on={"tools/call": ["exit"]}) as talk:
        await talk.begin()
        assert await talk.refused() is Reason.TOOL_SERVER_UNAVAILABLE
        await talk.has_ended()
        assert await talk.refused() is Reason.TOOL_SERVER_UNAVAILABLE


@promise("P1")
async def test_a_call_to_a_process_that_does_not_read_is_refused_before_its_first_byte(tmp_path: Path) -> None:
    """Ours: what stands in our memory is bounded."""
    async with Talk(tmp_path, on={"tools/call": ["deaf"]}) as talk:
        await talk.begin()
        sprung: list[int] = []
        large = b'{"text":"' + b"x" * 400_000 + b'"}'
        assert await talk.refused(arguments=large, within_seconds=0.05) is Reason.DEADLINE_PASSED
        assert await talk.refused(arguments=large, within_seconds=0.05) is Reason.DEADLINE_PASSED
        assert await talk.refused(spring=lambda: sprung.append(1)) is Reason.TOOL_SERVER_UNAVAILABLE
        assert sprung == []


@promise("P7")
@pytest.mark.parametrize("method", ["elicitation/create", "x/y", "ping"])
async def test_one_that_asks_and_asks_and_reads_no_answer_is_ended(tmp_path: Path, method: str) -> None:
    """Ours: what stands in our memory is bounded."""
    asks = f'{{"jsonrpc":"2.0","id":"s","method":"{method}"}}\n'
    limits = StdioLimits(hearing=HearingLimits(), unread_bytes_max=1000, eof_seconds=0.05)
    async with Talk(tmp_path, limits=limits, on={"tools/call": [asks * 5000, "deaf"]}) as talk:
        talk.aside.error = {"code": -1, "message": "no"}
        await talk.begin()
        assert await talk.refused() is Reason.TOOL_SERVER_INVALID
        await talk.has_ended()


@promise("P11")
async def test_a_flood_on_stderr_keeps_nobody_from_an_answer(tmp_path: Path) -> None:
    """The issue: stderr is bounded; the last of it is kept for an operator."""
    async with Talk(tmp_path, on={"tools/call": ["flood-stderr"]}) as talk:
        await talk.begin()
        assert (await talk.call(b'{"text":"x"}')).noise == 0
        assert 0 < len(talk.conversation.last_words) <= LIMITS.stderr_bytes_kept
