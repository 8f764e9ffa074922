"""Unit tests of mediator/wire/receiver.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject
from mediator.settings.sections import ServerSettings
from mediator.wire.methods import AskMethod, LogLevel
from mediator.wire.receiver import (
    EXTENSIONS,
    NO_CAPABILITIES,
    TASKS,
    Capabilities,
    read_capabilities,
    read_extensions,
    read_level,
)
from tests.promises import promise


@promise("P1")
def test_of_a_declaration_only_what_the_protocol_defines_is_kept() -> None:
    """P1: a declaration goes on to tool servers, and is no way to say anything else to them."""
    declared: JsonObject = {
        "elicitation": {"form": {"secret": 1}, "url": {}, "x": {}},
        "sampling": {"tools": {}, "context": "no object"},
        "roots": {"listChanged": True},
        "experimental": {"channel": {"text": "hello"}},
    }
    found = read_capabilities(declared)
    assert found.form() == {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
    assert all(found.can_be_asked(method) for method in AskMethod)


@pytest.mark.parametrize(
    ("declared", "modes"),
    [({}, ["form"]), ({"form": {}}, ["form"]), ({"url": {}}, ["url"]), ({"form": {}, "url": {}}, ["form", "url"])],
)
def test_an_elicitation_is_made_in_a_mode_that_was_declared(declared: JsonObject, modes: list[str]) -> None:
    """MCP 2025-11-25, client/elicitation: an empty declaration means forms alone."""
    found = read_capabilities({"elicitation": declared})
    assert [mode for mode in ("form", "url", "other") if found.can_be_asked(AskMethod.ELICIT, mode)] == modes


@promise("P1")
def test_of_the_extensions_only_what_is_known_and_served_is_kept_and_nothing_of_what_stands_in_it() -> None:
    """Issue 4: UI and other extensions are refused; P1: no words of the agent's in the ones that are not."""
    declared: JsonObject = {"extensions": {TASKS: {"secret": 1}, "io.modelcontextprotocol/ui": {}, "x": {}}}
    assert read_extensions(declared, EXTENSIONS) == (TASKS,)
    assert read_extensions(declared, ()) == ()
    assert read_capabilities(declared) == NO_CAPABILITIES  # a handshake of the legacy era declares none
    able = Capabilities(extensions=(TASKS,))
    assert (able.form(), able.has_mcp_tasks) == ({"extensions": {TASKS: {}}}, True)
    assert (NO_CAPABILITIES.form(), NO_CAPABILITIES.has_mcp_tasks) == ({}, False)


@pytest.mark.parametrize("declared", [None, [], {}, {"extensions": None}, {"extensions": [TASKS]}, {TASKS: {}}])
def test_extensions_in_another_form_are_none(declared: Json) -> None:
    """Ours."""
    assert read_extensions(declared, EXTENSIONS) == ()


def test_the_setting_names_the_extensions_that_are_known() -> None:
    """Ours: the settings stand below the wire, and so say the word themselves."""
    assert ServerSettings().extensions == EXTENSIONS


@pytest.mark.parametrize("declared", [None, [], "x", {"elicitation": True}, {}])
def test_what_has_not_its_form_declares_nothing(declared: Json) -> None:
    """Ours: who can be asked nothing is asked nothing."""
    found = read_capabilities(declared)
    assert found == NO_CAPABILITIES
    assert not any(found.can_be_asked(method) for method in AskMethod)


def test_declarations_are_told_apart() -> None:
    """Ours: connections to tool servers are kept apart by them."""
    forms: list[JsonObject] = [{}, {"elicitation": {}}, {"elicitation": {"url": {}}}, {"sampling": {}}]
    assert len({read_capabilities(form).key for form in forms}) == len(forms)


@pytest.mark.parametrize(("value", "level"), [("error", LogLevel.ERROR), ("ERROR", None), (3, None), (None, None)])
def test_a_level_is_one_of_the_eight_words(value: Json, level: LogLevel | None) -> None:
    """RFC 5424 §6.2.1, as MCP writes it."""
    assert read_level(value) is level


def test_a_level_admits_what_is_as_grave_or_graver() -> None:
    """MCP 2025-11-25, `server/utilities/logging`."""
    admitted = [level for level in LogLevel if LogLevel.ERROR.admits(level)]
    assert admitted == ["error", "critical", "alert", "emergency"]


@pytest.mark.parametrize(
    ("declared", "form", "url"),
    [({}, True, False), ({"form": {}}, True, False), ({"url": {}}, False, True), ({"form": {}, "url": {}}, True, True)],
)
def test_a_person_is_asked_in_a_mode_that_was_declared(declared: JsonObject, form: bool, url: bool) -> None:
    """MCP 2025-11-25 and 2026-07-28, `client/elicitation`: who names no mode takes forms."""
    found = read_capabilities({"elicitation": declared})
    assert (found.can_be_asked(AskMethod.ELICIT, "form"), found.can_be_asked(AskMethod.ELICIT, "url")) == (form, url)
