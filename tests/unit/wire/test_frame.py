"""Unit tests of mediator/wire/frame.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mediator.wire.arrival import Transport
from mediator.wire.frame import Frame
from mediator.wire.methods import Era


def test_a_frame_does_not_change() -> None:
    """Ours: a reply goes out under the id that came in."""
    frame = Frame(request_id=1, era=Era.LEGACY, version=None, transport=Transport.HTTP, method="ping")

    with pytest.raises(FrozenInstanceError):
        frame.request_id = 2  # type: ignore[misc]  # that is what is tested
