"""What agents prove to the token desk: their key, once, and what a token stands for now. Forgeries: tests/attacks.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mediator.assembly.desk import Desk
from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator
from mediator.assembly.token_proofs import TOKEN_PATH, find_held, held_by, prove_agent
from mediator.evidence import Secret
from mediator.identity.client_assertion import sign_client_assertion
from mediator.identity.dsse import SigningKey
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.agents_at_desk import AgentsAtDesk, desk_of
from tests.simulated.fleet import details
from tests.simulated.opened import BASE_URL, opened
from tests.simulated.people import key_of


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


@pytest.fixture
def agents(mediator: Mediator) -> AgentsAtDesk:
    return desk_of(mediator)


@pytest.fixture
def desk(agents: AgentsAtDesk) -> Desk:
    return agents.tokens.desk


def refusal_of(desk: Desk, assertion: Secret, error: OAuthError = OAuthError.INVALID_CLIENT) -> Reason:
    with pytest.raises(TokenRefused) as stop:
        prove_agent(desk, assertion, error)
    assert stop.value.error is error
    assert stop.value.description
    return stop.value.reason


@pytest.mark.parametrize("audience", [BASE_URL, BASE_URL + TOKEN_PATH])
def test_an_agent_is_whose_profile_has_the_key(agents: AgentsAtDesk, desk: Desk, audience: str) -> None:
    """RFC 7523 §3: made for the issuer, or for its token endpoint."""
    assertion = sign_client_assertion(key_of("worker"), "worker", audience, "once", agents.clock.now_ms())
    proven = prove_agent(desk, assertion, OAuthError.INVALID_CLIENT)
    assert (proven.agent, proven.keyid) == ("worker", key_of("worker").public.keyid)


@promise("P7")
def test_a_proof_is_used_up_by_its_first_use_until_it_is_refused_for_its_age(agents: AgentsAtDesk, desk: Desk) -> None:
    """RFC 7523 §3, `jti`: each agent's own; as long as the clocks may differ there is no gap between the two."""
    assertion = agents.assertion("worker")
    prove_agent(desk, assertion, OAuthError.INVALID_CLIENT)
    seconds = 0
    while (reason := refusal_of(desk, assertion)) is Reason.PROOF_REPLAYED:
        agents.clock.advance(seconds=1)
        seconds += 1
        assert seconds < 200
    assert reason is Reason.EXPIRED_CREDENTIAL
    assert seconds >= 60
    same_id = sign_client_assertion(key_of("planner"), "planner", BASE_URL, "0", agents.clock.now_ms())
    assert prove_agent(desk, same_id, OAuthError.INVALID_CLIENT).agent == "planner"


@promise("P7")
def test_what_proves_nobody_is_refused_as_the_endpoint_says_and_uses_up_nothing(
    agents: AgentsAtDesk, desk: Desk
) -> None:
    """RFC 6749 §5.2, RFC 8693 §2.2.2: a client's or an actor's."""
    stranger = SigningKey.generate()
    assert refusal_of(desk, agents.assertion("worker", key=stranger)) is Reason.UNKNOWN_KEY
    assert refusal_of(desk, agents.assertion("nobody", key=stranger)) is Reason.UNKNOWN_KEY
    elsewhere = sign_client_assertion(key_of("worker"), "worker", "https://a.example", "x", agents.clock.now_ms())
    assert refusal_of(desk, elsewhere, OAuthError.INVALID_REQUEST) is Reason.WRONG_AUDIENCE
    forged = sign_client_assertion(stranger, "worker", BASE_URL, "y", agents.clock.now_ms())
    assert refusal_of(desk, forged) is Reason.UNKNOWN_KEY
    good = sign_client_assertion(key_of("worker"), "worker", BASE_URL, "y", agents.clock.now_ms())
    prove_agent(desk, good, OAuthError.INVALID_CLIENT)


@promise("P7")
def test_an_agent_without_a_key_proves_nothing(agents: AgentsAtDesk, desk: Desk) -> None:
    """Empty is never permission."""
    keyless = tuple(profile.model_copy(update={"key": None}) for profile in desk.settings.agents)
    bare = replace(desk, settings=desk.settings.model_copy(update={"agents": keyless}))
    assert refusal_of(bare, agents.assertion("worker")) is Reason.UNKNOWN_KEY


async def test_what_a_token_stands_for_is_read_from_the_store(agents: AgentsAtDesk, desk: Desk) -> None:
    """P4: the chain that we stored, whether or not it is frozen, which is asked of it apart."""
    told = await agents.token("planner")
    given = await agents.exchange(
        told["access_token"], "planner", details(["notes/a"]), agents.agreed("worker", told["grant"])
    )
    token, now_ms = Secret(given["access_token"]), agents.clock.now_ms()
    desk.store.freeze("agent:worker", "sha256:1")
    claims, chain, circumstances = held_by(desk, token, now_ms)
    assert [link.agent for link in chain.links] == ["planner", "worker"]
    assert claims.grant == given["grant"]
    assert circumstances.frozen == {"agent:worker"}
    for client, is_theirs in (("planner", True), ("worker", True), ("specialist", False)):
        assert (find_held(desk, agents.client(client), token) is not None) is is_theirs


@promise("P7")
async def test_a_token_that_does_not_hold_stands_for_nothing(agents: AgentsAtDesk, desk: Desk) -> None:
    """P7: none, tampered with, run out, or of a grant that ended."""
    told = await agents.token("planner", details(["notes/a"], expires_in=60))
    token = told["access_token"]
    head, body, signature = token.split(".")
    for wrong in ("", "x", f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{body}.", f"{head}.{body}"):
        assert find_held(desk, agents.client("planner"), Secret(wrong)) is None
        with pytest.raises(Refused):
            held_by(desk, Secret(wrong), agents.clock.now_ms())
    assert find_held(desk, agents.client("planner"), Secret(token)) is not None
    agents.clock.advance(seconds=60)
    assert find_held(desk, agents.client("planner"), Secret(token)) is None
