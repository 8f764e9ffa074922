"""What an import of all that hosts have would do, before anything is done.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject
from mediator.cli.folder import open_set_up
from mediator.cli.host_entries import HostEntry
from mediator.cli.import_plan import Failed, LeftOut, Planned, ToImport, plan_import, propose_name
from mediator.manifest.manifest import LOCAL_NAME
from mediator.refusal import Reason
from tests.promises import promise

PLAIN: JsonObject = {"command": sys.executable}


def planned(
    work: Path,
    *entries: tuple[str, Json],
    given: Mapping[str, str] | None = None,
    shell: Mapping[str, str] | None = None,
    again: bool = False,
) -> tuple[Planned, ...]:
    listed = [HostEntry(file=Path("mcp.json"), name=name, content=content) for name, content in entries]
    return plan_import(open_set_up(work), listed, given or {}, shell or {}, again=again)


NAMES = {
    "as it is": ("clock", "clock"),
    "capitals and spaces": ("My Clock", "my-clock"),
    "a package": ("@scope/server.memory", "scope-server-memory"),
    "too long": ("a-very-long-name-of-a-server", "a-very-long-name-of"),
    "nothing of the alphabet": ("\u6642\u8a08", "server"),
}


@pytest.mark.parametrize(("name", "local"), NAMES.values(), ids=NAMES)
def test_a_local_name_is_proposed(name: str, local: str) -> None:
    """Design 5.4: `^[a-z0-9][a-z0-9-]{0,19}$`."""
    assert propose_name(name, ()) == local


@given(st.lists(st.text(), max_size=12))
def test_any_names_become_local_names_that_differ(names: list[str]) -> None:
    """Design 5.4; told apart by a number."""
    taken: list[str] = []
    for name in names:
        taken.append(propose_name(name, taken))
    assert len({*taken}) == len(names)
    assert all(LOCAL_NAME.fullmatch(name) for name in taken)


def test_names_that_would_be_one_are_told_apart_and_the_same_twice_is_imported_once(work: Path) -> None:
    """Ours: two hosts have the same server, or two servers under one name."""
    one, other, third, same = planned(
        work, ("Clock", PLAIN), ("clock", PLAIN), ("clock", {"url": "https://a.example/"}), ("Clock", PLAIN)
    )

    assert isinstance(one, ToImport)
    assert isinstance(other, ToImport)
    assert isinstance(third, ToImport)
    assert (one.name, other.name, third.name) == ("clock", "clock-2", "clock-3")
    assert isinstance(same, LeftOut)
    assert same.why == "the same stands in mcp.json"


def test_what_is_imported_is_left_as_it_is_unless_it_is_to_be_imported_anew(imported: Path) -> None:
    """Ours: the same command again goes on where the last one failed."""
    (left,) = planned(imported, ("clock", PLAIN))
    assert isinstance(left, LeftOut)
    assert (left.name, left.why) == ("clock", "imported already; `--again` imports it anew")

    (anew,) = planned(imported, ("clock", PLAIN), again=True)
    assert isinstance(anew, ToImport)


def test_the_mediator_and_what_is_off_are_left_out(work: Path) -> None:
    """Ours: said so, and under no local name."""
    own: Json = {"command": "/opt/mediator", "args": ["stdio", "--agent", "a"]}
    left = planned(work, ("mediator", own), ("off", {"command": "x", "disabled": True}))

    assert [(one.name, one.why) for one in left if isinstance(one, LeftOut)] == [
        (None, "the mediator's own entry"),
        (None, "switched off in that file"),
    ]


@promise("P5")
def test_a_value_of_the_file_is_named_by_its_variable_and_never_copied(work: Path) -> None:
    """House style 11: secrets are named by reference. A variable that means something else here is not taken for it."""
    entry: Json = {"command": sys.executable, "env": {"KEY": "hunter2"}}

    (wanted,) = planned(work, ("a", entry), shell={"KEY": "hunter2"})
    assert isinstance(wanted, ToImport)
    assert wanted.source.environment == {"KEY": "env:KEY"}

    (unset,) = planned(work, ("a", entry))
    assert isinstance(unset, Failed)
    assert unset.refused.reason is Reason.NO_CREDENTIAL
    assert "it needs `KEY`, which this shell does not have" in unset.refused.detail
    assert "`export KEY=...`" in unset.next_step

    (other,) = planned(work, ("a", entry), shell={"KEY": "of something else"})
    assert isinstance(other, Failed)
    assert "`KEY` has another value in this shell" in other.refused.detail
    assert "hunter2" not in f"{unset} {unset.next_step} {other} {other.next_step}".replace(str(entry), "")


def test_an_option_is_for_each_server_that_has_the_variable(work: Path) -> None:
    """Ours: nothing is given to a server that did not ask for it."""
    one, other = planned(
        work,
        ("a", {**PLAIN, "env": {"TZ": "UTC"}}),
        ("b", PLAIN),
        given={"TZ": "literal:UTC"},
    )

    assert isinstance(one, ToImport)
    assert isinstance(other, ToImport)
    assert (one.source.environment, other.source.environment) == ({"TZ": "literal:UTC"}, {})


FAILING: dict[str, tuple[Json, str]] = {
    "no such command": ({"command": "/nowhere/server"}, "there is no command `/nowhere/server`"),
    "neither": ({}, "`a` has neither `command` nor `url`"),
    "plain HTTP": ({"url": "http://a.example/"}, "tool_servers.d/a.toml"),
    "a token that is not set": (
        {"url": "https://a.example/", "bearer_token_env_var": "TOKEN"},
        "it needs `TOKEN`, which this shell does not have",
    ),
}


@pytest.mark.parametrize(("content", "told"), FAILING.values(), ids=FAILING)
def test_what_cannot_be_is_known_before_anything_is_run(content: Json, told: str, work: Path) -> None:
    """Ours: it stands in the table with its reason, and the others go on."""
    failed, good = planned(work, ("a", content), ("b", PLAIN))

    assert isinstance(failed, Failed)
    assert re.search(re.escape(told), failed.refused.detail)
    assert failed.next_step
    assert isinstance(good, ToImport)


def test_without_a_remedy_the_next_step_is_to_try_it_alone(work: Path) -> None:
    """Ours: each failure has a next command."""
    (failed,) = planned(work, ("My A", []))

    assert isinstance(failed, Failed)
    assert failed.next_step == "`mediator manifest import my-a --from mcp.json --entry 'My A'` tries it alone"


def test_a_server_that_a_person_wrote_down_is_not_rewritten(work: Path) -> None:
    """Design 5.1."""
    with (work / "mediator.toml").open("a") as file:
        file.write(f'[[tool_server]]\nname = "clock"\ncommand = ["{sys.executable}"]\n')

    (failed,) = planned(work, ("clock", PLAIN))

    assert isinstance(failed, Failed)
    assert "stands in `mediator.toml`" in failed.refused.detail


def test_a_manifest_that_was_not_imported_is_not_taken_for_this_server_s(work: Path) -> None:
    """Ours: `init` leaves an example, and an owner may have written one."""
    (failed,) = planned(work, ("example", PLAIN))
    assert isinstance(failed, Failed)
    assert "no server that it was imported from" in failed.refused.detail
    assert "manifest import NAME --from mcp.json --entry 'example'" in failed.next_step

    (anew,) = planned(work, ("example", PLAIN), again=True)
    assert isinstance(anew, ToImport)
