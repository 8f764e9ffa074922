"""A comparison as plain JSON: for the ledger, for an operator, for the quarantine.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import Json, JsonObject
from mediator.manifest.drift import OfferComparison, compare
from mediator.manifest.offer import Offer
from mediator.mediation.drift_forms import drift_form, item_forms, quarantined_by
from tests.simulated.pins import NOW_MS, READ, full_manifest, pins_of, pins_of_manifest
from tests.simulated.tool_server import tool

PINS = pins_of(tool("read"), tool("send"), tool("sort"), tool("stop"), server="mail")


def compared(*offered: Json) -> OfferComparison:
    return compare(PINS.items, None, Offer(tools=offered))


DIFFERS = compared(tool("read"), {**tool("send"), "title": "Send"}, tool("sort"), tool("sort"), tool("new"), 7)


def test_an_operator_is_shown_every_item_with_its_state() -> None:
    """The issue: unchanged, missing, changed (which fields), added."""
    fields: Json = [{"pointer": "/title", "old": None, "new": '"Send"', "kind": "rewords"}]
    assert item_forms(DIFFERS) == [
        {"kind": "tool", "name": "read", "state": "unchanged"},
        {"kind": "tool", "name": "stop", "state": "missing"},
        {"kind": "tool", "name": "send", "state": "changed", "how": "changed", "fields": fields},
        {"kind": "tool", "name": "sort", "state": "changed", "how": "offered more than once"},
        {"kind": "tool", "name": "new", "state": "added"},
        {"kind": "tool", "name": "entry 3", "state": "unreadable", "how": "a name that stands in the list before"},
        {"kind": "tool", "name": "entry 5", "state": "unreadable", "how": "not an object with a name"},
    ]


def test_what_is_quarantined_stands_under_the_statement_that_approved_it() -> None:
    """The issue: with what was found."""
    found = {one.key.name: (one.key.statement_digest, one.why) for one in quarantined_by(PINS, DIFFERS, NOW_MS)}
    whys = {"send": "`/title`", "sort": "offered more than once", "stop": "no longer offered"}
    assert found == {tool.name: (tool.statement_digest, whys[tool.name]) for tool in PINS if tool.name in whys}


def test_where_nothing_differs_the_ledger_keeps_nothing() -> None:
    """Ours."""
    same = compared(*(one.definition for one in PINS))
    assert drift_form("mail", same) is None
    assert drift_form("mail", same, [("tool", "read")]) is not None


def test_what_a_server_chose_is_cut_and_told_apart_by_its_digest() -> None:
    """Ours: names, and both texts of a field."""
    long = compared(*(one.definition for one in PINS), tool("x" * 5000))
    form = drift_form("mail", long)
    assert form is not None
    assert str(form["added"]).startswith("['" + "x" * 4096 + "... (5000 characters, sha256:")


def test_every_kind_is_told_and_other_instructions_are_the_reason_for_all_of_a_server() -> None:
    """Issue 3: tools, prompts, resources and instructions."""
    prompt: JsonObject = {"name": "greet"}
    pins = pins_of_manifest(full_manifest(prompts=[prompt], instructions="Be kind."))
    offer = Offer(tools=[READ], prompts=[prompt, {"name": "lure"}], instructions="Be evil.")
    comparison = compare(pins.items, pins.instructions("files"), offer)

    form = drift_form("files", comparison)
    assert form is not None
    assert (form["quarantined"], form["added"]) == (["prompt greet", "read"], ["prompt lure"])
    field: JsonObject = {"pointer": "/instructions", "old": '"Be kind."', "new": '"Be evil."', "kind": "unclear"}
    assert form["instructions"] == [field]
    assert {one.why for one in quarantined_by(pins, comparison, NOW_MS)} == {"`/instructions`"}
    assert {"kind": "prompt", "name": "lure", "state": "added"} in item_forms(comparison)
    assert item_forms(comparison)[-1] == {
        "kind": "instructions",
        "name": "",
        "state": "changed",
        "how": "the server's instructions changed",
        "fields": [field],
    }


def test_what_grows_dangerous_and_instructions_that_are_added_are_told() -> None:
    """Issue 3: annotations that flip to more dangerous are marked."""
    mild: JsonObject = {**READ, "annotations": {"readOnlyHint": True}}
    comparison = compare(pins_of(mild).items, None, Offer(tools=[READ], instructions="Be evil."))
    changed, instructions = item_forms(comparison)
    assert isinstance(changed, dict)
    assert changed["dangerous"] is True
    assert instructions == {"kind": "instructions", "name": "", "state": "added"}
