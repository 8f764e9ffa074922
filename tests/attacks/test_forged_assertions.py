"""A forged or misused client assertion proves nobody, at any of the endpoints that ask for one (RFC 7523, RFC 8725).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator

import pytest

from mediator.canonical import Json, JsonObject
from mediator.edge.oauth_metadata import INTROSPECT, REVOKE, TOKEN
from mediator.evidence import Secret
from mediator.identity.client_assertion import LIFE_SECONDS_MAX, TYPE, sign_client_assertion
from mediator.identity.dsse import SigningKey
from mediator.identity.token import verify_token
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import ISSUER as KNOWN_ISSUER
from tests.simulated.forged_tokens import KEY, KEYS, NOW, NOW_MS, SKEW, forge, good_claims, jwk_of, without
from tests.simulated.token_desk import ISSUER, PLANNER, IssuingEdge, refusal_of

STRANGER = SigningKey.generate()
POSTS = pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
GOOD_HEADER: JsonObject = {"alg": "EdDSA", "typ": TYPE, "kid": PLANNER.public.keyid}
GOOD_CLAIMS: JsonObject = {
    "iss": "planner",
    "sub": "planner",
    "aud": ISSUER,
    "iat": NOW,
    "exp": NOW + 60,
    "jti": "once",
}


def whole(edge: IssuingEdge) -> dict[str, str]:
    """Return a form that each of the three endpoints would answer."""
    return edge.asking(token="t")


def by_hmac(message: bytes) -> bytes:
    return hmac.new(PLANNER.public.raw, message, hashlib.sha256).digest()


def headed(name: str, header: JsonObject, key: SigningKey = PLANNER) -> tuple[str, Secret]:
    return name, forge(header, GOOD_CLAIMS, key.sign)


def claiming(name: str, **claims: Json) -> tuple[str, Secret]:
    return name, forge(GOOD_HEADER, GOOD_CLAIMS | claims, PLANNER.sign)


def forged_headers() -> Iterator[tuple[str, Secret]]:
    """Yield assertions, each good but for one thing of its header or signature."""
    # RFC 8725 §3.1: the algorithm is the key's.
    for alg in ("none", "nOnE", "", "HS256", "RS256", "ES256", "Ed25519", "eddsa"):
        yield headed(f"alg {alg!r}", GOOD_HEADER | {"alg": alg})
    yield "alg none, no signature", forge(GOOD_HEADER | {"alg": "none"}, GOOD_CLAIMS, lambda _: b"")
    yield "the public key as a MAC key", forge(GOOD_HEADER | {"alg": "HS256"}, GOOD_CLAIMS, by_hmac)
    yield "a MAC that is said to be a signature", forge(GOOD_HEADER, GOOD_CLAIMS, by_hmac)
    yield "no signature", forge(GOOD_HEADER, GOOD_CLAIMS, lambda _: b"")
    # RFC 8725 §3.10: a key that is brought along is nobody's.
    brought: JsonObject = {
        "jwk": without(jwk_of(STRANGER), "kid"),
        "jku": "https://attacker.example/keys",
        "x5u": "https://attacker.example/cert",
        "x5c": ["MIIB"],
    }
    for name, value in brought.items():
        yield headed(f"a key by `{name}`", GOOD_HEADER | {name: value}, STRANGER)
        yield headed(f"a good signature beside `{name}`", GOOD_HEADER | {name: value})
    yield headed("an extension", GOOD_HEADER | {"crit": ["exp"]})
    yield headed("a stranger's key", GOOD_HEADER, STRANGER)
    yield headed("a stranger's key by its own id", GOOD_HEADER | {"kid": STRANGER.public.keyid}, STRANGER)
    yield headed("a stranger's key, unnamed", without(GOOD_HEADER, "kid"), STRANGER)
    kids: list[Json] = ["../planner", "", None, 1, ["x"], {"kid": "x"}]
    for kid in kids:
        yield headed(f"kid {kid!r}", GOOD_HEADER | {"kid": kid})
    # RFC 8725 §3.11: each kind of token is of its own type.
    types: list[Json] = ["at+jwt", "application/at+jwt", "dpop+jwt", "mcp-mediator-request+jwt", "", None, ["JWT"]]
    for typ in types:
        yield headed(f"typ {typ!r}", GOOD_HEADER | {"typ": typ})


def forged_claims() -> Iterator[tuple[str, Secret]]:
    """Yield assertions, each good but for one thing that it says or how (RFC 7523 §3)."""
    others: list[Json] = ["https://other.example", ISSUER + "/", ISSUER + REVOKE, [], ["https://other.example"], None]
    others.append([ISSUER, "https://other.example"])  # which could show it here before its agent does
    for aud in others:
        yield claiming(f"aud {aud!r}", aud=aud)
    yield claiming("another issuer", iss=ISSUER)
    yield claiming("another subject", sub="writer")
    yield claiming("expired", exp=NOW - SKEW, iat=NOW - 90)
    yield claiming("expires never", exp=2**53 - 1)
    yield claiming("expires too far ahead", exp=NOW + LIFE_SECONDS_MAX + SKEW + 1)
    yield claiming("expires as text", exp=str(NOW + 60))
    yield claiming("not yet", nbf=NOW + SKEW + 1)
    yield claiming("from the future", iat=NOW + SKEW + 1)
    for name in ("iss", "sub", "aud", "exp", "jti"):
        yield f"no `{name}`", forge(GOOD_HEADER, without(GOOD_CLAIMS, name), PLANNER.sign)
    for jti in ("", "x" * 129, "a\nb"):
        yield claiming(f"jti {jti!r}", jti=jti)
    twice = b'{"aud":"%b","exp":%d,"iss":"planner","jti":"x","sub":"writer","sub":"planner"}'
    yield "a claim twice", forge(GOOD_HEADER, twice % (ISSUER.encode(), NOW + 60), PLANNER.sign)
    text = forge(GOOD_HEADER, GOOD_CLAIMS, PLANNER.sign).reveal()
    for name, changed in (("padded", text + "="), ("four parts", text + ".x"), ("a space", " " + text)):
        yield name, Secret(changed)


@POSTS
@promise("P7")
async def test_a_forged_assertion_proves_nobody(path: str) -> None:
    """RFC 7523 §3, RFC 8725: `invalid_client`, and 401 as RFC 6749 §5.2 has it."""
    edge = IssuingEdge()
    forged = [*forged_headers(), *forged_claims()]
    for name, assertion in forged:
        answer = await edge.post(whole(edge) | {"client_assertion": assertion.reveal()}, path=path)
        assert refusal_of(answer) == (401, "invalid_client"), name
        assert "www-authenticate" in answer.headers
    assert (edge.desk.asked, edge.desk.used) == ([], set())
    good = forge(GOOD_HEADER, GOOD_CLAIMS, PLANNER.sign).reveal()
    assert (await edge.post(whole(edge) | {"client_assertion": good}, path=path)).status == 200


@promise("P7")
async def test_an_assertion_proves_once() -> None:
    """RFC 7523 §3, `jti`: also at another endpoint."""
    edge = IssuingEdge()
    form = whole(edge)
    assert (await edge.post(form)).status == 200
    for path in (TOKEN, REVOKE, INTROSPECT):
        assert refusal_of(await edge.post(form, path=path)) == (401, "invalid_client")
    assert len(edge.desk.asked) == 1


@promise("P5", "P7")
async def test_an_access_token_is_no_assertion() -> None:
    """RFC 8725 §3.11: not the one that was just issued, nor one of its type by the agent's own key."""
    edge = IssuingEdge()
    issued = str((await edge.post(edge.asking())).message["access_token"])
    own = forge(GOOD_HEADER | {"typ": "at+jwt"}, GOOD_CLAIMS, PLANNER.sign).reveal()
    for token in (issued, own):
        assert refusal_of(await edge.post(edge.asking(client_assertion=token))) == (401, "invalid_client")


