"""The token desk: what it gives is on record and stored, what it refuses it says how to ask for. Attacks: tests/attacks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator
from mediator.assembly.token_desk import TokenDesk
from mediator.canonical import DEFAULT_LIMITS, parse_object
from mediator.cli.main import run
from mediator.delegation.grant import GrantState
from mediator.delegation.token_request import ACCESS_TOKEN, ClientCredentials
from mediator.edge.oauth_metadata import TOKEN
from mediator.evidence import Secret
from mediator.identity.compact import parse_compact
from mediator.identity.identify import identify
from mediator.identity.nonce import Nonces
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.identity.proof import Shown
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.proofs import Proofs
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.agents_at_desk import AgentsAtDesk, desk_of
from tests.simulated.fleet import details
from tests.simulated.opened import BASE_URL, opened
from tests.simulated.proofs import ProvingKey, proofs_of
from tests.simulated.running import OWNER

NOTES = details(["notes/a"])


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


@pytest.fixture
def desk(mediator: Mediator) -> AgentsAtDesk:
    return desk_of(mediator)


async def refusal(asking: Awaitable[Any]) -> TokenRefused:
    with pytest.raises(TokenRefused) as stop:
        await asking
    assert stop.value.description
    return stop.value


async def error_of(asking: Awaitable[Any]) -> tuple[OAuthError, Reason]:
    stop = await refusal(asking)
    return stop.error, stop.reason


def notes_after(home: Folder, kind: str) -> list[Any]:
    return [entry["body"] for entry in find_entries(home.ledger, Wanted(kind=kind)).entries]


@promise("P9")
async def test_a_task_of_ones_own_is_the_profile_and_is_on_record_before_its_token(home: Folder) -> None:
    """RFC 6749 §4.4, RFC 9396 §7: the answer says what was given; the proof stands in the place of a statement."""
    async with opened(home) as mediator:
        desk = desk_of(mediator)
        told = await desk.token("planner")
        assert set(told) == {
            "access_token",
            "token_type",
            "expires_in",
            "authorization_details",
            "grant",
            "task",
        }
        assert (told["token_type"], told["expires_in"], told["grant"]) == ("Bearer", 15 * 60, told["task"])
        assert [one["tools"] for one in told["authorization_details"]] == [["notes/*"], ["mail/*"]]
        stored = mediator.store.find_stored(told["grant"])
        assert stored is not None
        grant = stored.grant
        assert (grant.owner, grant.agent, grant.audience, grant.issuer) == (OWNER, "planner", BASE_URL, BASE_URL)
        assert set(parse_object(stored.statement)) == {"client"}
    (noted,) = notes_after(home, "task.opened")
    assert (noted["task"], noted["who"], noted["statement"]) == (grant.id, "planner", grant.statement_digest)
    assert "access_token" not in str(noted)


@promise("P4")
async def test_a_part_of_the_profile_is_asked_for_and_no_more_is_given(desk: AgentsAtDesk, mediator: Mediator) -> None:
    """RFC 9396: an owner opens what is beyond it, and the refusal says so."""
    told = await desk.token("planner", details(["notes/a"], expires_in=90, max_calls=2, max_depth=1))
    grant = mediator.store.find_grant(told["grant"])
    assert grant is not None
    assert (told["expires_in"], grant.max_calls, grant.max_depth) == (90, 2, 1)
    for wider in (details(["other/a"]), details(["notes/a"], ["send"]), details(["*/*"])):
        stop = await refusal(desk.token("planner", wider))
        assert (stop.error, stop.reason) == (OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.NOT_COVERED)
        assert "owner" in stop.description
    assert len(mediator.store.list_grants()) == 1


async def test_no_scope_is_served(desk: AgentsAtDesk, mediator: Mediator) -> None:
    """RFC 6749 §3.3: rather than ignored; what is asked for stands in the details."""
    stop = await refusal(desk.token("planner", scope="effect:read"))
    assert (stop.error, stop.reason) == (OAuthError.INVALID_SCOPE, Reason.NOT_COVERED)
    assert "authorization_details" in stop.description
    assert mediator.store.list_grants() == ()


@promise("P4")
@pytest.mark.parametrize("target", [BASE_URL, BASE_URL + "/", BASE_URL + "/mcp", BASE_URL + "/servers/notes/mcp"])
async def test_a_task_is_for_this_mediator_alone(desk: AgentsAtDesk, target: str) -> None:
    """RFC 8707 §2: whatever is named must be ours."""
    await desk.token("planner", None, target)
    for other in ("https://elsewhere.example/mcp", BASE_URL + ".example/mcp", BASE_URL + "0/mcp", "", "/mcp"):
        asking = desk.token("planner", None, target, other)
        assert await error_of(asking) == (OAuthError.INVALID_TARGET, Reason.WRONG_AUDIENCE)


@promise("P4")
async def test_a_task_that_is_asked_for_one_place_is_good_there_alone(desk: AgentsAtDesk, mediator: Mediator) -> None:
    """RFC 9396 §2.2, `locations`: never wider than what was asked."""
    place = BASE_URL + "/servers/notes/mcp"
    for asked, audience in ((place, place), (BASE_URL + "/", BASE_URL)):
        told = await desk.token("planner", details(["notes/a"], locations=[asked]))
        grant = mediator.store.find_grant(told["grant"])
        assert grant is not None
        assert grant.audience == audience
        _, claims = parse_compact(Secret(told["access_token"]), DEFAULT_LIMITS)
        assert claims["aud"] == audience
    for wrong in ([place, BASE_URL], ["https://elsewhere.example"]):
        asking = desk.token("planner", details(["notes/a"], locations=[*wrong]))
        assert await error_of(asking) == (OAuthError.INVALID_TARGET, Reason.WRONG_AUDIENCE)


@promise("P5")
async def test_a_fresh_token_is_given_to_the_holder_by_its_key_while_the_grant_lives(
    desk: AgentsAtDesk, mediator: Mediator
) -> None:
    """Design 5.6: a token is renewed against the key, and never outlives the grant."""
    told = await desk.token("planner", details(["notes/a"], expires_in=20 * 60))
    desk.clock.advance(minutes=14)
    fresh = await desk.fresh("planner", told["grant"])
    assert (fresh["grant"], fresh["expires_in"]) == (told["grant"], 6 * 60)
    assert fresh["access_token"] != told["access_token"]
    gone = (OAuthError.INVALID_GRANT, Reason.GRANT_UNKNOWN)
    assert await error_of(desk.fresh("worker", told["grant"])) == gone
    assert await error_of(desk.fresh("planner", "task-" + "0" * 32)) == gone
    desk.clock.advance(minutes=6)
    assert await error_of(desk.fresh("planner", told["grant"])) == (OAuthError.INVALID_GRANT, Reason.GRANT_EXPIRED)
    assert len(mediator.store.list_grants()) == 1


@promise("P5")
async def test_a_task_that_was_idle_gets_no_fresh_token(desk: AgentsAtDesk) -> None:
    """Design 5.6: 30 minutes."""
    told = await desk.token("planner")
    desk.clock.advance(minutes=31)
    assert await error_of(desk.fresh("planner", told["grant"])) == (OAuthError.INVALID_GRANT, Reason.GRANT_EXPIRED)


async def test_another_issuers_grants_get_no_token_of_ours(desk: AgentsAtDesk, mediator: Mediator) -> None:
    """Ours."""
    told = await desk.token("planner")
    grant = mediator.store.find_grant(told["grant"])
    assert grant is not None
    other = replace(
        grant, id="task-" + "1" * 32, root="task-" + "1" * 32, issuer="https://idp.example", statement_digest="x"
    )
    mediator.store.open_grant(other, b"{}")
    assert await error_of(desk.fresh("planner", other.id)) == (OAuthError.INVALID_GRANT, Reason.NOT_COVERED)


@promise("P4", "P9")
async def test_what_is_handed_on_is_on_record_with_its_chain_and_its_proofs(home: Folder) -> None:
    """Issue 5: who gave what to whom, by which keys; RFC 8693 §2.2.1."""
    async with opened(home) as mediator:
        desk = desk_of(mediator)
        told = await desk.token("planner")
        given = await desk.exchange(told["access_token"], "planner", NOTES, desk.agreed("worker", told["grant"]))
        assert (given["issued_token_type"], given["token_type"]) == (ACCESS_TOKEN, "Bearer")
        assert (given["task"], given["expires_in"]) == (told["task"], 300)
        stored = mediator.store.find_stored(given["grant"])
        assert stored is not None
        assert (stored.grant.parent, stored.grant.agent, stored.grant.owner) == (told["grant"], "worker", OWNER)
        assert set(parse_object(stored.statement)) == {"actor", "client", "subject"}
        keys = mediator.trust.snapshot().keys
        identity = identify(Secret(given["access_token"]), keys, frozenset({BASE_URL}), desk.clock.now_ms(), 0)
        assert identity.claims.grant == given["grant"]
        _, claims = parse_compact(Secret(given["access_token"]), DEFAULT_LIMITS)
        assert claims["act"] == {"sub": "worker", "act": {"sub": "planner"}}
    (noted,) = notes_after(home, "grant.delegated")
    assert (noted["grant"], noted["parent"], noted["task"]) == (given["grant"], told["grant"], told["task"])
    assert (noted["chain"], noted["who"], noted["agent"]) == (["planner"], "planner", "worker")


async def test_a_connector_asks_for_itself_where_it_is_named_and_is_known_as_one(
    desk: AgentsAtDesk, mediator: Mediator
) -> None:
    """Issue 5, RFC 8693 §4.4."""
    told = await desk.token("planner", details(["notes/a"], may_act=["plugin"]))
    given = await desk.exchange(told["access_token"], "plugin", NOTES)
    grant = mediator.store.find_grant(given["grant"])
    assert grant is not None
    assert (grant.agent, grant.is_connector) == ("plugin", True)
    stored = mediator.store.find_stored(given["grant"])
    assert stored is not None
    assert set(parse_object(stored.statement)) == {"client", "subject"}


async def test_an_exchange_says_what_it_is_for(desk: AgentsAtDesk) -> None:
    """P7: what is not said is not all; and a grant that is held is not asked for so."""
    told = await desk.token("planner")

    def asking(asked: str | None) -> Awaitable[Any]:
        return desk.exchange(told["access_token"], "planner", asked, desk.agreed("worker", told["grant"]))

    assert await error_of(asking(None)) == (OAuthError.INVALID_REQUEST, Reason.MALFORMED)
    held = f'[{{"type":"mcp_tool_grant","grant":"{told["grant"]}"}}]'
    assert await error_of(asking(held)) == (OAuthError.INVALID_AUTHORIZATION_DETAILS, Reason.MALFORMED)


@promise("P7")
async def test_a_delegation_that_policy_forbids_is_none_and_says_the_policys_reason(
    desk: AgentsAtDesk, mediator: Mediator, home: Folder
) -> None:
    """Issue 5: `delegate` is asked before anything is handed on."""
    told = await desk.token("planner")
    forbidding = '@id("no-mail")\n@reason("mail stays with the planner")\nforbid (principal, action == Mediator::Action::"delegate", resource) when { context.delegated.servers.contains("mail") };\n'
    (home.root / "policies" / "no-mail.cedar").write_text(forbidding, encoding="utf-8")
    assert run(["policy", "activate", "--operator", OWNER, "--folder", str(home.root)]) == 0
    await mediator.renewal.renew()
    asking = desk.exchange(told["access_token"], "planner", details(["mail/a"]), desk.agreed("worker", told["grant"]))
    stop = await refusal(asking)
    assert (stop.error, stop.reason) == (OAuthError.UNAUTHORIZED_CLIENT, Reason.DENIED_BY_POLICY)
    assert "mail stays with the planner" in stop.description
    assert "no-mail" in stop.detail
    await desk.exchange(told["access_token"], "planner", NOTES, desk.agreed("worker", told["grant"]))


@promise("P4", "P7")
async def test_what_policy_lets_an_agent_not_hand_on_it_has_no_other_hand_on(
    desk: AgentsAtDesk, mediator: Mediator, home: Folder
) -> None:
    """P4: the planner hands on to the worker, but the worker gives no mail of the planner's to the specialist."""
    asked = details(["mail/a"])
    told = await desk.token("planner")
    given = await desk.exchange(told["access_token"], "planner", asked, desk.agreed("worker", told["grant"]))
    forbidding = '@id("not-to-the-specialist")\n@reason("not to the specialist")\nforbid (principal == Mediator::Agent::"planner", action == Mediator::Action::"delegate", resource == Mediator::Agent::"specialist");\n'
    (home.root / "policies" / "not-to-the-specialist.cedar").write_text(forbidding, encoding="utf-8")
    assert run(["policy", "activate", "--operator", OWNER, "--folder", str(home.root)]) == 0
    await mediator.renewal.renew()

    stop = await refusal(
        desk.exchange(given["access_token"], "worker", asked, desk.agreed("specialist", given["grant"]))
    )

    assert (stop.error, stop.reason) == (OAuthError.UNAUTHORIZED_CLIENT, Reason.DENIED_BY_POLICY)
    assert "not to the specialist" in stop.description
    own = await desk.token("worker")
    await desk.exchange(own["access_token"], "worker", asked, desk.agreed("specialist", own["grant"]))


