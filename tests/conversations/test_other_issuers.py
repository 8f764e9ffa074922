"""Tokens of another issuer, run for real: its keys by URL, rotated under load, and tasks that its tokens open.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from mediator.adapters.clock_system import SystemClock
from mediator.canonical import JsonObject
from tests.promises import promise
from tests.simulated.identity_provider import IdentityProvider
from tests.simulated.joserfc_issuer import MAKERS, JoserfcIssuer
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import Running, command, message_in, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL: JsonObject = tools_call("a__echo", text="x")
WRITE: JsonObject = tools_call("a__put", text="x")
OPENS = 'owner = "you@example.com"\nclass = "ci"\n'


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


def trusting(idp: IdentityProvider | JoserfcIssuer, more: str = OPENS) -> Callable[[Path], None]:
    """Return what writes this issuer into the settings."""

    def write(folder: Path) -> None:
        file = folder / "mediator.toml"
        section = f'[[issuer]]\nname = "corp"\nissuer = "{idp.issuer}"\nkeys_url = "{idp.keys_url}"\n{more}\n'
        file.write_text(f"{file.read_text()}\n{section}")

    return write


@asynccontextmanager
async def a_mediator(
    tmp_path: Path, idp: IdentityProvider | JoserfcIssuer, more: str = OPENS
) -> AsyncIterator[Running]:
    servers = {"a": SimulatedToolServer(tools=[tool("echo"), tool("put")]), "b": SimulatedToolServer(tools=[tool("x")])}
    async with running(tmp_path, servers, effects={"a/put": "write"}, before_start=trusting(idp, more)) as mediator:
        mediator.mediator.published._rest_seconds = 0.01
        yield mediator


def let_pass(mediator: Running, seconds: int) -> None:
    clock = mediator.mediator.ports.clock
    assert isinstance(clock, SystemClock)
    clock._last_ms = clock.now_ms() + seconds * 1000


@promise("P4", "P9")
async def test_a_token_of_another_issuer_is_a_task_of_what_its_scopes_say(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    """The issue: a root grant whose authority is its scopes; one task for one token; with its agent and its owner."""
    async with a_mediator(tmp_path, idp) as mediator:
        token = idp.token(mediator.url)
        for _ in range(2):
            assert reason_in(await mediator.post(CALL, token=token)) is None
        listed = message_in(await mediator.post(tools_list(), token=token))["result"]["tools"]
        assert {one["name"] for one in listed} == {"a__echo", "a__put"}
        assert reason_in(await mediator.post(tools_call("b__x"), token=token)) == "UNKNOWN_TOOL"

        (opened,) = [one["body"] for one in mediator.entries("task.opened") if one["body"]["agent"] == "corp:ci-bot"]  # type: ignore[index,call-overload]  # JSON
        assert isinstance(opened, dict)
        assert (opened["owner"], opened["who"], opened["tools"]) == ("you@example.com", idp.issuer, ["a/*"])
        one = mediator.decisions[0]
        assert one["identity"]["asserted"]["agent"] == "corp:ci-bot"  # type: ignore[index,call-overload]  # JSON
        tasks = {decision["grants"][0]["id"] for decision in mediator.decisions if decision.get("grants")}  # type: ignore[index,call-overload]  # JSON
        assert len(tasks) <= 1


@promise("P6", "P11")
async def test_a_missing_scope_is_named_exactly(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 6750 §3.1, MCP authorization: 403, and this operation's scopes; with them the same call is made."""
    async with a_mediator(tmp_path, idp) as mediator:
        answer = await mediator.post(WRITE, token=idp.token(mediator.url))
        assert (answer.status_code, reason_in(answer)) == (403, "INSUFFICIENT_SCOPE")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith(
            'Bearer error="insufficient_scope", scope="server:a effect:write", resource_metadata='
        )
        granted = idp.token(mediator.url, scope="server:a effect:write")
        assert reason_in(await mediator.post(WRITE, token=granted)) != "INSUFFICIENT_SCOPE"


@promise("P7")
async def test_without_scopes_there_is_nothing(tmp_path: Path, idp: IdentityProvider) -> None:
    """Ours: empty is never permission, and never an empty list in place of a refusal."""
    async with a_mediator(tmp_path, idp) as mediator:
        for scope in (None, "", "openid", "server:a", "effect:read", "server:* effect:read", "server:A effect:read"):
            token = idp.token(mediator.url, scope=scope)
            for asked in (CALL, tools_list()):
                answer = await mediator.post(asked, token=token)
                assert (scope, answer.status_code, reason_in(answer)) == (scope, 403, "INSUFFICIENT_SCOPE")


@promise("P5")
async def test_a_task_that_was_revoked_is_not_opened_again_by_its_token(tmp_path: Path, idp: IdentityProvider) -> None:
    """Design 5.6: revocation is the look-up at each call, of the task that this very token comes to."""
    async with a_mediator(tmp_path, idp) as mediator:
        token, other = idp.token(mediator.url), idp.token(mediator.url)
        for one in (token, other):
            assert reason_in(await mediator.post(CALL, token=one)) is None
        grants = mediator.mediator.desk.list(None, live=True)["grants"]
        task = next(one["task"] for one in grants if one["agent"] == "corp:ci-bot")  # type: ignore[index,call-overload,union-attr]  # JSON
        words = (str(task), "--who", "you@example.com", "--reason", "a test", "--folder", str(mediator.folder))
        await command("grant", "revoke", *words)
        reasons = [reason_in(await mediator.post(CALL, token=one)) for one in (token, other)]
        assert sorted(map(str, reasons)) == ["GRANT_REVOKED", "None"]


