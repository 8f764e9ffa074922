"""ToolCredential: made for one tool server, by the broker, under a permit; never the agent's token.

Pure. An agent's token is a `Secret`; a tool server's adapter asks for a `ToolCredential`: passing one on as the
other is a type error.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final, final

from mediator.evidence import Seal, Secret
from mediator.mediation.permit import Permit

_SEAL: Final = Seal("mediator.mediation.credential")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCredential:
    """What is shown to this tool server: a bearer token for HTTP, or nothing.

    `made_for` is the grant that it was made for, and none of a static one: another that was made for the same grant, and
    for the same server, takes its place.
    """

    server: str
    bearer: Secret | None
    made_for: str | None
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)


def credential_for(permit: Permit, bearer: Secret | None, *, made_for: str | None = None) -> ToolCredential:
    """Return the credential with which this permit's tool server is called."""
    return ToolCredential(server=permit.item.server, bearer=bearer, made_for=made_for, seal=_SEAL)
