"""HttpFacts: what operators decide of the HTTP edge, read from the settings once its address is known.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediator.edge.asgi import BodyLimits
from mediator.settings.sections import LimitSettings, ServerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFacts:
    """What operators decide of this edge: names it answers to, limits, times; and who issues its tokens.

    `has_certificates` says that agents may connect with client certificates.
    """

    base_url: str
    hosts: frozenset[str]
    origins: frozenset[str]
    issuers: Sequence[str]
    body: BodyLimits
    sse_after_seconds: float
    sse_keep_alive_seconds: float
    has_certificates: bool = False


def http_facts(server: ServerSettings, limits: LimitSettings, port: int, issuers: Sequence[str]) -> HttpFacts:
    """Return what the settings say of this edge; `port` is where it really listens."""
    return HttpFacts(
        base_url=server.base_url(port),
        hosts=frozenset(map(str.lower, server.hosts(port))),
        origins=frozenset(map(str.lower, server.origins(port))),
        issuers=tuple(issuers),
        body=BodyLimits(
            bytes_max=limits.body_bytes_max,
            first_byte_seconds=limits.first_body_byte_seconds,
            seconds=limits.body_seconds,
        ),
        sse_after_seconds=server.sse_after_seconds,
        sse_keep_alive_seconds=server.sse_keep_alive_seconds,
        has_certificates=server.asks_for_certificates,
    )
