"""Tools beyond the suite: an address for a person to visit, changes that are told, a call that is only ended from outside.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import anyio
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import CallToolResult, ElicitRequest, ElicitRequestURLParams, InputRequiredResult

from tests.simulated.conformance_server.asking import ask, said
from tests.simulated.conformance_server.fixture import ToolCalled, ToolFixture, strings, text_result, tool
from tests.simulated.conformance_server.resources import WATCHED

PLACE = "https://example.com/sign-in"


async def _visit(call: ToolCalled) -> CallToolResult | InputRequiredResult:
    """Ask the person to visit an address. Its id is of the legacy era alone, where it is required."""
    params = ElicitRequestURLParams(
        message="Please sign in", url=PLACE, elicitation_id=None if call.is_modern else "sign-in"
    )
    answers = await ask(call, {"visit": ElicitRequest(params=params)})
    return answers if isinstance(answers, InputRequiredResult) else text_result(said(answers["visit"]))


async def _update(call: ToolCalled) -> CallToolResult:
    await call.changes.publish(ResourceUpdated(uri=WATCHED))
    if not call.is_modern:
        await call.context.session.send_resource_updated(WATCHED)
    return text_result("Said that the resource changed")


async def _resource_change(call: ToolCalled) -> CallToolResult:
    await call.changes.publish(ResourcesListChanged())
    if not call.is_modern:
        await call.context.session.send_resource_list_changed()
    return text_result("Said that the resources changed")


def beyond_the_suite() -> Sequence[ToolFixture]:
    """Return them; those that wait know of each other."""
    cancelled: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)

    async def wait(call: ToolCalled) -> CallToolResult:
        """Say that it has begun, and never answer."""
        try:
            await call.context.session.report_progress(0, None, "waiting")
            await anyio.sleep_forever()
            raise AssertionError("somebody woke it")
        finally:
            cancelled[call.argument("key")].set()

    async def was_cancelled(call: ToolCalled) -> CallToolResult:
        await cancelled[call.argument("key")].wait()
        return text_result("It was cancelled")

    return (
        tool("ask_to_visit", "Ask the person to visit an address.", _visit),
        tool("update_resource", "Say that the watched resource changed.", _update),
        tool("change_resources", "Say that the list of resources changed.", _resource_change),
        tool("wait", "Wait until cancelled.", wait, strings("key")),
        tool(
            "was_cancelled",
            "Answer once the call that waits under this key was cancelled.",
            was_cancelled,
            strings("key"),
        ),
    )
