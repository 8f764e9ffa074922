"""Tokens of another issuer that come again: after their task was revoked, after their time, in the name of one who is stopped.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from mediator.adapters.clock_system import SystemClock
from mediator.canonical import JsonObject
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.identity_provider import IdentityProvider
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import OWNER, Running, command, reason_in, running, started
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL: JsonObject = tools_call("a__echo", text="x")
AGENT = "corp:ci-bot"
OPENS = f'owner = "{OWNER}"'


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


def servers() -> dict[str, SimulatedToolServer]:
    return {"a": SimulatedToolServer(tools=[tool("echo")])}


def trusting(idp: IdentityProvider, more: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with (folder / "mediator.toml").open("a") as file:
            file.write(f'\n[[issuer]]\nname = "corp"\nissuer = "{idp.issuer}"\nkeys_url = "{idp.keys_url}"\n{more}\n')

    return write


@asynccontextmanager
async def a_mediator(tmp_path: Path, idp: IdentityProvider, more: str = OPENS) -> AsyncIterator[Running]:
    async with running(tmp_path, servers(), before_start=trusting(idp, more)) as mediator:
        mediator.mediator.published._rest_seconds = 0.01
        yield mediator


def port_of(mediator: Running) -> int:
    return int(mediator.url.rsplit(":", 1)[1])


def let_pass(mediator: Running, seconds: int) -> None:
    clock = mediator.mediator.ports.clock
    assert isinstance(clock, SystemClock)
    clock._last_ms = clock.now_ms() + seconds * 1000


def now(mediator: Running) -> int:
    return mediator.mediator.ports.clock.now_ms() // 1000


async def reasons_of(mediator: Running, token: str) -> set[str | None]:
    return {reason_in(await mediator.post(asked, token=token)) for asked in (CALL, tools_list())}


def tasks_of(mediator: Running, agent: str = AGENT) -> list[str]:
    bodies = [entry["body"] for entry in mediator.entries("task.opened")]
    return [str(body["task"]) for body in bodies if isinstance(body, dict) and body["agent"] == agent]


async def say(mediator: Running, *words: str) -> None:
    await command(*words, "--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder))


@promise("P4", "P5")
async def test_a_store_that_forgot_a_task_has_its_token_open_no_other(tmp_path: Path, idp: IdentityProvider) -> None:
    """Design 2a: a store older than the ledger, and every token is dead: also one that brings its own task, and for good."""
    async with a_mediator(tmp_path, idp) as mediator:
        revoked, used, port = idp.token(mediator.url), idp.token(mediator.url), port_of(mediator)
    store = mediator.folder / ".mediator" / "state.sqlite"
    shutil.copy(store, tmp_path / "earlier")
    async with started(mediator.folder, servers(), port) as mediator:
        for token in (revoked, used):
            await mediator.post(tools_list(), token=token)
        await say(mediator, "grant", "revoke", tasks_of(mediator)[0])
        assert await reasons_of(mediator, revoked) == {"GRANT_REVOKED"}
    for file in store.parent.glob("state.sqlite*"):
        file.unlink()
    shutil.copy(tmp_path / "earlier", store)
    for _ in range(2):  # and where it is not found to be older once more
        async with started(mediator.folder, servers(), port) as mediator:
            for token in (revoked, used):
                assert await reasons_of(mediator, token) == {"GRANT_REVOKED"}
            assert (await mediator.post(tools_list(), token=idp.token(mediator.url))).status_code == 200


@promise("P5")
@pytest.mark.xfail(strict=True, reason="a grant that is gone is not missed: only the ledger knows that there was one")
async def test_a_task_that_was_taken_out_before_a_start_is_not_opened_again(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    """A known gap (A7, who can write the database alone): as with the row of an earlier day, in tests/attacks/test_edited_store.py."""
    async with a_mediator(tmp_path, idp) as mediator:
        token, port = idp.token(mediator.url), port_of(mediator)
        assert await reasons_of(mediator, token) == {None}
        (task,) = tasks_of(mediator)
        await say(mediator, "grant", "revoke", task)
        with closing(sqlite3.connect(mediator.folder / ".mediator" / "state.sqlite", timeout=5)) as file:
            file.execute("DELETE FROM grants WHERE id = ?", (task,))
            file.execute("UPDATE epoch SET value = value + 1")
            file.commit()
        assert None not in await reasons_of(mediator, token)  # who ended it remembers
    async with started(mediator.folder, servers(), port) as mediator:
        assert None not in await reasons_of(mediator, token)


@promise("P5", "P7")
async def test_a_clock_that_is_set_back_gives_no_token_its_time_again(tmp_path: Path, idp: IdentityProvider) -> None:
    """A6: neither to this process nor to the next, which begins where the ledger ended."""
    async with a_mediator(tmp_path, idp) as mediator:
        tokens = [idp.token(mediator.url, exp=now(mediator) + 60) for _ in range(2)]
        assert await reasons_of(mediator, tokens[0]) == {None}
        let_pass(mediator, 120)  # from here on the machine's clock lies two minutes back
        for token in tokens:
            assert await reasons_of(mediator, token) == {"EXPIRED_CREDENTIAL"}
        await mediator.post(CALL, token=idp.token(mediator.url, exp=now(mediator) + 60))
        port = port_of(mediator)
    async with started(mediator.folder, servers(), port) as mediator:
        for token in tokens:
            assert await reasons_of(mediator, token) == {"EXPIRED_CREDENTIAL"}


@promise("P5", "P9")
async def test_a_token_whose_time_is_over_opens_no_task(tmp_path: Path, idp: IdentityProvider) -> None:
    """Ours: the skew lets clocks differ; a task that ended before it began would be a record of nothing."""
    async with a_mediator(tmp_path, idp) as mediator:
        token = idp.token(mediator.url, exp=now(mediator) - 5)
        assert await reasons_of(mediator, token) == {"EXPIRED_CREDENTIAL"}
        assert tasks_of(mediator) == []


@promise("P5", "P9")
async def test_who_is_stopped_opens_no_task_by_another_token(tmp_path: Path, idp: IdentityProvider) -> None:
    """Ours: an agent of another issuer is frozen by its whole name, its owner by theirs; a fresh token is no way around."""
    async with a_mediator(tmp_path, idp) as mediator:
        for name in (f"agent:{AGENT}", f"owner:{OWNER}", "class:agent", "everything"):
            await say(mediator, "freeze", name)
            assert await reasons_of(mediator, idp.token(mediator.url)) == {"FROZEN"}
            assert tasks_of(mediator) == []
            await say(mediator, "unfreeze", name)
        assert await reasons_of(mediator, idp.token(mediator.url)) == {None}


@promise("P9")
async def test_no_agent_answers_for_itself(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 9068 §2.2: where nobody delegated, `sub` is the client itself, so that two claims say one name."""
    more = 'agent_claim = "client_id"\nowner_claim = "sub"'
    async with a_mediator(tmp_path, idp, more) as mediator:
        assert await reasons_of(mediator, idp.token(mediator.url)) == {"BAD_CREDENTIAL"}
        assert await reasons_of(mediator, idp.token(mediator.url, sub="alice@example.com")) == {None}


