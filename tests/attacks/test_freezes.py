"""Freezes hold against whoever writes the database, repeats a statement, or has a key for something else (A1, A4, A7).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread
import pytest

from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import JsonObject
from mediator.edge.control import ask_control
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.fleet import Fleet
from tests.simulated.fleet_at_work import at_work, call_with, opened, within
from tests.simulated.running import OWNER, Running, command, refused_command, started

STOPPED = "agent:worker"
FORMS = {
    "deleted": "DELETE FROM freezes",
    "its names taken out": """UPDATE freezes SET form = CAST('{"frozen":{},"serial":9}' AS BLOB)""",
    "a name changed": "UPDATE freezes SET form = CAST(replace(form, 'agent:worker', 'agent:nobody') AS BLOB)",
    "its MAC changed": "UPDATE freezes SET mac = zeroblob(32)",
    "emptied": "UPDATE freezes SET form = zeroblob(0), mac = zeroblob(0)",
    "no JSON": "UPDATE freezes SET form = x'ff', mac = x'ff'",
    "the MAC of a grant": "UPDATE freezes SET form = (SELECT form FROM grants), mac = (SELECT mac FROM grants)",
}


@pytest.fixture
def fleet() -> Fleet:
    return Fleet("orchestrator", "worker")


def write(mediator: Running, *statements: str) -> None:
    """Write the database as another process of this user may."""
    with closing(sqlite3.connect(mediator.folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def row_of(mediator: Running) -> tuple[bytes, bytes]:
    with closing(sqlite3.connect(mediator.folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
        found = connection.execute("SELECT form, mac FROM freezes").fetchone()
    return bytes(found[0]), bytes(found[1])


async def put(mediator: Running, act: str, statement: bytes) -> JsonObject | None:
    asked: JsonObject = {"op": act, "statement": statement.decode()}
    socket = mediator.mediator.folder.control_socket
    return await anyio.to_thread.run_sync(partial(ask_control, socket, asked))


def stated(mediator: Running, act: Act, key: SigningKey, who: str = OWNER, name: str = STOPPED) -> bytes:
    at = mediator.mediator.ports.clock.now_ms()
    subject: JsonObject = {"name": name, "reason": "a test"}
    return sign_statement(key, act=act, subject=subject, who=who, at=at, serial=at)


def owner_key(mediator: Running) -> SigningKey:
    return read_key(open_folder(mediator.folder).key_file("operator", OWNER))


@promise("P5", "P7")
@pytest.mark.parametrize("name", FORMS)
async def test_a_row_that_is_not_as_we_wrote_it_stops_everything(tmp_path: Path, fleet: Fleet, name: str) -> None:
    """Design 2a: the mediator obeys statements, not rows. Nobody is let go by it, and nothing is let go after it."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within())
        words = ("--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder))
        await command("freeze", STOPPED, *words)
        write(mediator, FORMS[name])
        assert await call_with(mediator, worker["access_token"]) == "FROZEN"
        write(mediator, "UPDATE epoch SET value = value + 1")
        for token in (worker["access_token"], task["access_token"], mediator.token):
            assert await call_with(mediator, token) == "FROZEN"
        assert any("freezes are not as we wrote them" in alarm for alarm in mediator.alarms)
        assert mediator.servers["notes"].calls == []
        for stopped in (STOPPED, "everything"):
            assert "not as we wrote them" in await refused_command("unfreeze", stopped, *words)
        assert await call_with(mediator, task["access_token"]) == "FROZEN"


@promise("P5", "P7")
async def test_what_is_let_go_by_hand_in_the_database_is_noticed(tmp_path: Path, fleet: Fleet) -> None:
    """A7: the row of an earlier day is ours too, MAC and all; while this process lives it is not taken for the latest."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        before = row_of(mediator)
        words = ("--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder))
        await command("freeze", "agent:orchestrator", *words)
        assert await call_with(mediator, task["access_token"]) == "FROZEN"
        with closing(sqlite3.connect(mediator.folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
            connection.execute("UPDATE freezes SET form = ?, mac = ?", before)
            connection.execute("UPDATE epoch SET value = value + 1")
            connection.commit()
        assert await call_with(mediator, task["access_token"]) == "FROZEN"
        assert await call_with(mediator, mediator.token) == "FROZEN"  # nobody's, and everything is stopped
        assert any("freezes are not as we wrote them" in alarm for alarm in mediator.alarms)


@promise("P5", "P9")
async def test_a_statement_that_was_obeyed_is_not_obeyed_again(tmp_path: Path, fleet: Fleet) -> None:
    """Ours: whoever kept one stops nobody with it later, nor lets anybody go; it is on record once."""
    async with at_work(tmp_path, fleet) as mediator:
        key, task = owner_key(mediator), await opened(mediator)
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within())
        freeze, unfreeze = stated(mediator, Act.FREEZE, key), stated(mediator, Act.UNFREEZE, key)
        assert await put(mediator, "freeze", freeze) == {"name": STOPPED, "changed": True}
        assert await call_with(mediator, worker["access_token"]) == "FROZEN"
        assert await put(mediator, "unfreeze", unfreeze) == {"name": STOPPED, "changed": True}
        for act, statement in (("freeze", freeze), ("unfreeze", unfreeze), ("freeze", freeze)):
            with pytest.raises(Refused) as stop:
                await put(mediator, act, statement)
            assert stop.value.reason is Reason.PROOF_REPLAYED
        assert await call_with(mediator, worker["access_token"]) is None
        again = freeze.replace(b'{"payload"', b'{ "payload"')  # the same statement in other bytes
        assert again != freeze
        with pytest.raises(Refused):
            await put(mediator, "freeze", again)
        assert await put(mediator, "freeze", stated(mediator, Act.FREEZE, key)) == {"name": STOPPED, "changed": True}
        with pytest.raises(Refused):
            await put(mediator, "unfreeze", unfreeze)
        assert await call_with(mediator, worker["access_token"]) == "FROZEN"
        assert (len(mediator.entries("frozen")), len(mediator.entries("unfrozen"))) == (2, 1)


@promise("P7", "P9")
async def test_only_an_operator_stops_anybody_or_lets_them_go(tmp_path: Path, fleet: Fleet) -> None:
    """A4: an agent's key, a reviewer's, an owner's without that role, a stranger's; and one act's statement for another."""
    async with at_work(tmp_path, fleet) as mediator:
        here = ("--folder", str(mediator.folder))
        home, task = open_folder(mediator.folder), await opened(mediator)
        await command("freeze", STOPPED, "--who", OWNER, "--reason", "a test", *here)
        agent = read_key(home.key_file("agent", "assistant"))
        owner, stranger = owner_key(mediator), SigningKey.generate()
        attempts = {
            "the agent that is stopped": (fleet.keys["worker"], "worker"),
            "an agent in its owner's name": (fleet.keys["orchestrator"], OWNER),
            "a profile that opens tasks": (agent, "assistant"),
            "the signer of manifests": (read_key(home.key_file("signer")), "signer"),
            "the issuer": (read_key(home.key_file("issuer")), "issuer"),
            "a stranger in the operator's name": (stranger, OWNER),
            "the operator in another's name": (owner, "eve@example.com"),
        }
        for name, (key, who) in attempts.items():
            for act, what in ((Act.UNFREEZE, STOPPED), (Act.FREEZE, "everything")):
                with pytest.raises(Refused) as stop:
                    await put(mediator, str(act), stated(mediator, act, key, who, what))
                assert (name, stop.value.reason) in {
                    (name, Reason.UNKNOWN_KEY),
                    (name, Reason.BAD_CREDENTIAL),
                }
        for op, act in (("unfreeze", Act.FREEZE), ("freeze", Act.UNFREEZE), ("unfreeze", Act.GRANT_REVOKE)):
            with pytest.raises(Refused) as stop:
                await put(mediator, op, stated(mediator, act, owner))
            assert stop.value.reason is Reason.MALFORMED
        at = mediator.mediator.ports.clock.now_ms() - 10 * 60_000
        subject: JsonObject = {"name": STOPPED, "reason": "an old one"}
        stale = sign_statement(owner, act=Act.UNFREEZE, subject=subject, who=OWNER, at=at, serial=at)
        with pytest.raises(Refused) as stop:
            await put(mediator, "unfreeze", stale)
        assert stop.value.reason is Reason.EXPIRED_CREDENTIAL
        assert mediator.mediator.store.list_frozen() == {STOPPED}
        assert await call_with(mediator, task["access_token"]) is None
        assert len(mediator.entries("frozen")) == 1
        assert mediator.entries("unfrozen") == []


@promise("P7")
async def test_people_in_lesser_roles_stop_nobody(tmp_path: Path, fleet: Fleet) -> None:
    """Design 2a: a reviewer reviews, an owner answers for tasks; neither stops a fleet."""
    async with at_work(tmp_path, fleet) as mediator:
        here = ("--folder", str(mediator.folder))
        for role in ("reviewer", "owner"):
            await command("operator", "add", f"{role}@example.com", "--role", role, "--by", OWNER, *here)
            wrong = await refused_command(
                "freeze", "everything", "--who", f"{role}@example.com", "--reason", "a test", *here
            )
            assert "freeze" in wrong
        assert mediator.mediator.store.list_frozen() == frozenset()


@promise("P5", "P7")
async def test_a_freeze_outlives_the_process(tmp_path: Path, fleet: Fleet) -> None:
    """Ours: also where somebody set the epoch back by hand meanwhile, as if nothing had ever been read."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        await command(
            "freeze", "agent:orchestrator", "--who", OWNER, "--reason", "a test", "--folder", str(mediator.folder)
        )
    for epoch in ("value", "0", "-1", "1"):
        write(mediator, f"UPDATE epoch SET value = {epoch}")
        async with started(mediator.folder, mediator.servers, urlsplit(mediator.url).port or 0) as again:
            assert await call_with(again, task["access_token"]) in {"FROZEN", "GRANT_REVOKED"}
            assert again.mediator.store.list_frozen() == {"agent:orchestrator"}
            told = await fleet.ask(again, "orchestrator", "token", grant_type="client_credentials")
            assert told.status_code == 400
    write(mediator, "DELETE FROM freezes", "UPDATE epoch SET value = 1")
    async with started(mediator.folder, mediator.servers, urlsplit(mediator.url).port or 0) as again:
        assert again.mediator.store.list_frozen() == {"everything"}


@promise("P5", "P7")
@pytest.mark.parametrize("is_a_copy", [True, False])
async def test_a_freeze_outlives_the_store_itself(tmp_path: Path, fleet: Fleet, is_a_copy: bool) -> None:
    """A7, A1: the database is deleted, or put back as it was; the ledger remembers whom it must stop, and whom no more."""
    words = ("--who", OWNER, "--reason", "a test", "--folder", str(tmp_path / "work"))
    async with at_work(tmp_path, fleet) as mediator:
        await command("freeze", "agent:orchestrator", *words)
        await command("unfreeze", "agent:orchestrator", *words)
    file = mediator.folder / ".mediator" / "state.sqlite"
    before = file.read_bytes()
    async with started(mediator.folder, mediator.servers, urlsplit(mediator.url).port or 0) as mediator:
        await command("freeze", STOPPED, *words)
    for path in file.parent.glob("state.sqlite*"):
        path.unlink()
    if is_a_copy:
        file.write_bytes(before)
        file.chmod(0o600)
    async with started(mediator.folder, mediator.servers, urlsplit(mediator.url).port or 0) as again:
        assert again.mediator.store.list_frozen() == {STOPPED}
        told = await fleet.ask(again, "worker", "token", grant_type="client_credentials")
        assert (told.status_code, told.json()["error"]) == (400, "unauthorized_client")
        await fleet.token(again, "orchestrator")
        assert any("forgotten" in alarm for alarm in again.alarms)
        await command("unfreeze", STOPPED, *words)
        await fleet.token(again, "worker")
