"""Which tool servers are told to work where the mediator keeps its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mediator.cli.folder import SetUp, open_set_up
from mediator.cli.reach import reaching
from mediator.settings.parse import parse_settings
from tests.promises import promise


def with_server(work: Path, **fields: object) -> SetUp:
    set_up = open_set_up(work)
    settings = parse_settings({"tool_server": [{"name": "files", **fields}]})
    return replace(set_up, settings=settings)


REACHING = {
    "the state": ["server", "{work}/.mediator"],
    "a key": ["server", "--file={work}/.mediator/keys/issuer.pem"],
    "the policies": ["server", "{work}/policies"],
    "the pins": ["server", "--lock", "{work}/tool_manifests/pins.lock"],
    "the settings": ["server", "{work}/mediator.toml"],
    "the set-up": ["server", "{work}"],
    "all of it": ["server", "/"],
    "by dots": ["server", "{work}/elsewhere/../policies"],
    "from where it stands": ["server", "policies"],
    "as a URL": ["server", "file://{work}/policies"],
    "in a list": ["server", "/usr:{work}/policies"],
}


@promise("P7")
@pytest.mark.parametrize("command", REACHING.values(), ids=REACHING)
def test_what_reaches_a_place_of_ours_is_found(command: list[str], work: Path) -> None:
    """Design 2a: `doctor` and `serve` complain of it."""
    argv = [word.format(work=work) for word in command]

    found = reaching(with_server(work, command=argv))

    assert [(reach.server, reach.argument) for reach in found] == [("files", argv[-1])]


def test_a_link_that_leads_there_is_followed(work: Path) -> None:
    """Ours."""
    (work / "notes").symlink_to(work / "policies")

    assert [reach.place for reach in reaching(with_server(work, command=["server", str(work / "notes")]))] == [
        "policies"
    ]


@pytest.mark.parametrize("fields", [
    {"command": ["server"], "cwd": "."},
    {"command": ["server"], "environment": {"ROOT": "literal:/"}},
])  # fmt: skip
def test_where_it_stands_and_what_it_is_told_by_the_way_count_too(fields: dict[str, object], work: Path) -> None:
    """Ours."""
    assert len(reaching(with_server(work, **fields))) == 1


@pytest.mark.parametrize("command", [
    ["{work}/policies"],
    ["server"],
    ["server", "", "=", "--flag", "UTC", "{work}-2/policies", "/srv/notes", 5000 * "x"],
])  # fmt: skip
def test_what_is_elsewhere_or_no_path_is_left_alone(command: list[str], work: Path) -> None:
    """Ours: the program itself is run, not worked on."""
    argv = [word.format(work=work) for word in command]

    assert reaching(with_server(work, command=argv)) == ()


def test_a_server_that_is_reached_by_address_works_on_nothing_here(work: Path) -> None:
    """Ours."""
    assert reaching(with_server(work, url="https://files.example.com/mcp")) == ()
