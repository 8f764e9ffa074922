"""What can be asked over the control socket, and how: each act is a signed statement, each answer plain JSON.

Whoever reaches the socket is this machine's same user, which proves nothing about who they are (A7): a statement
does. Asking for facts needs none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio
from anyio.abc import TaskStatus

from mediator.assembly.desk import Desk, task_facts
from mediator.assembly.mediator import Mediator
from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused


async def answer_control(mediator: Mediator, request: JsonObject) -> JsonObject:
    """Answer one request of the control socket; raises `Refused` saying what is wrong with it."""
    desk = mediator.desk
    match request:
        case {"op": "task.open", "statement": str(statement)}:
            return opened(desk, desk.open(statement.encode()))
        case {"op": "task.complete", "statement": str(statement)}:
            return task_facts(await desk.complete(statement.encode())) | {"state": "completed"}
        case {"op": "task.show", "task": str(task)}:
            return desk.show(task)
        case {"op": "status"}:
            return status(mediator)
        case _:
            raise Refused(Reason.MALFORMED, "the control socket knows task.open, task.complete, task.show and status")


def opened(desk: Desk, grant: Grant) -> JsonObject:
    """Return what an opened task is used with: a bearer token (RFC 6749 §5.1), unless another issuer makes those."""
    facts: JsonObject = {"task": grant.root, "grant": grant.id}
    if desk.makes_tokens_for(grant):
        token, seconds = desk.token(grant.id)
        # The one place where a minted token leaves: to whoever signed for the task.
        facts |= {"access_token": token.reveal(), "token_type": "Bearer", "expires_in": seconds}
    return facts


def status(mediator: Mediator) -> JsonObject:
    """Return how the mediator is: its address, pins, and what it left out of its trust."""
    snapshot = mediator.trust.snapshot()
    problems: list[Json] = [
        {"server": problem.server, "tool": problem.tool, "detail": problem.detail} for problem in mediator.problems
    ]
    return {"url": mediator.base_url, "pins": len(snapshot.pins), "trust": snapshot.digests(), "problems": problems}


class TaskCredential:
    """The credential of a session's own task: fresh whenever it is asked for, and never past the task's end."""

    def __init__(self, desk: Desk, task: str) -> None:
        self._desk, self._task = desk, task
        self._token: Secret | None = None
        self._until_ms = 0

    def __call__(self) -> Secret | None:
        """Return a token; nothing where the task is over, so that the call is refused in words."""
        now_ms = self._desk.clock.now_ms()
        if self._token is None or now_ms >= self._until_ms:
            try:
                self._token, seconds = self._desk.token(self._task)
            except Refused:
                return self._token  # the task is over: its last token says which, and why
            self._until_ms = now_ms + seconds * 1000 // 2
        return self._token


async def serve_control(mediator: Mediator, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
    """Serve the control socket until cancelled."""
    task_status.started()
    await anyio.sleep_forever()