@promise("P5")
async def test_one_of_the_chain_revokes_a_part_with_all_below_it_and_nobody_else_does(
    desk: AgentsAtDesk, mediator: Mediator
) -> None:
    """RFC 7009 §2.1: a token that is not the client's, or is none, is left as it is, and nothing is told."""
    told = await desk.token("planner")
    given = await desk.exchange(told["access_token"], "planner", NOTES, desk.agreed("worker", told["grant"]))
    below = await desk.exchange(given["access_token"], "worker", NOTES, desk.agreed("specialist", given["grant"]))

    def states() -> list[GrantState]:
        return [stored.grant.state for stored in mediator.store.list_grants()]

    for client, token in (("plugin", given), ("specialist", given)):
        await desk.tokens.revoke(desk.client(client), Secret(token["access_token"]), None)
    await desk.tokens.revoke(desk.client("planner"), Secret("no.token.atall"), "refresh_token")
    assert states() == [GrantState.OPEN] * 3
    await desk.tokens.revoke(desk.client("worker"), Secret(given["access_token"]), None)
    assert sorted(states()) == sorted([GrantState.OPEN, GrantState.REVOKED, GrantState.REVOKED])
    assert desk.tokens.introspect(desk.client("specialist"), Secret(below["access_token"])) == {"active": False}
    await desk.tokens.revoke(desk.client("worker"), Secret(given["access_token"]), None)
    assert desk.tokens.introspect(desk.client("planner"), Secret(told["access_token"]))["active"] is True


