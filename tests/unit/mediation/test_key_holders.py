"""Whose key is whose: the first who proves one, and a profile's at all times; nobody else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.identity.confirmation import Confirmation
from mediator.mediation import key_holders
from mediator.mediation.key_holders import KeyHolders
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.proofs import ProvingKey

KEY, OTHER, THIRD = ProvingKey(), ProvingKey(), ProvingKey()


def proven(key: ProvingKey) -> Confirmation:
    return Confirmation(jkt=key.thumbprint)


def certified(certificate: str) -> Confirmation:
    return Confirmation(certificate=certificate)


class Told:
    """Holders, and what was told of them."""

    def __init__(self, **known: str) -> None:
        self.findings: list[tuple[str, str, str]] = []
        self.holders = KeyHolders({key: name for name, key in known.items()}, self.hear)

    def hear(self, key: str, holder: str, agent: str) -> None:
        self.findings.append((key, holder, agent))

    def refusal_of(self, bound_to: Confirmation, agent: str) -> Refused:
        with pytest.raises(Refused) as stop:
            self.holders.must_be_own(bound_to, agent)
        assert stop.value.reason is Reason.PROOF_INVALID
        return stop.value


def test_whoever_comes_first_keeps_coming() -> None:
    """Ours: a key is one instance's, and one may have several."""
    told = Told()
    for key in (KEY, OTHER, KEY):
        told.holders.must_be_own(proven(key), "planner")
    assert told.findings == []


@promise("P9")
def test_a_key_that_turns_up_under_two_agents_is_refused_to_the_second() -> None:
    """Ours: one of them has the other's key, and both are named to the operator alone."""
    told = Told()
    told.holders.must_be_own(proven(KEY), "planner")
    stop = told.refusal_of(proven(KEY), "worker")
    assert stop.detail == f"key `{KEY.thumbprint}` of `worker` is that of `planner` too"
    assert stop.sentence == "this key is another agent's, and each has its own"
    assert stop.remedy == "make a fresh key for each instance"
    assert told.findings == [(KEY.thumbprint, "planner", "worker")]
    told.holders.must_be_own(proven(KEY), "planner")
    told.holders.must_be_own(proven(OTHER), "worker")


@promise("P9")
def test_a_profiles_key_is_its_own_before_it_ever_comes() -> None:
    """Ours: a thief does not get there first."""
    told = Told(planner=KEY.thumbprint)
    told.refusal_of(proven(KEY), "worker")
    told.holders.must_be_own(proven(KEY), "planner")
    assert told.findings == [(KEY.thumbprint, "planner", "worker")]


@promise("P4", "P9")
def test_a_key_that_is_only_asked_after_is_nobodys_yet() -> None:
    """Ours: a proof that names no token is handed on; whoever keeps it does not have the key by it."""
    told = Told(gateway=THIRD.thumbprint)
    for agent in ("planner", "worker"):
        told.holders.must_be_no_others(proven(KEY), agent)
    told.holders.must_be_own(proven(KEY), "worker")
    for key, holder in ((KEY, "worker"), (THIRD, "gateway")):
        with pytest.raises(Refused) as stop:
            told.holders.must_be_no_others(proven(key), "planner")
        assert stop.value.reason is Reason.PROOF_INVALID
        assert told.findings[-1] == (key.thumbprint, holder, "planner")
        told.holders.must_be_no_others(proven(key), holder)


def test_each_finding_is_told_once() -> None:
    """Ours: whoever knocks all night fills no ledger; another agent, or another key, is another finding."""
    told = Told(planner=KEY.thumbprint, gateway=OTHER.thumbprint)
    for _ in range(3):
        for key, agent in ((KEY, "worker"), (KEY, "plugin"), (OTHER, "worker")):
            told.refusal_of(proven(key), agent)
    assert told.findings == [
        (KEY.thumbprint, "planner", "worker"),
        (KEY.thumbprint, "planner", "plugin"),
        (OTHER.thumbprint, "gateway", "worker"),
    ]


@promise("P9")
def test_the_certificate_of_a_connection_is_a_key_too_where_it_is_what_a_token_is_bound_to() -> None:
    """RFC 8705 §3; beside a proof it may be that of a gateway, through which others come."""
    told = Told()
    told.holders.must_be_own(certified(THIRD.thumbprint), "planner")
    told.refusal_of(certified(THIRD.thumbprint), "worker")
    told.holders.must_be_own(Confirmation(jkt=OTHER.thumbprint, certificate=THIRD.thumbprint), "worker")
    assert told.findings == [(THIRD.thumbprint, "planner", "worker")]


def test_what_comes_again_is_not_the_next_to_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: who makes many keys does not push out those that are in use."""
    monkeypatch.setattr(key_holders, "_REMEMBERED_MAX", 2)
    told = Told()
    for key in (KEY, OTHER, KEY, THIRD):
        told.holders.must_be_own(proven(key), "planner")
    told.refusal_of(proven(KEY), "worker")
    told.holders.must_be_own(proven(OTHER), "worker")


def test_the_memory_is_bounded_and_forgets_the_oldest_and_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: keys are cheap to make."""
    monkeypatch.setattr(key_holders, "_REMEMBERED_MAX", 1)
    told = Told(gateway=THIRD.thumbprint)
    told.holders.must_be_own(proven(KEY), "planner")
    told.holders.must_be_own(proven(OTHER), "planner")
    told.refusal_of(proven(THIRD), "worker")
    told.holders.must_be_own(proven(KEY), "worker")  # it was forgotten, and is now another's


def test_so_are_the_findings_and_what_is_not_told_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, fail closed: silence is no leave."""
    monkeypatch.setattr(key_holders, "_REMEMBERED_MAX", 2)
    told = Told(planner=KEY.thumbprint)
    for agent in ("a", "b", "c", "c"):
        told.refusal_of(proven(KEY), agent)
    assert [agent for _, _, agent in told.findings] == ["a", "b"]
