"""Unit tests of mediator/adapters/tool_servers_http/pace.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
import pytest

from mediator.adapters.tool_servers_http.pace import Pace
from tests.promises import promise


@promise("P11")
@pytest.mark.parametrize(
    ("messages", "size_bytes", "breaths"), [(63, 0, 0), (64, 0, 1), (640, 100, 10), (4, 64_000, 4)]
)
async def test_so_much_is_read_and_then_nothing_for_a_while(messages: int, size_bytes: int, breaths: int) -> None:
    """Ours: by number and by size; a server that floods a stream that stands slows itself down."""
    pace, begun = Pace(0.01), anyio.current_time()
    for _ in range(messages):
        await pace.take(size_bytes)
    lasted = anyio.current_time() - begun
    assert lasted >= 0.009 * breaths
    assert breaths or lasted < 0.01
