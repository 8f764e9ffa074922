"""Sessions of local hosts: only who proved the agent's own key writes; a token, or somebody else's word, proves nobody.

Against a running mediator with the policies that are shipped, through the hello by which hosts are let in.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from mediator.assembly.folder import read_key
from mediator.assembly.sessions import open_session
from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.edge.oauth import ASSERTION_TYPE
from mediator.edge.oauth_metadata import TOKEN
from mediator.identity.client_assertion import SESSION, sign_client_assertion
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.opened import asks, task_subject
from tests.simulated.proofs import ProvingKey
from tests.simulated.proving import bound
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, running
from tests.simulated.tool_server import SimulatedToolServer, tool

WRITE = tools_call("tools__save")
SECONDS = 10


@asynccontextmanager
async def at_work(tmp_path: Path) -> AsyncIterator[Running]:
    servers = {"tools": SimulatedToolServer(tools=[tool("echo"), tool("save")])}
    known = ("novelty.cedar",)  # what is asked here is who acts, not whether it ever did
    async with running(tmp_path, servers, effects={"tools/save": "write"}, without_policies=known) as mediator:
        await mediator.open_task(tools="tools/*", effects="read,write")
        yield mediator


def key_of(mediator: Running, agent: str = "assistant") -> SigningKey:
    return read_key(mediator.mediator.folder.key_file("agent", agent))


def joining(mediator: Running, **changed: Any) -> JsonObject:
    """Return the hello of an agent that works under the task that was opened for it."""
    said: dict[str, Any] = {
        "key": key_of(mediator),
        "agent": "assistant",
        "grant": mediator.task,
        "audience": mediator.url + SESSION,
    } | changed
    made = sign_client_assertion(
        said["key"],
        said["agent"],
        said["audience"],
        secrets.token_hex(8),
        time.time_ns() // 1_000_000,
        grant=said["grant"],
    )
    return {"op": "stdio", "assertion": made.reveal()}


async def said_to(mediator: Running, hello: JsonObject, message: JsonObject) -> dict[str, Any]:
    """Open a session, say one thing, and return the answer."""
    session = await open_session(mediator.mediator, hello)
    to_us, from_host = anyio.create_memory_object_stream[bytes](1)
    to_host, from_us = anyio.create_memory_object_stream[bytes](8)
    async with to_us, from_host, to_host, from_us:
        with anyio.fail_after(SECONDS):
            async with anyio.create_task_group() as serving:

                async def serve() -> None:
                    await session(from_host, to_host)

                serving.start_soon(serve)
                await to_us.send(canonical_bytes(message) + b"\n")
                line = await from_us.receive()
                to_us.close()
    return dict(parse_object(line))


def reason_of(answer: dict[str, Any]) -> str | None:
    if "error" in answer:
        return str(answer["error"]["data"]["reason"])
    refusal = answer["result"].get("_meta", {}).get("org.mcp-mediator/refusal")
    return None if refusal is None else str(refusal["reason"])


def calls(mediator: Running) -> int:
    return len(mediator.servers["tools"].calls)


@promise("P5", "P6")
async def test_who_proves_the_agents_key_works_under_the_task_that_was_opened_for_it(tmp_path: Path) -> None:
    """Issue 6: in `mediator stdio` the proof is the profile's key; the task is somebody's, and goes on."""
    async with at_work(tmp_path) as mediator:
        assert reason_of(await said_to(mediator, joining(mediator), WRITE)) is None
        identity: Any = mediator.decisions[-1]["identity"]
        assert (identity["proof"], identity["proof_key"]) == ("profile-key", key_of(mediator).public.keyid)
        assert reason_of(await said_to(mediator, joining(mediator), WRITE)) is None
        assert calls(mediator) == 2


@promise("P5", "P6")
async def test_a_token_that_a_host_brings_proves_nobody(tmp_path: Path) -> None:
    """Issue 6: whoever found it could bring it as well; and one that is bound to a key is not shown over a pipe."""
    async with at_work(tmp_path) as mediator:
        answer = await said_to(mediator, {"op": "stdio", "token": mediator.token}, WRITE)
        assert reason_of(answer) == Reason.PROOF_REQUIRED
        token = await bound(mediator, ProvingKey(), tools="tools/*", effects="read,write")
        assert reason_of(await said_to(mediator, {"op": "stdio", "token": token}, WRITE)) == Reason.PROOF_INVALID
        assert calls(mediator) == 0


@promise("P5", "P9")
async def test_an_owners_word_opens_a_session_and_proves_no_agent(tmp_path: Path) -> None:
    """A7: whoever holds the owner's statement, and not the agent's key, is not the agent."""
    async with at_work(tmp_path) as mediator:
        subject = task_subject(tools=["tools/*"], effects=["read", "write"])
        hello: JsonObject = {"op": "stdio", "statement": asks(mediator.mediator, subject).decode()}
        assert reason_of(await said_to(mediator, hello, WRITE)) == Reason.PROOF_REQUIRED
        assert calls(mediator) == 0


@promise("P4", "P7", "P9")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"grant": "task-" + "0" * 32}, Reason.GRANT_UNKNOWN, id="a task that is none"),
        pytest.param({"grant": None}, Reason.MALFORMED, id="no task"),
        pytest.param({"key": SigningKey.generate()}, Reason.UNKNOWN_KEY, id="another key"),
        pytest.param({"agent": "nobody"}, Reason.UNKNOWN_KEY, id="another name"),
    ],
)
async def test_nobody_joins_what_is_not_theirs(tmp_path: Path, changed: dict[str, Any], reason: Reason) -> None:
    """Ours: the key, the name and the grant belong together."""
    async with at_work(tmp_path) as mediator:
        with pytest.raises(Refused) as stop:
            await open_session(mediator.mediator, joining(mediator, **changed))
        assert stop.value.reason is reason


@promise("P4", "P5", "P9")
async def test_what_an_agent_signed_for_something_else_opens_no_session(tmp_path: Path) -> None:
    """RFC 8725 §3.12: whoever names an agent's own grant as theirs has it agree to that; they are not the agent by it."""
    async with at_work(tmp_path) as mediator:
        for audience in (mediator.url, mediator.url + TOKEN):
            agreed = joining(mediator, audience=audience)  # as an `actor_token` is
            with pytest.raises(Refused) as stop:
                await open_session(mediator.mediator, agreed)
            assert stop.value.reason is Reason.WRONG_AUDIENCE
        form = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": joining(mediator, grant=None)["assertion"],
            "grant_type": "client_credentials",
        }
        told = await mediator.http.post(mediator.url + TOKEN, data=form)
        assert (told.status_code, told.json()["error"]) == (401, "invalid_client")


