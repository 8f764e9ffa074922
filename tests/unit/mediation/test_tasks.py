"""Opening and completing tasks: by whose statement, for whom, and how far.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediator.because import Author, Because
from mediator.canonical import Json, JsonObject
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.constraint import OneOf, PathBelow, Within
from mediator.delegation.details import CONSTRAINTS_MAX, GrantDetails
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
from mediator.mediation.tasks import (
    Opening,
    TaskRequest,
    keyids_of,
    may_complete,
    open_for_client,
    open_task,
    parse_task,
    task_form,
)
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, DelegationSettings
from mediator.settings.workloads import WorkloadSettings
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
    "arguments": {},
    "max_depth": 0,
    "may_act": None,
}
OPENING = Opening(
    profiles=PROFILES,
    limits=DelegationSettings(),
    pin_serial=7,
    issuer="https://m",
    audience="https://m",
    salt="5a17" * 8,
    now_ms=NOW_MS,
)
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
        OPENING,
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
    assert grant.rights.pin_serial == 7
    assert [(entry.pattern, entry.effects) for entry in grant.rights.entries] == [("clock/*", frozenset({Effect.READ}))]


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
    assert [entry.pattern for entry in grant.rights.entries] == ["*/*", "mail/send"]
    assert grant.rights.entries[0].effects == {Effect.READ, Effect.WRITE, Effect.SEND}


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
            replace(OPENING, profiles=(PLANNER, twin)),
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


@promise("P6")
def test_a_task_says_why_in_the_words_of_whoever_signs_it() -> None:
    """Issue 7: `task open --because`. An agent that opens its own session's task writes as an agent."""
    assert [entry.because for entry in opened().rights.entries] == [None]
    for who, author in ((ALICE, Author.OWNER), ("planner", Author.AGENT)):
        grant = opened(who, because="the guests are waiting")
        assert [entry.because for entry in grant.rights.entries] == [Because(text="the guests are waiting", by=author)]


# --- the form --------------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_read_back_the_same() -> None:
    """Ours."""
    request = parse_task(ASKED)
    assert task_form(request) == ASKED
    assert task_form(parse_task(ASKED | {"because": "why"})) == ASKED | {"because": "why"}
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
    "a justification that is none": {"because": " "},
    "a justification of two lines": {"because": "so\nand so"},
    "a justification that is no string": {"because": None},
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


# --- within which arguments, and how far handed on -------------------------------------------------------------------


@promise("P4")
def test_an_owner_says_which_arguments_and_who_may_be_handed_how_much() -> None:
    """Design 5.6: the root says how often it may be handed on, to whom, and within which arguments."""
    constraints: JsonObject = {"/path": {"path_below": "/data"}, "/n": {"range": {"max": 3}}}
    grant = opened(arguments=constraints, max_depth=2, may_act=["painter", "gateway"], tools=["clock/*", "files/read"])
    assert (grant.depth, grant.max_depth, grant.may_act) == (0, 2, ("gateway", "painter"))
    assert (grant.keyid, grant.is_connector) == (key_of("planner").public.keyid, False)
    expected = {"/path": PathBelow("/data"), "/n": Within(None, 3)}
    assert [entry.arguments for entry in grant.rights.entries] == [expected, expected]
    request = parse_task(ASKED | {"arguments": constraints, "may_act": []})
    assert request.may_act == ()
    assert task_form(request) == ASKED | {"arguments": constraints, "may_act": []}


MALFORMED_BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "arguments that are a list": ({"arguments": []}, "a task needs "),
    "a constraint that is none": ({"arguments": {"/a": {"matches": "x"}}}, "`/arguments/~1a`: expected "),
    "a pointer that is none": ({"arguments": {"a": {"exact": 1}}}, "`/arguments`: expected a JSON pointer"),
    "constraints without end": (
        {
            "tools": ["a/b"] * 64,
            "arguments": {"/a": {"any": [{"exact": 1}]}, "/b": {"exact": 1}, "/c": {"any": [{"exact": 1}]}},
        },
        f"authorization_details/arguments: expected at most {CONSTRAINTS_MAX} constraints in all",
    ),
    "a depth below none": ({"max_depth": -1}, "`max_depth` must be 0 to 8"),
    "a depth without end": ({"max_depth": 9}, "`max_depth` must be 0 to 8"),
    "a depth that is a truth": ({"max_depth": True}, "a task needs "),
    "who may act that is a text": ({"may_act": "gateway"}, "a task needs "),
    "who may act, twice": ({"may_act": ["a", "a"]}, "authorization_details/may_act: expected names"),
    "who may act, without a name": ({"may_act": [""]}, "authorization_details/may_act: expected names"),
    "idle for ever": ({"idle_minutes": 2**53 - 1}, "`minutes` must be at least 1, and `idle_minutes` at most 480"),
}


