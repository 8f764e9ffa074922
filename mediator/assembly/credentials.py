"""Credentials of tool servers as they are configured: static ones by reference, others made for each task.

A secret is read here, at the start, from where its reference points; an operator's environment is seen by nobody else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from mediator.adapters.credentials_brokered.broker import BrokeredCredentials
from mediator.adapters.credentials_brokered.endpoint import TokenEndpoint
from mediator.adapters.credentials_brokered.sources import Client, Exchange, OwnClient, Signed, Signer, Source
from mediator.adapters.credentials_references import ReferencedCredentials, resolve_secret
from mediator.assembly.folder import Folder, naming, read_key
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.mediation.credential import ToolCredential
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Clock
from mediator.settings.credentials import Brokered, ClientCredentials, SignedAssertion, TokenExchange
from mediator.settings.sections import ToolServerSettings
from mediator.settings.values import SecretReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the settings come to for some servers: their bearers, and where other credentials come from."""

    bearers: Mapping[str, Secret]
    sources: Mapping[str, Source]


class Credentials:
    """Fills `CredentialBroker` for all tool servers, and gives the mediator what it comes with in its own name."""

    def __init__(self, clock: Clock, fence: Callable[[Permit], None]) -> None:
        self._referenced: Final = ReferencedCredentials({})
        self._brokered: Final = BrokeredCredentials(clock, fence)
        self._resolved = Resolved(bearers={}, sources={})

    def put(self, resolved: Resolved, *, only: Collection[str], anew: Collection[str]) -> None:
        """Use these from now on, and none but for `only`; what was of a server in `anew` before is used no more."""
        before = self._resolved
        stay = {*only} - {*anew}
        self._resolved = Resolved(
            bearers={name: one for name, one in before.bearers.items() if name in stay} | dict(resolved.bearers),
            sources={name: one for name, one in before.sources.items() if name in stay} | dict(resolved.sources),
        )
        self._referenced.put(self._resolved.bearers)
        self._brokered.put(self._resolved.sources)

    async def obtain(self, permit: Permit) -> ToolCredential:
        """Return the credential for this permit's tool server; raises `Refused` as the port says."""
        broker = self._brokered if self._brokered.serves(permit.item.server) else self._referenced
        return await broker.obtain(permit)

    async def obtain_own(self, server: str) -> Secret | None:
        """Return what the mediator itself comes to this server with; raises `Refused(TOOL_SERVER_UNAVAILABLE)`."""
        if self._brokered.serves(server):
            return await self._brokered.obtain_own(server)
        return self._resolved.bearers.get(server)

    def holders_of_static_secrets(self) -> tuple[str, ...]:
        """Return the tool servers whose secret outlives the task, in alphabetical order: for the report."""
        return self._referenced.holders_of_static_secrets()

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks for which a credential is kept."""
        return self._brokered.tasks

    def end_task(self, task: str) -> None:
        """Forget what was made for this task."""
        self._brokered.end_task(task)

    def drop(self, grant_ids: Collection[str]) -> None:
        """Forget what was made under one of these grants, or under one that was delegated from it."""
        self._brokered.drop(grant_ids)


def signer_of(folder: Folder, issuer: str) -> Signer:
    """Return the mediator as an issuer of this name, with its key; raises `Refused` naming the key where it is not."""
    path = folder.key_file("issuer")
    with naming(path):
        key = read_key(path)
    return Signer(issuer=issuer, key=lambda: key)


def resolve_credentials(servers: Collection[ToolServerSettings], signer: Callable[[], Signer]) -> Resolved:
    """Return what these servers are come to with; `signer` is asked for where something is to be signed.

    Raises `Refused` naming a secret that is not where it should be.
    """
    bearers: dict[str, Secret] = {}
    sources: dict[str, Source] = {}
    for server in servers:
        match server.credential:
            case None:
                pass
            case SecretReference():
                bearers[server.name] = resolve_secret(server.credential, os.environ)
            case _:
                sources[server.name] = _source(server.credential, server.url or "", signer)
    return Resolved(bearers=bearers, sources=sources)


def _source(credential: Brokered, url: str, signer: Callable[[], Signer]) -> Source:
    match credential:
        case ClientCredentials():
            return OwnClient(client=_client(credential), target=_target(credential, url))
        case TokenExchange():
            return Exchange(client=_client(credential), signer=signer(), target=_target(credential, url))
        case SignedAssertion():
            return Signed(signer=signer(), audience=credential.audience, seconds=credential.seconds)
        case _:
            assert_never(credential)


def _client(credential: ClientCredentials | TokenExchange) -> Client:
    return Client(
        endpoint=TokenEndpoint(credential.token_url),
        client_id=credential.client_id,
        proof=_proof(credential),
        authorization_server=credential.authorization_server or credential.token_url,
    )


def _proof(credential: ClientCredentials | TokenExchange) -> Secret | SigningKey:
    if credential.key is None:
        assert credential.client_secret is not None  # the settings want one of the two
        return resolve_secret(credential.client_secret, os.environ)
    path = Path(credential.key.place)
    with naming(path):
        return read_key(path)


def _target(credential: ClientCredentials | TokenExchange, url: str) -> dict[str, str]:
    """Return what binds a token to this tool server: where nothing is said, its address (MCP authorization, RFC 8707)."""
    resource = url if (credential.resource, credential.audience) == (None, None) else credential.resource
    named = {"resource": resource, "audience": credential.audience, "scope": credential.scope}
    return {name: value for name, value in named.items() if value is not None}
