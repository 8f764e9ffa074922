"""Frame: in what manner a message came, and so in what manner it is answered.

It holds no more than a reply needs: the id, the era, the transport, the method. No meaning, and no proof of anything:
a frame is also made of a message that could not be read.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from mediator.wire.arrival import Transport
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import Era


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How to answer: under which id (nothing: none could be read, or none is wanted), in which era and version."""

    request_id: RequestId | None
    era: Era
    version: str | None
    transport: Transport
    method: str | None
