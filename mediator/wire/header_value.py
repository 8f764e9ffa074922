"""Values of MCP's own headers: how text that no header can carry is wrapped, and read back.

Pure. A value is itself, or `=?base64?` + base64 of UTF-8 + `?=` (MCP 2026-07-28, Streamable HTTP, "Request
Metadata"). Decoding has one reading: base64 that is not canonical decodes to nothing, so it equals nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
from typing import Final

_OPEN: Final = "=?base64?"
_CLOSE: Final = "?="


def decode_header_value(value: str) -> str | None:
    """Return the text that a header value stands for; nothing for a wrapping that does not decode."""
    if not (len(value) >= len(_OPEN) + len(_CLOSE) and value.startswith(_OPEN) and value.endswith(_CLOSE)):
        return value
    payload = value[len(_OPEN) : -len(_CLOSE)]
    try:
        raw = base64.b64decode(payload, validate=True)
        text = raw.decode("utf-8")
    except ValueError:  # no base64, nothing of ASCII, or no UTF-8 beneath
        return None
    # `validate` lets non-zero trailing bits pass: two spellings of one value, of which only one was ever written.
    return text if base64.b64encode(raw).decode("ascii") == payload else None
