"""Sessions: whose they are, how long their credential lives, and what is over when they are.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator
from mediator.assembly.sessions import TaskCredential, open_session, parse_started_by
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_json
from mediator.delegation.grant import GrantState
from mediator.identity.identify import identify
from mediator.refusal import Refused
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.opened import BASE_URL, asks, opened, task_subject
from tests.simulated.replies import tools_list

SECONDS = 5


class Host:
    """A local host: what it says in lines, and what it is answered."""

    def __init__(self, *messages: JsonObject) -> None:
        self._left = [canonical_bytes(message) + b"\n" for message in messages]
        self.answers: list[Json] = []

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.lowlevel.checkpoint()
        if not self._left:
            raise anyio.EndOfStream
        assert len(self._left[0]) <= max_bytes
        return self._left.pop(0)

    async def send(self, item: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        self.answers += [parse_json(line) for line in item.splitlines()]

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


def hello(mediator: Mediator) -> JsonObject:
    """A hello of the profile's own key."""
    subject = task_subject(minutes=60, idle_minutes=30)
    return {"op": "stdio", "statement": asks(mediator, subject, who="assistant", kind="agent").decode()}


@promise("P5", "P9")
async def test_a_session_by_the_profile_s_key_has_a_task_that_ends_with_it(mediator: Mediator) -> None:
    """P5: the task is open while the host speaks, and completed when it has said all."""
    session = await open_session(mediator, hello(mediator))
    (stored,) = mediator.store.list_grants()
    assert (stored.grant.state, stored.grant.agent) == (GrantState.OPEN, "assistant")
    host = Host(tools_list())
    with anyio.fail_after(SECONDS):
        await session(host, host)  # type: ignore[arg-type]  # both halves of a stream, by their methods
    (answer,) = host.answers
    assert isinstance(answer, dict)
    assert isinstance(answer["result"], dict)
    assert answer["result"]["tools"] == []
    ended = mediator.store.find_grant(stored.grant.id)
    assert ended is not None
    assert ended.state is GrantState.COMPLETED


@promise("P5")
async def test_a_session_that_is_cut_off_completes_its_task_too(mediator: Mediator) -> None:
    """P5: also when the mediator is told to end while a host is connected."""
    session = await open_session(mediator, hello(mediator))
    sending, receiving = anyio.create_memory_object_stream[bytes](1)
    async with sending, receiving, anyio.create_task_group() as serving:

        async def serve() -> None:
            await session(receiving, sending)

        serving.start_soon(serve)
        await anyio.wait_all_tasks_blocked()
        serving.cancel_scope.cancel()
    (stored,) = mediator.store.list_grants()
    assert stored.grant.state is GrantState.COMPLETED


@promise("P5")
async def test_a_session_with_a_token_opens_nothing_and_completes_nothing(mediator: Mediator) -> None:
    """Ours: the task is somebody else's; its owner completes it."""
    task = mediator.desk.open(asks(mediator, task_subject())).id
    token, _ = mediator.desk.token(task)
    session = await open_session(mediator, {"op": "stdio", "token": token.reveal()})
    host = Host(tools_list())
    with anyio.fail_after(SECONDS):
        await session(host, host)  # type: ignore[arg-type]  # both halves of a stream, by their methods
    assert isinstance(host.answers[0], dict)
    assert "result" in host.answers[0]
    (stored,) = mediator.store.list_grants()
    assert (stored.grant.id, stored.grant.state) == (task, GrantState.OPEN)


@promise("P7")
async def test_a_session_with_a_token_that_is_none_is_told_so_at_each_message(mediator: Mediator) -> None:
    """P7: bytes are let in, calls are not."""
    session = await open_session(mediator, {"token": "no token"})
    host = Host(tools_list())
    with anyio.fail_after(SECONDS):
        await session(host, host)  # type: ignore[arg-type]  # both halves of a stream, by their methods
    assert "BAD_CREDENTIAL" in str(host.answers)


@pytest.mark.parametrize("nonsense", [{}, {"op": "stdio"}, {"token": None}, {"statement": 1}, {"statement": "{}"}])
async def test_a_hello_that_says_nothing_opens_nothing(mediator: Mediator, nonsense: JsonObject) -> None:
    """P7."""
    with pytest.raises(Refused):
        await open_session(mediator, nonsense)
    assert mediator.store.list_grants() == ()


@promise("P5")
async def test_a_session_s_credential_is_made_afresh_before_it_ends(mediator: Mediator) -> None:
    """Ours: a session lives a working day, a token a quarter of an hour; at half of its life it is renewed."""
    clock = FixedClock(mediator.ports.clock.now_ms())
    desk = replace(mediator.desk, clock=clock)
    credential = TaskCredential(desk, desk.open(asks(mediator, task_subject(minutes=60))).id)
    keys, seen = mediator.trust.snapshot().keys, []
    for _ in range(118):
        token = credential()
        assert token is not None
        seen.append(token.reveal())
        claims = identify(token, keys, frozenset({BASE_URL}), clock.now_ms(), 0).claims
        assert claims.expires_at * 1000 > clock.now_ms()
        clock.advance(seconds=30)
    assert 8 <= len(set(seen)) <= 16  # each seven and a half minutes, and more often towards the task's end
    assert seen[0] == seen[14] != seen[15]


@promise("P5")
async def test_a_session_whose_task_is_over_keeps_its_last_token_which_says_so(mediator: Mediator) -> None:
    """Ours: the agent reads that its task was completed, not that it has no credential."""
    clock = FixedClock(mediator.ports.clock.now_ms())
    desk = replace(mediator.desk, clock=clock)
    task = desk.open(asks(mediator, task_subject(minutes=60))).id
    credential = TaskCredential(desk, task)
    token = credential()
    mediator.store.end_grant(task, GrantState.COMPLETED, "test")
    clock.advance(minutes=10)
    assert credential() is token
    assert TaskCredential(desk, task)() is None


STARTER: JsonObject = {"pid": 7, "executable": "sha256:" + 64 * "a", "uid": 1000}


@promise("P9")
async def test_what_started_a_session_is_on_record(home: Folder, mediator: Mediator) -> None:
    """Issue 6: beside who opened it; what is not known is left open."""
    for starter in (STARTER, STARTER | {"executable": None, "uid": None}):
        await open_session(mediator, hello(mediator) | {"started_by": starter})
        opened_now = [entry["body"] for entry in find_entries(home.ledger, Wanted(kind="task.opened")).entries][-1]
        assert isinstance(opened_now, dict)
        assert opened_now["started_by"] == starter


@pytest.mark.parametrize(
    "form",
    [
        "x",
        [],
        {},
        {"pid": 7},
        STARTER | {"pid": "7"},
        STARTER | {"pid": True},
        STARTER | {"uid": False},
        STARTER | {"executable": "/bin/sh"},
        STARTER | {"more": 1},
    ],
)
def test_a_process_is_told_in_one_form(form: Json) -> None:
    """Bad input: what stands in the record has a form."""
    assert parse_started_by(STARTER) == STARTER
    assert parse_started_by(None) is None
    with pytest.raises(Refused):
        parse_started_by(form)
