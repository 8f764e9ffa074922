"""The desk obeys statements, each once, of whoever may make them; and its tokens live no longer than their task.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly import desk as module
from mediator.assembly.desk import Desk, profile_named, task_facts
from mediator.assembly.folder import Folder, read_key, read_settings
from mediator.assembly.mediator import Mediator
from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import GrantState
from mediator.identity.identify import identify
from mediator.identity.statement import Act, sign_statement
from mediator.mediation.claims import Claim
from mediator.refusal import Reason, Refused
from mediator.settings.quotas import BudgetSettings, Per
from tests.promises import promise
from tests.simulated.clock import FixedClock
from tests.simulated.opened import BASE_URL, OTHER, asks, opened, task_subject
from tests.simulated.running import OWNER

MINUTE_MS = 60_000


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


def notes_after(home: Folder, kind: str) -> list[Any]:
    return [entry["body"] for entry in find_entries(home.ledger, Wanted(kind=kind)).entries]


def at_noon(mediator: Mediator) -> tuple[Desk, FixedClock]:
    """The same desk, at a time that stands still."""
    clock = FixedClock(mediator.ports.clock.now_ms())
    return replace(mediator.desk, clock=clock), clock


@promise("P9")
async def test_a_task_is_opened_by_its_owner_and_both_are_on_record(home: Folder) -> None:
    """P9: who opened what, by which statement; the purpose is a person's words and stays out of the chain."""
    async with opened(home) as mediator:
        subject = task_subject(tools=["clock/*"], max_calls=3)
        grant = mediator.desk.open(asks(mediator, subject))
        assert (grant.id, grant.owner, grant.audience, grant.issuer) == (subject["id"], OWNER, BASE_URL, BASE_URL)
        assert mediator.store.find_grant(grant.id) == grant
    (noted,) = notes_after(home, "task.opened")
    assert (noted["task"], noted["who"], noted["tools"]) == (grant.id, OWNER, ["clock/*"])
    assert noted["statement"] == grant.statement_digest
    assert "purpose" not in noted


async def test_a_statement_opens_one_task_once(home: Folder) -> None:
    """Ours: whoever finds a statement, or takes another's id, opens nothing; and nothing more is on record."""
    async with opened(home) as mediator:
        statement = asks(mediator, subject := task_subject())
        mediator.desk.open(statement)
        for again in (
            statement,
            asks(mediator, subject),
            asks(mediator, task_subject(id=subject["id"], tools=["a/b"])),
        ):
            with pytest.raises(Refused) as refused:
                mediator.desk.open(again)
            assert refused.value.reason is Reason.NOT_COVERED
            assert str(subject["id"]) in refused.value.detail
        grant = mediator.store.find_grant(str(subject["id"]))
        assert grant is not None
        assert [entry.pattern for entry in grant.rights.entries] == ["*/*"]
    assert len(notes_after(home, "task.opened")) == 1


@promise("P5")
async def test_a_statement_is_obeyed_once_though_somebody_took_its_task_out_of_the_store(home: Folder) -> None:
    """A7: a task that was revoked is not opened anew by the words that opened it."""
    async with opened(home) as mediator:
        statement = asks(mediator, task_subject())
        grant = mediator.desk.open(statement)
        with closing(sqlite3.connect(home.store_file, isolation_level=None)) as connection:
            connection.execute("DELETE FROM grants WHERE id = ?", (grant.id,))
        with pytest.raises(Refused) as refused:
            mediator.desk.open(statement)
        assert refused.value.reason is Reason.PROOF_REPLAYED


