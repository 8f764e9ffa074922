"""How we hear tool servers: strictly, bounded, and with one refusal for nonsense.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import canonical_bytes
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.hearing import (
    Answer,
    HearingLimits,
    Listener,
    is_worth_another_discover,
    nonsense,
    read_discover,
    read_initialize,
    read_message,
    unavailable,
)
from mediator.wire.jsonrpc import Notification, Request
from mediator.wire.methods import Era
from tests.promises import promise

LIMITS: Final = HearingLimits()


def said(**fields: Any) -> bytes:
    return canonical_bytes({"jsonrpc": "2.0", **fields})


def listener(**limits: int) -> Listener:
    return Listener(request_id=7, result_bytes_max=1000, limits=HearingLimits(**limits))


def answered(result: Any = None, error: Any = None, size: int = 10) -> Answer:
    return Answer(result=result, error=error, size_bytes=size)


def reason_of(caught: pytest.ExceptionInfo[Refused]) -> Reason:
    return caught.value.reason


# --- one answer ------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_response_under_our_id() -> None:
    """JSON-RPC 2.0 §5."""
    raw = said(id=7, result={"content": []})
    assert listener().take(raw) == Answer(result={"content": []}, error=None, size_bytes=len(raw))


def test_an_error_is_an_answer_too_and_may_stand_under_null() -> None:
    """JSON-RPC 2.0 §5: the id is null where the request's id could not be read."""
    mine, nobodys = said(id=7, error={"code": -32602, "message": "m"}), said(id=None, error={"code": -32700})

    assert listener().take(mine) == answered(error={"code": -32602, "message": "m"}, size=len(mine))
    assert listener().take(nobodys) == answered(error={"code": -32700}, size=len(nobodys))


def test_what_is_no_answer_is_dropped_and_counted() -> None:
    """Ours: nothing that a server volunteers beside an answer to the mediator itself is of use to anybody."""
    hearing = listener()

    assert hearing.take(said(method="notifications/progress", params={"progress": 1})) is None
    assert hearing.take(said(id="q1", method="sampling/createMessage")) is None

    assert hearing.noise == 2


def test_what_is_heard_is_left_to_whoever_asked() -> None:
    """Ours: a call's notifications and questions are its caller's; nothing is counted here."""
    hearing = listener()
    note, ask = said(method="notifications/message", params={"data": 1}), said(id="q", method="roots/list")

    assert hearing.hear(note) == Notification(method="notifications/message", params={"data": 1})
    assert hearing.hear(ask) == Request(id="q", method="roots/list", params={})
    assert hearing.noise == 0


def test_what_is_told_has_a_limit_of_its_own() -> None:
    """Ours: thousands of progress notifications are no noise; a server that talks for ever is."""
    hearing = listener(told_max=2, noise_max=0)
    hearing.tell()
    hearing.tell()
    with pytest.raises(Refused) as caught:
        hearing.tell()
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonsense:
    raw: bytes
    reason: Reason = Reason.TOOL_SERVER_INVALID


NONSENSE: Final = {
    "another request's id": Nonsense(raw=said(id=8, result={})),
    "our id as a string": Nonsense(raw=said(id="7", result={})),
    "our id as true": Nonsense(raw=said(id=True, result={})),
    "a result under null": Nonsense(raw=said(id=None, result={})),
    "a result that is no object": Nonsense(raw=said(id=7, result=[])),
    "a result that is null": Nonsense(raw=said(id=7, result=None)),
    "a result and an error": Nonsense(raw=said(id=7, result={}, error={})),
    "neither": Nonsense(raw=said(id=7)),
    "an error that is no object": Nonsense(raw=said(id=7, error="no")),
    "no version": Nonsense(raw=b'{"id":7,"result":{}}'),
    "a batch": Nonsense(raw=b'[{"jsonrpc":"2.0","id":7,"result":{}}]'),
    "two answers": Nonsense(raw=said(id=7, result={}) + said(id=7, result={})),
    "the same key twice": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{"a":1,"a":2}}'),
    "the same key twice, on top": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{},"result":{"x":1}}'),
    "no UTF-8": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{"a":"\xff"}}'),
    "a lone surrogate": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{"a":"\\ud800"}}'),
    "NaN": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{"a":NaN}}'),
    "half an answer": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{'),
    "nothing": Nonsense(raw=b""),
    "depth without end": Nonsense(raw=b'{"jsonrpc":"2.0","id":7,"result":{"a":' + b"[" * 400 + b"]" * 400 + b"}}"),
    "too large": Nonsense(raw=said(id=7, result={"a": "x" * 1000}), reason=Reason.RESULT_TOO_LARGE),
}


