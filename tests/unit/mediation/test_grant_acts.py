"""What people do to grants that stand: who may, by which words, and what it comes to.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest

from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant, GrantState
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import (
    Act,
    Keyholder,
    ProfileKey,
    Role,
    VerifiedStatement,
    sign_statement,
    verify_one_of,
)
from mediator.mediation.grant_acts import REASON_MAX, name_to_freeze, reason_to_revoke, renewed_until, rule_to_keep
from mediator.mediation.tasks import FRESH_MS
from mediator.refusal import Reason, Refused
from mediator.settings.sections import DelegationSettings
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant
from tests.simulated.people import key_of, operators_of

OWNER, OPERATOR, OTHER = "alice@example.com", "oscar@example.com", "bob@example.com"
PEOPLE = operators_of(**{OWNER: Role.OWNER, OPERATOR: Role.OPERATOR, OTHER: Role.OWNER})
LIMITS = DelegationSettings()
GRANT = a_grant()
CHILD = a_grant(id="g-1a", parent="g-1", root="g-1", agent="worker", depth=1)
MINUTE_MS = 60_000


def stated(
    act: Act, subject: JsonObject, who: str = OWNER, *, at: int = NOW_MS, key: SigningKey | None = None
) -> VerifiedStatement:
    """Return what this person said, verified; an agent by its profile's key where one is given."""
    holders: dict[str, Keyholder] = dict(PEOPLE)
    if key is not None:
        holders[key.public.keyid] = ProfileKey(name=who, public=key.public)
    raw = sign_statement(key or key_of(who), act=act, subject=subject, who=who, at=at, serial=1)
    return verify_one_of(raw, holders, tuple(Act))


def revokes(who: str = OWNER, *, grant: Grant = GRANT, at: int = NOW_MS, **changed: Json) -> str:
    subject: JsonObject = {"id": grant.id, "reason": "it leaked"}
    return reason_to_revoke(stated(Act.GRANT_REVOKE, subject | changed, who, at=at), grant, PEOPLE, NOW_MS)


def renews(who: str = OWNER, *, grant: Grant = GRANT, at: int = NOW_MS, **changed: Json) -> int:
    subject: JsonObject = {"id": grant.id, "minutes": 60}
    return renewed_until(stated(Act.TASK_RENEW, subject | changed, who, at=at), grant, PEOPLE, LIMITS, NOW_MS)


def freezes(act: Act = Act.FREEZE, *, said: Act | None = None, at: int = NOW_MS, **changed: Json) -> tuple[str, str]:
    subject: JsonObject = {"name": "agent:planner", "reason": "it sends too much"}
    return name_to_freeze(stated(said or act, subject | changed, OPERATOR, at=at), act, NOW_MS)


def reason_of(act: Any, *arguments: Any, **named: Any) -> Reason:
    with pytest.raises(Refused) as stop:
        act(*arguments, **named)
    assert stop.value.detail
    return stop.value.reason


@promise("P9")
@pytest.mark.parametrize("grant", [GRANT, CHILD])
def test_its_owner_and_an_operator_revoke_a_grant_and_say_why(grant: Grant) -> None:
    """Design 2a: the human who answers for a chain, of each of its links; or whoever runs the mediator."""
    assert revokes(grant=grant) == "it leaked"
    assert revokes(OPERATOR, grant=grant) == "it leaked"


@promise("P9")
def test_a_grant_that_has_ended_may_be_revoked_again() -> None:
    """Ours: it comes to nothing, and is no error to somebody in a hurry."""
    assert revokes(grant=a_grant(state=GrantState.REVOKED)) == "it leaked"


@promise("P4", "P9")
@pytest.mark.parametrize("act", [revokes, renews])
def test_who_answers_for_others_alone_may_nothing(act: Any) -> None:
    """A4: an owner of other tasks."""
    assert reason_of(act, OTHER) is Reason.NOT_COVERED


