"""Opening and completing tasks: by whose statement, for whom, and how far.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import JsonObject
from mediator.delegation.grant import Grant, GrantState
from mediator.effect import Effect
from mediator.identity.statement import (
    Act,
    Keyholder,
    Operator,
    ProfileKey,
    Role,
    VerifiedStatement,
    sign_statement,
    verify_statement,
)
from mediator.mediation.tasks import TaskRequest, may_complete, open_task, parse_task, task_form
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, DelegationSettings
from tests.promises import promise
from tests.simulated.people import key_of

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
ALICE, BOB = "alice@example.com", "bob@example.com"
PLANNER = AgentSettings(
    name="planner",
    owner=ALICE,
    team="research",
    key=key_of("planner").public.text,
    tools=("clock/*", "weather/read"),
    minutes=60,
)
PAINTER = AgentSettings(name="painter", owner=ALICE, key=key_of("painter").public.text, tools=("*",))
KEYLESS = AgentSettings(name="keyless", owner=ALICE)
PROFILES = (PLANNER, PAINTER, KEYLESS)
TASK_ID = "task-" + "0" * 32
ASKED: JsonObject = {
    "id": TASK_ID,
    "agent": "planner",
    "owner": ALICE,
    "purpose": "tell the time",
    "tools": ["clock/*"],
    "effects": ["read"],
    "minutes": 15,
    "idle_minutes": 30,
    "max_calls": None,
    "issuer": None,
}
KEYHOLDERS: dict[str, Keyholder] = {
    key_of(name).public.keyid: holder
    for name, holder in (
        [
            (name, Operator(name=name, public=key_of(name).public, roles=frozenset({Role.OWNER})))
            for name in (ALICE, BOB)
        ]
        + [(name, ProfileKey(name=name, public=key_of(name).public)) for name in ("planner", "painter")]
    )
}


def said(who: str, subject: JsonObject, *, act: Act = Act.TASK_OPEN, at: int = NOW_MS) -> VerifiedStatement:
    raw = sign_statement(key_of(who), act=act, subject=subject, who=who, at=at, serial=1)
    return verify_statement(raw, KEYHOLDERS, act)


def opened(who: str = ALICE, at: int = NOW_MS, act: Act = Act.TASK_OPEN, **changed: Any) -> Grant:
    return open_task(
        said(who, ASKED | changed, at=at, act=act),
        profiles=PROFILES,
        limits=DelegationSettings(),
        pin_serial=7,
        issuer="https://m",
        audience="https://m",
        salt="5a17" * 8,
        now_ms=NOW_MS,
    )


def stop_of(who: str = ALICE, **changed: Any) -> Refused:
    with pytest.raises(Refused) as stop:
        opened(who, **changed)
    return stop.value


# --- by whom ---------------------------------------------------------------------------------------------------------


@promise("P9")
def test_an_owner_opens_a_task_in_their_own_name() -> None:
    """Design 2a: a task opened by command is a statement of its owner's key."""
    statement = said(ALICE, ASKED)
    grant = opened()
    assert (grant.id, grant.root, grant.parent, grant.depth, grant.max_depth) == (TASK_ID, TASK_ID, None, 0, 0)
    assert (grant.agent, grant.agent_class, grant.team, grant.owner) == ("planner", "agent", "research", ALICE)
    assert (grant.issuer, grant.audience, grant.tenant) == ("https://m", "https://m", "default")
    assert (grant.opened_ms, grant.expires_ms, grant.idle_ms) == (NOW_MS, NOW_MS + 15 * MINUTE_MS, 30 * MINUTE_MS)
    assert (grant.statement_digest, grant.state, grant.salt) == (statement.digest, GrantState.OPEN, "5a17" * 8)
    assert grant.authority.pin_serial == 7
    assert [(entry.pattern, entry.effects) for entry in grant.authority.entries] == [
        ("clock/*", frozenset({Effect.READ}))
    ]


@promise("P9")
def test_nobody_opens_a_task_in_anothers_name() -> None:
    """P9: a human owner answers for it, and said so."""
    stop = stop_of(BOB)
    assert (stop.reason, stop.detail) == (
        Reason.NOT_COVERED,
        "`bob@example.com` cannot open a task in the name of `alice@example.com`",
    )


