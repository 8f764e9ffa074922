"""What a result is held to, out of its pinned item: plain values, so that they can be told to another process.

Pure. It names no pinned item: where there is one, `release.py` makes this of it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import NamedTuple

from mediator.manifest.schema import ResultSchema
from mediator.wire.methods import CallMethod


class Expected(NamedTuple):
    """The method that was asked, and what its item's pin says of the answer.

    `output` is what the structured content of a tool must be, where the pin says; `media_types` are those that contents
    may have, of a family that is named by a prefix.
    """

    method: CallMethod
    bytes_max: int
    output: ResultSchema | None = None
    media_types: tuple[str, ...] | None = None