@promise("P4", "P9")
@pytest.mark.parametrize("act", [Act.GRANT_REVOKE, Act.TASK_RENEW, Act.FREEZE, Act.UNFREEZE])
@pytest.mark.parametrize("who", ["planner", OWNER])
def test_an_agents_key_states_none_of_these_even_under_the_owners_name(act: Act, who: str) -> None:
    """A4: a profile's key opens and completes tasks, and nothing else."""
    with pytest.raises(Refused) as stop:
        stated(act, {"id": "g-1", "reason": "x"}, who, key=SigningKey.generate())
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@promise("P4", "P9")
def test_whose_key_is_no_operators_answers_for_nothing() -> None:
    """Ours: also where the statement was verified by other keyholders, and names the owner."""
    statement = stated(Act.GRANT_REVOKE, {"id": "g-1", "reason": "x"})
    others = operators_of(**{OTHER: Role.OPERATOR})
    assert reason_of(reason_to_revoke, statement, GRANT, others, NOW_MS) is Reason.NOT_COVERED


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "g-2"},
        {"id": None},
        {"reason": None},
        {"reason": 7},
        {"reason": ""},
        {"reason": "  "},
        {"reason": "a\nb"},
        {"reason": "\x1b[8m"},
        {"reason": "x" * (REASON_MAX + 1)},
        {"more": 1},
    ],
)
@promise("P7")
def test_a_revocation_in_other_words_is_none(changed: dict[str, Json]) -> None:
    """Ours: strict in, whoever signed it; a reason stands in the ledger, on one line."""
    assert reason_of(revokes, **changed) is Reason.MALFORMED


def test_a_reason_may_be_as_long_as_is_said() -> None:
    """Ours: the limit itself is within."""
    assert revokes(reason="x" * REASON_MAX) == "x" * REASON_MAX


@promise("P7", "P9")
@pytest.mark.parametrize("act", [revokes, renews, freezes])
@pytest.mark.parametrize("away_ms", [-FRESH_MS - 1, FRESH_MS + 1])
def test_only_what_was_said_just_now_is_obeyed(act: Any, away_ms: int) -> None:
    """Ours: a statement that lies about is no act of today."""
    assert reason_of(act, at=NOW_MS + away_ms) is Reason.EXPIRED_CREDENTIAL
    act(at=NOW_MS + (FRESH_MS if away_ms > 0 else -FRESH_MS))


@promise("P7")
def test_a_statement_of_another_act_does_none_of_these() -> None:
    """Ours: one statement, one act."""
    other = stated(Act.TASK_COMPLETE, {"id": "g-1", "reason": "x", "minutes": 60})
    assert reason_of(reason_to_revoke, other, GRANT, PEOPLE, NOW_MS) is Reason.MALFORMED
    assert reason_of(renewed_until, other, GRANT, PEOPLE, LIMITS, NOW_MS) is Reason.MALFORMED
    assert reason_of(freezes, Act.UNFREEZE, said=Act.FREEZE) is Reason.MALFORMED
    assert reason_of(freezes, Act.FREEZE, said=Act.UNFREEZE) is Reason.MALFORMED


@promise("P9")
@pytest.mark.parametrize("who", [OWNER, OPERATOR])
@pytest.mark.parametrize("minutes", [15, 60, LIMITS.session_minutes])
def test_a_task_is_renewed_for_minutes_from_now_on(who: str, minutes: int) -> None:
    """Design 5.6: renewal is a recorded decision, and no longer than a session's time."""
    assert renews(who, minutes=minutes) == NOW_MS + minutes * MINUTE_MS


@promise("P4", "P7")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"minutes": 0}, Reason.NOT_COVERED),
        ({"minutes": -1}, Reason.NOT_COVERED),
        ({"minutes": LIMITS.session_minutes + 1}, Reason.NOT_COVERED),
        ({"minutes": 2**52}, Reason.NOT_COVERED),
        ({"minutes": True}, Reason.MALFORMED),
        ({"minutes": 60.5}, Reason.MALFORMED),
        ({"minutes": "60"}, Reason.MALFORMED),
        ({"minutes": None}, Reason.MALFORMED),
        ({"id": "g-2"}, Reason.MALFORMED),
        ({"reason": "x"}, Reason.MALFORMED),
    ],
)
def test_a_task_is_renewed_for_no_other_time_and_in_no_other_words(changed: dict[str, Json], reason: Reason) -> None:
    """P4: what is renewed lives at most as long as what is opened."""
    assert reason_of(renews, **changed) is reason


