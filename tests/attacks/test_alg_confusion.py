"""A forged token in every shape that libraries were ever fooled by is a bad credential, over a real socket (RFC 8725).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mediator.adapters.minter_jwt import jwk_set
from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.forged_tokens import KEY, forge, jwk_of, without
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL = tools_call("a__echo", text="x")
BAD, UNKNOWN_KEY, UNKNOWN_ISSUER = "BAD_CREDENTIAL", "UNKNOWN_KEY", "UNKNOWN_ISSUER"


class Forged(NamedTuple):
    """One attempt, and why it is refused."""

    name: str
    token: str
    reason: str


def by_hmac(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def forgeries(key: SigningKey, claims: JsonObject) -> Iterator[Forged]:
    kid = key.public.keyid
    good: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}

    def forged(name: str, header: JsonObject, sign: Callable[[bytes], bytes] = key.sign, reason: str = BAD) -> Forged:
        return Forged(name, forge(header, claims, sign).reveal(), reason)

    for alg in ("none", "None", "NONE", "nOnE", ""):
        yield forged(f"alg {alg!r} without a signature", {**good, "alg": alg}, lambda _: b"")
        yield forged(f"alg {alg!r} with a good signature", {**good, "alg": alg})
    yield forged("alg none without a kid", {"alg": "none", "typ": "at+jwt"}, lambda _: b"", UNKNOWN_KEY)
    yield forged("no alg", without(good, "alg"))
    yield forged("no signature", good, lambda _: b"")

    public = Ed25519PublicKey.from_public_bytes(key.public.raw)
    spelt = {
        "raw": key.public.raw,
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "text": key.public.text.encode(),
        "JWK": canonical_bytes(jwk_of(key)),
        "JWK set": canonical_bytes(jwk_set(key.public)),
        "kid": kid.encode(),
        "nothing": b"",
    }
    for name, secret in spelt.items():
        yield forged(f"HS256 with the public key as {name}", {**good, "alg": "HS256"}, by_hmac(secret))
        yield forged(f"a MAC with the public key as {name}, said to be EdDSA", good, by_hmac(secret))
    others: list[Json] = ["Ed25519", "ES256", "RS256", "eddsa", "EdDSA ", ["EdDSA"], None]
    for other in others:
        yield forged(f"alg {other!r}", {**good, "alg": other})

    types: list[Json] = ["JWT", "jwt", "at+jwt; x", "dpop+jwt", "", None, ["at+jwt"]]
    for typ in types:
        yield forged(f"typ {typ!r}", {**good, "typ": typ})
    yield forged("no typ", without(good, "typ"))
    yield forged("crit", {**good, "crit": ["exp"]})
    yield forged("empty crit", {**good, "crit": []})
    yield forged("an unencoded payload", {**good, "b64": False, "crit": ["b64"]})

    keys: JsonObject = {
        "jwk": jwk_of(KEY),
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/chain",
        "x5c": ["MAo="],
    }
    for brought, value in keys.items():
        yield forged(f"brings {brought}, signed with it", {**good, brought: value}, KEY.sign)
        yield forged(f"brings {brought}, signed well", {**good, brought: value})
    yield forged("a stranger's signature", good, KEY.sign)
    yield forged("a stranger's key", {**good, "kid": KEY.public.keyid}, KEY.sign, UNKNOWN_KEY)
    key_ids: list[Json] = ["../../../../dev/null", "' OR 1=1 --", kid + "\0", kid.upper(), kid[:-1], "", None, 0, [kid]]
    for kid_like in key_ids:
        yield forged(f"kid {kid_like!r}", {**good, "kid": kid_like}, key.sign, UNKNOWN_KEY)
    yield forged("no kid", without(good, "kid"), key.sign, UNKNOWN_KEY)

    head, body, signature = forge(good, claims, key.sign).reveal().split(".")
    elsewhere = forge(good, {**claims, "iss": "https://issuer.example"}, key.sign).reveal()
    yield Forged("another issuer", elsewhere, UNKNOWN_ISSUER)
    yield Forged("a signature of other claims", f"{head}.{elsewhere.split('.')[1]}.{signature}", UNKNOWN_ISSUER)
    raised = forge(good, {**claims, "grant": "task-" + "f" * 32}, key.sign).reveal().split(".")[1]
    yield Forged("claims changed after signing", f"{head}.{raised}.{signature}", BAD)
    yield Forged("padding", f"{head}.{body}.{signature}==", BAD)
    yield Forged("a part too many", f"{head}.{body}.{signature}.{signature}", BAD)
    yield Forged("five parts, as if encrypted", f"{head}..{body}..{signature}", BAD)
    twice = canonical_bytes(claims).replace(b'"grant":', b'"grant":"task-x","grant":')
    yield Forged("a claim twice", forge(good, twice, key.sign).reveal(), BAD)
    twice = canonical_bytes(good).replace(b'"alg":', b'"alg":"none","alg":')
    yield Forged("alg twice", forge(twice, claims, key.sign).reveal(), BAD)


def claims_of(mediator: Running) -> JsonObject:
    now = int(time.time())
    return {
        "iss": mediator.url,
        "aud": mediator.url,
        "sub": "assistant",
        "iat": now,
        "exp": now + 60,
        "jti": "0" * 32,
        "grant": mediator.task,
    }


@promise("P7")
async def test_no_forged_token_gets_a_call_anywhere(tmp_path: Path) -> None:
    """RFC 8725 §2.1, §3.1, §3.2, §3.10, §3.11: the key says the algorithm; no header brings a key, or moves one."""
    async with running(tmp_path, {"a": SimulatedToolServer(tools=[tool("echo")])}) as mediator:
        key, claims = read_key(open_folder(mediator.folder).key_file("issuer")), claims_of(mediator)
        tried = set()
        for name, token, reason in forgeries(key, claims):
            answer = await mediator.post(CALL, token=token)
            assert (name, answer.status_code, reason_in(answer)) == (name, 401, reason)
            assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
            tried.add(reason)
        assert mediator.servers["a"].calls == []
        assert mediator.decisions == []

        good: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.public.keyid}
        answer = await mediator.post(CALL, token=forge(good, claims, key.sign).reveal())
        assert reason_in(answer) is None  # each forgery was one step from this
        assert len(mediator.servers["a"].calls) == 1
    assert set(mediator.stops) == tried


@promise("P7")
async def test_a_token_out_of_its_time_is_refused_and_its_memory_gives_it_no_longer_life(tmp_path: Path) -> None:
    """RFC 9068 §4: `exp`, and `iat` and `nbf` that lie in the future."""
    async with running(tmp_path, {"a": SimulatedToolServer(tools=[tool("echo")])}) as mediator:
        key, claims = read_key(open_folder(mediator.folder).key_file("issuer")), claims_of(mediator)
        good: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.public.keyid}
        now = int(time.time())
        wrong: list[tuple[JsonObject, str]] = [
            ({"exp": now - 3600, "iat": now - 7200}, "EXPIRED_CREDENTIAL"),
            ({"exp": 0}, "EXPIRED_CREDENTIAL"),
            ({"exp": -1}, BAD),
            ({"exp": str(now + 60)}, BAD),
            ({"exp": True}, BAD),
            ({"exp": None}, BAD),
            ({"iat": now + 3600}, BAD),
            ({"nbf": now + 3600}, BAD),
            ({"nbf": "now"}, BAD),
        ]
        for changed, reason in wrong:
            for _ in range(2):
                answer = await mediator.post(CALL, token=forge(good, {**claims, **changed}, key.sign).reveal())
                assert (changed, answer.status_code, reason_in(answer)) == (changed, 401, reason)
        assert mediator.servers["a"].calls == []
        assert mediator.decisions == []
    assert set(mediator.stops) == {"EXPIRED_CREDENTIAL", BAD}