@promise("P5", "P7")
async def test_a_token_of_an_issuer_that_the_settings_name_no_more_holds_nothing(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    """P7: the task that it opened is stored, and nobody has it."""
    async with a_mediator(tmp_path, idp) as mediator:
        token, port = idp.token(mediator.url), port_of(mediator)
        assert await reasons_of(mediator, token) == {None}
    file = mediator.folder / "mediator.toml"
    file.write_text(file.read_text().split('\n[[issuer]]\nname = "corp"')[0])
    async with started(mediator.folder, servers(), port) as mediator:
        assert await reasons_of(mediator, token) == {"UNKNOWN_ISSUER"}


@promise("P5")
async def test_no_token_of_another_issuer_stands_in_any_file_or_word_of_ours(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    """The issue: tokens are secrets. Neither what is good in one, whole or in part, nor what is wrong with one."""
    async with a_mediator(tmp_path, idp) as mediator:
        stranger, later = SigningKey.generate(), now(mediator) + 900
        tokens = {
            "good": idp.token(mediator.url),
            "without scopes": idp.token(mediator.url, scope=None),
            "of no known key": idp.token(mediator.url, key=stranger),
            "forged": idp.token(mediator.url)[:-4] + "AAAA",
            "over": idp.token(mediator.url, exp=now(mediator) - 60),
            "not yet": idp.token(mediator.url, nbf=later),
            "without a name": idp.token(mediator.url, sub=""),
            "of odd claims": idp.token(mediator.url, owner=["s3cret"], scope=[1]),
            "of another type": idp.token(mediator.url, typ="JWT"),
        }
        answers = [(await mediator.post(asked, token=one)).text for one in tokens.values() for asked in (CALL, CALL)]
        said = "\n".join([*answers, *mediator.alarms]).encode()
    written = b"\n".join(file.read_bytes() for file in mediator.folder.rglob("*") if file.is_file())
    for name, token in tokens.items():
        for part in token.split(".")[1:]:
            assert (name, part.encode() in said + written) == (name, False)
    assert b"corp:ci-bot" in written  # what it said is there, and that is what was looked through
