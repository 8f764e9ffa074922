"""An issuer's keys, and whoever would have us take others for them: by where they are fetched, or by what a token brings.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from mediator.adapters.keys_http import BYTES_MAX, KeysEndpoint
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.identity.compact import take_apart
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.authorization_server import http_answer, json_answer
from tests.simulated.forged_tokens import forge, jwk_of
from tests.simulated.identity_provider import IdentityProvider
from tests.simulated.replies import tools_call
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL: JsonObject = tools_call("a__echo", text="x")
MALLORY = SigningKey.generate()


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


@pytest.fixture
async def evil() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider(keys=[MALLORY]) as provider:
        yield provider


def trusting(*issuers: IdentityProvider) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with (folder / "mediator.toml").open("a") as file:
            for number, one in enumerate(issuers):
                file.write(
                    f'\n[[issuer]]\nname = "idp{number}"\nissuer = "{one.issuer}"\nkeys_url = "{one.keys_url}"\n'
                )
                file.write('owner = "you@example.com"\n')

    return write


@asynccontextmanager
async def a_mediator(tmp_path: Path, *issuers: IdentityProvider) -> AsyncIterator[Running]:
    servers = {"a": SimulatedToolServer(tools=[tool("echo")])}
    async with running(tmp_path, servers, before_start=trusting(*issuers)) as mediator:
        mediator.mediator.published._rest_seconds = 0.01
        yield mediator


async def reason_of(mediator: Running, token: str) -> str | None:
    return reason_in(await mediator.post(CALL, token=token))


async def fetch_refused(url: str, why: str, seconds: float = 5) -> None:
    with anyio.fail_after(5), pytest.raises(Refused) as stop:
        await KeysEndpoint(url).fetch(seconds)
    assert (stop.value.reason, stop.value.detail) == (Reason.SNAPSHOT_TOO_OLD, f"no keys: `{url}` {why}")


# --- where keys are fetched


@promise("P7")
async def test_a_redirect_leads_nowhere(idp: IdentityProvider, evil: IdentityProvider) -> None:
    """A5, SSRF: nobody is sent to another place, neither to keys of an attacker nor to a machine within; nor brings it keys."""
    keys = canonical_bytes({"keys": [jwk_of(MALLORY)]})
    for status in (300, 301, 302, 303, 307, 308):
        head = f"Location: {evil.keys_url}\r\nContent-Type: application/json\r\n"
        idp.answer = http_answer(keys, status=status, head=head)
        await fetch_refused(idp.keys_url, f"answered with HTTP status {status}")
    assert evil.fetches == 0


@promise("P7")
async def test_what_has_no_end_is_not_read_to_its_end(idp: IdentityProvider) -> None:
    """A5: a hundred megabytes, said or not; little is read of them, and nothing is kept."""
    huge = b'{"keys":["' + b"x" * (100 * 1024 * 1024) + b'"]}'
    idp.answer = http_answer(huge, head="Content-Type: application/json\r\n")
    await fetch_refused(idp.keys_url, f"sent more than {BYTES_MAX} bytes")
    chunk = b"%x\r\n" % BYTES_MAX + b"x" * BYTES_MAX + b"\r\n"
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    idp.answer = endless + chunk * 8
    await fetch_refused(idp.keys_url, f"sent more than {BYTES_MAX} bytes")


@promise("P7", "P11")
async def test_an_issuer_that_answers_slowly_holds_nobody_up(idp: IdentityProvider) -> None:
    """A5: not at all, with half a head, or with half a body."""
    idp.hangs = True
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9"
    for answer in (b"", head, head + b"\r\n\r\n{"):
        idp.answer = answer
        await fetch_refused(idp.keys_url, "gave no keys within 0.05 s", seconds=0.05)


@promise("P11")
async def test_an_issuer_that_hangs_holds_up_no_call_but_its_own(
    tmp_path: Path, idp: IdentityProvider, evil: IdentityProvider
) -> None:
    """A5: whoever waits for its keys waits alone; another issuer's new key is learnt, and known tokens of both go on."""
    async with a_mediator(tmp_path, idp, evil) as mediator:
        known, before = evil.token(mediator.url), evil.fetches
        evil.answer, evil.hangs = b"", True
        with anyio.fail_after(5):
            async with anyio.create_task_group() as waiting:
                for _ in range(8):
                    waiting.start_soon(reason_of, mediator, evil.token(mediator.url, key=SigningKey.generate()))
                while evil.fetches == before:
                    await anyio.lowlevel.checkpoint()
                idp.rotate()
                for token in (idp.token(mediator.url), known, mediator.token):
                    assert await reason_of(mediator, token) is None
                assert evil.fetches == before + 1
                waiting.cancel_scope.cancel()


