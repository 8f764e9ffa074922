"""A key of the issuer that was retired, in the hands of somebody who kept it; and what a rotation must not bring back (A1, A7).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from mediator.adapters.clock_system import SystemClock
from mediator.assembly.folder import open_folder, read_key
from mediator.assembly.issuer import TOKEN_LIFE_MS
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.delegation.grant import GrantState
from mediator.edge.control import ask_control
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import content_of
from tests.simulated.forged_tokens import forge
from tests.simulated.opened import asks, opened
from tests.simulated.people import key_of
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import OWNER, Running, command, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL = tools_call("a__echo", text="x")
MINUTE = 60


def servers() -> dict[str, SimulatedToolServer]:
    return {"a": SimulatedToolServer(tools=[tool("echo")])}


def key_in_use(mediator: Running) -> SigningKey:
    return read_key(open_folder(mediator.folder).key_file("issuer"))


async def rotate(mediator: Running) -> None:
    await command("keys", "rotate", "--operator", OWNER, "--folder", str(mediator.folder))


def let_pass(mediator: Running, ms: int) -> None:
    clock = mediator.mediator.ports.clock
    assert isinstance(clock, SystemClock)
    clock._last_ms = clock.now_ms() + ms


def claims_of(mediator: Running, **changed: Json) -> JsonObject:
    """Return what a token of the moment says, for the task of the moment."""
    now = mediator.mediator.ports.clock.now_ms() // 1000
    claims: JsonObject = {
        "iss": mediator.url,
        "aud": mediator.url,
        "sub": "assistant",
        "iat": now,
        "exp": now + MINUTE,
        "jti": "0" * 32,
        "grant": mediator.task,
    }
    return claims | changed


def signed(mediator: Running, key: SigningKey, **changed: Json) -> str:
    """Return a token that this key really signed."""
    header: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.public.keyid}
    return forge(header, claims_of(mediator, **changed), key.sign).reveal()


@promise("P5", "P7")
async def test_whoever_kept_the_retired_key_makes_no_token_with_it(tmp_path: Path) -> None:
    """The issue: neither a new one nor one that outlives it; in the name of the new key it signs nothing at all."""
    async with running(tmp_path, servers()) as mediator:
        kept = key_in_use(mediator)
        before = int(time.time())
        lasting = signed(mediator, kept, exp=before + 24 * 60 * MINUTE)
        assert reason_in(await mediator.post(CALL, token=lasting)) is None  # it is stolen, and nobody knows
        await rotate(mediator)
        new = key_in_use(mediator)
        let_pass(mediator, MINUTE * 1000)
        later = before + MINUTE
        header: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": new.public.keyid}
        claims = claims_of(mediator)
        forged = {
            "new": (signed(mediator, kept), Reason.UNKNOWN_KEY),
            "new, for a day": (signed(mediator, kept, exp=later + 24 * 60 * MINUTE), Reason.UNKNOWN_KEY),
            "made before, for a day": (lasting, Reason.UNKNOWN_KEY),
            "dated back, for a day": (
                signed(mediator, kept, iat=before - MINUTE, exp=later + 24 * 60 * MINUTE),
                Reason.UNKNOWN_KEY,
            ),
            "under the new key's name": (forge(header, claims, kept.sign).reveal(), Reason.BAD_CREDENTIAL),
            "under no name": (forge({"alg": "EdDSA", "typ": "at+jwt"}, claims, kept.sign).reveal(), Reason.UNKNOWN_KEY),
        }
        made = len(mediator.decisions)
        for name, (token, reason) in forged.items():
            for asked in (CALL, tools_list()):
                answer = await mediator.post(asked, token=token)
                assert (name, answer.status_code, reason_in(answer)) == (name, 401, reason)
        assert len(mediator.decisions) == made

        # What is dated back and as short as ours cannot be told from ours; it ends with the key, remembered or not.
        shortest = signed(mediator, kept, iat=before - 1, exp=later + 14 * MINUTE)
        assert reason_in(await mediator.post(CALL, token=shortest)) is None
        let_pass(mediator, TOKEN_LIFE_MS - MINUTE * 1000)
        assert reason_in(await mediator.post(CALL, token=shortest)) == "UNKNOWN_KEY"
        assert len(mediator.servers["a"].calls) == 2


@promise("P5", "P7")
async def test_what_was_over_before_a_rotation_is_over_after_it(tmp_path: Path) -> None:
    """The issue: a rotation resurrects nothing. Old tokens, and new ones that the new key really signed."""
    async with running(tmp_path, servers()) as mediator:
        desk, store = mediator.mediator.desk, mediator.mediator.store
        completed, token_of_completed = mediator.task, mediator.token
        await mediator.complete_task()
        await mediator.open_task()
        revoked, token_of_revoked = mediator.task, mediator.token
        store.end_grant(revoked, GrantState.REVOKED, "a test")
        await rotate(mediator)
        for task, token, reason in (
            (completed, token_of_completed, Reason.TASK_COMPLETED),
            (revoked, token_of_revoked, Reason.GRANT_REVOKED),
        ):
            assert reason_in(await mediator.post(CALL, token=token)) == reason
            fresh = signed(mediator, key_in_use(mediator), grant=task)
            assert reason_in(await mediator.post(CALL, token=fresh)) == reason
            with pytest.raises(Refused) as stop:
                desk.token(task)
            assert stop.value.reason is reason
        assert mediator.servers["a"].calls == []
        await mediator.open_task()
        assert reason_in(await mediator.post(CALL)) is None


@promise("P7")
async def test_a_statement_that_was_seen_is_replayed_for_nothing(tmp_path: Path) -> None:
    """A7: over the socket, at once, and to the next process, within the minutes in which it is fresh."""
    async with running(tmp_path, servers()) as mediator:
        old = key_in_use(mediator).public.keyid
        statement = asks(mediator.mediator, {"key": old}, act=Act.ISSUER_ROTATE)
        request: JsonObject = {"op": "issuer.rotate", "statement": statement.decode()}
        asking = partial(ask_control, mediator.mediator.folder.control_socket, request)
        rotated = await anyio.to_thread.run_sync(asking)
        assert rotated is not None
        files = content_of(mediator.folder / ".mediator" / "keys")
        for _ in range(3):
            with pytest.raises(Refused) as stop:
                await anyio.to_thread.run_sync(asking)
            assert stop.value.reason is Reason.NOT_COVERED
        assert content_of(mediator.folder / ".mediator" / "keys") == files
        assert mediator.mediator.issuer.signing_key.public.keyid == rotated["new"]
        assert len(mediator.entries("issuer.rotated")) == 1
        assert reason_in(await mediator.post(CALL)) is None
    async with opened(open_folder(mediator.folder)) as again:
        with pytest.raises(Refused) as stop:
            again.rotation.rotate(statement)
        assert stop.value.reason is Reason.NOT_COVERED
        assert again.issuer.signing_key.public.keyid == rotated["new"]


@promise("P7", "P9")
async def test_whoever_writes_in_the_folder_of_retired_keys_gets_no_key_believed(tmp_path: Path) -> None:
    """A7: one that is to live longer, be retired later, or was never ours: the next start names it, and stops."""
    async with running(tmp_path, servers()) as mediator:
        await rotate(mediator)
    home = open_folder(mediator.folder)
    (file,) = home.retired_keys.iterdir()
    true = parse_object(raw := file.read_bytes())
    retired_ms, until_ms = true["retired_ms"], true["until_ms"]
    assert isinstance(retired_ms, int)
    assert isinstance(until_ms, int)
    mine, hour_ms = key_of("mallory").public, 60 * MINUTE * 1000
    planted = file.with_name(f"{mine.keyid}.json")
    attempts: dict[str, tuple[Path, JsonObject]] = {
        "a moment longer": (file, {**true, "until_ms": until_ms + 1}),
        "a year longer": (file, {**true, "until_ms": until_ms + 365 * 24 * hour_ms}),
        "retired an hour later": (
            file,
            {**true, "retired_ms": retired_ms + hour_ms, "until_ms": until_ms + hour_ms},
        ),
        "my key in its place": (file, {**true, "key": mine.text}),
        "my key beside it": (planted, {**true, "key": mine.text}),
    }
    for name, (path, form) in attempts.items():
        path.write_bytes(canonical_bytes(form))
        path.chmod(0o600)
        with pytest.raises(Refused) as stop:
            async with opened(home):
                pytest.fail(f"{name}: it started")
        assert (name, path.name in stop.value.detail) == (name, True)
        planted.unlink(missing_ok=True)
        file.write_bytes(raw)
    async with opened(home) as again:
        assert [key.public.text for key in again.issuer.keys.retired] == [true["key"]]
