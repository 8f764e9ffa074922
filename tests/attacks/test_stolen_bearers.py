"""A stolen token, with and without what was overheard beside it: who has not the key does nothing that needs it (RFC 9449).

Over HTTP, against a running mediator with the policies that are shipped. Nothing of it reaches the tool server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2

from mediator.canonical import DEFAULT_LIMITS, JsonObject, canonical_bytes
from mediator.edge.oauth_metadata import TOKEN
from mediator.evidence import Secret
from mediator.identity.compact import parse_compact
from tests.promises import promise
from tests.simulated.arrivals import enveloped, message
from tests.simulated.fleet import Fleet, details, good
from tests.simulated.proofs import ProvingKey
from tests.simulated.proving import Prover, bound
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running, started
from tests.simulated.tool_server import SimulatedToolServer, tool

LEGACY: Final = "2025-06-18"
SECONDS: Final = 10
READ, WRITE = tools_call("tools__echo"), tools_call("tools__save")


def server() -> SimulatedToolServer:
    return SimulatedToolServer(tools=[tool("echo"), tool("save")])


@asynccontextmanager
async def at_work(tmp_path: Path, fleet: Fleet | None = None, **more: Any) -> AsyncIterator[Running]:
    before = None if fleet is None else fleet.write
    servers = {"tools": server()}
    more.setdefault("without_policies", ("novelty.cedar",))  # what is asked here is who acts, not whether it ever did
    async with running(tmp_path, servers, effects={"tools/save": "write"}, before_start=before, **more) as mediator:
        yield mediator


def reached(mediator: Running) -> list[str | None]:
    return [call.tool for call in mediator.servers["tools"].calls]


def refused(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, reason_in(answer)


@promise("P6", "P11")
async def test_a_bearer_reads_and_is_told_what_a_write_needs(tmp_path: Path) -> None:
    """Issue 6: whether a bearer is enough is policy's to say; the default lets bearers read."""
    async with at_work(tmp_path) as mediator:
        await mediator.open_task(tools="tools/*", effects="read,write")
        assert reason_in(await mediator.post(READ)) is None
        answer = await mediator.post(WRITE)
        assert refused(answer) == (200, "PROOF_REQUIRED")
        text = answer.json()["result"]["content"][0]["text"]
        assert "bound to a key" in text
        assert "To go on: " in text
        assert reached(mediator) == ["echo"]
        (last,) = mediator.decisions[-1:]
        assert (last["verdict"], last["reason"]) == ("deny", "PROOF_REQUIRED")


@promise("P6")
async def test_whoever_proves_the_key_writes_and_the_record_says_how(tmp_path: Path) -> None:
    """RFC 9449 §7: both algorithms; the record names the key that was proven."""
    async with at_work(tmp_path) as mediator:
        for algorithm in ("EdDSA", "ES256"):
            key = ProvingKey(algorithm)
            agent = Prover(mediator, await bound(mediator, key, effects="read,write", tools="tools/*"), key)
            assert reason_in(await agent.post(WRITE)) is None
            identity = mediator.decisions[-1]["identity"]
            assert isinstance(identity, dict)
            assert (identity["proof"], identity["proof_key"]) == ("dpop", key.thumbprint)
            assert identity["cnf"] == {"jkt": key.thumbprint}
        assert reached(mediator) == ["save", "save"]


@promise("P5", "P7")
async def test_a_bound_token_is_nobodys_without_its_key(tmp_path: Path) -> None:
    """RFC 9449 §7.1 and §7.2: as a bearer, without a proof, with two, with another's, and with one of another request."""
    async with at_work(tmp_path) as mediator:
        key, thief = ProvingKey(), ProvingKey()
        agent = Prover(mediator, await bound(mediator, key), key)
        other = await bound(mediator, key)
        now = int(time.time())
        good_one = agent.proof()
        attempts: dict[str, dict[str, str]] = {
            "as a bearer": {"authorization": f"Bearer {agent.token}"},
            "as a bearer, with a proof": {"authorization": f"Bearer {agent.token}", "dpop": agent.proof()},
            "without a proof": {"authorization": f"DPoP {agent.token}"},
            "by another key": {"dpop": thief.proof(url=f"{mediator.url}/mcp", token=agent.token, now=now)},
            "by another key that says to be this one": {
                "dpop": thief.proof(url=f"{mediator.url}/mcp", token=agent.token, now=now, header={"jwk": key.jwk})
            },
            "of another method": {"dpop": agent.proof(method="GET")},
            "of another address": {"dpop": agent.proof("/servers/tools/mcp")},
            "of another host": {"dpop": agent.proof(url="http://elsewhere.example/mcp")},
            "of another token": {"dpop": agent.proof(token=other)},
            "of no token": {"dpop": agent.proof(ath=...)},
            "of a minute ago": {"dpop": agent.proof(now=now - 61)},
            "of tomorrow": {"dpop": agent.proof(now=now + 86_400)},
            "that is no proof": {"dpop": agent.token},
            "that is two": {"dpop": f"{good_one}, {good_one}"},
        }
        for name, said in attempts.items():
            headers = {"authorization": f"DPoP {agent.token}"} | said
            answer = await mediator.post(READ, **headers)
            assert refused(answer) == (401, "PROOF_INVALID"), name
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith('DPoP error="invalid_dpop_proof"'), name
            assert 'algs="EdDSA ES256"' in challenge
        assert reached(mediator) == []
        assert reason_in(await agent.post(READ, proof=good_one)) is None  # nothing of it was used up


