"""The embedded issuer over HTTP: what the desk is asked, and what comes back. The rest is in `attacks/`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.adapters.minter_jwt import jwk_set
from mediator.delegation.token_request import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE, ClientCredentials, Exchange
from mediator.edge.oauth import BODY_BYTES_MAX
from mediator.edge.oauth_metadata import AUTHORIZE, INTROSPECT, JWKS, METHODS, REVOKE, TOKEN, WELL_KNOWN
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.asgi_client import request
from tests.simulated.asgi_edge import FACTS, Edge
from tests.simulated.forged_tokens import KEY
from tests.simulated.token_desk import FORM, ISSUER, IssuingEdge, refusal_of


async def test_an_agent_is_issued_a_token() -> None:
    """RFC 6749 §4.4, §5.1."""
    edge = IssuingEdge()
    answer = await edge.post(edge.asking(authorization_details="[]", resource=ISSUER))
    assert (answer.status, answer.message["token_type"]) == (200, "Bearer")
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert edge.desk.asked == [
        ("planner", ClientCredentials(authorization_details="[]", scope=None, targets=(ISSUER,)))
    ]
    assert edge.reasons == []


async def test_an_agent_exchanges_a_token() -> None:
    """RFC 8693 §2.1."""
    edge = IssuingEdge()
    asked = {"subject_token": "s", "subject_token_type": ACCESS_TOKEN, "actor_token": "a", "actor_token_type": JWT}
    answer = await edge.post(edge.proof(grant_type=TOKEN_EXCHANGE, client_id="planner", **asked))
    assert answer.status == 200
    ((agent, exchange),) = edge.desk.asked
    assert isinstance(exchange, Exchange)
    assert exchange.actor_token is not None
    assert (agent, exchange.subject_token.reveal(), exchange.actor_token.reveal()) == ("planner", "s", "a")


@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded;charset=UTF-8", 'Application/X-WWW-Form-URLEncoded ; charset="utf-8"'],
)
async def test_a_form_may_say_that_it_is_utf_8(kind: str) -> None:
    """RFC 6749 appendix B: it is; many libraries say so."""
    edge = IssuingEdge()
    assert (await edge.post(edge.asking(), [("content-type", kind)])).status == 200


async def test_a_token_is_handed_back() -> None:
    """RFC 7009 §2.2: 200, known or not; an unknown hint is the desk's to ignore."""
    edge = IssuingEdge()
    answer = await edge.post(edge.proof(token="t", token_type_hint="access_token"), path=REVOKE)
    bare = await edge.post(edge.proof(token="t"), path=REVOKE)
    assert (answer.status, answer.message, bare.status) == (200, {}, 200)
    assert edge.desk.asked == [("planner", "t", "access_token"), ("planner", "t", None)]


async def test_an_agent_asks_what_a_token_is() -> None:
    """RFC 7662 §2.2."""
    edge = IssuingEdge()
    answer = await edge.post(edge.proof(token="t"), path=INTROSPECT)
    assert (answer.status, answer.message) == (200, {"active": False})
    assert edge.desk.asked == [("planner", "t")]


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
async def test_a_token_is_named(path: str) -> None:
    """RFC 7009 §2.1, RFC 7662 §2.1: required."""
    edge = IssuingEdge()
    assert refusal_of(await edge.post(edge.proof(), path=path)) == (400, "invalid_request")
    assert edge.desk.asked == []


async def test_keys_and_metadata_are_public() -> None:
    """RFC 7517 §5, RFC 8414 §3."""
    edge = IssuingEdge()
    keys, document = await edge.get(JWKS), await edge.get(WELL_KNOWN)
    assert (keys.status, keys.message) == (200, jwk_set(KEY.public))
    assert (document.status, document.message["issuer"]) == (200, ISSUER)
    assert (await edge.get(WELL_KNOWN, method="HEAD")).status == 200
    assert edge.reasons == []


@pytest.mark.parametrize("path", METHODS)
async def test_other_methods_are_not_served(path: str) -> None:
    """RFC 9110 §15.5.6."""
    edge = IssuingEdge()
    answer = await edge.get(path, method="PUT")
    assert refusal_of(answer) == (405, "invalid_request")
    assert answer.headers["allow"] == ", ".join(METHODS[path])
    assert edge.reasons == [Reason.METHOD_NOT_ALLOWED]


