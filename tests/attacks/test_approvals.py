"""Attack: an approval used for what nobody approved, by whom it was not given to, twice, or too late.

A mediator that runs, over HTTP; a person decides by the commands that people type. The policies want an approval of each
call of `tools/send`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import JsonObject
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.mediation.approval_acts import approval_subject
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.approving import (
    BOB,
    EVE,
    NEEDS_APPROVAL,
    TO_BOB,
    approve,
    asking,
    deny,
    made,
    refusal_of,
    rows,
    send,
    wanted,
    write,
)
from tests.simulated.fleet import Fleet, details
from tests.simulated.running import OWNER, Running, command, refused_command, started

NOT_THE_OWNER = (
    NEEDS_APPROVAL
    + """
@id("test-not-the-owner")
@reason("somebody else than the owner of the agent must approve")
forbid (principal, action == Mediator::Action::"approve", resource)
when { principal.name == context.requester.owner };
"""
)
TWO = (
    NEEDS_APPROVAL
    + """
@id("test-two")
@reason("two people approve it")
@obligation("two-approvers")
permit (principal in Mediator::Role::"operator", action == Mediator::Action::"approve", resource);
"""
)


async def refused_to(mediator: Running, act: str, approval_id: str, who: str, *more: str) -> str:
    words = ("approvals", act, approval_id, "--who", who, *more, "--folder", str(mediator.folder))
    return await refused_command(*words)


# --- replayed --------------------------------------------------------------------------------------------------------


@promise("P6", "P9")
async def test_an_approval_is_used_once(tmp_path: Path) -> None:
    """Issue 7, must-show 2: the same call again wants another approval; what was used is used up for people too."""
    async with asking(tmp_path) as mediator:
        first = await wanted(mediator)
        assert (await approve(mediator, first))["state"] == "approved"
        assert await send(mediator, TO_BOB) is None
        assert "was used: the call was made" in await refused_to(mediator, "approve", first, OWNER, "--yes")
        assert "was used: the call was made" in await refused_to(mediator, "deny", first, OWNER)
        second = await wanted(mediator)
        assert second != first
        assert made(mediator) == [TO_BOB]
        kinds = ("approval.requested", "approval.approved", "approval.used")
        assert [[one["body"]["approval"] for one in mediator.entries(kind)] for kind in kinds] == [  # type: ignore[index,call-overload]  # of the test's own
            [first, second],
            [first],
            [first],
        ]
        assert "bob@example.com" not in json.dumps([mediator.entries(kind) for kind in (*kinds, "decision")])


@promise("P6")
async def test_concurrent_callers_make_exactly_one_call(tmp_path: Path) -> None:
    """Issue 7, must-show 2: sixteen at once, and one approval."""
    async with asking(tmp_path) as mediator:
        await approve(mediator, await wanted(mediator))
        reasons: list[str | None] = []

        async def call() -> None:
            reasons.append(await send(mediator, TO_BOB))

        async with anyio.create_task_group() as callers:
            for _ in range(16):
                callers.start_soon(call)
        assert sorted(map(str, reasons)) == ["APPROVAL_REQUIRED"] * 15 + ["None"]
        assert made(mediator) == [TO_BOB]


@promise("P6")
@pytest.mark.parametrize("is_used_before", [False, True])
async def test_across_a_restart_an_approval_is_used_once(tmp_path: Path, is_used_before: bool) -> None:
    """Issue 7, must-show 2: used before the restart, it is used after it; not used, it goes through once."""
    async with asking(tmp_path) as mediator:
        await approve(mediator, await wanted(mediator))
        if is_used_before:
            assert await send(mediator, TO_BOB) is None
    async with started(mediator.folder, mediator.servers, port_of(mediator)) as again:
        again.token = mediator.token
        # The tool server is gone by now: a call that was let through does not reach it.
        through = [] if is_used_before else ["TOOL_SERVER_UNAVAILABLE"]
        for reason in (*through, "APPROVAL_REQUIRED", "APPROVAL_REQUIRED"):
            assert await send(again, TO_BOB) == reason
        assert len(again.entries("approval.used")) == 1


@promise("P6", "P7")
async def test_an_approval_that_was_used_is_not_brought_back_by_hand(tmp_path: Path) -> None:
    """A7: row and claim put back as they were, while the process lives."""
    async with asking(tmp_path) as mediator:
        await approve(mediator, await wanted(mediator))
        (before,) = rows(mediator.folder, "SELECT id, tenant, task, form, mac FROM approvals")
        assert await send(mediator, TO_BOB) is None
        assert write(mediator.folder, "DELETE FROM claims WHERE key LIKE 'approval:%'") == 1
        write(mediator.folder, "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, ?)", *before)
        write(mediator.folder, "UPDATE epoch SET value = value + 1")
        for _ in range(2):
            assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert made(mediator) == [TO_BOB]


@promise("P6", "P7", "P10")
@pytest.mark.parametrize("end", ["used", "denied"])
async def test_what_was_ended_is_not_brought_back_while_nobody_watches(tmp_path: Path, end: str) -> None:
    """A7: between two lives of the process, with the row of before, which holds; the ledger says that it was ended."""
    async with asking(tmp_path) as mediator:
        first = await wanted(mediator)
        await approve(mediator, first)
        (before,) = rows(mediator.folder, "SELECT id, tenant, task, form, mac FROM approvals")
        if end == "used":
            assert await send(mediator, TO_BOB) is None
        else:
            await deny(mediator, first)
    write(mediator.folder, "DELETE FROM claims")
    write(mediator.folder, "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, ?)", *before)
    async with started(mediator.folder, mediator.servers, port_of(mediator)) as again:
        again.token = mediator.token
        assert await send(again, TO_BOB) == "APPROVAL_REQUIRED"
        assert any(f"`{first}` is in the store as if it waited" in alarm for alarm in again.alarms)
        write(mediator.folder, "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, ?)", *before)
        write(mediator.folder, "UPDATE epoch SET value = value + 1")
        assert await send(again, TO_BOB) == "APPROVAL_REQUIRED"


# --- widened ---------------------------------------------------------------------------------------------------------


@promise("P6")
@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"to": "bob@example.com", "text": "hellp"}, id="one byte"),
        pytest.param({"to": "bob@example.com", "text": "hello "}, id="one byte more"),
        pytest.param({"to": "Bob@example.com", "text": "hello"}, id="another case"),
        pytest.param({"to": "bob@example.com"}, id="one member less"),
        pytest.param({"to": "hello", "text": "bob@example.com"}, id="values exchanged"),
        pytest.param({"to": "bob@example.com", "text": "hello\u200b"}, id="something that nobody sees"),
    ],
)
async def test_an_approval_is_of_every_byte(tmp_path: Path, other: JsonObject) -> None:
    """Issue 7, must-show 2: no other arguments; and what was approved stays approved meanwhile."""
    async with asking(tmp_path) as mediator:
        await approve(mediator, await wanted(mediator))
        assert await send(mediator, other) == "APPROVAL_REQUIRED"
        assert made(mediator) == []
        assert await send(mediator, {"text": TO_BOB["text"], "to": TO_BOB["to"]}) is None  # in whatever order
        assert made(mediator) == [TO_BOB]


# --- borrowed --------------------------------------------------------------------------------------------------------


@promise("P4", "P6")
async def test_another_task_or_agent_has_no_part_in_an_approval(tmp_path: Path) -> None:
    """Issue 7, must-show 2: not another task of the same agent, and not another agent of the same task."""
    fleet = Fleet("orchestrator", "worker")
    async with asking(tmp_path, before_start=fleet.write) as mediator:
        words = (
            "--agent",
            "orchestrator",
            "--owner",
            OWNER,
            "--tools",
            "tools/*",
            "--effects",
            "read",
            "--max-depth",
            "1",
        )
        opened = ("task", "open", *words, "--purpose", "a test", "--json", "--folder", str(mediator.folder))
        task, other = json.loads(await command(*opened)), json.loads(await command(*opened))
        worker = await fleet.hand_on(
            mediator, task, "orchestrator", "worker", details(["tools/send"], ["read"], purpose="a test")
        )
        tokens = [one["access_token"] for one in (task, other, worker)]
        await approve(mediator, await wanted(mediator, token=tokens[0]))
        assert await send(mediator, TO_BOB, tokens[1]) == "APPROVAL_REQUIRED"
        assert await send(mediator, TO_BOB, tokens[2]) == "APPROVAL_REQUIRED"
        assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert made(mediator) == []
        assert await send(mediator, TO_BOB, tokens[0]) is None
        await approve(mediator, await wanted(mediator, token=tokens[2]))
        assert await send(mediator, TO_BOB, tokens[0]) == "APPROVAL_REQUIRED"
        assert await send(mediator, TO_BOB, tokens[2]) is None


# --- too late --------------------------------------------------------------------------------------------------------


@promise("P5", "P6")
async def test_an_approval_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 7, must-show 2: minutes after it was asked for, approved or not."""
    async with asking(tmp_path, settings="minutes = 5") as mediator:
        approved, waits = await wanted(mediator), await wanted(mediator, {"to": "x", "text": "y"})
        await approve(mediator, approved)
        clock = mediator.mediator.ports.clock
        now_ms = clock.now_ms
        monkeypatch.setattr(type(clock), "now_ms", lambda _: now_ms() + 5 * 60_000)
        assert await wanted(mediator) != approved
        assert made(mediator) == []
        desk = mediator.mediator.approvals
        with pytest.raises(Refused) as stop:
            desk.decide(_approval_by(mediator, waits, OWNER))
        assert stop.value.reason in {Reason.NOT_COVERED, Reason.GRANT_UNKNOWN}


