"""Tests of the reach of a call.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.policy.reach import destination_of, domains_of, folders_of
from mediator.policy.request import TargetFacts
from tests.unit.policy.facts import base


def test_data_goes_where_the_item_is_declared_to_send_and_where_the_call_says() -> None:
    """Ours: neither stands in for the other."""
    found = base(destination=frozenset({"local"}), targets=TargetFacts(hosts=frozenset({"a.example:8443"})))
    assert destination_of(found) == {"local", "a.example:8443"}


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("api.a.example:8443", {"api.a.example", "a.example", "example"}),
        ("local", {"local"}),
        ("[::1]:80", {"[::1]"}),
        ("mailto:", {"mailto:"}),
    ],
)
def test_a_host_lies_in_every_domain_above_it(host: str, domains: set[str]) -> None:
    """Ours: a deny-list names a domain and means all that lies in it, at whichever port."""
    assert domains_of([host]) == domains


@pytest.mark.parametrize(
    ("path", "folders"),
    [
        ("/srv/a/b.txt", {"/srv/a/b.txt", "/srv/a", "/srv"}),
        ("/", set()),
        ("a.example/v1/pay/", {"a.example/v1/pay", "a.example/v1", "a.example"}),
    ],
)
def test_a_path_lies_in_every_folder_above_it(path: str, folders: set[str]) -> None:
    """Ours: likewise; that all lies in the root says nothing, and is left out."""
    assert folders_of([path]) == folders
