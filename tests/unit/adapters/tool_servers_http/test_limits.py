"""What one HTTP tool server may cost.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.tool_servers_http.limits import HttpLimits


def test_the_limits_of_the_design_are_the_defaults() -> None:
    """Design 5.2."""
    limits = HttpLimits()
    assert limits.header_bytes_max == 32 * 1024
    assert limits.hearing.result_bytes_max == 16 * 1024 * 1024
    assert (limits.hearing.pages_max, limits.hearing.items_max) == (100, 10_000)
    assert limits.opening_seconds < 60  # a server's own deadline is shorter than a call's