@promise("P7")
@pytest.mark.parametrize("case", MALFORMED_BEYOND)
def test_constraints_and_depth_are_read_strictly(case: str) -> None:
    """P7: an unknown constraint denies."""
    changed, detail = MALFORMED_BEYOND[case]
    stop = stop_of(**changed)
    assert stop.reason is Reason.MALFORMED
    assert stop.detail.startswith(detail)


GATEWAY = AgentSettings(
    name="gateway",
    owner=ALICE,
    key=key_of("gateway").public.text,
    tools=("clock/*", "files/read"),
    purpose="serve the office",
    minutes=120,
    connector=True,
    max_depth=2,
    may_act=("planner", "painter"),
)


def opening(*profiles: AgentSettings, **limits: int) -> Opening:
    return replace(OPENING, profiles=profiles or (GATEWAY,), limits=DelegationSettings(**limits))


@promise("P4")
@pytest.mark.parametrize(
    ("limits", "changed", "detail"),
    [
        ({"depth_max": 1}, {"max_depth": 2}, "a task is handed on at most 1 times"),
        ({"depth_max": 0}, {"max_depth": 1}, "a task is handed on at most 0 times"),
    ],
)
def test_no_task_is_handed_on_more_often_than_the_settings_say(
    limits: dict[str, int], changed: JsonObject, detail: str
) -> None:
    """Ours: an owner's neither."""
    with pytest.raises(Refused) as stop:
        open_task(said(ALICE, ASKED | changed), opening(*PROFILES, **limits))
    assert (stop.value.reason, stop.value.detail) == (Reason.NOT_COVERED, detail)


@promise("P4", "P6")
@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"max_depth": 1}, "the profile `planner` is handed on at most 0 times"),
        ({"agent": "gateway", "may_act": ["planner", "other"]}, "does not name all of these in `may_act`"),
        ({"agent": "gateway", "may_act": None}, "does not name all of these in `may_act`"),
    ],
)
def test_an_agents_own_key_hands_on_no_more_than_its_profile_says(changed: JsonObject, detail: str) -> None:
    """P4: None is whom the holder says, which is wider than any list."""
    who = str(changed.get("agent", "planner"))
    holders = KEYHOLDERS | {key_of(who).public.keyid: ProfileKey(name=who, public=key_of(who).public)}
    raw = sign_statement(key_of(who), act=Act.TASK_OPEN, subject=ASKED | changed, who=who, at=NOW_MS, serial=1)
    with pytest.raises(Refused) as stop:
        open_task(verify_statement(raw, holders, Act.TASK_OPEN), opening(*PROFILES, GATEWAY))
    assert stop.value.reason is Reason.NOT_COVERED
    assert stop.value.detail.endswith(detail)


# --- a client of the token endpoint ----------------------------------------------------------------------------------

READ = frozenset({Effect.READ})
LINES = (Entry(pattern="clock/now", effects=READ), Entry(pattern="files/read", effects=READ))


def for_client(asked: GrantDetails | None = None, at: Opening | None = None) -> Grant:
    keyid = key_of("gateway").public.keyid
    return open_for_client("gateway", asked, TASK_ID, "sha256:proof", opening() if at is None else at, keyid)


