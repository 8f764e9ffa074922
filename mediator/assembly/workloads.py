"""The keys of whoever vouches for workloads, read from their files each time that one is asked about.

A platform renews its keys when it likes, and writes the file anew (a SPIFFE helper, a job that fetches a JWK set): so
what counts is what stands there now. A file that cannot be read, or is not whole, vouches for nobody.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from mediator.assembly.folder import naming, read_file
from mediator.canonical import parse_object
from mediator.identity.keys import TrustedIssuer
from mediator.identity.workload import WorkloadIssuer, read_keys
from mediator.refusal import Refused
from mediator.settings.sections import Settings
from mediator.settings.workloads import WorkloadIssuerSettings

_REMEMBERED: Final = 64  # key files, as they were read; an operator has a few
_UNREADABLE: Final = "the keys of the workload's issuer cannot be read here"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadKeys:
    """Reads key files; `root` is the set-up's folder."""

    root: Path

    def read(self, settings: WorkloadIssuerSettings) -> WorkloadIssuer:
        """Return this issuer with the keys of now; raises `Refused` naming the file, and to a client nothing of it."""
        file = self.root / settings.keys_file
        try:
            with naming(file):
                keys = _parsed(
                    settings.name, read_file(file), settings.algorithms, is_bundle=settings.trust_domain is not None
                )
        except Refused as stop:
            raise Refused(stop.reason, stop.detail, sentence=_UNREADABLE, remedy=stop.remedy) from stop
        return WorkloadIssuer(
            name=settings.name,
            issuer=settings.issuer,
            trust_domain=settings.trust_domain,
            keys=keys,
            life_seconds_max=settings.life_seconds_max,
            is_reusable=settings.reusable,
        )

    def must_be_there(self, settings: Settings) -> None:
        """Return if every issuer's file can be read; raises `Refused` naming the one that cannot."""
        for issuer in settings.workload_issuers:
            self.read(issuer)


@lru_cache(maxsize=_REMEMBERED)
def _parsed(name: str, raw: bytes, algorithms: tuple[str, ...], *, is_bundle: bool) -> TrustedIssuer:
    return read_keys(name, parse_object(raw), algorithms, is_bundle=is_bundle)