@pytest.mark.parametrize(
    ("changed", "who", "kind", "reason", "named"),
    [
        ({"agent": "nobody"}, OWNER, "operator", Reason.NOT_COVERED, "`assistant`"),
        ({}, OTHER, "operator", Reason.NOT_COVERED, OTHER),
        ({"owner": OTHER}, OWNER, "operator", Reason.NOT_COVERED, OTHER),
        ({"effects": ["obliterate"]}, OWNER, "operator", Reason.MALFORMED, "read, write"),
        ({"minutes": 481}, OWNER, "operator", Reason.NOT_COVERED, "480"),
        ({"minutes": 30, "idle_minutes": 30, "effects": ["write"]}, "assistant", "agent", Reason.NOT_COVERED, "write"),
        (
            {"minutes": 30, "idle_minutes": 30, "issuer": "https://idp.example.com"},
            "assistant",
            "agent",
            Reason.NOT_COVERED,
            "local",
        ),
    ],
)
@promise("P4", "P7")
async def test_what_nobody_may_open_is_refused_and_leaves_nothing(
    mediator: Mediator, changed: dict[str, Json], who: str, kind: str, reason: Reason, named: str
) -> None:
    """A4: a key speaks for its holder and no one else, and a profile opens no more than it holds."""
    with pytest.raises(Refused) as refused:
        mediator.desk.open(asks(mediator, task_subject(**changed), who=who, kind=kind))
    assert refused.value.reason is reason
    assert named in refused.value.detail
    assert mediator.store.list_grants() == ()


@promise("P5")
async def test_a_token_lives_at_most_a_quarter_of_an_hour_and_never_longer_than_its_task(mediator: Mediator) -> None:
    """P5: credentials live for one task."""
    desk, clock = at_noon(mediator)
    grant = desk.open(asks(mediator, task_subject(minutes=20)))
    token, seconds = desk.token(grant.id)
    assert seconds == 15 * 60
    keys = mediator.trust.snapshot().keys
    claims = identify(token, keys, frozenset({BASE_URL}), clock.now_ms(), 0).claims
    assert (claims.grant, claims.subject, claims.issuer) == (grant.id, "assistant", BASE_URL)
    clock.advance(minutes=18)
    token, seconds = desk.token(grant.id)
    assert seconds == 2 * 60
    assert identify(token, keys, frozenset({BASE_URL}), clock.now_ms(), 0).claims.expires_at * 1000 <= grant.expires_ms


@promise("P5")
async def test_no_token_is_made_for_a_task_that_is_over(mediator: Mediator) -> None:
    """P5: dead once it completes, is revoked or expires; and for what never was."""
    desk, clock = at_noon(mediator)
    completed, revoked, expired = (desk.open(asks(mediator, task_subject())).id for _ in range(3))
    await desk.complete(asks(mediator, {"id": completed}, act=Act.TASK_COMPLETE))
    mediator.store.end_grant(revoked, GrantState.REVOKED, "test")
    clock.advance(minutes=60)
    reasons = {
        completed: Reason.TASK_COMPLETED,
        revoked: Reason.GRANT_REVOKED,
        expired: Reason.GRANT_EXPIRED,
        "task-0": Reason.GRANT_UNKNOWN,
    }
    for task, reason in reasons.items():
        with pytest.raises(Refused) as refused:
            desk.token(task)
        assert refused.value.reason is reason
        assert task in refused.value.detail


async def test_tokens_of_another_issuer_s_tasks_are_not_ours_to_make(mediator: Mediator) -> None:
    """Ours: a task is held by tokens of the one issuer that it names."""
    grant = mediator.desk.open(asks(mediator, task_subject(issuer="https://idp.example.com")))
    assert not mediator.desk.makes_tokens_for(grant)
    with pytest.raises(Refused) as refused:
        mediator.desk.token(grant.id)
    assert refused.value.reason is Reason.NOT_COVERED
    assert "https://idp.example.com" in refused.value.detail


async def test_without_a_local_issuer_no_task_is_opened(mediator: Mediator) -> None:
    """P7: nobody's signature stands in for one that is missing."""
    desk = replace(mediator.desk, settings=mediator.settings.model_copy(update={"issuers": ()}))
    with pytest.raises(Refused) as refused:
        desk.open(asks(mediator, task_subject()))
    assert refused.value.reason is Reason.UNKNOWN_ISSUER
    assert "local = true" in refused.value.detail


@pytest.mark.parametrize(("who", "kind"), [(OWNER, "operator"), ("assistant", "agent")])
@promise("P5", "P9")
async def test_the_owner_and_the_agent_complete_a_task_and_what_it_started_is_ended(
    home: Folder, who: str, kind: str
) -> None:
    """P5: the store says so before anything is ended, so that no call starts it again."""
    states: list[tuple[str, object]] = []
    async with opened(home) as mediator:

        async def ended(task: str) -> None:
            grant = mediator.store.find_grant(task)
            assert grant is not None
            states.append((task, grant.state))

        desk = replace(mediator.desk, ended=ended)
        task = desk.open(asks(mediator, task_subject())).id
        await desk.complete(asks(mediator, {"id": task}, act=Act.TASK_COMPLETE, who=who, kind=kind))
        assert states == [(task, GrantState.COMPLETED)]
        assert desk.show(task)["state"] == "completed"
    assert notes_after(home, "task.completed") == [{"task": task, "who": who}]


