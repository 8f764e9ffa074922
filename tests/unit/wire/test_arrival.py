"""Unit tests of mediator/wire/arrival.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from tests.simulated.arrivals import over_http


def test_a_header_gives_every_value_that_came_in_order() -> None:
    """Ours: whoever asks for one value must see that there were two."""
    arrival = over_http(b"{}", (("mcp-name", "a"), ("x", "b"), ("mcp-name", "c")))

    assert arrival.header("mcp-name") == ("a", "c")
    assert arrival.header("absent") == ()


def test_an_arrival_does_not_print_its_credential() -> None:
    """Ours: arrivals end up in error messages."""
    assert "hush" not in repr(over_http(b"{}", credential="hush"))
