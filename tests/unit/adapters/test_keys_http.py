"""Where keys are published: what may come from there, and where nobody is ever sent.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from mediator.adapters.keys_http import KeysEndpoint, resolve
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.authorization_server import AuthorizationServer, http_answer, json_answer
from tests.simulated.certificates import a_certificate
from tests.simulated.forged_tokens import jwk_of
from tests.simulated.identity_provider import IdentityProvider


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


async def refusal_of(endpoint: KeysEndpoint, seconds: float = 5) -> str:
    with pytest.raises(Refused) as refused:
        await endpoint.fetch(seconds)
    assert refused.value.reason is Reason.SNAPSHOT_TOO_OLD
    told = f"no keys: `{endpoint.url}` "
    assert refused.value.detail.startswith(told)
    assert "s3cret" not in repr(refused.value) + repr(refused.value.__cause__) + repr(refused.value.__context__)
    return refused.value.detail.removeprefix(told)


async def test_what_is_published_comes_whole(idp: IdentityProvider) -> None:
    """RFC 7517 §5, §8.5.1."""
    assert await KeysEndpoint(idp.keys_url).fetch() == {"keys": [jwk_of(idp.keys[0])]}
    (head,) = idp.heads
    assert head.startswith("GET /jwks HTTP/1.1\r\n")
    assert f"\r\nhost: 127.0.0.1:{idp.issuer.rsplit(':', 1)[1]}\r\n" in head
    assert "cookie" not in head.lower()
    idp.answer = http_answer(b'{"keys":[]}', head="Content-Type: application/jwk-set+json; charset=utf-8\r\n")
    assert await KeysEndpoint(idp.keys_url).fetch() == {"keys": []}


ANSWERS = {
    "a redirect": (http_answer(b"", status=302, head="Location: /jwks\r\n"), "answered with HTTP status 302"),
    "a created one": (json_answer({"keys": []}, status=201), "answered with HTTP status 201"),
    "no JSON by its name": (http_answer(b"{}", head="Content-Type: text/html\r\n"), "did not answer in JSON"),
    "no type at all": (http_answer(b"{}"), "did not answer in JSON"),
    "no JSON": (http_answer(b"s3cret", head="Content-Type: application/json\r\n"), "sent JSON that is none"),
    "a list": (http_answer(b"[]", head="Content-Type: application/json\r\n"), "sent JSON that is none"),
    "the same twice": (
        http_answer(b'{"keys":[],"keys":[]}', head="Content-Type: application/json\r\n"),
        "sent JSON that is none",
    ),
    "too much": (json_answer({"keys": "s3cret" * 50_000}), "sent more than 262144 bytes"),
    "encoded": (
        http_answer(gzip.compress(b"{}"), head="Content-Type: application/json\r\nContent-Encoding: gzip\r\n"),
        "sent an encoded answer that was not asked for",
    ),
    "no HTTP": (b"s3cret\r\n\r\n", "cannot be reached, shows no certificate that is known here, or speaks no HTTP"),
    "half of it": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\ns3cret",
        "cannot be reached, shows no certificate that is known here, or speaks no HTTP",
    ),
}


@pytest.mark.parametrize(
    ("url", "asked"),
    [("", "/"), ("/jwks", "/jwks"), ("/?a=b", "/?a=b"), ("/t/keys?appid=1&p=b2c_1", "/t/keys?appid=1&p=b2c_1")],
)
async def test_the_whole_address_is_asked(idp: IdentityProvider, url: str, asked: str) -> None:
    """RFC 9112 §3.2.1: an issuer may publish other keys for each application, and says of which by a query."""
    idp.answer = json_answer({"keys": []})
    assert await KeysEndpoint(idp.issuer + url).fetch() == {"keys": []}
    assert idp.heads[0].startswith(f"GET {asked} HTTP/1.1\r\n")


@promise("P7")
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_no_key_set_is_none(idp: IdentityProvider, name: str) -> None:
    """Ours: and nothing of it is repeated."""
    idp.answer, told = ANSWERS[name]
    assert await refusal_of(KeysEndpoint(idp.keys_url)) == told
    assert idp.fetches == 1


@promise("P7")
async def test_who_does_not_answer_in_time_is_not_waited_for(idp: IdentityProvider) -> None:
    """Ours: a fetch has an end."""
    idp.answer = b""
    assert await refusal_of(KeysEndpoint(idp.keys_url), seconds=0.05) == "gave no keys within 0.05 s"


def naming(*addresses: str) -> object:
    async def say(_host: str, _port: int) -> Iterable[str]:
        return addresses

    return say


NOT_PUBLIC = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fec0::1", "fc00::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:53aa:64c:0:0:f5ff:fffe",
]  # fmt: skip


@promise("P7")
@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_nobody_is_sent_where_the_public_network_ends(address: str) -> None:
    """Ours (SSRF): also beside an address that is public, and however one carries another."""
    for addresses in ((address,), ("93.184.216.34", address)):
        endpoint = KeysEndpoint("https://idp.example/jwks", resolve=naming(*addresses))  # type: ignore[arg-type]  # honest
        assert (await refusal_of(endpoint)).endswith("which is no address of the public network")


@promise("P7")
async def test_a_name_of_this_machine_comes_to_this_machine_alone(idp: IdentityProvider) -> None:
    """Ours: what the settings name explicitly; whatever the resolver says of it."""
    port = idp.issuer.rsplit(":", 1)[1]
    at_home = KeysEndpoint(f"http://localhost:{port}/jwks", resolve=naming("::1", "127.0.0.1"))  # type: ignore[arg-type]
    assert "keys" in await at_home.fetch()
    abroad = KeysEndpoint(f"http://localhost:{port}/jwks", resolve=naming("93.184.216.34"))  # type: ignore[arg-type]
    assert (await refusal_of(abroad)).endswith("which is no address of the public network")
    nowhere = KeysEndpoint(f"http://localhost:{port}/jwks", resolve=naming())  # type: ignore[arg-type]
    assert await refusal_of(nowhere) == "comes to no address"


@promise("P7")
async def test_a_name_is_looked_up_once(idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours (DNS rebinding): the connection goes to what was judged, and the system is not asked for the name again."""
    asked: list[str] = []

    def again(host: str, *_: object, **__: object) -> None:
        pytest.fail(f"`{host}` was looked up again")

    monkeypatch.setattr(socket, "getaddrinfo", again)

    async def rebind(host: str, _port: int) -> Iterable[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    port = idp.issuer.rsplit(":", 1)[1]
    assert "keys" in await KeysEndpoint(f"http://localhost:{port}/jwks", resolve=rebind).fetch()
    assert asked == ["localhost"]
    assert "host: localhost" in idp.heads[0]


async def test_the_system_is_asked_for_addresses() -> None:
    """Ours."""
    assert await resolve("127.0.0.1", 80) == ["127.0.0.1"]
    long = KeysEndpoint(f"https://{'a' * 64}.example/jwks")
    assert await refusal_of(long) == ANSWERS["no HTTP"][1]


async def test_who_is_down_cannot_be_reached(idp: IdentityProvider) -> None:
    """Ours."""
    idp.close()
    assert await refusal_of(KeysEndpoint(idp.keys_url)) == ANSWERS["no HTTP"][1]


@promise("P7")
async def test_a_certificate_is_asked_for(tmp_path: Path) -> None:
    """RFC 9110 §4.3.4: one that this machine does not know is none."""
    file = a_certificate(tmp_path)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(file)
    async with AuthorizationServer(ssl=own, answer=json_answer({"keys": []})) as server:
        url = f"{server.base}/jwks"
        assert await refusal_of(KeysEndpoint(url)) == ANSWERS["no HTTP"][1]
        assert await KeysEndpoint(url, ssl=ssl.create_default_context(cafile=file)).fetch() == {"keys": []}
        named = KeysEndpoint(url.replace("127.0.0.1", "localhost"), ssl=ssl.create_default_context(cafile=file))
        assert await refusal_of(named) == ANSWERS["no HTTP"][1]  # it is not the name in the certificate


@promise("P7")
async def test_no_proxy_of_the_environment_is_asked(idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: whoever may set a variable must not choose our keys."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert "keys" in await KeysEndpoint(idp.keys_url).fetch()