@promise("P5", "P6")
@pytest.mark.parametrize("end", ["complete", "revoke"])
async def test_an_approval_dies_with_its_task(tmp_path: Path, end: str) -> None:
    """Issue 7, must-show 2: completed or revoked; nothing is approved afterwards either."""
    async with asking(tmp_path) as mediator:
        approved, waits = await wanted(mediator), await wanted(mediator, {"to": "x", "text": "y"})
        await approve(mediator, approved)
        here = ("--folder", str(mediator.folder))
        if end == "complete":
            await mediator.complete_task()
        else:
            await command("grant", "revoke", mediator.task, "--who", OWNER, "--reason", "a test", *here)
        gone = {"complete": "TASK_COMPLETED", "revoke": "GRANT_REVOKED"}[end]
        assert await send(mediator, TO_BOB) == gone
        assert (await refused_to(mediator, "approve", waits, OWNER, "--yes")).startswith("error: ")
        await mediator.open_task()
        assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert made(mediator) == []


@promise("P6")
async def test_an_approval_of_what_was_pinned_before_is_none(tmp_path: Path) -> None:
    """Issue 7: the hash holds the pin; and an approval permits nothing that the policies of now forbid."""
    async with asking(tmp_path) as mediator:
        await approve(mediator, await wanted(mediator))
        file = mediator.folder / "policies" / "test-more.cedar"
        file.write_text(
            '@id("test-nothing-is-sent")\n@reason("not today")\n'
            'forbid (principal, action == Mediator::Action::"tools/send", resource);\n',
            encoding="utf-8",
        )
        here = ("--folder", str(mediator.folder))
        await command("policy", "activate", "--operator", OWNER, *here)
        assert await send(mediator, TO_BOB) == "DENIED_BY_POLICY"
        file.unlink()
        await command("policy", "activate", "--operator", OWNER, *here)
        assert await send(mediator, TO_BOB) is None  # it was not used up by what was refused


