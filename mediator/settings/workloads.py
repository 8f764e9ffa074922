"""Settings of workload identity: whose tokens about workloads are looked at, and which workload an agent is.

Pure. A workload is named exactly, never by a pattern: its issuer, its subject, and the claims that its token must
carry. A condition names a claim of the token, or, where it begins with `/`, a place inside one (a JSON pointer, RFC
6901): claims' own names hold dots (`kubernetes.io`), so that a dot means nothing here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from mediator.settings.section import Section
from mediator.settings.values import Text, TrustDomain, Url, WorkloadIssuerName, WorkloadSubject, expected
from mediator.spiffe import SCHEME, find_trust_domain

LIFE_SECONDS_MAX: Final = 3600  # what a Kubernetes service account token lives by default

ClaimValue: TypeAlias = str | int | bool
Conditions: TypeAlias = Mapping[str, tuple[ClaimValue, ...]]

_POINTER: Final = re.compile(r"(?:/(?:[^\x00-\x1f\x7f/~]|~[01])+)+")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f/][^\x00-\x1f\x7f]*")
_CONDITIONS_MAX: Final = 32


def parse_conditions(value: object) -> Conditions:
    """Return what each claim must be: the one value that is given, or one of a list."""
    if not isinstance(value, Mapping) or len(value) > _CONDITIONS_MAX:
        raise expected(f"a table of at most {_CONDITIONS_MAX} claims and what each must be")
    conditions: dict[str, tuple[ClaimValue, ...]] = {}
    for name, wanted in value.items():
        if not isinstance(name, str) or not (_POINTER.fullmatch(name) or _NAME.fullmatch(name)):
            raise expected("the name of a claim, or a JSON pointer to a place in one (`/kubernetes.io/namespace`)")
        values = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
        if not values or not all(isinstance(one, str | int | bool) for one in values):
            raise expected("a text, a whole number or true or false, or a list of at least one of them")
        conditions[name] = values
    return MappingProxyType(conditions)


def _nothing() -> Conditions:
    return MappingProxyType({})


class WorkloadIssuerSettings(Section):
    """`[[workload_issuer]]`: who vouches for workloads: an OpenID Connect issuer, or a SPIFFE trust domain."""

    name: WorkloadIssuerName
    issuer: Url | None = None  # the `iss` of its tokens
    trust_domain: TrustDomain | None = None  # of JWT-SVIDs, instead
    keys_file: Text  # its JSON Web Key Set; of a trust domain, its bundle, of which the keys for JWT-SVIDs count
    algorithms: Annotated[
        tuple[Literal["EdDSA", "ES256", "ES384", "PS256", "RS256"], ...], Field(strict=False, min_length=1)
    ] = ("ES256", "RS256")
    life_seconds_max: Annotated[int, Field(ge=60, le=86_400)] = LIFE_SECONDS_MAX
    reusable: bool = False  # its tokens are good until they expire, to whoever holds them; else each is used once

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.issuer is None) == (self.trust_domain is None):
            raise expected("either `issuer` or `trust_domain`")
        return self


class WorkloadSettings(Section):
    """`workload` of an `[[agent]]`: which workload it is."""

    issuer: WorkloadIssuerName  # the `name` of a `[[workload_issuer]]`
    subject: WorkloadSubject  # its `sub`, exactly
    claims: Annotated[Conditions, BeforeValidator(parse_conditions)] = Field(default_factory=_nothing)


def find_mistake(workload: WorkloadSettings, issuers: Mapping[str, WorkloadIssuerSettings]) -> str | None:
    """Return what is wrong with naming this workload, in words; nothing where nothing is."""
    issuer = issuers.get(workload.issuer)
    if issuer is None:
        known = ", ".join(f"`{name}`" for name in sorted(issuers)) or "none"
        return f"there is no `[[workload_issuer]]` named `{workload.issuer}`; there is {known}"
    if issuer.trust_domain is not None and find_trust_domain(workload.subject) != issuer.trust_domain:
        return f"`subject` is no workload of `{issuer.trust_domain}`, as `{SCHEME}{issuer.trust_domain}/path` is"
    if issuer.trust_domain is None and workload.subject.startswith(SCHEME):
        return f"only a trust domain names a workload `{SCHEME}`, and `{workload.issuer}` is none"
    return None
