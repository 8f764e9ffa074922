"""What `make security-harness` takes for worse than it may be; the suite itself is not part of `make test`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from tests.security_harness.__main__ import Came, Outcome, faults

PASS, INCONCLUSIVE, FAIL = Came.PASS, Came.INCONCLUSIVE, Came.FAIL
CASES = {
    "as direct": ("MCP-001", PASS, PASS, []),
    "better": ("MCP-021", INCONCLUSIVE, PASS, []),
    "as bad as direct": ("MCP-001", FAIL, FAIL, []),
    "worse": ("MCP-001", PASS, FAIL, ["modern: MCP-001 n: PASS -> FAIL: d"]),
    "no longer shown": ("MCP-001", PASS, INCONCLUSIVE, ["modern: MCP-001 n: PASS -> INCONCLUSIVE: d"]),
    "must pass, and does": ("MCP-008", FAIL, PASS, []),
    "must pass, and does not": ("MCP-018", FAIL, FAIL, ["modern: MCP-018 (an unbounded body) does not pass: d"]),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_may_come_out_worse_than_direct(name: str) -> None:
    """Issue 4, must show 5."""
    test, direct, through, expected = CASES[name]
    one, other = (Outcome(name="n", came=came, details="d") for came in (direct, through))
    assert faults({"modern": ({test: one}, {test: other})}) == expected


def test_the_same_tests_must_have_been_run() -> None:
    """Ours: what was not run is not as good as what passed."""
    one = Outcome(name="n", came=PASS, details="d")
    assert faults({"legacy": ({"MCP-001": one}, {})}) == ["legacy: not the same tests were run"]