async def test_a_token_is_told_of_to_those_in_its_chain(desk: AgentsAtDesk) -> None:
    """RFC 7662 §2.2: to anybody else it is not active, which says nothing; nor once it is frozen or has run out."""
    told = await desk.token("planner")
    given = await desk.exchange(told["access_token"], "planner", NOTES, desk.agreed("worker", told["grant"]))
    token = Secret(given["access_token"])
    for client in ("planner", "worker"):
        seen: Any = desk.tokens.introspect(desk.client(client), token)
        assert (seen["active"], seen["client_id"], seen["owner"]) == (True, "worker", OWNER)
    assert desk.tokens.introspect(desk.client("specialist"), token) == {"active": False}
    store = desk.tokens.desk.store
    store.freeze("agent:planner", "sha256:1")
    assert desk.tokens.introspect(desk.client("worker"), token) == {"active": False}
    store.unfreeze("agent:planner")
    assert desk.tokens.introspect(desk.client("worker"), token)["active"] is True
    desk.clock.advance(minutes=6)
    assert desk.tokens.introspect(desk.client("worker"), token) == {"active": False}


@promise("P7")
async def test_who_is_frozen_is_given_nothing_and_told_what_is(desk: AgentsAtDesk) -> None:
    """Issue 5: by agent, class, owner, key, task or altogether; of a part also by whoever stands above."""
    told = await desk.token("planner")
    given = await desk.exchange(told["access_token"], "planner", NOTES, desk.agreed("worker", told["grant"]))
    store = desk.tokens.desk.store
    keyid = desk.client("planner").keyid
    for name in ("agent:planner", "class:agent", f"owner:{OWNER}", f"key:{keyid}", "everything"):
        store.freeze(name, "sha256:1")
        for asking in (
            desk.token("planner"),
            desk.fresh("planner", told["grant"]),
            desk.fresh("worker", given["grant"]),
        ):
            stop = await refusal(asking)
            assert (stop.error, stop.reason) == (OAuthError.UNAUTHORIZED_CLIENT, Reason.FROZEN)
            assert name in stop.description
        above = desk.exchange(given["access_token"], "worker", NOTES, desk.agreed("specialist", given["grant"]))
        assert await error_of(above) == (OAuthError.INVALID_GRANT, Reason.FROZEN)
        store.unfreeze(name)
    store.freeze("agent:specialist", "sha256:1")
    receiving = desk.exchange(given["access_token"], "worker", NOTES, desk.agreed("specialist", given["grant"]))
    assert await error_of(receiving) == (OAuthError.UNAUTHORIZED_CLIENT, Reason.FROZEN)
    store.freeze(f"task:{given['grant']}", "sha256:1")
    assert await error_of(desk.fresh("worker", given["grant"])) == (OAuthError.UNAUTHORIZED_CLIENT, Reason.FROZEN)
    await desk.fresh("planner", told["grant"])