@promise("P4")
def test_a_task_is_not_renewed_for_less_than_it_has() -> None:
    """Ours: what was handed on from it would outlive it, and every chain below would be invalid."""
    long = a_grant(expires_ms=NOW_MS + 60 * MINUTE_MS)
    assert reason_of(renews, grant=long, minutes=59) is Reason.NOT_COVERED
    assert renews(grant=long, minutes=60) == long.expires_ms


@promise("P4")
def test_what_was_handed_on_is_not_renewed() -> None:
    """P4: the one before gave it for so long."""
    assert reason_of(renews, grant=CHILD) is Reason.NOT_COVERED


@promise("P5")
@pytest.mark.parametrize(
    "over",
    [{"state": GrantState.COMPLETED}, {"state": GrantState.REVOKED}, {"expires_ms": NOW_MS}],
)
def test_what_is_over_is_not_renewed(over: dict[str, Any]) -> None:
    """P5: dead is dead; another task is another decision."""
    assert reason_of(renews, grant=a_grant(**over)) is Reason.GRANT_EXPIRED
    assert renews(grant=a_grant(expires_ms=NOW_MS + 1)) == NOW_MS + 60 * MINUTE_MS


@pytest.mark.parametrize("act", [Act.FREEZE, Act.UNFREEZE])
def test_what_is_stopped_is_named_and_why_is_said(act: Act) -> None:
    """Design 5.1."""
    assert freezes(act) == ("agent:planner", "it sends too much")
    assert freezes(act, name="everything") == ("everything", "it sends too much")


@pytest.mark.parametrize(
    "changed", [{"name": "planner"}, {"name": ""}, {"name": 1}, {"reason": ""}, {"reason": None}, {"until": 1}]
)
@promise("P7")
def test_a_freeze_of_nobody_or_for_no_reason_is_none(changed: dict[str, Json]) -> None:
    """Ours: a name that matches nothing would stop nothing, and say that it did."""
    assert reason_of(freezes, **changed) is Reason.MALFORMED
    assert reason_of(freezes, Act.UNFREEZE, **changed) is Reason.MALFORMED


def keeps(act: Act = Act.FREEZE_RULE, *, said: Act | None = None, at: int = NOW_MS, **changed: Json) -> tuple[str, str]:
    subject: JsonObject = {"rule": "loop of task", "reason": "nobody is at hand"}
    rule, reason = rule_to_keep(stated(said or act, subject | changed, OPERATOR, at=at), act, NOW_MS)
    return rule.text, reason


@pytest.mark.parametrize("act", [Act.FREEZE_RULE, Act.UNFREEZE_RULE])
def test_an_operator_has_a_rule_kept_or_taken_out_and_says_why(act: Act) -> None:
    """Issue 7: by a signed statement."""
    assert keeps(act) == ("loop of task", "nobody is at hand")


@promise("P7")
def test_what_is_no_statement_of_a_rule_is_refused() -> None:
    """Bad input; and one act's statement is not another's."""
    for changed in ({"rule": "denials of agent"}, {"rule": 7}, {"reason": ""}, {"reason": None}, {"name": "agent:a"}):
        assert reason_of(keeps, **changed) is Reason.MALFORMED
    assert reason_of(keeps, said=Act.FREEZE) is Reason.MALFORMED
    assert reason_of(keeps, said=Act.UNFREEZE_RULE) is Reason.MALFORMED
    assert reason_of(keeps, at=NOW_MS - 600_000) is Reason.EXPIRED_CREDENTIAL
