"""`[[issuer]]`: whose tokens are looked at, by which keys, and what those may say that open a task by themselves.

Pure. A token of another issuer that names a grant acts under it (`task open --issuer`). One that names none opens a task,
where the settings say who answers for it (`owner`, or the claim that names them): without that, there is nobody (P9).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from mediator.settings.section import Section
from mediator.settings.values import ClaimName, Text, TextOrEmpty, Url, expected

MAX_AGE_SECONDS: Final = 3600
_OPENING: Final = {
    "agent_claim": "agent_claim",
    "agent_class": "class",
    "class_claim": "class_claim",
    "team": "team",
    "team_claim": "team_claim",
    "scope_claim": "scope_claim",
    "minutes": "minutes",
}
"""Fields that mean something only where tokens open tasks, as they are written."""
_OF_OTHERS: Final = frozenset({"issuer", "keys_file", "keys_url", "audience", "token_types", "max_age_seconds"})
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class IssuerSettings(Section):
    """One issuer. The local one signs with a key under `.mediator/`."""

    name: Text
    local: bool = False
    issuer: Text | None = None  # its `iss`; of the local one, the mediator's own address
    keys_file: Text | None = None  # a JSON Web Key Set of public keys
    keys_url: Url | None = None  # where it publishes them; HTTPS, save on this machine itself
    algorithms: Annotated[
        tuple[Literal["EdDSA", "ES256", "ES384", "PS256", "RS256"], ...], Field(strict=False, min_length=1)
    ] = ("EdDSA",)
    audience: Text | None = None  # what its tokens are made for; the mediator's own address, where nothing is said
    token_types: Annotated[tuple[Literal["at+jwt", "jwt"], ...], Field(strict=False, min_length=1)] = (
        "at+jwt",  # RFC 9068 §4; `jwt` takes any other token of that audience for an access token
    )
    max_age_seconds: Annotated[int, Field(ge=60, le=86_400)] = MAX_AGE_SECONDS  # ours: an outage that people mend
    # --- of tokens that name no grant, and open a task
    agent_claim: ClaimName = "sub"
    owner: Text | None = None  # the human who answers for every agent of this issuer
    owner_claim: ClaimName | None = None
    agent_class: Annotated[Text | None, Field(alias="class")] = None
    class_claim: ClaimName | None = None
    team: TextOrEmpty | None = None
    team_claim: ClaimName | None = None
    scope_claim: ClaimName = "scope"  # RFC 9068 §2.2.3; others say `scp`
    minutes: Annotated[int, Field(ge=1, le=480)] = 60  # of a task, where its token lives longer: as most issuers' do

    @property
    def opens_tasks(self) -> bool:
        """Whether a token that names no grant opens a task."""
        return self.owner is not None or self.owner_claim is not None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        said = self.model_fields_set
        if self.local and (self.opens_tasks or said & (_OF_OTHERS | _OPENING.keys())):
            raise expected("`local = true` alone, or `issuer` and `keys_file` or `keys_url`, not both")
        if self.local:
            return self
        if self.issuer is None or (self.keys_file is None) == (self.keys_url is None):
            raise expected("`issuer` and either `keys_file` or `keys_url`, or `local = true`")
        if self.keys_url is None and "max_age_seconds" in said:
            raise expected("`max_age_seconds` only beside `keys_url`: a file is read at the start")
        return self

    @model_validator(mode="after")
    def _says_who_answers(self) -> Self:
        pairs = {
            "owner": (self.owner, self.owner_claim),
            "class": (self.agent_class, self.class_claim),
            "team": (self.team, self.team_claim),
        }
        for name, both in pairs.items():
            if None not in both:
                raise expected(f"either `{name}` or `{name}_claim`")
        alone = sorted(written for field, written in _OPENING.items() if field in self.model_fields_set)
        if alone and not self.opens_tasks and not self.local:
            raise expected(f"`owner` or `owner_claim` beside `{alone[0]}`: somebody answers for each task")
        if self.opens_tasks and self.owner_claim == self.agent_claim:
            raise expected("`owner_claim` of another claim than `agent_claim`: an agent does not answer for itself")
        if self.opens_tasks and _NAME.fullmatch(self.name) is None:
            raise expected("`name` of letters, digits, `.`, `_`, `-`: the agents of this issuer are called by it")
        return self