@promise("P5", "P7")
@pytest.mark.parametrize("typ", [TYPE, "JWT", None])
def test_an_assertion_is_no_access_token(typ: str | None) -> None:
    """RFC 9068 §4: not even signed by the issuer itself, with every claim that an access token has."""
    header: JsonObject = {"alg": "EdDSA", "kid": KEY.public.keyid}
    header |= {} if typ is None else {"typ": typ}
    claims = good_claims(iss=KNOWN_ISSUER, aud=ISSUER)
    verify_token(forge(header | {"typ": "at+jwt"}, claims), KEYS, frozenset({ISSUER}), NOW_MS, SKEW)
    with pytest.raises(Refused) as stop:
        verify_token(forge(header, claims), KEYS, frozenset({ISSUER}), NOW_MS, SKEW)
    assert stop.value.reason is Reason.BAD_CREDENTIAL


@POSTS
@promise("P4", "P7")
async def test_who_was_handed_an_actor_token_is_not_the_actor(path: str) -> None:
    """Ours: a delegatee signs its agreement to a grant and gives it to the delegator, who must not become it by that."""
    edge = IssuingEdge()
    agreed = sign_client_assertion(PLANNER, "planner", ISSUER, "agreed", NOW_MS, grant="g-1").reveal()
    answer = await edge.post(whole(edge) | {"client_assertion": agreed}, path=path)
    assert refusal_of(answer) == (401, "invalid_client")
    assert edge.desk.asked == []
