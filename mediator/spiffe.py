"""SPIFFE IDs: who a workload is, as its trust domain names it; in the one form that the standard has, or refused.

Pure, and nothing is normalised (SPIFFE-ID §2): no port, no user, no percent-encoding, no query, no fragment; a trust
domain in lower case; a path of segments that are neither empty nor `.` nor `..`, without a slash at its end. An ID
without a path names the trust domain itself, which is no workload.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from typing import Final

SCHEME: Final = "spiffe://"
LENGTH_MAX: Final = 2048  # SPIFFE-ID §2.3
TRUST_DOMAIN: Final = r"[a-z0-9._-]{1,255}"

_WORKLOAD: Final = re.compile(rf"spiffe://(?P<trust_domain>{TRUST_DOMAIN})(?:/(?!\.{{1,2}}(?:/|\Z))[A-Za-z0-9._-]+)+")


def find_trust_domain(workload: str) -> str | None:
    """Return the trust domain of a workload's SPIFFE ID; nothing where it is no such ID."""
    match = _WORKLOAD.fullmatch(workload) if len(workload) <= LENGTH_MAX else None
    return None if match is None else match["trust_domain"]
