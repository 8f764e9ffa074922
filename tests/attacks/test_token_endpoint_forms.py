"""Requests to the token endpoint in every shape that endpoints were ever fooled by: refused, counted, and nothing asked.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from mediator.delegation.form import PARAMETERS_MAX, TOKEN_BYTES_MAX
from mediator.delegation.token_request import (
    ACCESS_TOKEN,
    CLIENT_CREDENTIALS,
    DETAILS_BYTES_MAX,
    JWT,
    TOKEN_EXCHANGE,
    ClientCredentials,
)
from mediator.edge.oauth import ASSERTION_TYPE, BODY_BYTES_MAX
from mediator.edge.oauth_metadata import INTROSPECT, JWKS, REVOKE, TOKEN, WELL_KNOWN
from tests.promises import promise
from tests.simulated.token_desk import FORM, IssuingEdge, refusal_of

POSTS = pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])


def whole(edge: IssuingEdge) -> dict[str, str]:
    """Return a form that each of the three endpoints would answer."""
    return edge.asking(token="t")


@POSTS
@promise("P7")
async def test_a_token_in_the_url_is_refused_even_beside_a_good_form(path: str) -> None:
    """RFC 6750 §2.3, RFC 6749 §3.2: URLs are written down by everybody on the way."""
    edge = IssuingEdge()
    form = whole(edge)
    for query in (urlencode(form).encode(), b"access_token=t", b"x", b"&"):
        answer = await edge.post(form, path=path, query=query)
        assert refusal_of(answer) == (400, "invalid_request")
    assert (edge.desk.asked, edge.desk.used) == ([], set())
    assert (await edge.post(form, path=path)).status == 200


@promise("P7")
@pytest.mark.parametrize("path", [JWKS, WELL_KNOWN])
async def test_public_documents_take_no_query_either(path: str) -> None:
    """Ours: what is in a query was meant for somebody."""
    assert refusal_of(await IssuingEdge().get(path, b"access_token=t")) == (400, "invalid_request")


@POSTS
@promise("P7")
async def test_a_header_proves_nobody(path: str) -> None:
    """RFC 6749 §5.2: 401, and the scheme that was tried; RFC 7009 §2.1: not even a good access token does."""
    edge = IssuingEdge()
    issued = (await edge.post(edge.asking())).message["access_token"]
    edge.desk.asked.clear()
    tries = (("Basic cGxhbm5lcjp4", "Basic"), (f"Bearer {issued}", "Bearer"), ("", "Bearer"), ("DPoP x", "Bearer"))
    for value, scheme in tries:
        answer = await edge.post(whole(edge), [FORM, ("authorization", value)], path=path)
        assert refusal_of(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"] == f'{scheme} realm="mcp-mediator"'
    assert edge.desk.asked == []


class Posted(NamedTuple):
    """One attempt, and how it is refused."""

    name: str
    body: dict[str, str] | bytes
    status: int
    error: str
    headers: Sequence[tuple[str, str]] = (FORM,)


def malformed(edge: IssuingEdge) -> Iterator[Posted]:
    good = urlencode(edge.asking()).encode()
    invalid = (400, "invalid_request")
    for name in ("grant_type", "scope", "client_assertion", "client_assertion_type", "client_id", "whatever"):
        twice = b"&" + urlencode({name: "x"}).encode()
        yield Posted(f"`{name}` twice", good + twice + twice, *invalid)
    yield Posted("the grant type twice, once empty", b"grant_type=&" + good, *invalid)
    yield Posted("the grant type twice, once escaped", b"%67rant_type=password&" + good, *invalid)
    yield Posted("too many parameters", good + b"&x=1" * PARAMETERS_MAX, *invalid)
    yield Posted("an escape cut off", good + b"&x=%4", *invalid)
    yield Posted("not UTF-8", good + b"&x=%ff", *invalid)
    yield Posted("raw bytes", good + b"&x=\xff", *invalid)
    yield Posted("a line break", good + b"\r\n", *invalid)
    yield Posted("nothing", b"", 401, "invalid_client")
    yield Posted("too large a body", good + b"&x=" + b"x" * BODY_BYTES_MAX, 413, "invalid_request")
    yield Posted("JSON in a form", b'{"grant_type":"client_credentials"}', 401, "invalid_client")
    json = [("content-type", "application/json")]
    yield Posted("JSON", b'{"grant_type":"client_credentials"}', *invalid, headers=json)
    yield Posted("no content type", good, *invalid, headers=[])
    yield Posted("two content types", good, *invalid, headers=[FORM, FORM])
    yield Posted("another charset", good, *invalid, headers=[(FORM[0], FORM[1] + ";charset=utf-7")])
    yield Posted("a multipart form", good, *invalid, headers=[(FORM[0], "multipart/form-data; boundary=x")])
    yield Posted("a packed body", good, *invalid, headers=[FORM, ("content-encoding", "gzip")])


def unproven(edge: IssuingEdge) -> Iterator[Posted]:
    no = (401, "invalid_client")
    yield Posted("no proof", {"grant_type": CLIENT_CREDENTIALS}, *no)
    yield Posted("a name alone", {"grant_type": CLIENT_CREDENTIALS, "client_id": "planner"}, *no)
    yield Posted("a secret", {"grant_type": CLIENT_CREDENTIALS, "client_id": "planner", "client_secret": "x"}, *no)
    yield Posted("a secret beside a proof", edge.asking(client_secret="x"), *no)
    yield Posted("another assertion type", edge.asking(client_assertion_type=ASSERTION_TYPE[:-1]), *no)
    yield Posted("no assertion type", without_one(edge.asking(), "client_assertion_type"), *no)
    yield Posted("an empty assertion", edge.asking(client_assertion=""), *no)
    yield Posted("somebody else's name", edge.asking(client_id="writer"), *no)
    long = "x" * (TOKEN_BYTES_MAX + 1)
    yield Posted("an assertion without end", edge.asking(client_assertion=long), 413, "invalid_request")


def without_one(form: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in form.items() if key != name}


@promise("P7", "P11")
@pytest.mark.parametrize("attempts", [malformed, unproven])
async def test_a_form_of_any_other_shape_is_refused_and_counted(attempts: Any) -> None:
    """RFC 6749 §3.2, §5.2, RFC 7521 §4.2."""
    edge = IssuingEdge()
    tried = list(attempts(edge))
    for posted in tried:
        answer = await edge.post(posted.body, posted.headers)
        assert refusal_of(answer) == (posted.status, posted.error), posted.name
    assert edge.desk.asked == []
    assert len(edge.corridor.counted) == len(tried)


@promise("P7")
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"grant_type": TOKEN_EXCHANGE}, "invalid_request"),
        ({"grant_type": TOKEN_EXCHANGE, "subject_token": "s"}, "invalid_request"),
        (
            {
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": "s",
                "subject_token_type": ACCESS_TOKEN,
                "actor_token": "a",
                "actor_token_type": ACCESS_TOKEN,
            },
            "invalid_request",
        ),
        (
            {
                "grant_type": TOKEN_EXCHANGE,
                "subject_token": "s",
                "subject_token_type": ACCESS_TOKEN,
                "requested_token_type": JWT,
            },
            "invalid_request",
        ),
    ],
)
async def test_who_is_proven_is_told_what_is_wrong(given: dict[str, str], error: str) -> None:
    """RFC 6749 §5.2, RFC 8693 §2.2.2; the desk is not asked."""
    edge = IssuingEdge()
    assert refusal_of(await edge.post(edge.asking(**given))) == (400, error)
    assert edge.desk.asked == []


@promise("P7")
async def test_details_go_by_as_text_however_deep_and_only_so_long() -> None:
    """RFC 9396 §5; ours: nothing is parsed before it is known who asks, and nothing here at all."""
    edge = IssuingEdge()
    deep = "[" * DETAILS_BYTES_MAX
    assert (await edge.post(edge.asking(authorization_details=deep))).status == 200
    assert edge.desk.asked == [("planner", ClientCredentials(authorization_details=deep, scope=None, targets=()))]
    answer = await edge.post(edge.asking(authorization_details=deep + "["))
    assert refusal_of(answer) == (413, "invalid_authorization_details")
    assert len(edge.desk.asked) == 1


@promise("P7")
async def test_no_answer_says_again_what_was_sent() -> None:
    """House style 4: no token, and no text of somebody else's, in an error."""
    edge = IssuingEdge()
    marked = dict.fromkeys(("grant_type", "scope", "client_id", "subject_token", "whatever"), "swordfish")
    forms = [
        edge.asking(**marked),
        marked,
        edge.asking(client_assertion="swordfish"),
        edge.asking(grant_type="swordfish"),
    ]
    for form in forms:
        answer = await edge.post(form)
        assert answer.status in {400, 401}
        assert b"swordfish" not in answer.body
        assert "swordfish" not in str(answer.headers)
