"""Unit tests of mediator/mediation/fitting.py. What fits a tool is tested with its schema and with `deliberate`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject
from mediator.manifest.family import FamilyForm
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.fitting import check_fit, prompt_arguments
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call
from tests.promises import promise
from tests.simulated.judged import a_call, a_prompt, a_resource

TEMPLATE = a_resource("test://{id}", FamilyForm.TEMPLATE)


def getting(arguments: JsonObject) -> Call:
    return a_call(arguments, method="prompts/get", kind="prompt", name="greet")


def completing(name: str, kind: str, of: str, known: JsonObject | None = None) -> Call:
    arguments: JsonObject = {"argument": {"name": name, "value": ""}}
    arguments |= {} if known is None else {"context": {"arguments": known}}
    return a_call(arguments, method="completion/complete", kind=kind, name=of)


def reading(uri: str, method: str = "resources/read") -> Call:
    return a_call({"uri": uri}, method=method, kind="resource", name=None)


def test_a_prompt_declares_its_arguments() -> None:
    """MCP 2025-11-25, `server/prompts`: what has not the form of a declaration declares nothing."""
    assert prompt_arguments(a_prompt()) == {"who": True, "tone": False}
    assert prompt_arguments(a_prompt(definition={"name": "greet"})) == {}


@pytest.mark.parametrize(
    ("call", "item"),
    [
        (getting({"who": "x"}), a_prompt()),
        (getting({"who": "x", "tone": "y"}), a_prompt()),
        (completing("tone", "prompt", "greet"), a_prompt()),
        (completing("tone", "prompt", "greet", {"who": "x"}), a_prompt()),
        (completing("id", "resource", "test://{id}"), TEMPLATE),
        (reading("test://1"), TEMPLATE),
        (reading("test://now", "resources/subscribe"), a_resource()),
    ],
)
def test_what_fits_passes(call: Call, item: PinnedItem) -> None:
    """Design, part 4."""
    check_fit(call, item)


@promise("P1")
@pytest.mark.parametrize(
    ("call", "item", "where"),
    [
        (getting({}), a_prompt(), "/arguments/who"),
        (getting({"who": "x", "a/b": "y"}), a_prompt(), "/arguments/a~1b"),
        (completing("other", "prompt", "greet"), a_prompt(), "/argument/name"),
        (completing("tone", "prompt", "greet", {"WHO": "x"}), a_prompt(), "/context/arguments/WHO"),
        (reading("test://{id}"), TEMPLATE, "/uri"),
    ],
)
def test_what_the_pin_does_not_name_is_refused(call: Call, item: PinnedItem, where: str) -> None:
    """Design, part 4: arguments are a closed world."""
    with pytest.raises(Refused) as stop:
        check_fit(call, item)
    assert stop.value.reason is Reason.ARGUMENTS_INVALID
    assert (stop.value.sentence or "").startswith(where)
