"""SPIFFE IDs: one spelling, or none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.spiffe import LENGTH_MAX, find_trust_domain
from tests.promises import promise

NO_WORKLOADS = (
    "",
    "spiffe://",
    "spiffe://prod.example",
    "spiffe://prod.example/",
    "spiffe:///a",
    "spiffe://prod.example/a/",
    "spiffe://prod.example//a",
    "spiffe://prod.example/a//b",
    "spiffe://prod.example/./a",
    "spiffe://prod.example/a/..",
    "spiffe://prod.example/a/../b",
    "spiffe://prod.example/a%2fb",
    "spiffe://prod.example/a?b",
    "spiffe://prod.example/a#b",
    "spiffe://prod.example/a b",
    "spiffe://prod.example/a\n",
    "spiffe://prod.example:8443/a",
    "spiffe://user@prod.example/a",
    "spiffe://Prod.example/a",
    "SPIFFE://prod.example/a",
    "https://prod.example/a",
    " spiffe://prod.example/a",
    "spiffe://prod.example/ä",
    "spiffe://" + "a" * 256 + "/a",
)


@pytest.mark.parametrize("path", ["/a", "/ns/agents/sa/planner", "/...", "/.a", "/a..b", "/A-Z_0.9"])
def test_a_workloads_id_names_its_trust_domain(path: str) -> None:
    """SPIFFE-ID §2."""
    assert find_trust_domain(f"spiffe://prod.example{path}") == "prod.example"


@promise("P7")
@pytest.mark.parametrize("text", NO_WORKLOADS)
def test_what_is_spelt_otherwise_is_no_workload(text: str) -> None:
    """SPIFFE-ID §2.1, §2.2: nothing is normalised."""
    assert find_trust_domain(text) is None


def test_an_id_has_an_end() -> None:
    """SPIFFE-ID §2.3."""
    longest = "spiffe://prod.example/".ljust(LENGTH_MAX, "a")
    assert find_trust_domain(longest) == "prod.example"
    assert find_trust_domain(longest + "a") is None