@promise("P5", "P7")
async def test_a_bearer_under_the_other_scheme_is_refused(tmp_path: Path) -> None:
    """RFC 9449 §7.1: what is bound to no key is not made so by whoever shows one."""
    async with at_work(tmp_path) as mediator:
        thief = Prover(mediator, mediator.token)
        assert refused(await thief.post(READ)) == (401, "PROOF_INVALID")
        assert reached(mediator) == []


@promise("P5", "P7")
async def test_an_overheard_proof_is_good_for_nothing_more(tmp_path: Path) -> None:
    """RFC 9449 §11.1: in this process and after a restart, of a call that was made and of one that was denied."""
    key = ProvingKey()
    async with at_work(tmp_path) as mediator:
        agent = Prover(mediator, await bound(mediator, key, tools="tools/*"), key)
        assert reason_in(await agent.post(READ)) is None
        assert reason_in(await agent.post(WRITE)) == "NOT_COVERED"
        assert reason_in(await agent.post(tools_call("tools__nothing"))) == "UNKNOWN_TOOL"
        overheard, port = list(agent.shown), int(mediator.url.rpartition(":")[2])
        for proof in overheard:
            assert refused(await agent.post(READ, proof=proof)) == (401, "PROOF_REPLAYED")
        assert reached(mediator) == ["echo"]
    async with started(mediator.folder, mediator.servers, port) as again:
        agent.mediator = again
        for proof in overheard:
            assert refused(await agent.post(READ, proof=proof)) == (401, "PROOF_REPLAYED")
        assert reason_in(await agent.post(READ)) == "TOOL_SERVER_UNAVAILABLE"  # it got through the door


@promise("P4", "P5")
async def test_at_the_token_endpoint_a_proof_binds_and_is_used_once(tmp_path: Path) -> None:
    """RFC 9449 §5: `invalid_dpop_proof` for what does not hold; nothing that was overheard there helps."""
    fleet = Fleet("worker")
    async with at_work(tmp_path, fleet) as mediator:
        key = ProvingKey()

        async def ask(proof: str) -> httpx2.Response:
            assertion = {
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": fleet.assertion(mediator, "worker"),
                "grant_type": "client_credentials",
            }
            return await mediator.http.post(mediator.url + TOKEN, data=assertion, headers={"dpop": proof})

        proof = key.proof(url=mediator.url + TOKEN, now=int(time.time()))
        told = good(await ask(proof))
        assert told["token_type"] == "DPoP"
        agent = Prover(mediator, told["access_token"], key)
        assert reason_in(await agent.post(READ)) is None
        for name, bad in {
            "again": proof,
            "of an endpoint": agent.proof(),
            "of a moment ago": key.proof(url=mediator.url + TOKEN, now=int(time.time()) - 61),
        }.items():
            answer = await ask(bad)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof"), name
        assert refused(await agent.post(READ, proof=proof)) == (401, "PROOF_INVALID")


@promise("P4", "P5")
async def test_a_stolen_bound_token_is_not_exchanged_by_who_may_receive_it(tmp_path: Path) -> None:
    """RFC 8693 with RFC 9449: the receiver that `may_act` names asks by itself only with a token it can prove."""
    fleet = Fleet("planner", "worker")
    async with at_work(tmp_path, fleet) as mediator:
        key = ProvingKey()
        asked = details(["tools/echo"], max_depth=2, may_act=["worker"])
        proof = {"dpop": key.proof(url=mediator.url + TOKEN, now=int(time.time()))}
        form = {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": fleet.assertion(mediator, "planner"),
            "grant_type": "client_credentials",
            "authorization_details": asked,
        }
        told = good(await mediator.http.post(mediator.url + TOKEN, data=form, headers=proof))
        part = details(["tools/echo"])
        stolen = await fleet.exchange(mediator, told["access_token"], "worker", part)
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
        held = await fleet.hand_on(mediator, told, "planner", "worker", part)  # its holder may, by its own key
        assert held["token_type"] == "Bearer"


@promise("P4", "P9")
async def test_one_key_under_two_agents_is_refused_and_told(tmp_path: Path) -> None:
    """Issue 6: each instance has a key of its own; which of the two it was stolen from nobody can say."""
    fleet = Fleet("planner", "worker")
    async with at_work(tmp_path, fleet) as mediator:
        key = ProvingKey()
        agent = Prover(mediator, await bound(mediator, key, agent="planner"), key)
        assert reason_in(await agent.post(READ)) is None
        other = Prover(mediator, await bound(mediator, key, agent="worker"), key)
        for _ in range(2):
            assert refused(await other.post(READ)) == (401, "PROOF_INVALID")
        assert reason_in(await agent.post(READ)) is None
        (noted,) = mediator.entries("key.shared")
        assert noted["body"] == {"key": key.thumbprint, "holder": "planner", "agent": "worker"}
        assert len([alarm for alarm in mediator.alarms if "`worker` shows a key" in alarm]) == 1