async def test_nobody_else_completes_it(mediator: Mediator) -> None:
    """A4: another owner's statement, a statement about another task, and one for opening complete nothing."""
    task = mediator.desk.open(asks(mediator, task_subject())).id
    for statement in (
        asks(mediator, {"id": task}, act=Act.TASK_COMPLETE, who=OTHER),
        asks(mediator, {"id": "task-" + "0" * 32}, act=Act.TASK_COMPLETE),
        asks(mediator, {"id": task}, act=Act.TASK_OPEN),
        asks(mediator, {"id": 7}, act=Act.TASK_COMPLETE),
        b"{}",
    ):
        with pytest.raises(Refused):
            await mediator.desk.complete(statement)
    assert mediator.desk.show(task)["state"] == "open"


@promise("P4")
async def test_a_key_that_is_an_operator_s_and_an_agent_s_is_only_an_agent_s(mediator: Mediator) -> None:
    """A4: the weaker role counts; else a profile's key could open writes."""
    operator = mediator.desk.operators.find_named(OWNER)
    assert operator is not None
    profile = mediator.settings.agents[0].model_copy(update={"key": operator.public.text})
    desk = replace(mediator.desk, settings=mediator.settings.model_copy(update={"agents": (profile,)}))
    with pytest.raises(Refused):
        desk.open(asks(mediator, task_subject(effects=["write"], tools=["files/*"])))


async def test_a_task_is_shown_as_people_read_it(mediator: Mediator) -> None:
    """Ours: what it may do, until when, how much it was used; no token, no salt."""
    grant = mediator.desk.open(asks(mediator, task_subject(tools=["b/*", "a/*"], effects=["write", "read"])))
    shown = mediator.desk.show(grant.id)
    assert shown == task_facts(grant) | {"calls": 0, "denials": 0, "agent_denials": 0, "budgets": []}
    assert (shown["tools"], shown["effects"], shown["state"]) == (["b/*", "a/*"], ["read", "write"], "open")
    assert shown["expires_ms"] == grant.opened_ms + 60 * MINUTE_MS
    with pytest.raises(Refused) as refused:
        mediator.desk.show("x" * 1000)
    assert refused.value.reason is Reason.GRANT_UNKNOWN
    assert len(refused.value.detail) < 200


async def test_what_was_taken_of_budgets_is_shown_with_a_task(mediator: Mediator) -> None:
    """Issue 7: of its task, its agent and its owner; a budget of a tool is nobody's alone."""
    pers: tuple[Per, ...] = ("task", "agent", "owner", "tool")
    budgets = tuple(BudgetSettings(name=f"by-{per}", per=per, max=9) for per in pers)
    desk = replace(mediator.desk, settings=mediator.settings.model_copy(update={"budgets": budgets}))
    grant = desk.open(asks(mediator, task_subject()))
    claim = Claim(key=f"budget:by-agent:{grant.agent}", limit=9, amount=4)
    mediator.store.claim(grant.id, [claim], mediator.store.epoch(), mediator.ports.clock.now_ms())
    assert desk.show(grant.id)["budgets"] == ["by-task: 0 of 9", "by-agent: 4 of 9", "by-owner: 0 of 9"]


def test_a_profile_that_is_not_there_is_named_beside_those_that_are(home: Folder) -> None:
    """Ours: an error names the next step."""
    settings = read_settings(home)
    assert profile_named(settings, "assistant").owner == OWNER
    with pytest.raises(Refused, match=r"`nobody` in mediator\.toml; there is `assistant`"):
        profile_named(settings, "nobody")
    with pytest.raises(Refused, match="there is none"):
        profile_named(settings.model_copy(update={"agents": ()}), "nobody")


async def handed_on(mediator: Mediator) -> tuple[str, str]:
    """Open a task and put a link below it; return both ids."""
    root = mediator.desk.open(asks(mediator, task_subject(max_depth=1)))
    later = root.opened_ms + 1
    child = replace(root, id="grant-" + "1" * 32, parent=root.id, depth=1, opened_ms=later, agent="worker")
    mediator.store.open_grant(child, b"{}")
    return root.id, child.id