@promise("P9")
def test_a_client_that_asks_for_nothing_gets_its_profile() -> None:
    """Design 5.6: reads, for the profile's purpose, with its owner, by the key that it proved."""
    grant = for_client()
    entries = (Entry(pattern="clock/*", effects=READ), Entry(pattern="files/read", effects=READ))
    assert grant == Grant(
        id=TASK_ID,
        parent=None,
        root=TASK_ID,
        agent="gateway",
        agent_class="agent",
        team="",
        owner=ALICE,
        issuer="https://m",
        purpose="serve the office",
        rights=Rights(entries=entries, pin_serial=7),
        audience="https://m",
        opened_ms=NOW_MS,
        expires_ms=NOW_MS + 120 * MINUTE_MS,
        idle_ms=30 * MINUTE_MS,
        max_calls=None,
        depth=0,
        max_depth=2,
        keyid=key_of("gateway").public.keyid,
        is_connector=True,
        may_act=("planner", "painter"),
        salt="5a17" * 8,
        statement_digest="sha256:proof",
        tenant="default",
        state=GrantState.OPEN,
    )


def test_a_client_gets_no_more_than_the_settings_say() -> None:
    """Ours: what it did not ask for is cut down to them, what it asked for is refused."""
    grant = for_client(at=opening(session_minutes=10, depth_max=1, session_idle_minutes=5))
    assert (grant.expires_ms, grant.max_depth, grant.idle_ms) == (NOW_MS + 10 * MINUTE_MS, 1, 5 * MINUTE_MS)
    with pytest.raises(Refused) as stop:
        for_client(GrantDetails(entries=LINES, expires_in=601), opening(session_minutes=10))
    assert stop.value.detail == "a task lives at most 10 minutes"
    with pytest.raises(Refused) as stop:
        for_client(GrantDetails(entries=LINES, max_depth=2), opening(depth_max=1))
    assert stop.value.detail == "a task is handed on at most 1 times"


@promise("P4")
def test_a_client_gets_what_it_asks_for_and_no_more() -> None:
    """RFC 9396 §7: narrower in each dimension, to the second."""
    lines = (replace(LINES[0], arguments={"/timezone": OneOf(frozenset({b'"Europe/Oslo"'}))}), LINES[1])
    asked = GrantDetails(
        entries=lines,
        purpose="one look",
        expires_in=61,
        max_calls=3,
        max_depth=1,
        locations=("https://m/servers/clock/mcp",),
        may_act=(),
    )
    grant = for_client(asked)
    assert grant.rights == Rights(entries=lines, pin_serial=7)
    assert (grant.purpose, grant.expires_ms, grant.max_calls) == ("one look", NOW_MS + 61_000, 3)
    assert (grant.max_depth, grant.audience, grant.may_act) == (1, "https://m/servers/clock/mcp", ())


@pytest.mark.parametrize("location", ["https://m", "https://m/"])
def test_a_client_may_name_the_mediator_itself(location: str) -> None:
    """RFC 9396 §2.2."""
    assert for_client(GrantDetails(entries=LINES, locations=(location,))).audience == "https://m"


@promise("P4", "P6", "P7")
@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        (GrantDetails(entries=()), "the profile `gateway` holds no tools"),
        (
            GrantDetails(entries=(Entry(pattern="clock/*", effects=frozenset()),)),
            "the profile `gateway` does not hold clock/*",
        ),
        (
            GrantDetails(entries=(Entry(pattern="mail/read", effects=READ),)),
            "the profile `gateway` does not hold mail/read",
        ),
        (
            GrantDetails(entries=(Entry(pattern="clock/set", effects=frozenset({Effect.WRITE})),)),
            "the profile `gateway` opens no write",
        ),
        (GrantDetails(entries=LINES, expires_in=7201), "the profile `gateway` opens at most 120 minutes"),
        (GrantDetails(entries=LINES, max_depth=3), "the profile `gateway` is handed on at most 2 times"),
        (
            GrantDetails(entries=LINES, may_act=("planner", "other")),
            "the profile `gateway` does not name all of these in `may_act`",
        ),
        (
            GrantDetails(entries=LINES, locations=("https://elsewhere.example",)),
            "`locations` names one endpoint below https://m, or is left out",
        ),
        (
            GrantDetails(entries=LINES, locations=("https://m/a", "https://m/b")),
            "`locations` names one endpoint below https://m, or is left out",
        ),
        (GrantDetails(entries=LINES, locations=()), "`locations` names one endpoint below https://m, or is left out"),
    ],
    ids=str,
)
def test_a_client_gets_nothing_beyond_its_profile(asked: GrantDetails, detail: str) -> None:
    """A1 with its own key; and empty is never all."""
    with pytest.raises(Refused) as stop:
        for_client(asked)
    assert (stop.value.reason, stop.value.detail) == (Reason.NOT_COVERED, detail)


