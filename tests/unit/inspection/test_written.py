"""Unit tests of mediator/inspection/written.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.inspection.written import Written
from mediator.wire.methods import Era


def test_what_was_written_is_not_changed() -> None:
    """House style: a value."""
    written = Written(raw=b"{}", request_id=1, era=Era.MODERN, code=None)
    with pytest.raises(AttributeError):
        written.raw = b""  # type: ignore[misc]  # that is the test
