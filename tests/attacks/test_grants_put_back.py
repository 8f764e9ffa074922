"""What was taken stays taken, whoever writes the database: rows of an earlier day, columns beside the seal, the epoch (A6, A7).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mediator.edge.oauth import ASSERTION_TYPE
from tests.promises import promise
from tests.simulated.fleet import Fleet, refused
from tests.simulated.fleet_at_work import at_work, call_with, opened, within
from tests.simulated.running import OWNER, Running, command

REVOKED = {"GRANT_REVOKED", "GRANT_UNKNOWN"}


def write(mediator: Running, statement: str, *values: object) -> None:
    """Write the database as another process of this user may."""
    with closing(sqlite3.connect(mediator.folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
        connection.execute(statement, values)
        connection.commit()


def read(mediator: Running, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(mediator.folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
        return list(connection.execute(statement))


async def revoke(mediator: Running, grant: str) -> None:
    here = ("--folder", str(mediator.folder))
    await command("grant", "revoke", grant, "--who", OWNER, "--reason", "a test", *here)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet("orchestrator", "worker")


@promise("P4", "P5")
async def test_a_grant_that_was_revoked_is_not_put_back(tmp_path: Path, fleet: Fleet) -> None:
    """Ours: the row of an earlier day has a seal that holds; while this process lives it is not taken for the latest."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within())
        tokens = (task["access_token"], worker["access_token"])
        for token in tokens:
            assert await call_with(mediator, token) is None
        kept = read(mediator, "SELECT id, form, mac, state, end_reason FROM grants")
        await revoke(mediator, task["grant"])
        for grant, form, mac, state, reason in kept:
            back = "UPDATE grants SET form = ?, mac = ?, state = ?, end_reason = ? WHERE id = ?"
            write(mediator, back, form, mac, state, reason, grant)
        write(mediator, "UPDATE epoch SET value = value + 1")
        for token in tokens:
            assert await call_with(mediator, token) in REVOKED
        held = f'[{{"type":"mcp_tool_grant","grant":"{task["grant"]}"}}]'
        told = await fleet.ask(
            mediator, "orchestrator", "token", grant_type="client_credentials", authorization_details=held
        )
        assert refused(told) == (400, "invalid_grant")
        assert any("not as we wrote it" in alarm for alarm in mediator.alarms)
        assert len(mediator.servers["notes"].calls) == 2


@promise("P4", "P5")
@pytest.mark.parametrize("stopped", ["revoked", "frozen"])
async def test_an_epoch_that_is_set_back_keeps_nobody_alive(tmp_path: Path, fleet: Fleet, stopped: str) -> None:
    """Ours: what is remembered of chains and freezes is forgotten by who ends them, whatever the epoch says then."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        assert await call_with(mediator, task["access_token"]) is None
        ((epoch,),) = read(mediator, "SELECT value FROM epoch")
        if stopped == "revoked":
            await revoke(mediator, task["grant"])
        else:
            here = ("--folder", str(mediator.folder))
            await command("freeze", "agent:orchestrator", "--who", OWNER, "--reason", "a test", *here)
        write(mediator, "UPDATE epoch SET value = ?", epoch)
        assert await call_with(mediator, task["access_token"]) in {"GRANT_REVOKED", "FROZEN", "STORE_UNAVAILABLE"}


@promise("P4", "P5")
@pytest.mark.parametrize(
    "column", ["root = 'another'", "parent = NULL", "state = 'over'", "agent = 'nobody'", "expires_ms = 1"]
)
async def test_a_column_beside_the_seal_hides_no_grant_from_who_ends_it(
    tmp_path: Path, fleet: Fleet, column: str
) -> None:
    """Ours: grants are looked for by columns. One whose columns say otherwise than its seal is not stored."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within())
        write(mediator, f"UPDATE grants SET {column} WHERE id = ?", worker["grant"])
        write(mediator, "UPDATE epoch SET value = value + 1")
        assert await call_with(mediator, worker["access_token"]) == "GRANT_UNKNOWN"
        assert mediator.mediator.store.find_grant(worker["grant"]) is None
        assert any("not as we wrote it" in alarm for alarm in mediator.alarms)
        assert await call_with(mediator, task["access_token"]) is None


@promise("P4", "P7")
async def test_a_table_that_is_emptied_gives_nobody_a_second_use(tmp_path: Path, fleet: Fleet) -> None:
    """Ours: calls that were counted, and assertions that were used, stay so while this process lives."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)  # nine calls
        for _ in range(8):
            assert await call_with(mediator, task["access_token"]) is None
        write(mediator, "DELETE FROM claims")
        assert await call_with(mediator, task["access_token"]) == "BUDGET_SPENT"
        assert any("counted higher before" in alarm for alarm in mediator.alarms)

        assertion = fleet.assertion(mediator, "worker")
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        assert (await mediator.http.post(f"{mediator.url}/oauth2/token", data=form)).status_code == 200
        write(mediator, "DELETE FROM used")
        again = await mediator.http.post(f"{mediator.url}/oauth2/token", data=form)
        assert refused(again) == (401, "invalid_client")