# --- by whom it should not be ----------------------------------------------------------------------------------------


@promise("P6")
async def test_nobody_approves_for_their_own_agent_where_policy_forbids_it(tmp_path: Path) -> None:
    """Issue 7, must-show 2: the owner may still deny; somebody else may approve."""
    async with asking(tmp_path, policies=NOT_THE_OWNER, people=[(BOB, "operator")]) as mediator:
        first = await wanted(mediator)
        assert "may not decide it" in await refused_to(mediator, "approve", first, OWNER, "--yes")
        assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert (await approve(mediator, first, BOB))["state"] == "approved"
        assert await send(mediator, TO_BOB) is None
        assert (await deny(mediator, await wanted(mediator)))["denied"]["who"] == OWNER


@promise("P6")
async def test_an_approval_given_by_who_no_longer_may_is_none(tmp_path: Path) -> None:
    """Ours: who may approve is asked again when the call is decided, under the policies of then."""
    async with asking(tmp_path) as mediator:
        await approve(mediator, await wanted(mediator))
        (mediator.folder / "policies" / "test-approvals.cedar").write_text(NOT_THE_OWNER, encoding="utf-8")
        await command("policy", "activate", "--operator", OWNER, "--folder", str(mediator.folder))
        assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert made(mediator) == []


