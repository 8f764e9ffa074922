"""Unit tests of mediator/inspection/expected.py: what it is made of stands in `release.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.inspection.expected import Expected
from mediator.inspection.release import expected_of
from mediator.manifest.family import FamilyForm
from mediator.manifest.pinned import PinnedItem
from mediator.wire.methods import CallMethod
from tests.simulated.judged import a_prompt, a_resource, a_tool
from tests.simulated.pins import pinned

WITH_OUTPUT = pinned({"name": "t", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}})


@pytest.mark.parametrize(
    ("item", "method", "media_types"),
    [
        (a_tool(), CallMethod.TOOL, None),
        (a_prompt(), CallMethod.PROMPT, None),
        (a_resource(), CallMethod.RESOURCE, None),
        (a_resource("test://logs/", FamilyForm.PREFIX, "text/plain"), CallMethod.RESOURCE, ("text/plain",)),
    ],
)
def test_an_item_says_what_its_answers_are_held_to(
    item: PinnedItem, method: CallMethod, media_types: tuple[str, ...] | None
) -> None:
    """Ours: a family that is named by a prefix holds some media types and no other."""
    assert expected_of(item, method, 9) == Expected(method=method, bytes_max=9, media_types=media_types)


def test_the_pinned_output_schema_is_the_tools_own() -> None:
    """MCP `server/tools`."""
    assert expected_of(WITH_OUTPUT, CallMethod.TOOL, 9).output is WITH_OUTPUT.schema.output