async def test_nobody_is_given_an_authorization_code() -> None:
    """RFC 6749 §4.1.2.1: who cannot be trusted with a redirect is told in place."""
    edge = IssuingEdge()
    answer = await edge.get(AUTHORIZE, b"response_type=code&redirect_uri=https://a.example")
    assert refusal_of(answer) == (400, "unauthorized_client")
    assert "location" not in answer.headers


@promise("P11")
@pytest.mark.parametrize(
    ("stop", "told", "retry"),
    [
        (Refused(Reason.LEDGER_UNAVAILABLE, "/secret"), (503, "temporarily_unavailable"), "1"),
        (Refused(Reason.GRANT_REVOKED, "/secret"), (400, "invalid_request"), None),
        (
            TokenRefused(OAuthError.UNSUPPORTED_TOKEN_TYPE, Reason.NOT_COVERED, "/secret", sentence="not that"),
            (400, "unsupported_token_type"),
            None,
        ),
    ],
)
async def test_what_the_desk_refuses_is_told_and_counted(
    stop: Refused, told: tuple[int, str], retry: str | None
) -> None:
    """RFC 6749 §5.2, RFC 7009 §2.2.1; house style 4."""
    edge = IssuingEdge()
    edge.desk.stop = stop
    for path, form in ((TOKEN, edge.asking()), (REVOKE, edge.proof(token="t")), (INTROSPECT, edge.proof(token="t"))):
        answer = await edge.post(form, path=path)
        assert refusal_of(answer) == told
        assert answer.headers.get("retry-after") == retry
        assert b"secret" not in answer.body
    assert edge.corridor.counted == [("192.0.2.7", stop.reason)] * 3


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (Refused(Reason.STORE_UNAVAILABLE, "/secret"), (503, "temporarily_unavailable")),
        (Refused(Reason.RATE_LIMITED, "/secret"), (429, "temporarily_unavailable")),
        (Refused(Reason.UNKNOWN_KEY, "/secret"), (401, "invalid_client")),
    ],
)
async def test_who_cannot_be_proven_is_told_whose_fault_it_is(stop: Refused, told: tuple[int, str]) -> None:
    """RFC 6749 §5.2: `invalid_client`, unless we are at fault."""
    edge = IssuingEdge()
    edge.desk.locked = stop
    answer = await edge.post(edge.asking())
    assert refusal_of(answer) == told
    assert ("www-authenticate" in answer.headers) is (told[0] == 401)
    assert b"secret" not in answer.body
    assert edge.desk.asked == []


async def test_who_hangs_up_in_the_middle_is_not_answered() -> None:
    """Ours: there is nobody to tell, and nothing was asked."""
    edge = IssuingEdge()
    headers = [FORM, ("transfer-encoding", "chunked")]
    wire = request(edge.app(), b"a=1", headers, path=TOKEN, token=None, plain=True, is_whole=False)
    wire.hang_up()
    await wire.run()
    assert (wire.response.status, edge.reasons) == (0, [])


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """Design 5.2."""
    edge = IssuingEdge(facts=replace(FACTS, body=replace(FACTS.body, first_byte_seconds=0, seconds=0)))
    headers = [FORM, ("transfer-encoding", "chunked")]
    wire = request(edge.app(), [], headers, path=TOKEN, token=None, plain=True, is_whole=False)
    assert refusal_of(await wire.run()) == (400, "invalid_request")
    assert edge.reasons == [Reason.MALFORMED]


@promise("P7")
async def test_a_body_of_another_size_than_it_may_have_is_refused() -> None:
    """Ours: by what is declared, and by what comes."""
    edge = IssuingEdge()
    assert refusal_of(await edge.post(b"a=" + b"x" * BODY_BYTES_MAX)) == (413, "invalid_request")
    assert edge.reasons == [Reason.BODY_TOO_LARGE]


async def test_a_mediator_without_an_issuer_has_no_such_paths() -> None:
    """Ours: what is off is not there."""
    for path, methods in METHODS.items():
        answer = await request(Edge().app, b"", method=methods[0], path=path).run()
        assert answer.status == 404