@promise("P7")
@pytest.mark.parametrize("case", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused(case: Nonsense) -> None:
    """Ours, and JSON-RPC 2.0 where it is a matter of form."""
    with pytest.raises(Refused) as caught:
        listener().take(case.raw)
    assert reason_of(caught) is case.reason


def test_too_many_messages_beside_the_answer_are_refused() -> None:
    """Ours: a server that talks and talks costs its own call."""
    hearing = listener(noise_max=2)
    note = said(method="notifications/message")
    assert (hearing.take(note), hearing.take(note)) == (None, None)
    with pytest.raises(Refused) as caught:
        hearing.take(note)
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID


def test_that_its_lists_have_changed_is_heard_beside_the_answer() -> None:
    """MCP: `list_changed`, for tools, prompts and resources; it counts as noise like any other word."""
    heard: list[str] = []
    hearing = Listener(request_id=7, result_bytes_max=1000, limits=LIMITS, changed=lambda: heard.append("changed"))
    for what in ("tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated"):
        assert hearing.take(said(method=f"notifications/{what}")) is None
    assert (len(heard), hearing.noise) == (3, 4)
    quiet = listener()
    assert quiet.take(said(method="notifications/tools/list_changed")) is None


def test_too_many_bytes_beside_the_answer_are_refused() -> None:
    """Ours, as above."""
    with pytest.raises(Refused) as caught:
        listener(noise_bytes_max=10).drop(11)
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(raw: bytes) -> None:
    """House style: whatever the bytes, nothing but `Refused`."""
    try:
        read_message(raw, LIMITS)
    except Refused as stop:
        assert stop.reason is Reason.TOOL_SERVER_INVALID


def test_a_message_is_read_by_the_strict_reader() -> None:
    """Ours."""
    assert read_message(said(method="x"), LIMITS) == Notification(method="x", params={})


# --- who it is -------------------------------------------------------------------------------------------------------


def test_an_initialize_result_names_the_version_and_may_bring_instructions() -> None:
    """MCP lifecycle: the server answers with a version that it supports; we accept any legacy one that we know."""
    result = {"protocolVersion": "2024-11-05", "instructions": "hi", "serverInfo": {"name": "s"}}
    result |= {"capabilities": {"tools": {}, "prompts": {"listChanged": True}}}

    introduction = read_initialize(answered(result=result), "1")

    assert (introduction.tongue.era, introduction.tongue.version) == (Era.LEGACY, "2024-11-05")
    assert introduction.instructions == "hi"
    assert introduction.server_info == {"name": "s"}
    assert (sorted(introduction.capabilities), introduction.says_changes) == (["prompts", "tools"], True)
    assert (introduction.tools, introduction.ttl_ms) == ((), None)


@pytest.mark.parametrize("said", [None, {}, {"tools": {}}, {"tools": {"listChanged": 1}}, {"tools": True}])
def test_who_does_not_say_that_its_lists_change_does_not(said: Any) -> None:
    """MCP: `listChanged` is a boolean, and false where nothing is said."""
    result = {"protocolVersion": "2025-11-25", "capabilities": said}
    assert not read_initialize(answered(result=result), "1").says_changes


@pytest.mark.parametrize(
    "answer",
    [
        answered(error={"code": -32601}),
        answered(result={}),
        answered(result={"protocolVersion": 1}),
        answered(result={"protocolVersion": "2099-01-01"}),
        answered(result={"protocolVersion": "2026-07-28"}),
        answered(result={"protocolVersion": "2025-11-25", "instructions": 1}),
    ],
    ids=["error", "no version", "a number", "unknown", "the modern one", "instructions that are no text"],
)
def test_a_handshake_that_agrees_on_no_version_is_refused(answer: Answer) -> None:
    """MCP lifecycle: a client that does not support the server's version disconnects."""
    with pytest.raises(Refused) as caught:
        read_initialize(answer, "1")
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID


def test_a_discover_result_with_the_modern_version_is_the_modern_era() -> None:
    """MCP 2026-07-28, versioning."""
    result = {
        "supportedVersions": ["2025-11-25", "2026-07-28"],
        "instructions": "hi",
        "ttlMs": 5000,
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s"}},
    }

    introduction = read_discover(answered(result=result), "1")

    assert introduction is not None
    assert (introduction.tongue.era, introduction.tongue.version) == (Era.MODERN, "2026-07-28")
    assert introduction.instructions == "hi"
    assert introduction.server_info == {"name": "s"}
    assert (introduction.capabilities, introduction.ttl_ms) == (frozenset(), 5000)


def test_a_discover_result_without_identity_has_none() -> None:
    """MCP 2026-07-28: a server should identify itself, and need not."""
    introduction = read_discover(answered(result={"supportedVersions": ["2026-07-28"], "_meta": 1}), "1")
    assert introduction is not None
    assert introduction.server_info is None


@pytest.mark.parametrize(
    "answer",
    [
        answered(error={"code": -32601}),
        answered(error={"code": "x"}),
        answered(error={"code": -32022}),
        answered(error={"code": -32022, "data": {"supported": ["2025-11-25"]}}),
        answered(result={}),
        answered(result={"supportedVersions": "2026-07-28"}),
        answered(result={"supportedVersions": ["2025-11-25"]}),
    ],
    ids=["no method", "no code", "no data", "legacy only", "empty", "no list", "a list without it"],
)
def test_any_other_answer_to_discover_leads_to_initialize(answer: Answer) -> None:
    """MCP 2026-07-28, versioning: fall back unless the server is modern beyond doubt."""
    assert read_discover(answer, "1") is None


def test_a_modern_server_that_shares_no_version_is_refused() -> None:
    """MCP 2026-07-28, versioning: nothing to fall back to."""
    with pytest.raises(Refused) as caught:
        read_discover(answered(error={"code": -32022, "data": {"supported": ["2099-01-01"]}}), "1")
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (answered(error={"code": -32022, "data": {"supported": [1, "2026-07-28"]}}), True),
        (answered(error={"code": -32022, "data": {"supported": ["2025-11-25"]}}), False),
        (answered(error={"code": -32601, "data": {"supported": ["2026-07-28"]}}), False),
        (answered(result={"supportedVersions": ["2026-07-28"]}), False),
    ],
    ids=["names ours", "names an older one", "another error", "an answer"],
)
def test_a_server_that_refuses_our_version_and_names_it_may_be_asked_again(answer: Answer, again: bool) -> None:
    """MCP 2026-07-28, versioning: the client selects one of the versions that are named, and tries again."""
    assert is_worth_another_discover(answer) is again