async def test_an_agent_holds_so_many_live_grants_and_no_more(mediator: Mediator) -> None:
    """Ours (A1): those that have run out count no more."""
    desk = desk_of(mediator, open_tasks_per_agent_max=2)
    for _ in range(2):
        await desk.token("planner", details(["notes/a"], expires_in=60))
    assert await error_of(desk.token("planner")) == (OAuthError.INVALID_REQUEST, Reason.RATE_LIMITED)
    desk.clock.advance(seconds=60)
    await desk.token("planner")


async def test_a_grant_is_handed_on_to_so_many_at_a_time_and_no_more(mediator: Mediator) -> None:
    """Issue 7, fan-out: of each grant; what has run out, or was revoked, makes room."""
    desk = desk_of(mediator, fan_out_max=2)
    task = await desk.token("planner", details(["notes/a"], expires_in=600))

    async def hand_on() -> Any:
        agreed = desk.agreed("worker", task["grant"])
        return await desk.exchange(task["access_token"], "planner", details(["notes/a"], expires_in=60), agreed)

    one = await hand_on()
    await hand_on()
    assert await error_of(hand_on()) == (OAuthError.INVALID_REQUEST, Reason.RATE_LIMITED)
    mediator.store.end_grant(one["grant"], GrantState.REVOKED, "a test")
    await hand_on()
    assert await error_of(hand_on()) == (OAuthError.INVALID_REQUEST, Reason.RATE_LIMITED)
    desk.clock.advance(seconds=61)
    await hand_on()