@promise("P5", "P9")
async def test_a_grant_is_revoked_by_who_answers_for_it_with_all_below_it_and_is_on_record(home: Folder) -> None:
    """Design 2a: what was started for a task is ended with the task, and not with a part of it."""
    over: list[str] = []

    async def ended(task: str) -> None:
        over.append(task)

    async with opened(home) as mediator:
        desk = replace(mediator.desk, ended=ended)
        root, child = await handed_on(mediator)
        subject: JsonObject = {"id": child, "reason": "it leaked"}
        assert await desk.revoke(asks(mediator, subject, act=Act.GRANT_REVOKE)) == (child,)
        assert (over, desk.show(root)["state"], desk.show(child)["state"]) == ([], "open", "revoked")
        subject = {"id": root, "reason": "all of it"}
        assert await desk.revoke(asks(mediator, subject, act=Act.GRANT_REVOKE)) == (root,)
        assert over == [root]
        assert await desk.revoke(asks(mediator, subject, act=Act.GRANT_REVOKE)) == ()
        with pytest.raises(Refused):  # somebody with another role
            await desk.revoke(asks(mediator, subject, act=Act.GRANT_REVOKE, who=OTHER))
    first, second, _ = notes_after(home, "grant.revoked")
    assert first == {"grant": child, "task": root, "ended": [child], "who": OWNER, "reason": "it leaked"}
    assert (second["ended"], second["reason"]) == ([root], "all of it")


@promise("P7")
async def test_nobody_else_revokes_or_renews_and_nothing_is_on_record(home: Folder) -> None:
    """A4: an agent's key, a statement of another act, a grant that is not there, nonsense."""
    async with opened(home) as mediator:
        task = mediator.desk.open(asks(mediator, task_subject())).id
        agent = {"who": "assistant", "kind": "agent"}
        revoking: JsonObject = {"id": task, "reason": "x"}
        renewing: JsonObject = {"id": task, "minutes": 90}
        for statement in (
            asks(mediator, revoking, act=Act.GRANT_REVOKE, **agent),
            asks(mediator, revoking, act=Act.TASK_COMPLETE),
            asks(mediator, {"id": "task-0", "reason": "x"}, act=Act.GRANT_REVOKE),
            asks(mediator, {"id": task}, act=Act.GRANT_REVOKE),
            asks(mediator, {}, act=Act.GRANT_REVOKE),
            b"{}",
        ):
            with pytest.raises(Refused):
                await mediator.desk.revoke(statement)
        for statement in (
            asks(mediator, renewing, act=Act.TASK_RENEW, **agent),
            asks(mediator, renewing, act=Act.TASK_OPEN),
            asks(mediator, {"id": "task-0", "minutes": 90}, act=Act.TASK_RENEW),
            asks(mediator, {"id": task, "minutes": 481}, act=Act.TASK_RENEW),
            b"",
        ):
            with pytest.raises(Refused):
                mediator.desk.renew(statement)
        assert mediator.desk.show(task)["state"] == "open"
    assert notes_after(home, "grant.revoked") == notes_after(home, "task.renewed") == []


@promise("P5", "P9")
async def test_a_task_lives_longer_by_a_statement_and_its_tokens_with_it(home: Folder) -> None:
    """Design 5.6: renewal is a recorded decision."""
    async with opened(home) as mediator:
        desk, clock = at_noon(mediator)
        task = desk.open(asks(mediator, task_subject(minutes=5))).id
        statement = asks(mediator, {"id": task, "minutes": 60}, act=Act.TASK_RENEW)
        until_ms = clock.now_ms() + 60 * MINUTE_MS
        assert desk.renew(statement).expires_ms == until_ms
        clock.advance(minutes=10)
        assert desk.token(task)[1] == 15 * 60
        with pytest.raises(Refused) as stop:
            desk.renew(asks(mediator, {"id": task, "minutes": 1}, act=Act.TASK_RENEW))
        assert stop.value.reason is not Reason.INTERNAL
        await desk.complete(asks_at(desk, mediator, {"id": task}, Act.TASK_COMPLETE))
        with pytest.raises(Refused) as stop:
            desk.renew(asks_at(desk, mediator, {"id": task, "minutes": 60}, Act.TASK_RENEW))
        assert stop.value.reason is Reason.GRANT_EXPIRED
    (noted,) = notes_after(home, "task.renewed")
    assert (noted["task"], noted["who"], noted["until_ms"]) == (task, OWNER, until_ms)


