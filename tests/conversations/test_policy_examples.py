"""The worked examples of policies do what they say, and would be missed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from mediator.adapters.engine_cedar import check_policies, read_policies, run_cases
from mediator.policy.cases import parse_cases
from tests.promises import promise
from tests.simulated.policies import DEFAULT_POLICIES

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "policies" / "examples"
NAMES: Final = sorted(file.stem for file in EXAMPLES.glob("*.cedar"))


def policies_with(name: str) -> dict[str, str]:
    return {**DEFAULT_POLICIES, f"{name}.cedar": (EXAMPLES / f"{name}.cedar").read_text(encoding="utf-8")}


def cases_of(name: str) -> dict[str, bytes]:
    return {f"{name}.json": (EXAMPLES / "cases" / f"{name}.json").read_bytes()}


def test_each_example_has_its_cases_and_stands_in_the_table() -> None:
    """Ours: and no file of cases is left over."""
    told = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(NAMES) >= 5
    assert sorted(file.stem for file in (EXAMPLES / "cases").glob("*.json")) == NAMES
    assert [name for name in NAMES if f"| `{name}.cedar` |" not in told] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_sound_beside_the_default_set(name: str) -> None:
    """Issue 7: `policy check` finds nothing, not even a doubt."""
    (raw,) = cases_of(name).values()
    assert check_policies(policies_with(name), parse_cases(raw).items) == []


@promise("P7")
@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_what_its_cases_say(name: str) -> None:
    """Issue 7: `policy test`; and each of its policies decides one of them."""
    ran = run_cases(policies_with(name), cases_of(name))
    assert [result for result in ran.results if not result.passed] == []
    assert {policy.source.file for policy in ran.never_decisive} <= DEFAULT_POLICIES.keys()


@promise("P7")
@pytest.mark.parametrize("name", NAMES)
def test_without_any_one_of_its_policies_a_case_of_an_example_fails(name: str) -> None:
    """Issue 7: a case that passes without its policy tests nothing."""
    policies = policies_with(name)
    own = [policy for policy in read_policies(policies) if policy.source.file == f"{name}.cedar"]
    assert own
    for dropped in own:
        left = policies[f"{name}.cedar"].replace(dropped.source.text, "\n")
        ran = run_cases({**policies, f"{name}.cedar": left}, cases_of(name))
        assert any(not result.passed for result in ran.results), dropped.id
