"""What must be accepted by name before anything is approved.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.acknowledgement import acknowledge, findings_in
from mediator.manifest.lint.finding import Finding, FindingCode
from mediator.manifest.signature import verify_manifest
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.pins import NOW_MS, READ, TRUST, manifest_of, signed


def finding(code: FindingCode, name: str = "read", kind: ItemKind | None = ItemKind.TOOL) -> Finding:
    return Finding(code=code, server="files", kind=kind, name=name, pointer="/description", excerpt="", detail="")


TOOL, OTHER = (ItemKind.TOOL, "read"), (ItemKind.TOOL, "other")
ALARM, WARNING = FindingCode.HIDDEN_TEXT, FindingCode.PRESSES


@promise("P2", "P7")
def test_every_alarm_is_acknowledged_by_name_or_refused() -> None:
    """Issue 3: and the refusal lists what to acknowledge."""
    found = [finding(ALARM), finding(ALARM, "other"), finding(FindingCode.SENDS_AWAY, "", None), finding(WARNING)]

    with pytest.raises(Refused) as refused:
        acknowledge(found, [TOOL], [])
    assert refused.value.detail == "alarms that nobody has acknowledged: `hidden-text:read`, `sends-away`"
    assert refused.value.remedy is not None
    for said in ([("hidden-text", "other"), ("sends-away", None)], [("hidden-text", "read")]):
        with pytest.raises(Refused):
            acknowledge(found, [TOOL], said)
    assert acknowledge(found, [TOOL], [("hidden-text", "read"), ("sends-away", None)]) == {
        TOOL: {"hidden-text", "sends-away"}
    }
    assert acknowledge(found, [TOOL, OTHER], [("hidden-text", None), ("sends-away", None)]) == {
        TOOL: {"hidden-text", "sends-away"},
        OTHER: {"hidden-text", "sends-away"},
    }
    assert acknowledge([finding(WARNING)], [TOOL], []) == {TOOL: frozenset()}


@pytest.mark.parametrize("said", [("hidden-text", None), ("presses", "other"), ("nonsense", None)])
def test_what_was_not_found_is_not_acknowledged(said: tuple[str, str | None]) -> None:
    """Ours: a word that fits nothing was meant for something else."""
    with pytest.raises(Refused) as refused:
        acknowledge([finding(WARNING)], [TOOL], [said])
    assert refused.value.reason is Reason.MALFORMED


def test_an_effect_is_read_as_the_reviewer_raises_it() -> None:
    """Ours: who raises the effect to what the name says has nothing left to acknowledge."""
    manifest = verify_manifest(
        signed(manifest_of({**READ, "name": "delete_file", "description": "Gone"})), TRUST, NOW_MS
    )

    assert [one.code for one in findings_in("files", manifest, ())] == [FindingCode.EFFECT_UNDERSTATED]
    assert findings_in("files", manifest, (), Effect.DELETE) == ()


@promise("P2")
def test_an_alarm_in_a_tool_is_none_in_a_prompt_of_its_name() -> None:
    """Issue 3: names of one kind say nothing of another."""
    found = [finding(ALARM, "read", ItemKind.PROMPT)]
    prompt = (ItemKind.PROMPT, "read")
    assert acknowledge(found, [TOOL], []) == {TOOL: frozenset()}
    with pytest.raises(Refused):
        acknowledge(found, [TOOL, prompt], [])
    assert acknowledge(found, [TOOL, prompt], [("hidden-text", "read")]) == {
        TOOL: frozenset(),
        prompt: {"hidden-text"},
    }
