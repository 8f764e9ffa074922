"""A real tool server that demands a token of its own, and agents who never see one: each kind, from settings to answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.brokered import KINDS, brokered
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, message_in, reason_in


@promise("P5", "P9")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_succeeds_with_a_credential_that_was_made_for_its_task(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: the call succeeds with a brokered token; another task has another one."""
    async with brokered(tmp_path, kind, monkeypatch) as side:
        shown: list[set[str]] = []
        for _ in range(2):
            before = len(side.tools.tokens)
            for _ in range(2):
                answer = message_in(await side.mediator.post(tools_call("sums__add", a=2, b=3)))
                assert answer["result"]["structuredContent"] == {"result": 5}
            shown.append({*side.tools.tokens[before:]})
            await side.mediator.open_task()
        assert side.tools.calls == 4
        assert [len(tokens) for tokens in shown] == [1, 1]
        assert shown[0] != shown[1]
        assert all(claims["sub"] == OWNER for claims in side.claims() if "act" in claims)
        if kind in {"exchange", "assertion"}:
            of_tasks = [claims for claims in side.claims() if "act" in claims]
            acts = [(claims["iss"], claims["act"]) for claims in of_tasks]
            assert acts == [(side.mediator.url, {"sub": "assistant", "iss": side.mediator.url})] * 2
            assert len({claims["txn"] for claims in of_tasks}) == 2


@promise("P5")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_credential_is_forgotten_when_its_task_is_completed(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5: dead once the task completes; the next call is stopped before anything is asked for."""
    async with brokered(tmp_path, kind, monkeypatch) as side:
        assert reason_in(await side.mediator.post(tools_call("sums__add", a=2, b=3))) is None
        assert side.mediator.mediator.credentials.tasks == {side.mediator.task}
        await side.mediator.complete_task()
        assert side.mediator.mediator.credentials.tasks == frozenset()
        asked, arrived = len(side.authorization.requests), len(side.tools.arrived)
        assert reason_in(await side.mediator.post(tools_call("sums__add", a=2, b=3))) == Reason.TASK_COMPLETED
        assert (len(side.authorization.requests), len(side.tools.arrived)) == (asked, arrived)


@promise("P5")
async def test_a_session_of_the_older_era_goes_on_under_a_credential_that_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a server may end a token every few minutes; the SDK's binds a session to who it is of, not to a token."""
    async with brokered(tmp_path, "client_secret", monkeypatch, more='era = "legacy"\n') as side:
        for _ in range(2):
            assert reason_in(await side.mediator.post(tools_call("sums__add", a=2, b=3))) is None
            side.mediator.mediator.credentials.drop({side.mediator.task})  # as where its time ran out
        called = [headers for headers, body in side.tools.arrived if b'"tools/call"' in body]
        assert len({headers["mcp-session-id"] for headers in called}) == 1
        assert len({headers["authorization"] for headers in called}) == 2


@promise("P7", "P11")
async def test_an_authorization_server_that_refuses_fails_the_calls_that_need_it_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: no credential, no call; and once it can be had the call is made."""
    async with brokered(tmp_path, "exchange", monkeypatch) as side:
        side.authorization.refuse_with = "invalid_target"
        answer = await side.mediator.post(tools_call("sums__add", a=2, b=3))
        assert reason_in(answer) == Reason.TOOL_SERVER_UNAVAILABLE
        assert "invalid_target" not in answer.text  # the operator's affair
        (outcome,) = side.mediator.entries("outcome")
        assert "invalid_target" in str(outcome)
        assert side.tools.calls == 0
        side.authorization.refuse_with = None
        assert reason_in(await side.mediator.post(tools_call("sums__add", a=2, b=3))) is None
