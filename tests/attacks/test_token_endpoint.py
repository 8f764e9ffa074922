"""The token endpoint gives nobody more than a chain holds: splicing, stealing, widening, forging, replaying (A1, A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import DEFAULT_LIMITS, Json, JsonObject
from mediator.delegation.token_request import CLIENT_CREDENTIALS
from mediator.evidence import Secret
from mediator.identity.client_assertion import TYPE as ASSERTION
from mediator.identity.compact import parse_compact
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.fleet import Fleet, details, good, refused
from tests.simulated.fleet_at_work import LOAD, at_work, call_with, count_grants, opened, within
from tests.simulated.forged_tokens import forge
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in


@pytest.fixture
def fleet() -> Fleet:
    return Fleet("orchestrator", "worker", "specialist", "mallory")


@promise("P4")
async def test_subject_and_actor_of_two_delegations_are_not_spliced(tmp_path: Path, fleet: Fleet) -> None:
    """Standards 1.3: each token holds, and was never meant for the other; a stolen one gives its thief nothing."""
    async with at_work(tmp_path, fleet) as mediator:
        first, second = await opened(mediator), await opened(mediator)
        others = await opened(mediator, agent="specialist")
        named = await opened(mediator, "--may-act", "worker")

        def agreed(agent: str, grant: str | None) -> str:
            return fleet.assertion(mediator, agent, grant=grant)

        token, asked = second["access_token"], within()
        attempts: Mapping[str, tuple[str, str, str | None, str]] = {
            "agreed to the other chain": (
                token,
                "orchestrator",
                agreed("worker", first["grant"]),
                "actor_unauthorized",
            ),
            "agreed to nothing": (token, "orchestrator", agreed("worker", None), "actor_unauthorized"),
            "agreed to a grant by its task's name": (
                token,
                "orchestrator",
                agreed("worker", second["grant"].upper()),
                "actor_unauthorized",
            ),
            "the delegator of another chain": (token, "specialist", agreed("worker", second["grant"]), "invalid_grant"),
            "the delegator of another chain, for its own": (
                token,
                "specialist",
                agreed("worker", others["grant"]),
                "invalid_grant",
            ),
            "a thief, for itself": (token, "mallory", None, "actor_unauthorized"),
            "a thief, with its own actor token": (
                token,
                "mallory",
                agreed("mallory", second["grant"]),
                "actor_unauthorized",
            ),
            "a thief, for somebody who agreed": (token, "mallory", agreed("worker", second["grant"]), "invalid_grant"),
            "a thief, of a task that names another": (named["access_token"], "mallory", None, "actor_unauthorized"),
            "a thief, for who is named": (
                named["access_token"],
                "mallory",
                agreed("worker", named["grant"]),
                "invalid_grant",
            ),
            "the holder, for who is not named": (
                named["access_token"],
                "orchestrator",
                agreed("mallory", named["grant"]),
                "actor_unauthorized",
            ),
        }
        before = count_grants(mediator)
        for name, (subject, asker, actor, error) in attempts.items():
            told = await fleet.exchange(mediator, subject, asker, asked, actor)
            assert (name, *refused(told)) == (name, 400, error)
            assert "access_token" not in told.json()
        assert count_grants(mediator) == before
        assert mediator.entries("grant.delegated") == []
        good(await fleet.exchange(mediator, token, "orchestrator", asked, agreed("worker", second["grant"])))


@promise("P4")
async def test_nothing_is_handed_on_that_is_wider_in_any_dimension(tmp_path: Path, fleet: Fleet) -> None:
    """P4: tools, arguments, effects, audience, time, count, depth; and who may act. What is equal is handed on."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "--may-act", "worker", "--may-act", "specialist")
        wide = "invalid_authorization_details"
        attempts = {
            "another tool": (within(("notes/send",)), wide),
            "every tool": (within(("*/*",)), wide),
            "every tool of the server": (within(("notes/*",)), wide),
            "a tool of the same name elsewhere": (within(("mail/load",)), wide),
            "a tool beside": (within(("notes/load", "mail/load")), wide),
            "an effect": (details(LOAD, ["read", "send"], arguments={"/path": {"path_below": "/reports"}}), wide),
            "no constraint": (details(LOAD), wide),
            "a looser constraint": (details(LOAD, arguments={"/path": {"path_below": "/"}}), wide),
            "a constraint by its letters alone": (
                details(LOAD, arguments={"/path": {"path_below": "/reports2"}}),
                wide,
            ),
            "a constraint on something else": (details(LOAD, arguments={"/other": {"path_below": "/reports"}}), wide),
            "more calls": (within(max_calls=10), wide),
            "more depth": (within(max_depth=3), wide),
            "more time": (within(expires_in=30 * 60 + 60), wide),
            "who may act": (within(may_act=["worker", "mallory"]), wide),
            "another endpoint": (within(locations=["http://127.0.0.1:1/mcp"]), "invalid_target"),
            "beside the address": (within(locations=[f"{mediator.url}.example/mcp"]), "invalid_target"),
            "two endpoints": (
                within(locations=[f"{mediator.url}/servers/notes/mcp", f"{mediator.url}/servers/mail/mcp"]),
                "invalid_target",
            ),
        }
        for name, (asked, error) in attempts.items():
            actor = fleet.assertion(mediator, "worker", grant=task["grant"])
            told = await fleet.exchange(mediator, task["access_token"], "orchestrator", asked, actor)
            assert (name, *refused(told)) == (name, 400, error)
        assert mediator.entries("grant.delegated") == []
        equal = within(max_calls=9, max_depth=2, may_act=["specialist", "worker"])
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", equal)
        assert await call_with(mediator, worker["access_token"]) is None
        assert await call_with(mediator, worker["access_token"], path="/reports2/a") == "NOT_COVERED"
        expires = [stored.grant.expires_ms for stored in mediator.mediator.store.list_grants()]
        assert expires[-1] == expires[-2]  # what is not said is no more than the one before has
        assert worker["expires_in"] <= 300


