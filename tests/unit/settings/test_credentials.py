"""`credential` of a `[[tool_server]]`: a reference, or a table of one of three kinds.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mediator.refusal import Reason, Refused
from mediator.settings.credentials import (
    ClientCredentials,
    Credential,
    SignedAssertion,
    TokenExchange,
    secrets_of,
    told,
)
from mediator.settings.parse import parse_settings
from mediator.settings.values import SecretReference
from tests.promises import promise

AT = {"token_url": "https://as.example/token", "client_id": "mediator"}
SECRET = SecretReference(kind="env", place="CLIENT_SECRET")
KEY = SecretReference(kind="file", place="/keys/client.pem")


def credential_of(credential: object) -> Credential | None:
    server = {"name": "web", "url": "https://web.example/mcp", "credential": credential}
    return parse_settings({"tool_server": [server]}).tool_servers[0].credential


@dataclass(frozen=True)
class Good:
    table: object
    read: Credential
    secrets: tuple[SecretReference, ...]
    told: str


GOOD = {
    "a reference": Good("env:CLIENT_SECRET", SECRET, (SECRET,), "the bearer token of env:CLIENT_SECRET"),
    "a client with a secret": Good(
        {**AT, "kind": "client_credentials", "client_secret": "env:CLIENT_SECRET", "scope": "read write"},
        ClientCredentials(
            kind="client_credentials",
            token_url=AT["token_url"],
            client_id="mediator",
            client_secret="env:CLIENT_SECRET",  # type: ignore[arg-type]  # as it is read
            scope="read write",
        ),
        (SECRET,),
        "a token of the client mediator from https://as.example/token",
    ),
    "an exchange with a key": Good(
        {**AT, "kind": "exchange", "key": "file:/keys/client.pem", "audience": "web"},
        TokenExchange(
            kind="exchange",
            token_url=AT["token_url"],
            client_id="mediator",
            key="file:/keys/client.pem",  # type: ignore[arg-type]  # as it is read
            audience="web",
        ),
        (KEY,),
        "a token that mediator exchanges at https://as.example/token",
    ),
    "an assertion": Good(
        {"kind": "assertion", "audience": "https://web.example", "seconds": 300},
        SignedAssertion(kind="assertion", audience="https://web.example", seconds=300),
        (),
        "an assertion that the mediator signs for https://web.example",
    ),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_what_is_written_is_what_is_read(good: Good) -> None:
    """The issue: per server, by reference."""
    read = credential_of(good.table)
    assert read == good.read
    assert secrets_of(read) == good.secrets
    assert told(good.read) == good.told


def test_nothing_is_no_secret() -> None:
    """Ours."""
    assert secrets_of(None) == ()


def test_an_assertion_lives_a_minute_unless_it_is_said() -> None:
    """Ours: the shortest that is allowed."""
    read = credential_of({"kind": "assertion", "audience": "web"})
    assert isinstance(read, SignedAssertion)
    assert read.seconds == 60


@dataclass(frozen=True)
class Bad:
    table: object
    where: str
    wrong: str
    remedy: str = field(default="correct it (in mediator.toml)")


_CLIENT = {**AT, "kind": "client_credentials"}
_KINDS = "expected a `kind`: `client_credentials`, `exchange` or `assertion`"
_NO_KEY = "`client_secret` or `key`"
BAD = {
    "no reference": Bad("hunter2", "", "expected a reference, `env:NAME` or `file:/path`"),
    "a number": Bad(7, "", "expected a reference"),
    "no kind": Bad(AT, "", _KINDS),
    "a kind of another type": Bad({"kind": 7}, "", _KINDS),
    "another kind": Bad({"kind": "password"}, "", _KINDS),
    "no proof": Bad(_CLIENT, "", f"expected either {_NO_KEY}"),
    "two proofs": Bad({**_CLIENT, "client_secret": "env:A", "key": "file:/a"}, "", f"expected either {_NO_KEY}"),
    "a key of the environment": Bad({**_CLIENT, "key": "env:KEY"}, ".key", "expected a reference, `file:/path`"),
    "a key itself": Bad({**_CLIENT, "key": "hunter2"}, ".key", "expected a reference, `file:/path`"),
    "a secret itself": Bad({**_CLIENT, "client_secret": "hunter2"}, ".client_secret", "expected a reference"),
    "plain HTTP to elsewhere": Bad(
        {**_CLIENT, "token_url": "http://as.example/token", "key": "file:/a"}, ".token_url", "expected `https://`"
    ),
    "a fragment": Bad(
        {**_CLIENT, "resource": "https://web.example/#hunter2", "key": "file:/a"}, ".resource", "expected `https://"
    ),
    "a scope of two spaces": Bad({**_CLIENT, "scope": "a  b", "key": "file:/a"}, ".scope", "expected scopes"),
    "a client with a line break": Bad(
        {**_CLIENT, "client_id": "a\nb", "key": "file:/a"}, ".client_id", "expected visible ASCII"
    ),
    "an assertion of an hour": Bad(
        {"kind": "assertion", "audience": "a", "seconds": 3600}, ".seconds", "expected less than or equal to 300"
    ),
    "an assertion of a second": Bad(
        {"kind": "assertion", "audience": "a", "seconds": 1}, ".seconds", "expected greater than or equal to 60"
    ),
}


@promise("P7")
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_wrong_is_named_and_no_value_is_repeated(bad: Bad) -> None:
    """House style 11: the place is named in the operator's words, whatever kind it is of."""
    with pytest.raises(Refused) as refused:
        credential_of(bad.table)
    assert refused.value.reason is Reason.MALFORMED
    assert refused.value.detail.startswith(f"mediator.toml: `tool_server[1].credential{bad.where}`: {bad.wrong}")
    assert refused.value.remedy == bad.remedy
    assert "hunter2" not in str(refused.value)


def test_an_unknown_key_is_named_with_the_nearest_of_its_kind() -> None:
    """House style 11: also inside the table."""
    with pytest.raises(Refused) as refused:
        credential_of({"kind": "assertion", "audience": "a", "second": 60})
    assert refused.value.detail == "mediator.toml: unknown key `tool_server[1].credential.second`"
    assert refused.value.remedy == "did you mean `seconds`? (in mediator.toml)"
    with pytest.raises(Refused, match="token_url` is missing"):
        credential_of({"kind": "exchange"})
