"""The settings of workload identity: exactly which workload an agent is, and whose word for it is taken.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from mediator.settings.workloads import (
    WorkloadIssuerSettings,
    WorkloadSettings,
    find_mistake,
    parse_conditions,
)
from tests.promises import promise

SPIRE = WorkloadIssuerSettings(name="spire", trust_domain="prod.example", keys_file="spire.json")
CI = WorkloadIssuerSettings(name="ci", issuer="https://ci.example.com", keys_file="ci.json")
ISSUERS = {"spire": SPIRE, "ci": CI}


def test_a_workloads_issuer_is_strict_until_somebody_says_otherwise() -> None:
    """Ours: each token once, an hour at most."""
    assert (SPIRE.reusable, SPIRE.life_seconds_max, SPIRE.algorithms) == (False, 3600, ("ES256", "RS256"))


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://ci.example.com"},
        {"trust_domain": None},
        {"trust_domain": "spiffe://prod.example"},
        {"trust_domain": "Prod"},
        {"trust_domain": None, "issuer": "http://ci.example.com"},
        {"name": "not a name"},
        {"algorithms": ()},
        {"algorithms": ("HS256",)},
        {"life_seconds_max": 0},
        {"life_seconds_max": 86_401},
        {"reusable": 1},
    ],
)
def test_an_issuer_is_of_one_kind_and_in_bounds(changed: dict[str, Any]) -> None:
    """Bad input."""
    good: dict[str, Any] = {"name": "spire", "trust_domain": "prod.example", "keys_file": "spire.json"}
    assert WorkloadIssuerSettings.model_validate(good) == SPIRE
    with pytest.raises(ValidationError):
        WorkloadIssuerSettings.model_validate(good | changed)


def test_what_a_claim_must_be_is_one_value_or_one_of_several() -> None:
    """Ours: by a claim's name, whatever it holds, or by a JSON pointer."""
    read = parse_conditions({"repository": "a/b", "/kubernetes.io/namespace": ["x", "y"], "https://c.example/n": 1})
    assert read == {"repository": ("a/b",), "/kubernetes.io/namespace": ("x", "y"), "https://c.example/n": (1,)}
    assert parse_conditions({"protected": True, "a~b": ("x",), "/a~1b/~0": "x"})["protected"] == (True,)
    assert WorkloadSettings(issuer="ci", subject="x").claims == {}


@promise("P7")
@pytest.mark.parametrize(
    "value",
    [
        None,
        "repository",
        {"repository": []},
        {"repository": None},
        {"repository": 1.5},
        {"repository": {"a": "b"}},
        {"repository": ["a", ["b"]]},
        {"": "x"},
        {"/": "x"},
        {"/a/": "x"},
        {"//a": "x"},
        {"/a~2": "x"},
        {"/a~": "x"},
        {"a\nb": "x"},
        {1: "x"},
        {f"claim{number}": "x" for number in range(33)},
    ],
)
def test_a_condition_that_says_nothing_is_none(value: object) -> None:
    """Empty is never permission."""
    with pytest.raises(PydanticCustomError):
        parse_conditions(value)


@promise("P7")
@pytest.mark.parametrize(
    ("issuer", "subject", "mistake"),
    [
        ("spire", "spiffe://prod.example/planner", None),
        ("ci", "repo:acme/app:ref:refs/heads/main", None),
        ("nobody", "x", "there is no `[[workload_issuer]]` named `nobody`; there is `ci`, `spire`"),
        ("spire", "planner", "`subject` is no workload of `prod.example`, as `spiffe://prod.example/path` is"),
        ("spire", "spiffe://test.example/planner", "`subject` is no workload of `prod.example`"),
        ("spire", "spiffe://prod.example", "`subject` is no workload of `prod.example`"),
        ("ci", "spiffe://prod.example/planner", "only a trust domain names a workload `spiffe://`"),
    ],
)
def test_a_workload_is_named_as_its_issuer_names_it(issuer: str, subject: str, mistake: str | None) -> None:
    """Ours: what could never match is a mistake, and is told before anybody waits for it."""
    found = find_mistake(WorkloadSettings(issuer=issuer, subject=subject), ISSUERS)
    assert found == mistake or (found is not None and mistake is not None and found.startswith(mistake))


def test_without_any_issuer_the_mistake_says_so() -> None:
    """Ours."""
    found = find_mistake(WorkloadSettings(issuer="ci", subject="x"), {})
    assert found is not None
    assert found.endswith("there is none")
