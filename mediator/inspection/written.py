"""A reply that was written where its result was looked at, in another process: bytes that are not read again.

Pure. Plain values, no evidence: `release.py` seals them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mediator.inspection.judgement import Judgement
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import Era


class Written(NamedTuple):
    """The whole JSON-RPC message for an agent: for this request of its, in its era. `code` is that of an error."""

    raw: bytes
    request_id: RequestId | None
    era: Era
    code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What came of an answer that was looked at apart, and may leave."""

    judgement: Judgement
    written: Written