@promise("P6")
async def test_two_approvers_are_two_keys(tmp_path: Path) -> None:
    """Issue 7: dual control; one person twice is one."""
    async with asking(tmp_path, policies=TWO, people=[(BOB, "operator"), (EVE, "reviewer")]) as mediator:
        first = await wanted(mediator)
        assert (await approve(mediator, first))["state"] == "half approved"
        assert await wanted(mediator) == first
        assert "approved `" in await refused_to(mediator, "approve", first, OWNER, "--yes")
        assert "may not decide it" in await refused_to(mediator, "approve", first, EVE, "--yes")
        assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert (await approve(mediator, first, BOB))["state"] == "approved"
        assert await send(mediator, TO_BOB) is None
        (used,) = mediator.entries("approval.used")
        assert used["body"]["approvers"] == [OWNER, BOB]  # type: ignore[index,call-overload]  # of the test's own


@promise("P6", "P7")
async def test_what_is_no_statement_of_a_person_approves_nothing(tmp_path: Path) -> None:
    """A1, A7: an agent's key, a key of nobody, another act, another request, another hash, a statement of yesterday, twice."""
    fleet = Fleet("worker")
    async with asking(tmp_path, before_start=fleet.write) as mediator:
        one, other = await wanted(mediator), await wanted(mediator, {"to": "x", "text": "y"})
        desk, key = mediator.mediator.approvals, _owner_key(mediator)
        good = _approval_by(mediator, one, OWNER)
        hashed = desk.find(one).approval.request_hash
        forged: list[bytes] = [
            _signed(mediator, fleet.keys["worker"], one, hashed),
            _signed(mediator, fleet.keys["worker"], one, hashed, who="worker"),
            _signed(mediator, SigningKey.generate(), one, hashed),
            _signed(mediator, key, one, hashed, act=Act.FREEZE),
            _signed(mediator, key, one, desk.find(other).approval.request_hash),
            _signed(mediator, key, one, hashed, at_ms=-6 * 60_000),
            _signed(mediator, key, "approval-" + "0" * 32, hashed),
            good[:-20] + b"A" * 20,
            b"",
        ]
        for raw in forged:
            with pytest.raises(Refused):
                desk.decide(raw)
        assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        desk.decide(good)
        with pytest.raises(Refused) as stop:
            desk.decide(good)
        assert stop.value.reason is Reason.PROOF_REPLAYED
        assert len(mediator.entries("approval.approved")) == 1


@promise("P6", "P7")
async def test_whoever_writes_the_database_makes_no_approval(tmp_path: Path) -> None:
    """A7: the row of another request, with names added, without a MAC, or as it was before it was denied."""
    async with asking(tmp_path) as mediator:
        one, other = await wanted(mediator), await wanted(mediator, {"to": "x", "text": "y"})
        (open_row,) = rows(mediator.folder, f"SELECT form, mac FROM approvals WHERE id = '{one}'")
        await approve(mediator, other)
        (approved_row,) = rows(mediator.folder, f"SELECT form, mac FROM approvals WHERE id = '{other}'")
        form = json.loads(open_row[0])
        form["approval"]["approvers"] = json.loads(approved_row[0])["approval"]["approvers"]
        written = json.dumps(form, sort_keys=True, separators=(",", ":")).encode()
        for forged in (
            (written, open_row[1]),
            (written, approved_row[1]),
            approved_row,
            (written, b"\0" * 32),
            (b"", b""),
        ):
            write(mediator.folder, "UPDATE approvals SET form = ?, mac = ? WHERE id = ?", *forged, one)
            write(mediator.folder, "UPDATE epoch SET value = value + 1")
            assert await send(mediator, TO_BOB) == "APPROVAL_REQUIRED"
        assert made(mediator) == []
        assert any("is not as we wrote it" in alarm for alarm in mediator.alarms)