@promise("P6")
def test_an_owner_opens_privileged_effects_and_without_an_idle_limit() -> None:
    """P6: an intent that names it."""
    grant = opened(effects=["read", "write", "send"], tools=["*", "mail/send"], idle_minutes=None, max_calls=3)
    assert grant.idle_ms is None
    assert grant.max_calls == 3
    assert [entry.pattern for entry in grant.authority.entries] == ["*/*", "mail/send"]
    assert grant.authority.entries[0].effects == {Effect.READ, Effect.WRITE, Effect.SEND}


def test_an_owner_may_name_whose_tokens_hold_the_grant() -> None:
    """Design 5.6: an issuer of ours other than the local one."""
    assert opened(issuer="https://idp.example").issuer == "https://idp.example"


def test_an_agents_own_key_opens_a_task_within_its_profile() -> None:
    """Design 5.6: a stdio session opens one with the profile's key."""
    grant = opened("planner", tools=["clock/*", "weather/read"], minutes=60)
    assert (grant.agent, grant.owner) == ("planner", ALICE)


BEYOND: dict[str, tuple[JsonObject, str]] = {
    "for another owner": ({"owner": BOB}, "the owner of `planner` is `alice@example.com`"),
    "for tools that it does not hold": ({"tools": ["mail/*"]}, "the profile `planner` does not hold mail/*"),
    "for all tools": ({"tools": ["*"]}, "the profile `planner` does not hold */*"),
    "to write": ({"effects": ["read", "write"]}, "the profile `planner` opens no write"),
    "for longer": ({"minutes": 61}, "the profile `planner` opens at most 60 minutes"),
    "without an idle limit": ({"idle_minutes": None}, "a session's task ends after 30 idle minutes"),
    "idle for longer": ({"idle_minutes": 31}, "a session's task ends after 30 idle minutes"),
    "for other tokens": (
        {"issuer": "https://idp.example"},
        "a profile opens tasks for tokens of the local issuer alone",
    ),
    "for another agent": ({"agent": "painter"}, "`planner` cannot open a task for `painter`"),
    "for an agent without a key": ({"agent": "keyless"}, "`planner` cannot open a task for `keyless`"),
}


@promise("P4", "P6")
@pytest.mark.parametrize("case", BEYOND)
def test_an_agents_own_key_opens_nothing_beyond(case: str) -> None:
    """A4, and A1 with its own key: a profile opens reads, for itself."""
    changed, detail = BEYOND[case]
    stop = stop_of("planner", **changed)
    assert (stop.reason, stop.detail) == (Reason.NOT_COVERED, detail)


@promise("P9")
def test_two_profiles_with_one_key_do_not_speak_for_each_other() -> None:
    """Ours: a copied key is still one agent's."""
    twin = AgentSettings(name="twin", owner=ALICE, key=PLANNER.key, tools=("clock/*",))
    statement = said("planner", ASKED | {"agent": "twin"})
    with pytest.raises(Refused) as stop:
        open_task(
            statement,
            profiles=(PLANNER, twin),
            limits=DelegationSettings(),
            pin_serial=7,
            issuer="i",
            audience="a",
            salt="s",
            now_ms=NOW_MS,
        )
    assert stop.value.reason is Reason.NOT_COVERED


def test_an_agent_that_has_no_profile_gets_no_task() -> None:
    """Ours: and the refusal says which there are."""
    stop = stop_of(agent="nobody")
    assert stop.detail == "there is no agent `nobody`; profiles: `planner`, `painter`, `keyless`"
    assert stop.reason is Reason.NOT_COVERED


def test_no_task_lives_longer_than_a_working_day() -> None:
    """Design 5.6: 480 minutes, and the settings may say less."""
    assert opened(minutes=480).expires_ms == NOW_MS + 480 * MINUTE_MS
    assert stop_of(minutes=481).reason is Reason.NOT_COVERED


@promise("P7")
@pytest.mark.parametrize(("late_ms", "is_obeyed"), [(0, True), (300_000, True), (300_001, False), (-300_001, False)])
def test_a_statement_is_obeyed_when_it_was_made_just_now(late_ms: int, is_obeyed: bool) -> None:
    """Ours: an old one is no new act, and one out of the future neither."""
    if is_obeyed:
        assert opened(at=NOW_MS - late_ms).opened_ms == NOW_MS
    else:
        assert stop_of(at=NOW_MS - late_ms).reason is Reason.EXPIRED_CREDENTIAL