async def test_a_grant_with_less_than_a_second_left_gets_no_token(desk: AgentsAtDesk) -> None:
    """P5: nor one that lives longer than it."""
    told = await desk.token("planner", details(["notes/a"], expires_in=1))
    assert told["expires_in"] == 1
    desk.clock.advance(ms=500)
    assert await error_of(desk.fresh("planner", told["grant"])) == (OAuthError.INVALID_GRANT, Reason.GRANT_EXPIRED)


@promise("P7")
async def test_what_is_wrong_with_the_store_is_told_as_such(desk: AgentsAtDesk, home: Folder) -> None:
    """Fail closed: 503, and not that the client's token is bad; nor that it was revoked."""
    told = await desk.token("planner")
    client = desk.client("planner")
    with closing(sqlite3.connect(home.root / ".mediator" / "state.sqlite")) as connection:
        connection.execute("DROP TABLE grants")
        connection.execute("UPDATE epoch SET value = value + 1")
        connection.commit()
    token = Secret(told["access_token"])
    for asking in (
        desk.exchange(told["access_token"], "planner", NOTES, desk.agreed("worker", told["grant"])),
        desk.tokens.revoke(client, token, None),
    ):
        with pytest.raises(Refused) as stop:
            await asking
        assert stop.value.reason is Reason.STORE_UNAVAILABLE
        assert not isinstance(stop.value, TokenRefused)
    with pytest.raises(Refused) as stop:
        desk.tokens.introspect(client, token)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE


def test_the_keys_are_those_by_which_tokens_are_verified(mediator: Mediator, desk: AgentsAtDesk) -> None:
    """RFC 7517 §5."""
    assert desk.tokens.keys() == mediator.issuer.jwks(desk.clock.now_ms())


def test_who_says_another_name_beside_its_assertion_is_nobody(desk: AgentsAtDesk) -> None:
    """RFC 7521 §4.2."""
    with pytest.raises(TokenRefused) as stop:
        desk.tokens.authenticate(desk.assertion("planner"), "worker")
    assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_CLIENT, Reason.BAD_CREDENTIAL)
    assert desk.tokens.authenticate(desk.assertion("planner"), "planner").agent == "planner"


# --- proof of possession ---------------------------------------------------------------------------------------------


def bound_to(told: Any) -> Any:
    """Return the type of a token, and the key that it says to be bound to."""
    claims = parse_compact(Secret(told["access_token"]), DEFAULT_LIMITS)[1]
    return told["token_type"], claims.get("cnf")


@promise("P5")
async def test_a_token_is_bound_to_the_key_that_the_request_shows(desk: AgentsAtDesk) -> None:
    """RFC 9449 §5, §6.1; RFC 8705 §3: a proof, or the connection's certificate; nothing shown, nothing bound."""
    key, certificate = ProvingKey(), ProvingKey().thumbprint
    assert bound_to(await desk.token("planner")) == ("Bearer", None)
    told = await desk.token("planner", shown=desk.shown(key))
    assert bound_to(told) == ("DPoP", {"jkt": key.thumbprint})
    again = await desk.fresh("planner", told["grant"], desk.shown(other := ProvingKey("ES256")))
    assert bound_to(again) == ("DPoP", {"jkt": other.thumbprint})
    alone = Shown(proofs=(), is_dpop=False, method="POST", url="", certificate=certificate)
    assert bound_to(await desk.token("planner", shown=alone)) == ("Bearer", {"x5t#S256": certificate})
    both = replace(desk.shown(key), certificate=certificate)
    assert bound_to(await desk.token("planner", shown=both)) == ("DPoP", {"jkt": key.thumbprint})
    shown = desk.tokens.introspect(desk.client("planner"), Secret(told["access_token"]))
    assert (shown["token_type"], shown["cnf"]) == ("DPoP", {"jkt": key.thumbprint})


@promise("P4", "P5")
async def test_what_is_handed_on_is_bound_to_the_receivers_key(desk: AgentsAtDesk) -> None:
    """RFC 8693 with RFC 9449: the proof that is handed in is that of who will act, by its own word."""
    giver, receiver = ProvingKey(), ProvingKey()
    told = await desk.token("planner", shown=desk.shown(giver))
    actor = desk.agreed("worker", told["grant"], receiver.thumbprint)
    given = await desk.exchange(told["access_token"], "planner", NOTES, actor, shown=desk.shown(receiver))
    assert bound_to(given) == ("DPoP", {"jkt": receiver.thumbprint})
    for key, named in ((giver, None), (giver, receiver.thumbprint), (ProvingKey(), None)):
        actor = desk.agreed("specialist", told["grant"], named)
        asking = desk.exchange(told["access_token"], "planner", NOTES, actor, shown=desk.shown(key))
        assert await error_of(asking) == (OAuthError.INVALID_DPOP_PROOF, Reason.PROOF_INVALID)


@promise("P4", "P5")
async def test_what_is_handed_on_is_not_bound_to_the_certificate_of_who_asks(desk: AgentsAtDesk) -> None:
    """RFC 8705 §3: the connection is the holder's, who would act as the receiver with it."""
    certificate = ProvingKey().thumbprint
    alone = Shown(proofs=(), is_dpop=False, method="POST", url="", certificate=certificate)
    told = await desk.token("planner", shown=alone)
    actor = desk.agreed("worker", told["grant"])
    given = await desk.exchange(told["access_token"], "planner", NOTES, actor, shown=alone)
    assert bound_to(given) == ("Bearer", None)


