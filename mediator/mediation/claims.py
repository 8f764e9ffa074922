"""What is taken for a call before the act: claims, exact and in the store; leases, in memory and quick.

Pure: what there is to take is said in `spending.py`, and taken by the shell, all or none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something to be taken, once, before the act: `amount` units of `key`, of which there are `limit` in all.

    Of one that `counts_result`, what comes back is counted as well, once it is known. What is counted in a window of time has a key of that window; from `until_ms` on (ms since 1970, UTC) nobody asks for
    it any more.
    """

    key: str
    limit: int
    amount: int = 1
    until_ms: int | None = None
    counts_result: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A place in a rate: `burst` at once, and one more each `refill_ms`."""

    key: str
    burst: int
    refill_ms: float