@promise("P7")
@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "10.0.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "[fd00::1]", "[::ffff:169.254.169.254]"],
)
async def test_no_address_within_is_spoken_to(host: str) -> None:
    """SSRF: the metadata of a cloud, and whatever else is no public network."""
    address = ipaddress.ip_address(host.strip("[]"))
    await fetch_refused(f"https://{host}/jwks", f"comes to `{address}`, which is no address of the public network")


@promise("P7")
async def test_a_name_that_comes_to_this_machine_does_not_reach_it(idp: IdentityProvider) -> None:
    """SSRF: whoever holds the name may have it come to us; what listens here is asked nothing."""

    async def here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(Refused) as stop:
        await KeysEndpoint(idp.keys_url.replace("127.0.0.1", "idp.example"), resolve=here).fetch()
    assert (stop.value.reason, idp.fetches) == (Reason.SNAPSHOT_TOO_OLD, 0)


# --- what a token brings


@promise("P7")
@pytest.mark.parametrize("header", ["jku", "x5u", "jwk", "x5c", "x5t", "x5t#S256", "crit"])
async def test_no_token_brings_a_key_or_says_where_one_is(
    tmp_path: Path, idp: IdentityProvider, evil: IdentityProvider, header: str
) -> None:
    """RFC 8725 §3.10: whoever signs could bring the key to it; nobody is asked, whatever the token names."""
    brought: dict[str, Json] = {"jku": evil.keys_url, "x5u": evil.keys_url, "jwk": jwk_of(MALLORY), "x5c": ["AAAA"]}
    async with a_mediator(tmp_path, idp) as mediator:
        head: JsonObject = {
            "alg": "EdDSA",
            "typ": "at+jwt",
            "kid": idp.keys[0].public.keyid,
            header: brought.get(header, ["x"] if header == "crit" else "x"),
        }
        claims = claims_of(idp, mediator)
        for key in (MALLORY, idp.keys[0]):
            assert await reason_of(mediator, forge(head, claims, key.sign).reveal()) == "BAD_CREDENTIAL"
        assert evil.fetches == 0


def claims_of(idp: IdentityProvider, mediator: Running) -> JsonObject:
    """Return what a good token of this issuer says."""
    return parse_object(take_apart(Secret(idp.token(mediator.url)), 1 << 16).claims)


@promise("P7")
async def test_a_key_id_is_a_name_and_nothing_else(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 8725 §3.10: neither a path, nor a query, nor an address; what is not found by it costs one look."""
    async with a_mediator(tmp_path, idp) as mediator:
        claims = claims_of(idp, mediator)
        kids: list[Json] = ["../../etc/passwd", "' OR 1=1 --", "http://127.0.0.1/jwks", "", None, 1, ["x"], "x" * 9000]
        for kid in kids:
            head: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}
            before = idp.fetches
            assert await reason_of(mediator, forge(head, claims, idp.keys[0].sign).reveal()) == "UNKNOWN_KEY"
            assert idp.fetches == before + 1


@promise("P7")
async def test_no_issuer_speaks_for_another(tmp_path: Path, idp: IdentityProvider, evil: IdentityProvider) -> None:
    """Mix-up: each is trusted for its own name, by its own keys; a key id that both use is looked up in one of them."""
    evil.more = [jwk_of(MALLORY, kid=idp.keys[0].public.keyid)]
    async with a_mediator(tmp_path, idp, evil) as mediator:
        as_other = forge(
            {"alg": "EdDSA", "typ": "at+jwt", "kid": idp.keys[0].public.keyid},
            claims_of(idp, mediator),
            MALLORY.sign,
        ).reveal()
        assert await reason_of(mediator, as_other) == "BAD_CREDENTIAL"
        assert await reason_of(mediator, idp.token(mediator.url, key=MALLORY)) == "UNKNOWN_KEY"
        ours = evil.token(mediator.url, iss=mediator.url, grant=mediator.task, sub="assistant")
        assert await reason_of(mediator, ours) == "UNKNOWN_KEY"
        # Its own tokens are its own agents', under whatever name it gives them; and name no task of anybody else.
        assert (
            await reason_of(mediator, evil.token(mediator.url, grant=mediator.task, sub="assistant")) == "CHAIN_INVALID"
        )
        assert (
            await reason_of(mediator, evil.token(mediator.url, sub="assistant", scope="server:a effect:read")) is None
        )
        identities: list[Any] = [entry["identity"] for entry in mediator.decisions]
        agents = {identity["asserted"]["agent"] for identity in identities if "asserted" in identity}
        assert agents == {"idp1:assistant"}
        victim = idp.token(mediator.url)
        assert await reason_of(mediator, victim) is None
        task = next(e["body"]["task"] for e in mediator.entries("task.opened") if e["body"]["agent"] == "idp0:ci-bot")  # type: ignore[index,call-overload]  # JSON
        stolen = evil.token(mediator.url, grant=task, sub="idp0:ci-bot")
        assert await reason_of(mediator, stolen) == "CHAIN_INVALID"


@promise("P7")
async def test_a_key_for_something_else_verifies_nothing(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 7517 §4.2, §4.3: a key that is published to encrypt to, or of another algorithm, is no key of a signature."""
    idp.more = [
        jwk_of(MALLORY, use="enc"),
        jwk_of(MALLORY, kid="ops", key_ops=["encrypt"]),
        jwk_of(MALLORY, kid="alg", alg="ECDH-ES"),
    ]
    async with a_mediator(tmp_path, idp) as mediator:
        claims = claims_of(idp, mediator)
        for kid in (MALLORY.public.keyid, "ops", "alg"):
            head: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}
            assert await reason_of(mediator, forge(head, claims, MALLORY.sign).reveal()) == "UNKNOWN_KEY"
        assert await reason_of(mediator, idp.token(mediator.url)) is None


