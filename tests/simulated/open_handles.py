"""Handles that anybody can read: what a test looks into. They are bound as the real ones are.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations


class OpenHandles:
    """Fills `Handles` with the content itself."""

    def seal(self, content: bytes, bound_to: str) -> str:
        return f"{bound_to}|{content.decode()}"

    def open(self, handle: str, bound_to: str) -> bytes | None:
        owner, _, content = handle.partition("|")
        return content.encode() if owner == bound_to else None