@promise("P4")
async def test_a_chain_has_no_cycle_and_no_more_links_than_were_granted(tmp_path: Path, fleet: Fleet) -> None:
    """P4: nobody stands in a chain twice, which would wash a delegation off; the depth of the root can only fall."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator, "--may-act", "orchestrator", "--may-act", "worker", "--may-act", "specialist")
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within(max_depth=1))
        asked = within()
        attempts: Mapping[str, tuple[str, str | None]] = {
            "back to the root": ("worker", fleet.assertion(mediator, "orchestrator", grant=worker["grant"])),
            "by the root itself": ("orchestrator", None),
            "to oneself": ("worker", None),
            "to oneself, as an actor": ("worker", fleet.assertion(mediator, "worker", grant=worker["grant"])),
        }
        for name, (asker, actor) in attempts.items():
            told = await fleet.exchange(mediator, worker["access_token"], asker, asked, actor)
            assert (name, *refused(told)) == (name, 400, "invalid_request")
            assert "chain already" in told.json()["error_description"]
        last = await fleet.hand_on(mediator, worker, "worker", "specialist", asked)
        actor = fleet.assertion(mediator, "mallory", grant=last["grant"])
        told = await fleet.exchange(mediator, last["access_token"], "specialist", asked, actor)
        assert refused(told) == (400, "actor_unauthorized")
        free = await opened(mediator, "--max-depth", "1")
        one = await fleet.hand_on(mediator, free, "orchestrator", "worker", asked)
        actor = fleet.assertion(mediator, "specialist", grant=one["grant"])
        told = await fleet.exchange(mediator, one["access_token"], "worker", asked, actor)
        assert refused(told) == (400, "invalid_request")
        assert "delegated further" in told.json()["error_description"]


def assertion_of(fleet: Fleet, mediator: Running, agent: str, **claims: Json) -> str:
    """Return an assertion with claims of one's own, really signed."""
    now, key = int(time.time()), fleet.keys[agent]
    form: JsonObject = {
        "iss": agent,
        "sub": agent,
        "aud": mediator.url,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_hex(16),
    }
    header: JsonObject = {"alg": "EdDSA", "typ": ASSERTION, "kid": key.public.keyid}
    return forge(header, form | claims, key.sign).reveal()


def rewritten(token: str, key: SigningKey, **claims: Json) -> str:
    """Return the token with claims changed, signed with this key in its own name."""
    header, old = parse_compact(Secret(token), DEFAULT_LIMITS)
    return forge({**header, "kid": key.public.keyid}, {**old, **claims}, key.sign).reveal()