@promise("P4", "P5")
async def test_the_task_of_one_process_is_not_joined_by_the_key_of_the_profile(tmp_path: Path) -> None:
    """Issue 6: each works under what was opened for its own key; and that process not under what is the profile's."""
    async with at_work(tmp_path) as mediator:
        one = SigningKey.generate()
        subject = task_subject(instance_key=one.public.text)
        theirs = mediator.mediator.desk.open(asks(mediator.mediator, subject)).id
        for changed in ({"grant": theirs}, {"key": one}):
            with pytest.raises(Refused) as stop:
                await open_session(mediator.mediator, joining(mediator, **changed))
            assert stop.value.reason is Reason.GRANT_UNKNOWN


@promise("P5", "P7")
async def test_nobody_joins_twice_by_one_word_or_what_is_over(tmp_path: Path) -> None:
    """RFC 7523 §3: an assertion is used once; a task that is completed, or frozen, has no more sessions."""
    async with at_work(tmp_path) as mediator:
        hello = joining(mediator)
        await open_session(mediator.mediator, hello)
        stops: list[Reason] = []
        for attempt in (hello, None):
            if attempt is None:
                await mediator.complete_task()
            with pytest.raises(Refused) as stop:
                await open_session(mediator.mediator, attempt or joining(mediator))
            stops.append(stop.value.reason)
        assert stops == [Reason.PROOF_REPLAYED, Reason.TASK_COMPLETED]
