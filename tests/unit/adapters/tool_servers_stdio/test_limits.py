"""What one stdio tool server may cost.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.tool_servers_stdio.limits import StdioLimits


def test_the_limits_of_the_design_are_the_defaults() -> None:
    """Design 5.2; what is kept of stderr is the issue's "bounded"."""
    limits = StdioLimits()
    assert limits.hearing.result_bytes_max == 16 * 1024 * 1024
    assert limits.stderr_bytes_kept == 64 * 1024
    assert limits.opening_seconds < 60  # a server's own deadline is shorter than a call's