@promise("P9")
def test_a_task_has_a_purpose_or_is_none() -> None:
    """P9: of the request, or of the profile."""
    silent = opening(GATEWAY.model_copy(update={"purpose": ""}))
    assert for_client(GrantDetails(entries=LINES, purpose="said"), silent).purpose == "said"
    with pytest.raises(Refused) as stop:
        for_client(GrantDetails(entries=LINES), silent)
    assert stop.value.reason is Reason.NOT_COVERED
    assert stop.value.detail == "neither the request nor the profile of `gateway` says what the task is for"


@promise("P7")
def test_a_profile_without_tools_opens_nothing() -> None:
    """Empty is never all."""
    with pytest.raises(Refused) as stop:
        for_client(at=opening(GATEWAY.model_copy(update={"tools": ()})))
    assert stop.value.detail == "the profile `gateway` holds no tools"


def test_a_client_that_has_no_profile_gets_nothing() -> None:
    """Ours."""
    with pytest.raises(Refused) as stop:
        open_for_client("nobody", None, TASK_ID, "sha256:proof", opening(), "a key")
    assert stop.value.detail == "there is no agent `nobody`; profiles: `gateway`"
    with pytest.raises(Refused) as stop:
        replace(OPENING, profiles=()).profile("nobody")
    assert stop.value.detail == "there is no agent `nobody`; profiles: none"


# --- whose key holds it ----------------------------------------------------------------------------------------------

INSTANCE = key_of("instance").public
WORKLOAD = WorkloadSettings(issuer="ci", subject="repo:acme/app")


@promise("P4", "P9")
def test_a_task_for_one_process_is_held_by_its_key_alone() -> None:
    """Issue 6: by the agent's own statement and by its owner's; the key stands in the statement."""
    for who in ("planner", ALICE):
        grant = open_task(said(who, ASKED | {"instance_key": INSTANCE.text}), OPENING)
        assert grant.keyid == INSTANCE.keyid
    request = parse_task(ASKED | {"instance_key": INSTANCE.text})
    assert request.instance_key == INSTANCE.text
    assert task_form(request)["instance_key"] == INSTANCE.text
    assert "instance_key" not in task_form(parse_task(ASKED))


@pytest.mark.parametrize("key", [None, 1, "", "ed25519:x", INSTANCE.text + "="])
def test_an_instances_key_is_a_key(key: Json) -> None:
    """Bad input."""
    with pytest.raises(Refused) as stop:
        parse_task(ASKED | {"instance_key": key})
    assert stop.value.reason is Reason.MALFORMED


@promise("P4", "P7")
def test_a_key_that_is_not_the_agents_own_opens_nothing_for_it() -> None:
    """Issue 6: an instance was given one task, and opens no other."""
    with pytest.raises(Refused) as stop:
        open_for_client("gateway", None, TASK_ID, "sha256:proof", opening(), INSTANCE.keyid)
    assert stop.value.reason is Reason.NOT_COVERED


def test_a_workload_holds_a_task_as_a_key_does() -> None:
    """Issue 6: what an owner opens is held by the agent's key, where it has one, and else by its workload."""
    both = GATEWAY.model_copy(update={"workload": WORKLOAD})
    alone = both.model_copy(update={"key": None})
    assert keyids_of(both) == (key_of("gateway").public.keyid, "workload:ci:repo:acme/app")
    assert keyids_of(alone) == ("workload:ci:repo:acme/app",)
    assert keyids_of(KEYLESS) == ()
    for profile, keyid in ((both, keyids_of(both)[0]), (alone, keyids_of(alone)[0])):
        grant = open_task(said(ALICE, ASKED | {"agent": "gateway"}), replace(OPENING, profiles=(profile,)))
        assert grant.keyid == keyid
    held = open_for_client("gateway", None, TASK_ID, "sha256:proof", opening(both), keyids_of(both)[1])
    assert held.keyid == "workload:ci:repo:acme/app"
