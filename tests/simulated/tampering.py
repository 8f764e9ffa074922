"""Edits of signed files by somebody who has no key: the payload changed, the signatures left as they were.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64

from mediator.canonical import canonical_bytes, parse_object


def with_payload(envelope: bytes, old: bytes, new: bytes) -> bytes:
    """Return the envelope with these bytes of its payload replaced."""
    members = parse_object(envelope)
    payload = base64.b64decode(str(members["payload"]))
    assert old in payload
    return canonical_bytes({**members, "payload": base64.b64encode(payload.replace(old, new)).decode()})
