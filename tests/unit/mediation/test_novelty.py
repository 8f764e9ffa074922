"""In which respects a call is new to its agent.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import JsonObject
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.entry import Target
from mediator.mediation.novelty import find_marks, marks_of, novel_among
from mediator.policy.request import Novel
from mediator.refusal import Refused
from tests.promises import promise
from tests.simulated.judged import a_call, a_prompt, a_tool
from tests.simulated.replies import tools_call
from tests.simulated.world import FILES_WRITE, MAIL_SEND, SimulatedWorld

MAILER = a_tool(
    server="mail",
    name="send",
    effect=Effect.SEND,
    sends_to=frozenset({"local"}),
    targets={"/to": Target.ADDRESS},
)
TO_ADA: JsonObject = {"to": "ada@a.example"}


def test_a_call_is_marked_by_tool_server_effect_and_each_place_that_data_goes_to() -> None:
    """Issue 7: where data goes is marked with the effect; reading from a place is not yet sending there."""
    assert marks_of(a_call(TO_ADA), MAILER) == {
        Novel.TOOL: {"tool mail/send"},
        Novel.SERVER: {"server mail"},
        Novel.EFFECT: {"effect send"},
        Novel.DESTINATION: {"destination send a.example", "destination send local"},
    }


def test_a_prompt_is_not_the_tool_of_its_name() -> None:
    """Ours: what is said of one kind is said of no other."""
    assert marks_of(a_call({}), a_prompt())[Novel.TOOL] == {"tool clock/prompt:greet"}


@pytest.mark.parametrize(
    ("known", "novel"),
    [
        ((), {"tool", "server", "effect", "destination"}),
        (("tool mail/send", "server mail", "effect send"), {"destination"}),
        (("tool mail/send", "server mail", "effect send", "destination send local"), {"destination"}),
        (("destination send local", "destination send a.example"), {"tool", "server", "effect"}),
        (("tool mail/send", "server mail", "effect send", "destination read a.example"), {"destination"}),
    ],
)
def test_it_is_new_in_each_respect_of_which_anything_is_not_known(known: tuple[str, ...], novel: set[str]) -> None:
    """Ours: of several places one that is new is enough."""
    assert novel_among(marks_of(a_call(TO_ADA), MAILER), known) == novel


def test_a_call_that_goes_nowhere_goes_nowhere_new() -> None:
    """Ours: there is no destination that could be new."""
    assert "destination" not in novel_among(marks_of(a_call({}), a_tool()), ())


@promise("P7")
async def test_what_will_be_refused_has_no_marks(world: SimulatedWorld) -> None:
    """Ours: nothing is found for a tool that is not there, or for targets that have not their form."""
    world.pin(MAIL_SEND, FILES_WRITE)
    task = world.open_task(tools=["mail/send", "files/*"], effects=["send", "write"])
    for name, arguments in {"mail__send": {"to": "Ada"}, "mail__nothing": {}}.items():
        await world.answer(tools_call(name, **arguments), bearer=task.token)
        call = world.ledger.last.decision.call
        assert find_marks(call, world.trust.snapshot(), None) is None
    await world.answer(tools_call("files__write", path="/a"), bearer=task.token)
    found = world.ledger.last.decision
    assert found.item is not None
    assert find_marks(found.call, world.trust.snapshot(), None) == marks_of(found.call, found.item)
    with pytest.raises(Refused):
        marks_of(a_call({"to": "Ada"}), MAILER)
    assert found.item.kind is ItemKind.TOOL
