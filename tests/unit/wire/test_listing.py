"""All that a server offers, list by list and page by page, within limits.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from mediator.refusal import Reason, Refused
from mediator.wire.hearing import Answer, HearingLimits, Introduction
from mediator.wire.listing import OfferReading, Question
from mediator.wire.methods import ListMethod
from mediator.wire.speech import modern
from tests.promises import promise


def reading(*capabilities: str, ttl_ms: int | None = None, **limits: int) -> OfferReading:
    introduction = Introduction(
        tongue=modern("1"),
        instructions="Ask first.",
        server_info=None,
        capabilities=frozenset(capabilities),
        ttl_ms=ttl_ms,
    )
    return OfferReading(introduction, HearingLimits(**limits))


def answered(result: Any = None, error: Any = None, size: int = 10) -> Answer:
    return Answer(result=result, error=error, size_bytes=size)


def page(*entries: Any, of: str = "tools", cursor: Any = None, size: int = 10, **more: Any) -> Answer:
    result = {of: list(entries), **more} | ({} if cursor is None else {"nextCursor": cursor})
    return answered(result=result, size=size)


UNKNOWN: Final = answered(error={"code": -32601, "message": "Method not found"})


def test_a_list_is_read_over_all_its_pages() -> None:
    """MCP pagination; the empty string is a cursor."""
    asked = reading()
    questions = [asked.question]
    for answer in (
        page({"name": "a"}, cursor=""),
        page({"name": "b"}, cursor="2"),
        page({"name": "c", "x-unknown": 1}),
    ):
        asked.take(answer)
        questions.append(asked.question)
    tools = ListMethod.TOOLS
    assert questions == [*(Question(method=tools, cursor=cursor) for cursor in (None, "", "2")), None]
    assert asked.whole().tools == ({"name": "a"}, {"name": "b"}, {"name": "c", "x-unknown": 1})


def test_every_list_that_the_capabilities_name_is_asked_for_to_its_end() -> None:
    """The issue: tools, prompts, resources and templates; what was said in the introduction stays."""
    asked = reading("tools", "prompts", "resources", "logging")
    methods = []
    for answer in (
        page({"name": "a"}),
        page({"name": "p"}, of="prompts", cursor="1"),
        page({"name": "q"}, of="prompts"),
        page({"uri": "file:///a"}, of="resources"),
        page({"uriTemplate": "file:///{b}"}, of="resourceTemplates"),
    ):
        assert asked.question is not None
        methods.append(asked.question.method)
        asked.take(answer)

    assert asked.question is None
    assert methods == [
        ListMethod.TOOLS,
        ListMethod.PROMPTS,
        ListMethod.PROMPTS,
        ListMethod.RESOURCES,
        ListMethod.RESOURCE_TEMPLATES,
    ]
    whole = asked.whole()
    assert (whole.tools, whole.prompts) == (({"name": "a"},), ({"name": "p"}, {"name": "q"}))
    assert (whole.resources, whole.resource_templates) == (({"uri": "file:///a"},), ({"uriTemplate": "file:///{b}"},))
    assert whole.instructions == "Ask first."


def test_a_list_that_a_server_does_not_know_is_empty() -> None:
    """Ours: servers say that they have resources and know no templates. What is pinned there is then missing."""
    asked = reading("prompts", "resources")
    for answer in (UNKNOWN, page(of="prompts"), page({"uri": "file:///a"}, of="resources"), UNKNOWN):
        asked.take(answer)
    assert asked.question is None
    assert (asked.whole().tools, asked.whole().resource_templates) == ((), ())


@promise("P7")
def test_a_list_that_stops_in_its_middle_is_no_empty_one() -> None:
    """Ours: nor is that of the tools, where the server says that it has them."""
    asked = reading()
    asked.take(page({"name": "a"}, cursor="1"))
    for middle in (asked, reading("tools")):
        with pytest.raises(Refused) as caught:
            middle.take(UNKNOWN)
        assert caught.value.reason is Reason.TOOL_SERVER_INVALID


@pytest.mark.parametrize(
    ("introduced", "first", "second", "shortest"),
    [
        (None, None, None, None),
        (9000, 5000, 7000, 5000),
        (3000, None, 7000, 3000),
        (0, 0, 0, None),
        (-1, True, "1", None),
    ],
)
def test_what_was_read_holds_as_long_as_its_shortest_part(
    introduced: Any, first: Any, second: Any, shortest: int | None
) -> None:
    """MCP 2026-07-28, caching: `ttlMs`. Its SDK says 0 where an author said nothing."""
    stated = introduced if isinstance(introduced, int) and introduced > 0 else None
    asked = reading("tools", ttl_ms=stated)
    asked.take(page({"name": "a"}, cursor="1", ttlMs=first))
    asked.take(page({"name": "b"}, ttlMs=second))
    assert asked.whole().ttl_ms == shortest


PAGES: Final = {
    "no list": (answered(result={}), {}),
    "tools that are no list": (answered(result={"tools": {}}), {}),
    "a tool that is no object": (page("echo"), {}),
    "a cursor that is no string": (page(cursor=1), {}),
    "an error": (answered(error={"code": -32603}), {}),
    "too many tools": (page({}, {}), {"items_max": 1}),
    "too many bytes": (page(size=11), {"offer_bytes_max": 10}),
    "too many pages": (page(cursor="1"), {"pages_max": 1}),
}


@promise("P7")
@pytest.mark.parametrize(("answer", "limits"), PAGES.values(), ids=PAGES.keys())
def test_a_page_beyond_form_or_limits_is_refused(answer: Answer, limits: dict[str, int]) -> None:
    """Ours; the numbers of design 5.2."""
    with pytest.raises(Refused) as caught:
        reading(**limits).take(answer)
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID


def test_a_list_that_turns_in_a_circle_is_refused() -> None:
    """Ours: a cursor that came before would come for ever."""
    asked = reading()
    asked.take(page(cursor="1"))
    asked.take(page(cursor="2"))
    with pytest.raises(Refused) as caught:
        asked.take(page(cursor="1"))
    assert caught.value.reason is Reason.TOOL_SERVER_INVALID
