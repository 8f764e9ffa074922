"""A visit: what is kept while it lasts.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest

from mediator.adapters.tool_servers_http.visit import Said, Visit
from mediator.wire.jsonrpc import Notification
from mediator.wire.methods import LIST_CHANGES
from mediator.wire.speech import legacy, modern


@dataclass
class Stub:
    """A call under way, or a stream that stands."""

    request_id: int = 1
    is_held: bool = False
    is_ended: bool = False

    async def receive(self, said: Said) -> bool:
        raise AssertionError(said)

    async def opened(self) -> None:
        raise AssertionError

    def end(self) -> None:
        self.is_ended = True


def test_a_message_carries_what_its_era_asks_for() -> None:
    """MCP, Streamable HTTP."""
    session = Visit(tongue=legacy("9", "2025-06-18"), credential=None, session_id="s")
    assert session.headers("tools/list") == [("MCP-Protocol-Version", "2025-06-18"), ("Mcp-Session-Id", "s")]
    plain = Visit(tongue=legacy("9", "2025-06-18"), credential=None)
    assert plain.headers("tools/list") == [("MCP-Protocol-Version", "2025-06-18")]
    stateless = Visit(tongue=modern("9"), credential=None)
    assert stateless.headers("tools/list") == [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/list")]


NOTES: Final[dict[str, tuple[str, Any, bool]]] = {
    **{method: (method, {}, True) for method in sorted(LIST_CHANGES)},
    "a resource": ("notifications/resources/updated", {"uri": "x://a"}, True),
    "no resource": ("notifications/resources/updated", {"uri": 1}, False),
    "another": ("notifications/message", {"uri": "x://a"}, False),
}


@pytest.mark.parametrize(("method", "params", "is_noted"), NOTES.values(), ids=NOTES.keys())
def test_what_has_changed_is_noted(method: str, params: Any, is_noted: bool) -> None:
    """MCP: lists and resources."""
    changes: list[str] = []
    visit = Visit(tongue=modern("9"), credential=None, changed=lambda: changes.append("lists"), updated=changes.append)
    assert visit.take_note(Notification(method=method, params=params)) is is_noted
    assert changes == ([] if not is_noted else ["lists"] if method in LIST_CHANGES else ["x://a"])


def test_what_nobody_cares_for_is_noted_by_nobody() -> None:
    """Ours: a visit of the mediator's own."""
    visit = Visit(tongue=modern("9"), credential=None)
    assert visit.take_note(Notification(method="notifications/tools/list_changed", params={}))
    assert visit.take_note(Notification(method="notifications/resources/updated", params={"uri": "x://a"}))


def test_its_end_ends_what_stands_and_what_is_held() -> None:
    """Ours: a call whose answer is awaited has its own end."""
    stream, held, awaited = Stub(), Stub(is_held=True), Stub()
    visit = Visit(tongue=modern("9"), credential=None, standing=stream, calls=[held, awaited])
    visit.end()
    assert (stream.is_ended, held.is_ended, awaited.is_ended) == (True, True, False)
