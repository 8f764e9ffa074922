"""`credential` of a `[[tool_server]]`: with what the mediator comes to it, by reference; a secret never stands here.

Either a reference to a static bearer token, or a table whose `kind` says how a credential is had for each task: from an
authorization server as ourselves (RFC 6749 §4.4) or in exchange for what we say of the task (RFC 8693), or as an
assertion that we sign. Pure: nothing is resolved and nothing is asked here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeAlias, assert_never

from pydantic import Discriminator, Field, Tag, model_validator

from mediator.settings.section import Section
from mediator.settings.values import FileReference, Printable, Reference, Scope, SecretReference, Url, expected

_REFERENCE: Final = "[reference]"  # in brackets: no key of an operator's, and left out where an error names the place


class _FromServer(Section):
    """What is had from an authorization server: its token endpoint, and how we prove who asks."""

    token_url: Url
    client_id: Printable
    client_secret: Reference | None = None  # by HTTP basic (RFC 6749 §2.3.1)
    key: FileReference | None = None  # Ed25519, PEM: `private_key_jwt` (RFC 7523 §2.2)
    authorization_server: Url | None = (
        None  # its issuer: what our assertions are made for; else `token_url` (RFC 7523 §3)
    )
    scope: Scope | None = None
    resource: Url | None = None  # RFC 8707; without it and `audience`, the tool server's own `url`
    audience: Printable | None = None  # RFC 8693 §2.1, and what some servers want instead

    @model_validator(mode="after")
    def _proves_itself(self) -> Self:
        if (self.client_secret is None) == (self.key is None):
            raise expected("either `client_secret` or `key`")
        return self


class ClientCredentials(_FromServer):
    """A token of the mediator's own at the authorization server, another for each task."""

    kind: Literal["client_credentials"]


class TokenExchange(_FromServer):
    """A token for the task's owner, exchanged for an assertion of ours that names owner and agents."""

    kind: Literal["exchange"]


class SignedAssertion(Section):
    """An assertion that we sign, for servers that trust our keys."""

    kind: Literal["assertion"]
    audience: Printable  # what the tool server calls itself
    seconds: Annotated[int, Field(ge=60, le=300)] = 60  # ours: as long as a signed request; renewed while a task lasts


_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {kind: f"[{kind}]" for kind in ("client_credentials", "exchange", "assertion")}
)
MODELS: Final[Mapping[int | str, type[Section]]] = MappingProxyType(
    {"[client_credentials]": ClientCredentials, "[exchange]": TokenExchange, "[assertion]": SignedAssertion}
)
"""The table of each kind, by the mark that stands for it in the place of an error."""
MARKS: Final = frozenset({*MODELS, _REFERENCE})


def _mark_of(value: object) -> str | None:
    if not isinstance(value, dict):
        return _REFERENCE
    kind = value.get("kind")
    return _KINDS.get(kind) if isinstance(kind, str) else None


Brokered: TypeAlias = ClientCredentials | TokenExchange | SignedAssertion
"""What is made for each task, and dies with it."""
Credential: TypeAlias = SecretReference | Brokered
CredentialValue = Annotated[
    Annotated[Reference, Tag(_REFERENCE)]
    | Annotated[ClientCredentials, Tag("[client_credentials]")]
    | Annotated[TokenExchange, Tag("[exchange]")]
    | Annotated[SignedAssertion, Tag("[assertion]")],
    Discriminator(
        _mark_of,
        custom_error_type="expected",
        custom_error_message="expected a `kind`: `client_credentials`, `exchange` or `assertion`",
    ),
]


def secrets_of(credential: Credential | None) -> tuple[SecretReference, ...]:
    """Return where the secrets are that this credential is made with."""
    match credential:
        case SecretReference():
            return (credential,)
        case ClientCredentials() | TokenExchange():
            return tuple(one for one in (credential.client_secret, credential.key) if one is not None)
        case SignedAssertion() | None:
            return ()
        case _:
            assert_never(credential)


def told(credential: Credential) -> str:
    """Return in words with what a server is come to, as it is shown to whoever decides about that."""
    match credential:
        case SecretReference():
            return f"the bearer token of {credential}"
        case ClientCredentials():
            return f"a token of the client {credential.client_id} from {credential.token_url}"
        case TokenExchange():
            return f"a token that {credential.client_id} exchanges at {credential.token_url}"
        case SignedAssertion():
            return f"an assertion that the mediator signs for {credential.audience}"
        case _:
            assert_never(credential)