@promise("P7")
async def test_no_key_is_of_two_algorithms(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 8725 §3.1 (key confusion): `none`, an HMAC with the public key, an algorithm that the settings do not name."""
    private = rsa.generate_private_key(65537, 2048)
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(private.public_key()))
    idp.more = [public | {"kid": "rsa", "alg": "RS256"}]
    async with a_mediator(tmp_path, idp) as mediator:
        claims = claims_of(idp, mediator)
        for alg, kid, reason in (
            ("none", idp.keys[0].public.keyid, "BAD_CREDENTIAL"),
            ("HS256", idp.keys[0].public.keyid, "BAD_CREDENTIAL"),
            ("RS256", idp.keys[0].public.keyid, "BAD_CREDENTIAL"),
            ("RS256", "rsa", "UNKNOWN_KEY"),
        ):
            head: JsonObject = {"alg": alg, "typ": "at+jwt", "kid": kid}
            assert await reason_of(mediator, forge(head, claims, idp.keys[0].sign).reveal()) == reason


@promise("P5", "P7")
async def test_a_token_for_several_is_for_none_of_us(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 9068 §4: whoever else gets it could show it here; and no spelling of our name is our name."""
    async with a_mediator(tmp_path, idp) as mediator:
        ours = mediator.url
        tricks: dict[str, list[Json]] = {
            "WRONG_AUDIENCE": [
                [ours, "https://elsewhere.example"],
                f"{ours} https://elsewhere.example",
                f"{ours},x",
                f"{ours}/",
                ours.upper(),
                f"{ours}/mcp/",
                [f"{ours}.evil.example"],
                "",
            ],
            "BAD_CREDENTIAL": [[], {}, {"0": ours}, [ours, 1], [[ours]]],
        }
        for reason, audiences in tricks.items():
            for audience in audiences:
                assert (audience, await reason_of(mediator, idp.token(audience))) == (audience, reason)


@promise("P7")
async def test_no_token_of_another_purpose_is_an_access_token(tmp_path: Path, idp: IdentityProvider) -> None:
    """RFC 8725 §3.11, RFC 9068 §2.1: an ID token, a logout token, a proof; they may be for us, and are no access."""
    async with a_mediator(tmp_path, idp) as mediator:
        for kind in (
            "JWT",
            "logout+jwt",
            "dpop+jwt",
            "client-authentication+jwt",
            "secevent+jwt",
            "token-introspection+jwt",
        ):
            assert await reason_of(mediator, idp.token(mediator.url, typ=kind)) == "BAD_CREDENTIAL"


@promise("P7", "P11")
async def test_a_set_that_turns_bad_takes_nobody_down(tmp_path: Path, idp: IdentityProvider) -> None:
    """A5: what cannot be a key set is as no answer; the last good one holds, and strangers bring about few looks."""
    async with a_mediator(tmp_path, idp) as mediator:
        token = idp.token(mediator.url)
        idp.answer = json_answer({"keys": [jwk_of(MALLORY), jwk_of(MALLORY)]})
        assert await reason_of(mediator, idp.token(mediator.url, key=MALLORY)) == "UNKNOWN_KEY"
        assert await reason_of(mediator, token) is None
        assert any("could not be looked at" in alarm for alarm in mediator.alarms)


@promise("P7", "P11")
async def test_a_set_of_odd_members_takes_nobody_down(
    tmp_path: Path, idp: IdentityProvider, evil: IdentityProvider
) -> None:
    """A5: what stands in a key is anything; who publishes it ends neither the start, nor the looking, nor another issuer."""
    evil.more = [{"kid": "x", "kty": ["OKP"]}]
    async with a_mediator(tmp_path, idp, evil) as mediator:
        evil.more = [{"kid": "x", "kty": {"OKP": "EdDSA"}}]
        evil.rotate()
        assert await reason_of(mediator, evil.token(mediator.url)) is None  # such a key is no key, and the others are
        idp.rotate()
        assert await reason_of(mediator, idp.token(mediator.url)) is None
        assert mediator.alarms == []