def asks_at(desk: Desk, mediator: Mediator, subject: JsonObject, act: Act) -> bytes:
    """The owner's statement, at the time of that desk."""
    at = desk.clock.now_ms()
    key = read_key(mediator.folder.key_file("operator", OWNER))
    return sign_statement(key, act=act, subject=subject, who=OWNER, at=at, serial=at)


@promise("P5", "P9")
async def test_somebody_is_stopped_and_let_go_by_statements_each_obeyed_once(home: Folder) -> None:
    """Issue 5: in force when this returns; on record with who and why."""
    async with opened(home) as mediator:
        desk = mediator.desk
        subject: JsonObject = {"name": "agent:worker", "reason": "a test"}
        stop = asks(mediator, subject, act=Act.FREEZE)
        assert desk.freeze(stop) == ("agent:worker", True)
        assert mediator.store.gather("nobody").frozen == {"agent:worker"}
        assert desk.freeze(asks(mediator, {**subject, "reason": "again"}, act=Act.FREEZE)) == ("agent:worker", False)
        go = asks(mediator, subject, act=Act.UNFREEZE)
        assert desk.unfreeze(go) == ("agent:worker", True)
        for again, act in ((stop, desk.freeze), (go, desk.unfreeze)):
            with pytest.raises(Refused) as refused:
                act(again)
            assert refused.value.reason is Reason.PROOF_REPLAYED
        with pytest.raises(Refused):
            desk.unfreeze(asks(mediator, subject, act=Act.FREEZE))
        with pytest.raises(Refused):
            desk.freeze(asks(mediator, subject, act=Act.FREEZE, who="assistant", kind="agent"))
        assert mediator.store.list_frozen() == frozenset()
    noted = notes_after(home, "frozen")
    assert [(one["name"], one["who"], one["reason"]) for one in noted] == [
        ("agent:worker", OWNER, "a test"),
        ("agent:worker", OWNER, "again"),
    ]
    (gone,) = notes_after(home, "unfrozen")
    assert gone["name"] == "agent:worker"


async def test_every_grant_is_listed_with_what_it_was_made_from_and_who_is_frozen(mediator: Mediator) -> None:
    """Ours: for people to draw; the task's calls stand with the task."""
    root, child = await handed_on(mediator)
    mediator.store.freeze("agent:worker", "sha256:1")
    mediator.store.end_grant(child, GrantState.REVOKED, "a test")
    live: Any = mediator.desk.list(None, live=True)
    assert [one["grant"] for one in live["grants"]] == [root]
    listed: Any = mediator.desk.list(None, live=False)
    assert listed["next"] is None
    assert listed["frozen"] == ["agent:worker"]
    first, second = listed["grants"]
    assert (first["grant"], first["parent"], first["calls"], first["end_reason"]) == (root, None, 0, None)
    assert (second["grant"], second["parent"], second["task"]) == (child, root, root)
    assert (second["calls"], second["end_reason"], second["state"]) == (None, "a test", "revoked")
    assert second["connector"] is False


@pytest.mark.parametrize(("grants", "size"), [(2, 1 << 20), (100, 1)])
async def test_very_many_grants_are_told_page_by_page(
    mediator: Mediator, monkeypatch: pytest.MonkeyPatch, grants: int, size: int
) -> None:
    """Ours: none twice and none left out, each page within what the control socket carries."""
    monkeypatch.setattr(module, "PAGE_MAX", grants)
    monkeypatch.setattr(module, "PAGE_BYTES_MAX", size)
    opened_ones = [mediator.desk.open(asks(mediator, task_subject())).id for _ in range(5)]
    told: list[str] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page: Any = mediator.desk.list(after, live=True)
        told += [one["grant"] for one in page["grants"]]
        after, pages = page["next"], pages + 1
    assert sorted(told) == sorted(opened_ones)
    assert pages >= 3
    with pytest.raises(Refused) as refused:
        mediator.desk.list("nobody", live=True)
    assert refused.value.reason is Reason.GRANT_UNKNOWN
