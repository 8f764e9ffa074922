"""TraceParent: the caller's place in a trace (W3C Trace Context §3.2), if it gave a valid one.

Pure. What does not parse is as good as absent: a caller without a trace begins none of ours, and is never refused
for it. The sampled flag is what the caller says; whether it is believed is decided elsewhere.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mediator.canonical import Json

_LENGTH_MAX: Final = 512  # a later version may append fields; nobody needs many
_FORM: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_SAMPLED: Final = 0x01


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceParent:
    """The caller's trace context."""

    trace_id: str  # 32 lower-case hexadecimal digits, not all zero
    span_id: str  # 16 lower-case hexadecimal digits, not all zero
    sampled: bool


def find_trace_parent(value: Json) -> TraceParent | None:
    """Return the trace context that this value holds, or nothing for anything else."""
    if not isinstance(value, str) or len(value) > _LENGTH_MAX:
        return None
    found = _FORM.fullmatch(value)
    # §3.2.2.1: version ff is forbidden; version 00 has nothing behind the flags, a later one may.
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"] is not None):
        return None
    if found["trace"] == _NO_TRACE or found["span"] == _NO_SPAN:
        return None
    return TraceParent(trace_id=found["trace"], span_id=found["span"], sampled=bool(int(found["flags"], 16) & _SAMPLED))
