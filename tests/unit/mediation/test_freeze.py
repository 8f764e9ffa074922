"""Freezes: a call is stopped by any name under which it can be stopped, and by no other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.delegation.chain import prove_chain
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.freeze import names_of, parse_frozen, refuse_if_frozen, refuse_if_item_frozen
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.grants import a_grant
from tests.simulated.judged import a_prompt, a_resource, a_tool, chain_of, circumstances_of, identified

GRANT = a_grant()
CHAIN = prove_chain(identified(GRANT).claims, (GRANT,), None, NOW_MS)


def frozen(*names: str) -> Circumstances:
    return replace(circumstances_of(GRANT), frozen=frozenset(names))


@promise("P7")
@pytest.mark.parametrize(
    "name", ["everything", "agent:planner", "class:assistant", "owner:alice@example.com", "task:g-1"]
)
def test_whoever_acts_is_stopped_by_any_of_their_names(name: str) -> None:
    """Design 5.1, freeze: agent, class, task, owner, everything."""
    with pytest.raises(Refused) as stop:
        refuse_if_frozen(CHAIN, frozen(name))
    assert (stop.value.reason, stop.value.detail) == (Reason.FROZEN, f"frozen: {name}")


@promise("P7")
@pytest.mark.parametrize("name", ["tool:clock/now", "server:clock"])
def test_a_tool_is_stopped_by_its_name_or_its_servers(name: str) -> None:
    """Design 5.1, freeze: server, tool."""
    with pytest.raises(Refused) as stop:
        refuse_if_item_frozen(a_tool(), frozen(name))
    assert (stop.value.reason, stop.value.detail) == (Reason.FROZEN, f"frozen: {name}")


def test_what_is_stopped_elsewhere_stops_nobody_else() -> None:
    """Ours."""
    others = frozen("agent:plan", "class:planner", "owner:bob@example.com", "task:g-2", "tool:clock/set", "server:mail")
    refuse_if_frozen(CHAIN, others)
    refuse_if_frozen(CHAIN, frozen())
    refuse_if_item_frozen(a_tool(), others)


@promise("P5", "P7")
@pytest.mark.parametrize(
    "name",
    [
        "agent:planner",
        "agent:gateway",
        "agent:worker",
        "class:assistant",
        "class:fleet",
        "key:k-root",
        "key:k-worker",
        "task:g-1",
        "task:g-1b",
        "owner:alice@example.com",
    ],
)
def test_what_is_below_one_that_is_stopped_is_stopped_too(name: str) -> None:
    """Issue 5: effective for the whole subtree, whichever link it is."""
    links = (
        a_grant(keyid="k-root"),
        a_grant(id="g-1a", parent="g-1", root="g-1", agent="gateway", keyid=None),
        a_grant(id="g-1b", parent="g-1a", root="g-1", agent="worker", agent_class="fleet", keyid="k-worker"),
    )
    with pytest.raises(Refused) as stop:
        refuse_if_frozen(chain_of(*links), frozen(name, "agent:somebody-else"))
    assert (stop.value.reason, stop.value.detail) == (Reason.FROZEN, f"frozen: {name}")


def test_what_is_above_or_beside_one_that_is_stopped_goes_on() -> None:
    """Ours: a link does not stop the one that it was made from."""
    refuse_if_frozen(CHAIN, frozen("agent:worker", "task:g-1a", "key:k-worker", "class:fleet"))


def test_a_link_without_a_key_has_no_name_by_key() -> None:
    """Ours: neither the missing key's nor that of a key named so."""
    assert names_of(()) == {"everything"}
    assert not {name for name in names_of((a_grant(keyid=None),)) if name.startswith("key:")}
    refuse_if_frozen(CHAIN, frozen("key:None", "key:"))


@promise("P7")
def test_each_kind_of_item_is_stopped_by_its_own_name() -> None:
    """Design 5.1: a tool's name stops no prompt of the same name."""
    items: dict[str, PinnedItem] = {
        "tool": a_tool(name="greet"),
        "prompt": a_prompt(name="greet"),
        "resource": a_resource("test://now"),
    }
    for kind, item in items.items():
        name = f"{kind}:clock/{item.name}"
        for other, another in items.items():
            if other != kind:
                refuse_if_item_frozen(another, frozen(name))
        with pytest.raises(Refused, match="FROZEN"):
            refuse_if_item_frozen(item, frozen(name))


@pytest.mark.parametrize(
    "name",
    [
        "everything",
        "agent:worker-7",
        "class:fleet",
        "owner:alice@example.com",
        "owner:Ælfgifu of York",
        "key:" + "0" * 64,
        "task:task-" + "0" * 32,
        "task:grant-" + "0" * 32,
        "server:notes",
        "tool:notes/send",
        "prompt:notes/greet",
        "resource:notes/file:///a/{b}",
    ],
)
def test_what_can_be_stopped_is_named_as_it_stands(name: str) -> None:
    """Design 5.1."""
    assert parse_frozen(name) == name


@promise("P7")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "worker",
        "agent:",
        "agent",
        "everything ",
        "everything\n",
        "everything:x",
        "Agent:worker",
        " agent:worker",
        "agent:a\nb",
        "agent:a\x1b[8m",
        "agent:" + "a" * 257,
        "server:",
        "server:Notes",
        "server:notes/send",
        "server:-notes",
        "server:" + "a" * 21,
        "tool:send",
        "tool:notes/",
        "tool:/send",
        "tool:notes/a b",
        "tool:notes/" + "a" * 513,
        "team:research",
    ],
)
def test_a_name_that_would_stop_nobody_is_refused_with_those_that_do(name: str) -> None:
    """Bad input: whoever mistypes in a hurry is told, and does not believe that it is stopped."""
    with pytest.raises(Refused) as stop:
        parse_frozen(name)
    assert stop.value.reason is Reason.MALFORMED
    assert "`agent:NAME`" in stop.value.detail
    assert len(stop.value.detail) < 400
