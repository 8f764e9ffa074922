"""Names on `/mcp`: what models and hosts accept, each borne once, and none of another server's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.manifest.names import ASSIGNED_MAX, natural_name, propose_name, why_not

TAKEN = frozenset({"files__read"})


@pytest.mark.parametrize("name", ["files__write", "files__wri-te_2", "short", "a_b", "x" * 45])
def test_a_name_that_keeps_the_rules_is_taken(name: str) -> None:
    """Design 5.1."""
    assert why_not(name, "files", TAKEN) is None


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("x" * 46, "longer than 45 characters"),
        ("", "not of letters"),
        ("files__re.ad", "not of letters"),
        ("files__r\u00e9ad", "not of letters"),
        ("files__read\n", "not of letters"),
        ("files__read", "taken"),
        ("files__READ", "taken"),
        ("mail__send", "before `__` stands another name"),
        ("__read", "before `__` stands another name"),
        ("files2__read", "before `__` stands another name"),
    ],
)
def test_a_name_that_breaks_a_rule_is_told_why(name: str, wrong: str) -> None:
    """Design 5.1; shadowing: no tool dresses up as another server's."""
    assert (why_not(name, "files", TAKEN) or "").startswith(wrong)


def test_the_natural_name_is_server_and_tool() -> None:
    """Design 5.1."""
    assert natural_name("files", "read") == "files__read"


@given(
    tool=st.text(max_size=60),
    others=st.lists(st.sampled_from(["read", "READ", "x" * 60, "\u00e9", "re.ad"]), max_size=12),
)
def test_what_is_proposed_always_keeps_the_rules(tool: str, others: list[str]) -> None:
    """Ours: a refusal names a way out that works."""
    taken: set[str] = set()
    for each in [*others, tool, tool]:
        name = propose_name("files", each, frozenset(taken))
        assert why_not(name, "files", frozenset(taken)) is None
        taken.add(name.casefold())


def test_a_server_with_the_longest_name_still_has_room_for_its_tools() -> None:
    """Design 5.4: a local name has at most 20 characters."""
    name = propose_name("s" * 20, "t" * 128, frozenset())
    assert len(name) == ASSIGNED_MAX
    assert name.startswith("s" * 20 + "__ttt")