@promise("P5", "P7")
async def test_keys_rotate_under_load_and_no_valid_token_is_refused(tmp_path: Path, idp: IdentityProvider) -> None:
    """The issue: an external authorization server run for real; and no old key is accepted after its time."""
    async with a_mediator(tmp_path, idp) as mediator:
        mediator.token = idp.token(mediator.url)
        reasons: list[str | None] = []

        async def agent(stop: anyio.Event) -> None:
            while not stop.is_set():
                reasons.append(reason_in(await mediator.post(CALL, token=idp.token(mediator.url))))

        over = anyio.Event()
        async with anyio.create_task_group() as agents:
            for _ in range(3):
                agents.start_soon(agent, over)
            for _ in range(3):
                seen = len(reasons)
                with anyio.fail_after(20):
                    while len(reasons) < seen + 6:
                        await anyio.lowlevel.checkpoint()
                idp.rotate()
            over.set()
        assert set(reasons) == {None}

        *_, oldest = idp.keys
        old = idp.token(mediator.url, key=oldest)
        assert reason_in(await mediator.post(CALL, token=old)) is None
        epoch = mediator.mediator.store.epoch()
        idp.withdraw(oldest)
        let_pass(mediator, 301)
        await mediator.mediator.published.look()
        answer = await mediator.post(CALL, token=old)
        assert (answer.status_code, reason_in(answer)) == (401, "UNKNOWN_KEY")
        assert mediator.mediator.store.epoch() > epoch
        fresh = idp.token(mediator.url, iat=int(mediator.mediator.ports.clock.now_ms() / 1000), exp=4_000_000_000)
        assert reason_in(await mediator.post(CALL, token=fresh)) is None


@promise("P5", "P7")
async def test_a_server_of_another_making_rotates_keys_and_algorithms_under_load(tmp_path: Path) -> None:
    """The issue: tokens that nothing of ours signed, from its endpoint; each valid one is taken, and no withdrawn key."""
    algorithms = f'{OPENS}algorithms = ["ES256", "ES384", "PS256", "RS256"]\n'
    async with (
        JoserfcIssuer().served() as server,
        a_mediator(tmp_path, server, algorithms) as mediator,
        httpx2.AsyncClient() as http,
    ):
        reasons: list[str | None] = []

        async def agent(stop: anyio.Event) -> None:
            held = await server.ask(http, mediator.url, "server:a effect:read")
            while not stop.is_set():  # by the key of before, and by the newest
                fresh = await server.ask(http, mediator.url, "server:a effect:read")
                reasons.extend([reason_in(await mediator.post(CALL, token=token)) for token in (held, fresh)])
                held = fresh

        over = anyio.Event()
        async with anyio.create_task_group() as agents:
            for _ in range(3):
                agents.start_soon(agent, over)
            for rotates in (False, *(True for _ in MAKERS)):
                if rotates:
                    server.rotate()
                seen = len(reasons)
                with anyio.fail_after(20):
                    while len(reasons) < seen + 12:  # each agent has asked anew since
                        await anyio.lowlevel.checkpoint()
            over.set()
        assert set(reasons) == {None}
        assert {one["identity"]["key_id"] for one in mediator.decisions} == set(server.keys)  # type: ignore[index,call-overload]  # JSON

        oldest = next(iter(server.keys))
        tokens = {key_id: server.token(mediator.url, "server:a effect:read", key_id) for key_id in server.keys}
        server.withdraw(oldest)
        let_pass(mediator, 301)
        await mediator.mediator.published.look()
        told = {key_id: reason_in(await mediator.post(CALL, token=token)) for key_id, token in tokens.items()}
        assert told == {key_id: "UNKNOWN_KEY" if key_id == oldest else None for key_id in tokens}


@promise("P7")
async def test_an_issuer_that_is_down_is_believed_for_its_time_and_no_longer(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    """The issue: kept while the issuer is down within a stated age."""
    async with a_mediator(tmp_path, idp, OPENS + "max_age_seconds = 600\n") as mediator:
        now = int(mediator.mediator.ports.clock.now_ms() / 1000)
        token = idp.token(mediator.url, exp=now + 3000)
        assert reason_in(await mediator.post(CALL, token=token)) is None
        idp.close()
        let_pass(mediator, 500)
        await mediator.mediator.published.look()
        assert reason_in(await mediator.post(CALL, token=token)) is None
        let_pass(mediator, 101)
        await mediator.mediator.published.look()
        answer = await mediator.post(CALL, token=token)
        assert (answer.status_code, reason_in(answer)) == (401, "UNKNOWN_KEY")
        await idp.open_again()
        let_pass(mediator, 20)
        await mediator.mediator.published.look()
        assert reason_in(await mediator.post(CALL, token=token)) is None


@promise("P11")
async def test_a_session_goes_on_with_a_token_by_a_key_that_was_published_since(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    """Ours: a handshake is a request like any other, and the key is looked for."""
    async with a_mediator(tmp_path, idp) as mediator:
        idp.rotate()
        mediator.token = idp.token(mediator.url)
        async with mediator.client("legacy") as session:
            result = await session.call_tool("a__echo", {"text": "x"})
            assert not result.is_error
