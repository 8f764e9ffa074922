"""A call that a person must approve, from end to end: unmodified clients, the page, the commands, a ledger that tells it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client

from mediator.assembly.folder import open_folder, read_key
from mediator.identity.statement import Act, sign_statement
from mediator.mediation.approval_acts import approval_subject
from tests.promises import promise
from tests.simulated.approving import TO_BOB, approve, asking, deny, made, send, wanted
from tests.simulated.running import OWNER, SECONDS, Running, command


@asynccontextmanager
async def client_of(mediator: Running, mode: str, **heard: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {mediator.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(
            streamable_http_client(mediator.url + "/mcp", http_client=http), mode=mode, cache=None, **heard
        ) as client,
    ):
        yield client


def statement_about(mediator: Running, approval_id: str) -> bytes:
    """Return the owner's statement that approves it, as it is signed on another machine."""
    hashed = mediator.mediator.approvals.find(approval_id).approval.request_hash
    key = read_key(open_folder(mediator.folder).key_file("operator", OWNER))
    at = mediator.mediator.ports.clock.now_ms()
    return sign_statement(
        key, act=Act.APPROVE, subject=approval_subject(approval_id, hashed), who=OWNER, at=at, serial=at
    )


def refusal_in(result: Any) -> dict[str, Any]:
    assert result.is_error
    return dict(result.meta["org.mcp-mediator/refusal"])


@promise("P6", "P11")
async def test_a_modern_client_sends_its_person_to_the_page_and_gets_its_answer(tmp_path: Path) -> None:
    """Issue 7: elicitation by URL; the statement is posted where the page is, and the call that waits is woken."""
    async with asking(tmp_path) as mediator:
        visited: list[str] = []

        async def visit(context: ClientRequestContext, params: Any) -> types.ElicitResult:  # noqa: ARG001 - the SDK's own
            page = await mediator.http.get(params.url)
            assert page.status_code == 200
            assert "bob@example.com" in page.text
            visited.append(params.url)
            posted = await mediator.http.post(
                params.url,
                content=statement_about(mediator, params.url.rsplit("/", 1)[1]),
                headers={"content-type": "application/json"},
            )
            assert posted.json()["state"] == "approved", posted.text
            return types.ElicitResult(action="accept")

        with anyio.fail_after(SECONDS):
            async with client_of(mediator, "auto", elicitation_callback=visit) as client:
                assert not (await client.call_tool("tools__send", dict(TO_BOB))).is_error
        assert len(visited) == 1
        assert made(mediator) == [TO_BOB]
        assert [verdict for verdict, _ in mediator.verdicts] == ["deny", "allow"]


@promise("P6", "P11")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_any_other_client_reads_what_to_do_and_does_it(tmp_path: Path, mode: str) -> None:
    """Issue 7: the id in a sentence; a person types one command, and the same call goes through in the same session."""
    async with asking(tmp_path) as mediator, client_of(mediator, mode) as client:
        first = await client.call_tool("tools__send", dict(TO_BOB))
        approval_id = refusal_in(first)["approval"]
        assert isinstance(first.content[0], types.TextContent)
        assert f"mediator approvals approve {approval_id}" in first.content[0].text
        here = ("--folder", str(mediator.folder))
        assert approval_id in await command("approvals", "list", *here)
        shown = await command("approvals", "show", approval_id, *here)
        assert '"to": "bob@example.com"' in shown
        told = await command("approvals", "approve", approval_id, "--who", OWNER, "--yes", *here)
        assert told.endswith("the agent sends exactly this call again\n")
        assert not (await client.call_tool("tools__send", dict(TO_BOB))).is_error
        assert made(mediator) == [TO_BOB]


@promise("P11")
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_who_will_not_go_there_leaves_the_refusal(tmp_path: Path, action: Any) -> None:
    """MCP: and the request waits for somebody else."""
    async with asking(tmp_path) as mediator:

        async def stay(context: ClientRequestContext, params: Any) -> types.ElicitResult:  # noqa: ARG001 - the SDK's own
            return types.ElicitResult(action=action)

        with anyio.fail_after(SECONDS):
            async with client_of(mediator, "auto", elicitation_callback=stay) as client:
                refusal = refusal_in(await client.call_tool("tools__send", dict(TO_BOB)))
        assert refusal["reason"] == "APPROVAL_REQUIRED"
        assert (await approve(mediator, refusal["approval"]))["state"] == "approved"


@pytest.mark.parametrize("decide", [approve, deny])
async def test_a_call_that_waits_is_woken_by_whichever_decision(tmp_path: Path, decide: Callable[..., Any]) -> None:
    """Issue 7: not by the clock."""
    async with asking(tmp_path) as mediator:
        is_there = anyio.Event()

        async def go(context: ClientRequestContext, params: Any) -> types.ElicitResult:  # noqa: ARG001 - the SDK's own
            is_there.set()
            return types.ElicitResult(action="accept")

        async def person() -> None:
            await is_there.wait()
            (one,) = mediator.mediator.store.approvals.list_all()
            await decide(mediator, one.approval.id)

        with anyio.fail_after(SECONDS):
            async with (
                client_of(mediator, "auto", elicitation_callback=go) as client,
                anyio.create_task_group() as both,
            ):
                both.start_soon(person)
                result = await client.call_tool("tools__send", dict(TO_BOB))
        assert result.is_error is (decide is deny)
        assert made(mediator) == ([TO_BOB] if decide is approve else [])


@promise("P9", "P10")
async def test_the_ledger_tells_who_asked_who_approved_and_what_came_of_it(tmp_path: Path) -> None:
    """Design 5.8: by the id, each time; the arguments with the values of the decisions, and nowhere else."""
    async with asking(tmp_path) as mediator:
        approval_id = await wanted(mediator)
        await approve(mediator, approval_id)
        assert await send(mediator, TO_BOB) is None
        requested, approved, used = (_body(mediator, f"approval.{kind}") for kind in ("requested", "approved", "used"))
        denied, allowed = mediator.decisions
        assert {requested["approval"], approved["approval"], used["approval"]} == {approval_id}
        assert (requested["decision"], used["decision"]) == (denied["id"], allowed["id"])
        assert (approved["who"], used["approvers"]) == (OWNER, [OWNER])
        hashes = {one["request_hash"] for one in (requested, approved, used, denied, allowed)}
        assert len(hashes) == 1


def _body(mediator: Running, kind: str) -> dict[str, Any]:
    (entry,) = mediator.entries(kind)
    body = entry["body"]
    assert isinstance(body, dict)
    return dict(body)
