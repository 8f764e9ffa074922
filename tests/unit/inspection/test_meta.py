"""Unit tests of mediator/inspection/meta.py.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.canonical import Json, JsonObject
from mediator.inspection.meta import without_our_meta, without_our_metas

OURS: JsonObject = {
    "org.mcp-mediator/refusal": {},
    "traceparent": "x",
    "baggage": "x",
    "io.modelcontextprotocol/serverInfo": {},
    "io.modelcontextprotocol/subscriptionId": 1,
}


def test_what_is_ours_to_say_is_taken_out_and_the_rest_stays() -> None:
    """Ours: nobody speaks in the mediator's name, or continues its trace."""
    assert without_our_meta({"a": 1, "_meta": {**OURS, "x": 2}}) == ({"a": 1, "_meta": {"x": 2}}, len(OURS))
    assert without_our_meta({"a": 1, "_meta": OURS}) == ({"a": 1}, len(OURS))
    assert without_our_meta({"_meta": 7}) == ({"_meta": 7}, 0)


def test_blocks_and_the_resources_in_them_are_gone_through() -> None:
    """Ours: and blocks in which nothing stands are the same list."""
    plain: list[Json] = [{"type": "text", "text": "x"}]
    assert without_our_metas(plain) == (plain, 0)
    assert without_our_metas(plain)[0] is plain
    blocks: list[Json] = [
        {"type": "text", "_meta": OURS},
        {"type": "resource", "resource": {"uri": "a", "_meta": OURS}},
        {"type": "resource", "resource": 7},
        "none",
    ]
    assert without_our_metas(blocks) == (
        [{"type": "text"}, {"type": "resource", "resource": {"uri": "a"}}, {"type": "resource", "resource": 7}, "none"],
        2 * len(OURS),
    )