@promise("P4", "P9")
async def test_what_a_token_says_of_who_may_act_counts_for_nothing(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 8693 §4.1, §4.4: `act` and `may_act` in a token are its writer's word; ours stand in the stored grant."""
    async with at_work(tmp_path, fleet) as mediator:
        task, asked = await opened(mediator), within()
        claimed: JsonObject = {"may_act": {"sub": "mallory"}, "act": {"sub": "orchestrator"}}
        issuer = read_key(open_folder(mediator.folder).key_file("issuer"))
        agreed = {"grant": task["grant"], **claimed}
        attempts: Mapping[str, tuple[str, str, str | None, str]] = {
            "in an actor token": (
                task["access_token"],
                "mallory",
                assertion_of(fleet, mediator, "mallory", **agreed),
                "actor_unauthorized",
            ),
            "in a subject token of one's own making": (
                rewritten(task["access_token"], fleet.keys["mallory"], **claimed),
                "mallory",
                None,
                "invalid_grant",
            ),
            "in a subject token, its signature kept": (
                ".".join(
                    [
                        *rewritten(task["access_token"], issuer, **claimed).split(".")[:2],
                        task["access_token"].split(".")[2],
                    ]
                ),
                "mallory",
                None,
                "invalid_grant",
            ),
            "in a token that the issuer really signed": (
                rewritten(task["access_token"], issuer, **claimed),
                "mallory",
                None,
                "actor_unauthorized",
            ),
            "a token for oneself that the issuer really signed": (
                rewritten(task["access_token"], issuer, sub="mallory", client_id="mallory"),
                "mallory",
                None,
                "invalid_grant",
            ),
            "an assertion as the subject token": (
                assertion_of(fleet, mediator, "orchestrator", grant=task["grant"]),
                "mallory",
                None,
                "invalid_grant",
            ),
        }
        for name, (subject, asker, actor, error) in attempts.items():
            told = await fleet.exchange(mediator, subject, asker, asked, actor)
            assert (name, *refused(told)) == (name, 400, error)
        assert mediator.entries("grant.delegated") == []
        access_token_as_actor = await fleet.exchange(
            mediator, task["access_token"], "orchestrator", asked, task["access_token"]
        )
        assert refused(access_token_as_actor) == (400, "invalid_request")


@promise("P4")
async def test_a_token_is_good_where_it_was_asked_for_and_nowhere_else(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 8707 §2, RFC 9396 §2.2: of a task, of what is handed on, and of what is handed on from that."""
    async with at_work(tmp_path, fleet) as mediator:
        notes, mail = f"{mediator.url}/servers/notes/mcp", f"{mediator.url}/servers/mail/mcp"
        task = await opened(mediator)
        handed = await fleet.hand_on(mediator, task, "orchestrator", "worker", within(locations=[notes]))
        own = await fleet.token(mediator, "worker", details(LOAD, locations=[notes]))
        below = await fleet.hand_on(mediator, handed, "worker", "specialist", within())
        for told in (handed, own, below):
            assert told["authorization_details"][0]["locations"] == [notes]
            for endpoint, name in (("/mcp", "notes__load"), ("/servers/mail/mcp", "load")):
                answer = await mediator.post(
                    tools_call(name, path="/reports/a"), endpoint=endpoint, token=told["access_token"]
                )
                assert (answer.status_code, reason_in(answer)) == (401, "WRONG_AUDIENCE")
            answer = await mediator.post(
                tools_call("load", path="/reports/a"), endpoint="/servers/notes/mcp", token=told["access_token"]
            )
            assert reason_in(answer) is None
        assert mediator.servers["mail"].calls == []
        actor = fleet.assertion(mediator, "specialist", grant=handed["grant"])
        wider = await fleet.exchange(mediator, handed["access_token"], "worker", within(locations=[mail]), actor)
        assert refused(wider) == (400, "invalid_target")
        for elsewhere in ([mail, notes], ["https://elsewhere.example/mcp"], [f"{mediator.url}.example"]):
            answer = await fleet.ask(
                mediator,
                "worker",
                "token",
                grant_type=CLIENT_CREDENTIALS,
                authorization_details=details(LOAD, locations=[*elsewhere]),
            )
            assert refused(answer) == (400, "invalid_target")


@promise("P7")
async def test_nobody_holds_more_live_grants_than_the_settings_allow(tmp_path: Path, fleet: Fleet) -> None:
    """Ours (A1): who asks in a loop is stopped, and nobody else with it; what is handed to it counts too."""
    limits = {"delegation": "open_tasks_per_agent_max = 2"}
    async with at_work(tmp_path, fleet, settings=limits) as mediator:
        task = await opened(mediator)
        for _ in range(2):
            await fleet.token(mediator, "worker")
        own = await fleet.ask(mediator, "worker", "token", grant_type=CLIENT_CREDENTIALS)
        actor = fleet.assertion(mediator, "worker", grant=task["grant"])
        handed = await fleet.exchange(mediator, task["access_token"], "orchestrator", within(), actor)
        for told in (own, handed):
            assert refused(told) == (429, "invalid_request")
            assert re.search(r"2 live grants.*revoke", told.json()["error_description"])
        await fleet.token(mediator, "specialist")
