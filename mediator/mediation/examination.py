"""What a process is told that inspects a large answer apart, what it does, and what it tells: all of it plain values.

Pure: the same functions that judge a small answer, on the same bytes. No evidence, no key and no secret comes here, and
nothing of it is pickled.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mediator.canonical import DEPTH_CEILING, JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.inspection.expected import Expected
from mediator.inspection.form import invalid
from mediator.inspection.judgement import judge
from mediator.inspection.result import ToolResult
from mediator.inspection.written import Examined
from mediator.manifest.schema import ResultSchema, prepare_result
from mediator.mediation.dialect import Dialect, write
from mediator.wire.jsonrpc import Message, Response
from mediator.wire.methods import CallMethod

_LIMITS: Final = JsonLimits(
    bytes_max=sys.maxsize, depth_max=DEPTH_CEILING
)  # it is pinned: whatever it is, it was read before
_SCHEMAS_KEPT: Final = 256  # of a few kB each: more tools than one fleet of agents gets large answers from


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What one answer is held to, and to whom it is said."""

    method: CallMethod
    bytes_max: int
    output_schema: JsonObject | None
    media_types: tuple[str, ...] | None
    noise: int
    dialect: Dialect


def examine(message: Message, size_bytes: int, examination: Examination) -> Examined:
    """Return the reply with an answer that may leave; raises `Refused` as `inspect`."""
    if not isinstance(message, Response):
        raise invalid("neither a result nor an error")
    schema = examination.output_schema
    expected = Expected(
        method=examination.method,
        bytes_max=examination.bytes_max,
        output=None if schema is None else _prepared(canonical_bytes(schema)),
        media_types=examination.media_types,
    )
    result = ToolResult(result=message.result, error=message.error, size_bytes=size_bytes, noise=examination.noise)
    body, judgement = judge(result, expected)
    written = write(body, examination.dialect, is_protocol_error=judgement.is_protocol_error)
    return Examined(judgement=judgement, written=written)


@lru_cache(maxsize=_SCHEMAS_KEPT)
def _prepared(schema: bytes) -> ResultSchema:
    return prepare_result(parse_object(schema, _LIMITS))