def test_a_server_that_refuses_the_version_that_it_names_once_more_is_refused() -> None:
    """Ours: once; then it contradicts itself."""
    with pytest.raises(Refused) as caught:
        read_discover(answered(error={"code": -32022, "data": {"supported": ["2026-07-28"]}}), "1")
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID


def test_the_code_of_an_answer_is_its_errors_code() -> None:
    """Ours."""
    assert answered(result={}).error_code is None
    assert answered(error={"code": True}).error_code is None
    assert answered(error={"code": -1}).error_code == -1


def test_two_reasons_are_made_here() -> None:
    """Ours."""
    assert nonsense("x").reason is Reason.TOOL_SERVER_INVALID
    assert unavailable("x").reason is Reason.TOOL_SERVER_UNAVAILABLE


def test_a_message_of_more_values_than_are_read_is_nonsense_before_it_is_read() -> None:
    """Ours (P11): sixteen MiB of small numbers would keep everybody else waiting for a minute."""
    with pytest.raises(Refused) as stop:
        read_message(
            b'{"jsonrpc":"2.0","id":1,"result":{"x":[' + b"0," * 100 + b"0]}}", HearingLimits(json_values_max=99)
        )
    assert stop.value.reason is Reason.TOOL_SERVER_INVALID


# --- large ones ------------------------------------------------------------------------------------------------------


def test_what_is_over_the_threshold_and_not_too_large_is_better_looked_at_apart() -> None:
    """Design, part 7: 128 kB."""
    assert LIMITS.large_bytes == 128 * 1024
    hears = listener(large_bytes=10)
    assert [hears.is_large(b"x" * size) for size in (10, 11, 1000, 1001)] == [False, True, True, False]


@pytest.mark.parametrize("sight", [Sight.RESULT, Sight.ERROR])
def test_what_was_seen_to_be_the_answer_is_left_unread(sight: Sight) -> None:
    """Ours: the bytes are not even JSON here."""
    seen = Glance(sight=sight, id=7, code=5 if sight is Sight.ERROR else None)
    answer = listener().take(b"raw", seen)
    assert answer == Answer(result=None, error=None, size_bytes=3, raw=b"raw", glance=seen)
    assert (answer.is_error, answer.error_code) == (sight is Sight.ERROR, seen.code)


@promise("P7")
@pytest.mark.parametrize(
    "seen", [Glance(sight=Sight.RESULT, id=8), Glance(sight=Sight.RESULT), Glance(sight=Sight.ERROR, id=8)]
)
def test_what_was_seen_to_answer_another_request_is_nonsense(seen: Glance) -> None:
    """JSON-RPC 2.0 §5: under null stands an error alone."""
    with pytest.raises(Refused) as caught:
        listener().hear(b"raw", seen)
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID
    assert listener().take(b"raw", Glance(sight=Sight.ERROR)) is not None


def test_what_was_seen_to_be_no_result_is_read_up_to_a_bound() -> None:
    """Ours: as much as an agent may send."""
    other = Glance(sight=Sight.OTHER)
    raw = said(method="a", params={})
    assert listener().hear(raw, other) == Notification(method="a", params={})
    with pytest.raises(Refused) as caught:
        listener(other_bytes_max=len(raw) - 1).hear(raw, other)
    assert reason_of(caught) is Reason.TOOL_SERVER_INVALID


def test_what_could_not_be_looked_at_is_refused_for_that_reason() -> None:
    """Ours."""
    with pytest.raises(Refused) as caught:
        listener().hear(b"{}", Refused(Reason.OVERLOADED))
    assert reason_of(caught) is Reason.OVERLOADED