@promise("P7")
async def test_where_a_nonce_is_demanded_a_proof_made_beforehand_is_refused(tmp_path: Path) -> None:
    """RFC 9449 §8, §9 and §11.2: whoever could sign once has not signed for later; the client is told what to use."""
    async with at_work(tmp_path, settings={"telemetry": "enabled = false\n[proof]\nnonce_required = true"}) as mediator:
        key = ProvingKey()
        agent = Prover(mediator, await bound(mediator, key), key)
        answer = await agent.post(READ)
        assert refused(answer) == (401, "PROOF_INVALID")
        assert answer.headers["www-authenticate"].startswith('DPoP error="use_dpop_nonce"')
        nonce = answer.headers["dpop-nonce"]
        assert refused(await agent.post(READ, proof=agent.proof(nonce=nonce[1:] + "~"))) == (401, "PROOF_INVALID")
        assert reason_in(await agent.post(READ, proof=agent.proof(nonce=nonce))) is None
        assert reached(mediator) == ["echo"]


@promise("P1", "P5", "P6")
async def test_a_stolen_bearer_has_no_part_in_the_session_of_who_proves_a_key(tmp_path: Path) -> None:
    """Ours: what a tool server asks in the course of a write is answered by nobody who may not write."""
    async with at_work(tmp_path, permitted=["elicit"]) as mediator:
        key = ProvingKey()
        agent = Prover(mediator, await bound(mediator, key, effects="read,write", tools="tools/*"), key)
        grant = parse_compact(Secret(agent.token), DEFAULT_LIMITS)[1]["grant"]
        stolen = mediator.mediator.desk.token(str(grant))[0].reveal()  # of the same grant, and bound to no key
        hello: JsonObject = {"protocolVersion": LEGACY, "capabilities": {"elicitation": {}}, "clientInfo": {}}
        opened = await agent.post(canonical_bytes(message("initialize", hello)))
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": LEGACY}
        said, asked = asking_once(mediator.servers["tools"])
        call = canonical_bytes(message("tools/call", {"name": "tools__save", "arguments": {"text": "x"}}))
        answer: JsonObject = {"jsonrpc": "2.0", "id": "mediator-1", "result": {"action": "accept", "content": {}}}
        async with anyio.create_task_group() as calling:
            calling.start_soon(partial(agent.post, call, **session))
            with anyio.fail_after(SECONDS):
                await asked.wait()
            await anyio.sleep(0.2)  # until the agent hears of it
            theirs = await mediator.post(canonical_bytes(answer), token=stolen, **session)
            assert (theirs.status_code, said) == (404, [None])
            assert (await agent.post(canonical_bytes(answer), **session)).status_code == 202
        assert said == [None, {"input": {"action": "accept", "content": {}}}]


@promise("P1", "P5", "P6")
async def test_a_stolen_bearer_goes_on_with_no_write_that_was_begun_with_a_proof(tmp_path: Path) -> None:
    """MCP 2026-07-28, MRTR: the handle is of the grant, and who shows it is judged anew."""
    async with at_work(tmp_path, permitted=["elicit"]) as mediator:
        key = ProvingKey()
        agent = Prover(mediator, await bound(mediator, key, effects="read,write", tools="tools/*"), key)
        grant = parse_compact(Secret(agent.token), DEFAULT_LIMITS)[1]["grant"]
        stolen = mediator.mediator.desk.token(str(grant))[0].reveal()
        said, _ = asking_once(mediator.servers["tools"])
        able: JsonObject = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
        params: JsonObject = {"name": "tools__save", "arguments": {"text": "x"}}
        asked = (await agent.post(enveloped("tools/call", params, meta=able))).json()["result"]
        given: JsonObject = {"input": {"action": "accept", "content": {}}}
        going_on = enveloped(
            "tools/call", {**params, "inputResponses": given, "requestState": asked["requestState"]}, meta=able
        )
        assert reason_in(await mediator.post(going_on, token=stolen)) == "PROOF_REQUIRED"
        assert said == [None]
        assert reason_in(await agent.post(going_on)) is None
        assert said == [None, given]


def asking_once(server: SimulatedToolServer) -> tuple[list[Any], anyio.Event]:
    """Have the server ask before it saves; return what it is told each time, and what is set once it has asked."""
    said: list[Any] = []
    has_asked = anyio.Event()

    def save(_arguments: Any) -> dict[str, Any]:
        said.append(server.calls[-1].params.get("inputResponses"))
        if said[-1] is None:
            form = {"message": "Sure?", "requestedSchema": {"type": "object"}}
            has_asked.set()
            asked = {"input": {"method": "elicitation/create", "params": form}}
            return {"resultType": "input_required", "inputRequests": asked, "requestState": "s"}
        return {"content": [{"type": "text", "text": "saved"}]}

    server.answer_with("save", save)
    return said, has_asked
