"""A key that is not the receiver's: whoever hands work on, or is handed a proof for it, acts as nobody else by that.

Over HTTP, against a running mediator with the policies that are shipped. Nothing of it reaches the tool server.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from mediator.delegation.token_request import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE
from mediator.edge.oauth import ASSERTION_TYPE
from mediator.edge.oauth_metadata import TOKEN
from tests.promises import promise
from tests.simulated.fleet import Fleet, Told, details, good
from tests.simulated.proofs import ProvingKey
from tests.simulated.proving import Prover, bound
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

READ, WRITE = tools_call("tools__echo"), tools_call("tools__save")
PART = details(["tools/*"], ["read", "write"])


@asynccontextmanager
async def at_work(tmp_path: Path, fleet: Fleet) -> AsyncIterator[Running]:
    servers = {"tools": SimulatedToolServer(tools=[tool("echo"), tool("save")])}
    async with running(
        tmp_path,
        servers,
        effects={"tools/save": "write"},
        before_start=fleet.write,
        without_policies=["novelty.cedar"],
    ) as mediator:
        yield mediator


def proof_at_the_endpoint(mediator: Running, key: ProvingKey) -> dict[str, str]:
    return {"dpop": key.proof(url=mediator.url + TOKEN, now=int(time.time()))}


async def ask(
    mediator: Running, fleet: Fleet, agent: str, headers: dict[str, str], **parameters: str
) -> httpx2.Response:
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": fleet.assertion(mediator, agent)}
    return await mediator.http.post(mediator.url + TOKEN, data=form | parameters, headers=headers)


async def hand_on(
    mediator: Running, fleet: Fleet, held: Told, receiver: str, headers: dict[str, str], jkt: str | None = None
) -> httpx2.Response:
    return await ask(
        mediator,
        fleet,
        "planner",
        headers,
        grant_type=TOKEN_EXCHANGE,
        subject_token=held["access_token"],
        subject_token_type=ACCESS_TOKEN,
        actor_token=fleet.assertion(mediator, receiver, grant=held["grant"], jkt=jkt),
        actor_token_type=JWT,
        authorization_details=PART,
    )


async def planned(mediator: Running, **more: str) -> Told:
    """Open a task for the planner, to read, to write and to hand on; return its token and its grant."""
    words = f"--agent planner --owner {OWNER} --tools tools/* --effects read,write --max-depth 2".split()
    words += [word for name, value in more.items() for word in (f"--{name.replace('_', '-')}", value)]
    told = await command("task", "open", *words, "--purpose", "a test", "--json", "--folder", str(mediator.folder))
    return dict(json.loads(told))


@promise("P4", "P9")
async def test_who_hands_on_does_not_choose_the_key_that_the_receiver_proves(tmp_path: Path) -> None:
    """RFC 8693 with RFC 9449: the holder sees the token that it asks for, and with a key of its own would be the other."""
    fleet = Fleet("planner", "worker")
    async with at_work(tmp_path, fleet) as mediator:
        held, own = await planned(mediator), ProvingKey()
        told = await hand_on(mediator, fleet, held, "worker", proof_at_the_endpoint(mediator, own))
        if told.status_code == 200:
            thief = Prover(mediator, told.json()["access_token"], own)
            assert reason_in(await thief.post(WRITE)) == "PROOF_INVALID"
        assert (told.status_code, told.json()["error"]) == (400, "invalid_dpop_proof")
        assert mediator.servers["tools"].calls == []
        named = await hand_on(mediator, fleet, held, "worker", proof_at_the_endpoint(mediator, own), jkt=own.thumbprint)
        worker = Prover(mediator, good(named)["access_token"], own)  # by its own word that key is the worker's
        assert reason_in(await worker.post(WRITE)) is None


@promise("P4", "P9")
async def test_a_proof_that_a_receiver_hands_in_makes_its_key_nobody_elses(tmp_path: Path) -> None:
    """P4: a holder that keeps the proof it was handed, and asks by it for itself, takes no key from whose it is."""
    fleet = Fleet("planner", "worker")
    async with at_work(tmp_path, fleet) as mediator:
        key = ProvingKey()
        handed = proof_at_the_endpoint(mediator, key)  # by the worker, for what it is to be given
        await ask(mediator, fleet, "planner", handed, grant_type="client_credentials")
        worker = Prover(mediator, await bound(mediator, key, agent="worker"), key)
        assert reason_in(await worker.post(READ)) is None


@promise("P4", "P9")
async def test_the_key_of_a_subject_token_is_not_its_receivers(tmp_path: Path) -> None:
    """P4: a receiver that asks by itself proves the subject token's key; by that it has none, and its holder keeps it."""
    fleet = Fleet("planner", "worker")
    async with at_work(tmp_path, fleet) as mediator:
        key = ProvingKey()
        held = await planned(mediator, may_act="worker", dpop_jkt=key.thumbprint)
        told = await ask(
            mediator,
            fleet,
            "worker",
            proof_at_the_endpoint(mediator, key),
            grant_type=TOKEN_EXCHANGE,
            subject_token=held["access_token"],
            subject_token_type=ACCESS_TOKEN,
            authorization_details=PART,
        )
        assert good(told)["token_type"] == "Bearer"
        holder = Prover(mediator, held["access_token"], key)
        assert reason_in(await holder.post(READ)) is None
