"""One token endpoint: what it may say, what is made of it, and what is never repeated of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import gzip
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediator.adapters.credentials_brokered.endpoint import TokenEndpoint
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.authorization_server import AuthorizationServer, http_answer, json_answer
from tests.simulated.certificates import a_certificate

FORM = {"grant_type": "client_credentials", "resource": "https://web.example/mcp"}
BASIC = ("mediator", Secret("client-s3cret"))
GOOD: dict[str, Any] = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 60}


@pytest.fixture
async def server() -> AsyncIterator[AuthorizationServer]:
    async with AuthorizationServer() as server:
        server.allow("mediator", secret="client-s3cret")
        yield server


async def refusal_of(server: AuthorizationServer, seconds: float = 5) -> str:
    with pytest.raises(Refused) as refused:
        await TokenEndpoint(server.token_url, seconds=seconds).ask(FORM, BASIC)
    assert refused.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
    told = f"no credential: the token endpoint `{server.token_url}` "
    assert refused.value.detail.startswith(told)
    everything = repr(refused.value) + repr(refused.value.__cause__) + repr(refused.value.__context__)
    assert "s3cret" not in everything
    assert "t0ken" not in everything
    return refused.value.detail.removeprefix(told)


async def test_a_token_comes_for_a_form_with_its_life(server: AuthorizationServer) -> None:
    """RFC 6749 §4.4, §5.1."""
    issued = await TokenEndpoint(server.token_url).ask(FORM, BASIC)
    assert (issued.token.reveal(), issued.seconds, issued.kind) == (server.issued[0].token, 600, None)
    ((headers, form),) = server.requests
    assert form == FORM
    assert headers["accept"] == "application/json"


async def test_a_client_proves_itself_by_what_it_is_called_whatever_that_is(server: AuthorizationServer) -> None:
    """RFC 6749 §2.3.1: form-encoded first, or a colon would end the name."""
    server.allow("https://us:1 ü", secret="a:b%c d")
    await TokenEndpoint(server.token_url).ask(FORM, ("https://us:1 ü", Secret("a:b%c d")))
    assert server.issued[0].client == "https://us:1 ü"


@promise("P7")
@pytest.mark.parametrize("error", ["invalid_client", "invalid_target", "server_error"])
async def test_a_registered_error_is_told(server: AuthorizationServer, error: str) -> None:
    """RFC 6749 §5.2: the operator learns what to mend."""
    server.refuse_with = error
    assert await refusal_of(server) == f"answered with HTTP status 400, `{error}`"


ANSWERS = {
    "an error of its own": (
        json_answer({"error": "client-s3cret t0ken", "error_description": "t0ken"}, status=400),
        "answered with HTTP status 400",
    ),
    "an error that is none": (json_answer({"error": ["invalid_client"]}, status=401), "answered with HTTP status 401"),
    "an error without JSON": (http_answer(b"t0ken", status=500), "answered with HTTP status 500"),
    "a redirect": (
        http_answer(b"", status=307, head="Location: https://evil.example/t0ken\r\n"),
        "answered with HTTP status 307",
    ),
    "a created one": (json_answer(GOOD, status=201), "answered with HTTP status 201"),
    "no JSON by its name": (
        http_answer(b'{"access_token":"t0ken"}', head="Content-Type: text/html\r\n"),
        "did not answer in JSON",
    ),
    "no type at all": (http_answer(b"{}"), "did not answer in JSON"),
    "no JSON": (http_answer(b"t0ken", head="Content-Type: application/json\r\n"), "sent JSON that is none"),
    "the same twice": (
        http_answer(
            b'{"access_token":"t0ken","access_token":"t0ken","token_type":"Bearer"}',
            head="Content-Type: application/json\r\n",
        ),
        "sent JSON that is none",
    ),
    "too much": (json_answer({**GOOD, "x": "t0ken" * 16_000}), "sent more than 65536 bytes"),
    "encoded": (
        http_answer(gzip.compress(b"{}"), head="Content-Type: application/json\r\nContent-Encoding: gzip\r\n"),
        "sent an encoded answer that was not asked for",
    ),
    "no HTTP": (b"t0ken\r\n\r\n", "cannot be reached, or speaks no HTTP"),
    "half of it": (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\nt0ken",
        "cannot be reached, or speaks no HTTP",
    ),
    "a token of another type": (json_answer({**GOOD, "token_type": "DPoP"}), "issued no bearer token"),
    "a type that is none": (json_answer({**GOOD, "token_type": None}), "issued no bearer token"),
    "no token": (json_answer({"token_type": "Bearer"}), "issued no token of at most 16 KiB"),
    "an empty token": (json_answer({**GOOD, "access_token": ""}), "issued no token of at most 16 KiB"),
    "a token without end": (
        json_answer({**GOOD, "access_token": "t0ken" * 4000}),
        "issued no token of at most 16 KiB",
    ),
    "a token that ends its header": (
        json_answer({**GOOD, "access_token": "t0ken\r\nX: 1"}),
        "issued a token that cannot stand in a header",
    ),
    "a token of two words": (
        json_answer({**GOOD, "access_token": "t0ken t0ken"}),
        "issued a token that cannot stand in a header",
    ),
    "a token in letters of its own": (
        json_answer({**GOOD, "access_token": "t0kén"}),
        "issued a token that cannot stand in a header",
    ),
    "a life of nothing": (json_answer({**GOOD, "expires_in": 0}), "issued a token with no good `expires_in`"),
    "a life in words": (json_answer({**GOOD, "expires_in": "60"}), "issued a token with no good `expires_in`"),
    "a life of truth": (json_answer({**GOOD, "expires_in": True}), "issued a token with no good `expires_in`"),
    "a life without end": (json_answer({**GOOD, "expires_in": 10**12}), "issued a token with no good `expires_in`"),
    "a kind that is none": (
        json_answer({**GOOD, "issued_token_type": 7}),
        "issued a token with no good `issued_token_type`",
    ),
}


@promise("P5", "P7")
@pytest.mark.parametrize(("answer", "wrong"), ANSWERS.values(), ids=ANSWERS)
async def test_whatever_else_it_says_is_no_credential_and_nothing_of_it_is_repeated(
    server: AuthorizationServer, answer: bytes, wrong: str
) -> None:
    """House style 4: the operator is told what is wrong, and reads no token and no secret in it."""
    server.answer = answer
    assert await refusal_of(server) == wrong


async def test_a_life_that_is_not_said_is_a_minute(server: AuthorizationServer) -> None:
    """RFC 6749 §5.1: `expires_in` is recommended; members that nobody knows are ignored, and so is a refresh token."""
    server.answer = json_answer({"access_token": "t", "token_type": "bEARER", "refresh_token": "r", "x": 1})
    issued = await TokenEndpoint(server.token_url).ask(FORM, BASIC)
    assert issued.seconds == 60
    assert "refresh" not in repr(issued)


@promise("P7")
async def test_one_that_does_not_answer_is_let_go(server: AuthorizationServer) -> None:
    """P11: within its own time."""
    server.hold()
    assert await refusal_of(server, seconds=0.05) == "gave no answer within 0.05 s"
    server.let_go()


@promise("P7")
async def test_one_that_is_not_there_is_no_credential() -> None:
    """P11."""
    async with AuthorizationServer() as server:
        url = server.token_url
    with pytest.raises(Refused, match="cannot be reached"):
        await TokenEndpoint(url).ask(FORM, BASIC)


@promise("P5")
async def test_no_proxy_and_no_netrc_of_the_environment_is_asked(
    server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ours: whoever sets a variable of the process reads no secret by it."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    await TokenEndpoint(server.token_url).ask(FORM, BASIC)
    sent = server.requests[0][0]["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"mediator:client-s3cret"


@promise("P5")
async def test_the_library_logs_nothing_of_an_answer(
    server: AuthorizationServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Ours: httpcore2 writes headers of answers, and bytes that are none, into its debugging log."""
    caplog.set_level(logging.NOTSET)
    server.answer = json_answer(GOOD, head="X-Told: t0ken\r\n")
    await TokenEndpoint(server.token_url).ask(FORM, BASIC)
    assert "t0ken" not in caplog.text
    assert "/token" not in caplog.text


async def test_no_cookie_is_kept(server: AuthorizationServer) -> None:
    """Ours: two tasks have nothing in common."""
    server.answer = json_answer(GOOD, head="Set-Cookie: a=b; Path=/\r\n")
    endpoint = TokenEndpoint(server.token_url)
    for _ in range(2):
        await endpoint.ask(FORM, BASIC)
    assert "cookie" not in server.requests[1][0]


@promise("P5", "P7")
async def test_a_secret_goes_to_nobody_for_whom_no_one_vouches(tmp_path: Path) -> None:
    """RFC 6749 §3.2: TLS, and verified; one that this machine is told to trust is asked."""
    certificate = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with AuthorizationServer(ssl=context) as server:
        server.allow("mediator", secret="client-s3cret")
        assert await refusal_of(server) == "cannot be reached, or speaks no HTTP"
        assert server.requests == []
        trusting = TokenEndpoint(server.token_url, ssl.create_default_context(cafile=str(certificate)))
        assert (await trusting.ask(FORM, BASIC)).token.reveal() == server.issued[0].token
