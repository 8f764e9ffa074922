"""A mediator that runs, whose policies want a person's approval of every call of `tools/send`; and the people.

    async with asking(tmp_path) as mediator:
        wanted = await wanted(mediator, TO_BOB)     # the call is refused, and its request waits under this id
        await approve(mediator, wanted)                  # as people do, by the command
        await send(mediator, TO_BOB) is None             # no reason against it: it went through

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

from mediator.canonical import JsonObject
from mediator.cli.main import run
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, command, message_in, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

BOB: Final = "bob@example.com"
EVE: Final = "eve@example.com"
TO_BOB: Final[JsonObject] = {"to": "bob@example.com", "text": "hello"}
NEEDS_APPROVAL: Final = """
@id("test-sending-needs-an-approval")
@reason("a person must see what is sent")
forbid (principal, action == Mediator::Action::"tools/send", resource)
unless { context has approval };
"""
_WORDS: Final = {"type": "object", "properties": {"to": {"type": "string"}, "text": {"type": "string"}}}


@asynccontextmanager
async def asking(
    tmp_path: Path,
    *,
    policies: str = NEEDS_APPROVAL,
    people: Sequence[tuple[str, str]] = (),
    before_start: Callable[[Path], None] | None = None,
    effect: str = "read",
    settings: str = "",
) -> AsyncIterator[Running]:
    """Start it, with these people beside the owner, each with a role."""

    def prepare(folder: Path) -> None:
        (folder / "policies" / "test-approvals.cedar").write_text(policies, encoding="utf-8")
        for who, role in people:
            assert run(["operator", "add", who, "--role", role, "--by", OWNER, "--folder", str(folder)]) == 0

    servers = {"tools": SimulatedToolServer(tools=[tool(name, inputSchema=_WORDS) for name in ("send", "look")])}
    async with running(
        tmp_path,
        servers,
        prepare=prepare,
        before_start=before_start,
        effects={"tools/send": effect},
        bearers_act=True,
        settings={"approvals": settings},
    ) as mediator:
        if effect != "read":
            await mediator.open_task(effects=effect, tools="tools/send")
        yield mediator


async def send(mediator: Running, arguments: JsonObject, token: str | None = None) -> str | None:
    """Call `tools/send`, and return why it was refused; nothing where it was made."""
    return reason_in(await mediator.post(tools_call("tools__send", **arguments), token=token))


async def refusal_of(mediator: Running, arguments: JsonObject, token: str | None = None) -> dict[str, Any]:
    """Call `tools/send`, which must be refused, and return what the agent may read of that."""
    message = message_in(await mediator.post(tools_call("tools__send", **arguments), token=token))
    return dict(message["result"]["_meta"]["org.mcp-mediator/refusal"])


async def wanted(mediator: Running, arguments: JsonObject = TO_BOB, token: str | None = None) -> str:
    """Call `tools/send`, which must want an approval, and return under which id."""
    refusal = await refusal_of(mediator, arguments, token)
    assert refusal["reason"] == "APPROVAL_REQUIRED", refusal
    return str(refusal["approval"])


async def approve(mediator: Running, approval_id: str, who: str = OWNER) -> Any:
    """Approve it by the command, and return how it stands."""
    words = ("approvals", "approve", approval_id, "--who", who, "--yes", "--json")
    return json.loads(await command(*words, "--folder", str(mediator.folder)))


async def deny(mediator: Running, approval_id: str, who: str = OWNER, reason: str = "") -> Any:
    """Deny it by the command, and return how it stands."""
    words = ("approvals", "deny", approval_id, "--who", who, "--reason", reason, "--json")
    return json.loads(await command(*words, "--folder", str(mediator.folder)))


def made(mediator: Running) -> list[Any]:
    """Return the arguments of each call of `tools/send` that came to the tool server."""
    return [one.message["params"]["arguments"] for one in mediator.servers["tools"].calls]


def write(folder: Path, statement: str, *values: object) -> int:
    """Write the database as another process of this user may; return how many rows that changed."""
    with closing(sqlite3.connect(folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
        changed = connection.execute(statement, values).rowcount
        connection.commit()
    return changed


def rows(folder: Path, question: str) -> list[tuple[Any, ...]]:
    """Read the database likewise."""
    with closing(sqlite3.connect(folder / ".mediator" / "state.sqlite", timeout=5)) as connection:
        return connection.execute(question).fetchall()