def test_a_statement_of_another_act_opens_nothing() -> None:
    """Ours: one statement, one act."""
    stop = stop_of(act=Act.TASK_COMPLETE)
    assert (stop.reason, stop.detail) == (Reason.MALFORMED, "a `task.complete` statement opens no task")


# --- the form --------------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_read_back_the_same() -> None:
    """Ours."""
    request = parse_task(ASKED)
    assert task_form(request) == ASKED
    assert request == TaskRequest(
        id=TASK_ID,
        agent="planner",
        owner=ALICE,
        purpose="tell the time",
        tools=("clock/*",),
        effects=(Effect.READ,),
        minutes=15,
        idle_minutes=30,
        max_calls=None,
        issuer=None,
    )


MALFORMED: dict[str, JsonObject] = {
    "an id that is none": {"id": "task-1"},
    "an id with more behind it": {"id": TASK_ID + "\n"},
    "no purpose": {"purpose": " "},
    "a novel for a purpose": {"purpose": "x" * 2001},
    "no tools": {"tools": []},
    "too many tools": {"tools": ["clock/*"] * 65},
    "a tool that is no pattern": {"tools": ["clock"]},
    "a tool that is no string": {"tools": [{"clock/*": 1}]},
    "no effects": {"effects": []},
    "an effect that is none": {"effects": ["admin"]},
    "an effect that is no string": {"effects": [None]},
    "no time": {"minutes": 0},
    "a time that is a truth": {"minutes": True},
    "half a minute": {"minutes": 0.5},
    "no idle time": {"idle_minutes": 0},
    "an idle time that is a truth": {"idle_minutes": True},
    "no calls": {"max_calls": 0},
    "too many calls": {"max_calls": 1_000_001},
    "calls that are a truth": {"max_calls": True},
    "an agent that is no string": {"agent": 1},
    "a member that we do not know": {"depth": 3},
}


@promise("P7")
@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_not_asked_for_in_due_form_is_refused(case: str) -> None:
    """House style 4: `parse_*` raises `Refused`, and says which member."""
    with pytest.raises(Refused) as stop:
        parse_task(ASKED | MALFORMED[case])
    assert stop.value.reason is Reason.MALFORMED
    assert stop.value.detail


@pytest.mark.parametrize("name", list(ASKED))
def test_no_member_may_be_missing(name: str) -> None:
    """Ours: absent is not a default."""
    with pytest.raises(Refused) as stop:
        parse_task({member: value for member, value in ASKED.items() if member != name})
    assert stop.value.reason is Reason.MALFORMED


# --- completing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "is_theirs"), [(ALICE, True), ("planner", True), (BOB, False), ("painter", False)])
def test_a_task_is_completed_by_its_owner_or_its_agent(who: str, is_theirs: bool) -> None:
    """Design 5.6; A4: nobody ends another's task."""
    statement = said(who, {"id": TASK_ID}, act=Act.TASK_COMPLETE)
    if is_theirs:
        may_complete(statement, opened(), PROFILES, NOW_MS)
        return
    with pytest.raises(Refused) as stop:
        may_complete(statement, opened(), PROFILES, NOW_MS)
    assert stop.value.reason is Reason.NOT_COVERED


def test_a_task_of_an_agent_whose_profile_is_gone_is_completed_by_its_owner_alone() -> None:
    """Ours."""
    grant = opened()
    may_complete(said(ALICE, {"id": TASK_ID}, act=Act.TASK_COMPLETE), grant, (PAINTER,), NOW_MS)
    with pytest.raises(Refused):
        may_complete(said("painter", {"id": TASK_ID}, act=Act.TASK_COMPLETE), grant, (PAINTER,), NOW_MS)


@promise("P7")
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (said(ALICE, {"id": "task-" + "1" * 32}, act=Act.TASK_COMPLETE), Reason.MALFORMED),
        (said(ALICE, {"id": TASK_ID, "and": "more"}, act=Act.TASK_COMPLETE), Reason.MALFORMED),
        (said(ALICE, {"id": TASK_ID}), Reason.MALFORMED),
        (said(ALICE, {"id": TASK_ID}, act=Act.TASK_COMPLETE, at=NOW_MS - 300_001), Reason.EXPIRED_CREDENTIAL),
    ],
)
def test_a_statement_that_is_not_just_now_about_this_task_completes_nothing(
    statement: VerifiedStatement, reason: Reason
) -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        may_complete(statement, opened(), PROFILES, NOW_MS)
    assert stop.value.reason is reason
