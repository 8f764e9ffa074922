"""Instances: a key for one process, good for one task, known again after a restart by the statement that named it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from mediator.assembly.desk import Desk
from mediator.assembly.folder import Folder, read_operators, read_settings
from mediator.assembly.instances import Instances, keyholders_of
from mediator.assembly.mediator import Mediator
from mediator.assembly.token_desk import TokenDesk
from mediator.canonical import JsonObject, canonical_bytes
from mediator.cli.init_settings import PROFILE
from mediator.delegation.grant import Grant, GrantState
from mediator.delegation.token_request import ClientCredentials
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.dsse import SigningKey
from mediator.identity.oauth_error import TokenRefused
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import forge
from tests.simulated.opened import BASE_URL, asks, opened, task_subject
from tests.simulated.people import key_of
from tests.simulated.running import OWNER

KEY = key_of("instance")


def open_for(mediator: Mediator, key: SigningKey = KEY, who: str = OWNER, kind: str = "operator") -> Grant:
    subject = task_subject(instance_key=key.public.text, idle_minutes=30)
    return mediator.desk.open(asks(mediator, subject, who=who, kind=kind))


async def fresh(desk: Desk, grant: Grant, number: str, key: SigningKey = KEY) -> str:
    """Ask for a fresh token of this grant, as the instance."""
    assertion = sign_client_assertion(key, PROFILE, BASE_URL, number, desk.clock.now_ms())
    held = canonical_bytes([{"type": "mcp_tool_grant", "grant": grant.id}]).decode()
    tokens = TokenDesk(desk=desk)
    request = ClientCredentials(authorization_details=held, scope=None, targets=())
    return str((await tokens.issue(tokens.authenticate(assertion, None), request))["grant"])


@promise("P4", "P5")
@pytest.mark.parametrize(("who", "kind"), [(OWNER, "operator"), (PROFILE, "agent")])
async def test_an_instance_gets_fresh_tokens_of_its_task_until_it_is_over(home: Folder, who: str, kind: str) -> None:
    """Issue 6: of that one and no other, and the profile's own key none of it."""
    async with opened(home) as mediator:
        grant = open_for(mediator, who=who, kind=kind)
        desk = mediator.desk
        assert grant.keyid == KEY.public.keyid
        assert desk.instances.keyids() == {PROFILE: {KEY.public.keyid}}
        assert await fresh(desk, grant, "1") == grant.id
        other = mediator.desk.open(asks(mediator, task_subject()))
        with pytest.raises(TokenRefused):
            await fresh(desk, other, "2")
        assert desk.instances.find("another", KEY.public.keyid, desk.clock.now_ms()) is None
        await desk.end(grant.id, "test")
        with pytest.raises(TokenRefused) as stop:
            await fresh(desk, grant, "3")
        assert stop.value.reason is Reason.UNKNOWN_KEY
        open_for(mediator, key_of("next"))
        assert desk.instances.keyids() == {PROFILE: {key_of("next").public.keyid}}


@promise("P9")
async def test_no_key_is_two_instances_or_anybody_elses(home: Folder) -> None:
    """NHI9: a key that turns up twice is a finding, and nothing is opened with it."""
    async with opened(home) as mediator:
        open_for(mediator)
        with pytest.raises(Refused) as stop:
            open_for(mediator)
        assert stop.value.reason is Reason.NOT_COVERED
        for taken in keyholders_of(mediator.settings, mediator.desk.operators).values():
            subject = task_subject(instance_key=taken.public.text)
            with pytest.raises(Refused):
                mediator.desk.open(asks(mediator, subject))
        assert len(mediator.store.list_grants()) == 1


@promise("P4", "P5")
async def test_an_instance_is_known_again_after_a_restart(home: Folder) -> None:
    """Issue 6: its task goes on, by the statement that stands beside it."""
    async with opened(home) as mediator:
        grant = open_for(mediator)
        ended = open_for(mediator, key_of("next"))
        mediator.store.end_grant(ended.id, GrantState.COMPLETED, "over")
    async with opened(home) as mediator:
        assert await fresh(mediator.desk, grant, "1") == grant.id
        assert mediator.desk.instances.keyids() == {PROFILE: {KEY.public.keyid}}


@promise("P4", "P5", "P7")
async def test_a_statement_that_does_not_hold_any_more_leaves_no_instance(home: Folder) -> None:
    """P5: an instance of a key that was replaced; one whose statement was edited, or is another task's."""
    async with opened(home) as mediator:
        grant, other = open_for(mediator), open_for(mediator, key_of("next"))
        operators = read_operators(home)
        now_ms = mediator.ports.clock.now_ms()

        def recalled() -> set[str]:
            again = Instances(mediator.store)
            again.recall(read_settings(home), operators, now_ms)
            return {keyid for keyids in again.keyids().values() for keyid in keyids}

        assert recalled() == {grant.keyid, other.keyid}
        with sqlite3.connect(home.store_file) as connection:
            row = connection.execute("SELECT statement FROM grants WHERE id = ?", (other.id,)).fetchone()
            connection.execute("UPDATE grants SET statement = ? WHERE id = ?", (row[0], grant.id))
        connection.close()
        assert recalled() == {other.keyid}
        nobody = Instances(mediator.store)
        nobody.recall(read_settings(home), replace(operators, by_keyid={}), now_ms)
        assert nobody.keyids() == {}


@promise("P7")
async def test_an_instance_says_which_key_is_its_own(home: Folder) -> None:
    """RFC 7515 §4.1.4: without a `kid` an assertion is looked at with the profile's key alone."""
    async with opened(home) as mediator:
        open_for(mediator)
        now = mediator.desk.clock.now_ms() // 1000
        claims: JsonObject = {"iss": PROFILE, "sub": PROFILE, "aud": BASE_URL, "exp": now + 60, "jti": "1"}
        for header, is_let_in in (({"kid": KEY.public.keyid}, True), ({}, False)):
            assertion = forge({"alg": "EdDSA", **header}, claims, KEY.sign)
            if is_let_in:
                assert TokenDesk(desk=mediator.desk).authenticate(assertion, None).keyid == KEY.public.keyid
                continue
            with pytest.raises(TokenRefused) as stop:
                TokenDesk(desk=mediator.desk).authenticate(assertion, None)
            assert stop.value.reason is Reason.BAD_CREDENTIAL