@promise("P6")
async def test_what_was_denied_stays_denied_for_the_task(tmp_path: Path) -> None:
    """Issue 7: the reason is told, nobody is asked again, and the row of before brings nothing back (A7)."""
    async with asking(tmp_path) as mediator:
        first = await wanted(mediator)
        before = rows(mediator.folder, "SELECT form, mac FROM approvals")[0]
        await deny(mediator, first, reason="not to bob")
        refusal = await refusal_of(mediator, TO_BOB)
        assert (refusal["reason"], "approval" in refusal) == ("DENIED_BY_POLICY", False)
        write(mediator.folder, "UPDATE approvals SET form = ?, mac = ?", *before)
        write(mediator.folder, "UPDATE epoch SET value = value + 1")
        assert "not as we wrote it" not in " ".join(mediator.alarms)
        assert await send(mediator, TO_BOB) == "DENIED_BY_POLICY"
        assert "error: " in await refused_to(mediator, "approve", first, OWNER, "--yes")
        assert len(mediator.entries("approval.requested")) == 1
        await mediator.open_task()
        await wanted(mediator)


@promise("P6")
async def test_a_denial_outruns_a_call_that_was_judged_by_the_approval(tmp_path: Path) -> None:
    """Ours: approved, then denied before it was used."""
    async with asking(tmp_path) as mediator:
        first = await wanted(mediator)
        await approve(mediator, first)
        await deny(mediator, first)
        assert await send(mediator, TO_BOB) == "DENIED_BY_POLICY"
        assert made(mediator) == []


@promise("P11")
async def test_an_agent_cannot_flood_the_people(tmp_path: Path) -> None:
    """Issue 7: three of a task wait at most, equal ones are one; and what nobody would read is not asked about."""
    async with asking(tmp_path) as mediator:
        ids = [await wanted(mediator, {"to": "x", "text": str(number)}) for number in (1, 2, 3, 1, 2)]
        assert (len(set(ids)), ids[:2]) == (3, ids[3:])
        refusal = await refusal_of(mediator, {"to": "x", "text": "4"})
        assert (refusal["reason"], "approval" in refusal) == ("APPROVAL_REQUIRED", False)
        assert "wait until a person has decided" in refusal["remedy"]
        await deny(mediator, ids[0])
        await wanted(mediator, {"to": "x", "text": "4"})
        refusal = await refusal_of(mediator, {"to": "x", "text": "y" * 300_000})
        assert (refusal["remedy"], "approval" in refusal) == ("send less at once", False)


def port_of(mediator: Running) -> int:
    return int(mediator.url.rsplit(":", 1)[1])


def _owner_key(mediator: Running) -> SigningKey:
    return read_key(open_folder(mediator.folder).key_file("operator", OWNER))


def _approval_by(mediator: Running, approval_id: str, who: str) -> bytes:
    hashed = "sha256:gone"
    with suppress(Refused):
        hashed = mediator.mediator.approvals.find(approval_id).approval.request_hash
    return _signed(mediator, _owner_key(mediator), approval_id, hashed, who=who)


def _signed(
    mediator: Running,
    key: SigningKey,
    approval_id: str,
    hashed: str,
    *,
    act: Act = Act.APPROVE,
    who: str = OWNER,
    at_ms: int = 0,
) -> bytes:
    at = mediator.mediator.ports.clock.now_ms() + at_ms
    return sign_statement(key, act=act, subject=approval_subject(approval_id, hashed), who=who, at=at, serial=at)