@promise("P4")
async def test_who_asks_with_a_bound_token_of_another_proves_its_key(desk: AgentsAtDesk) -> None:
    """RFC 8693 §2.1: `may_act` names the receiver; a stolen subject token is none of its own."""
    giver, other = ProvingKey(), ProvingKey()
    told = await desk.token("planner", details(["notes/a"], may_act=["worker"], max_depth=2), shown=desk.shown(giver))
    for shown in (None, desk.shown(other)):
        asking = desk.exchange(told["access_token"], "worker", NOTES, shown=shown)
        assert await error_of(asking) == (OAuthError.INVALID_GRANT, Reason.PROOF_INVALID)
    open_to_all = await desk.token("planner", details(["notes/a"], may_act=["worker"], max_depth=2))
    assert (await desk.exchange(open_to_all["access_token"], "worker", NOTES))["grant"]
    given = await desk.exchange(told["access_token"], "worker", NOTES, shown=desk.shown(giver))
    assert bound_to(given) == ("Bearer", None)  # that key is the planner's
    own = await desk.exchange(open_to_all["access_token"], "worker", NOTES, shown=desk.shown(other))
    assert bound_to(own) == ("DPoP", {"jkt": other.thumbprint})


@promise("P5", "P7")
async def test_a_proof_that_does_not_hold_issues_nothing(desk: AgentsAtDesk) -> None:
    """RFC 9449 §5: `invalid_dpop_proof`; used once, and no other agent's key."""
    key = ProvingKey()
    for bad in (desk.shown(key, htm="GET"), desk.shown(key, url=f"{BASE_URL}/mcp"), desk.shown(key, iat=1)):
        asking = desk.token("planner", shown=replace(bad, url=BASE_URL + TOKEN))
        assert await error_of(asking) == (OAuthError.INVALID_DPOP_PROOF, Reason.PROOF_INVALID)
    shown = desk.shown(key)
    assert bound_to(await desk.token("planner", shown=shown))[0] == "DPoP"
    assert await error_of(desk.token("planner", shown=shown)) == (
        OAuthError.INVALID_DPOP_PROOF,
        Reason.PROOF_REPLAYED,
    )
    known = proofs_of(known={key.thumbprint: "planner"})
    desk = AgentsAtDesk(tokens=TokenDesk(desk=replace(desk.tokens.desk, proofs=known)), clock=desk.clock)
    asking = desk.token("worker", shown=desk.shown(key))
    assert await error_of(asking) == (OAuthError.INVALID_DPOP_PROOF, Reason.PROOF_INVALID)


@promise("P7")
async def test_whoever_is_told_to_use_a_nonce_has_used_nothing_up(mediator: Mediator) -> None:
    """RFC 9449 §8: the same assertion is good for the request with the nonce."""
    desk = desk_of(mediator)
    nonces = Nonces(Secret("n" * 32))
    proofs = Proofs(mediator.store, KeyHolders({}, lambda *_: None), nonces)
    tokens = TokenDesk(desk=replace(desk.tokens.desk, proofs=proofs))
    key = ProvingKey()
    with pytest.raises(TokenRefused) as stop:
        tokens.verify_proof(desk.shown(key))
    assert stop.value.error is OAuthError.USE_DPOP_NONCE
    assert stop.value.decided_as("d-1").data == stop.value.data == {"nonce": nonces.current(desk.clock.now_ms())}
    proof = tokens.verify_proof(desk.shown(key, nonce=nonces.current(desk.clock.now_ms())))
    assert proof is not None
    told = await tokens.issue(
        desk.client("planner"), ClientCredentials(authorization_details=None, scope=None, targets=()), proof
    )
    assert told["token_type"] == "DPoP"


@promise("P7")
async def test_a_proof_that_cannot_be_remembered_issues_nothing(mediator: Mediator, desk: AgentsAtDesk) -> None:
    """P7: a store that is away is our fault, and no proof is believed meanwhile."""
    client, shown = desk.client("planner"), desk.shown(ProvingKey())
    proof = desk.tokens.verify_proof(shown)
    with closing(sqlite3.connect(mediator.folder.store_file)) as connection:
        connection.execute("DROP TABLE used")
    with pytest.raises(Refused) as stop:
        await desk.tokens.issue(client, ClientCredentials(authorization_details=None, scope=None, targets=()), proof)
    assert stop.value.reason is Reason.STORE_UNAVAILABLE
