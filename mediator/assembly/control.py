"""What can be asked over the control socket, and how: each act is a signed statement, each answer plain JSON.

Whoever reaches the socket is this machine's same user, which proves nothing about who they are (A7): a statement
does. Asking for facts needs none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskStatus

from mediator.assembly.desk import Desk, task_facts
from mediator.assembly.drift import check_running
from mediator.assembly.mediator import Mediator
from mediator.assembly.sessions import open_session
from mediator.assembly.token_forms import token_type
from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant
from mediator.edge.control import ControlServer
from mediator.identity.confirmation import Confirmation, must_be_thumbprint
from mediator.refusal import Reason, Refused

_STATED: Final = (
    "task.complete",
    "task.renew",
    "grant.revoke",
    "freeze",
    "unfreeze",
    "freeze.rule",
    "unfreeze.rule",
    "issuer.rotate",
    "approval.decide",
)
_OPS: Final = (
    "task.open",
    "task.show",
    "grant.list",
    "grant.show",
    "freeze.list",
    "trust.renew",
    "drift.check",
    "status",
    "approval.list",
    "approval.show",
)


async def answer_control(mediator: Mediator, request: JsonObject) -> JsonObject:
    """Answer one request of the control socket; raises `Refused` saying what is wrong with it."""
    desk = mediator.desk
    match request:
        case {"op": "task.open", "statement": str(statement), **rest} if rest.keys() <= {"dpop_jkt"}:
            return opened(desk, desk.open(statement.encode()), _bound_to(rest))
        case {"op": str(op), "statement": str(statement)} if op in _STATED:
            return await _obey(mediator, op, statement.encode())
        case {"op": "task.show", "task": str(grant)} | {"op": "grant.show", "grant": str(grant)}:
            return desk.show(grant)
        case {"op": "grant.list", "after": None | str() as after, "live": bool(live)}:
            return desk.list(after, live=live)
        case {"op": "trust.renew"}:  # needs no statement of its own: what comes in force carries them
            return await mediator.renewal.renew()
        case {"op": "drift.check", "server": None | str() as server}:
            return await check_running(mediator, server)
        case {"op": "approval.show", "approval": str(approval_id)}:
            return mediator.approvals.page(approval_id)
        case {"op": "approval.list" | "freeze.list" | "status" as op}:
            return _listed(mediator, op)
        case _:
            raise Refused(Reason.MALFORMED, f"the control socket knows {', '.join((*_STATED, *_OPS))}")


def _listed(mediator: Mediator, op: str) -> JsonObject:
    match op:
        case "approval.list":
            return mediator.approvals.list()
        case "freeze.list":
            return mediator.desk.frozen()
        case _:
            return status(mediator)


async def _obey(mediator: Mediator, op: str, statement: bytes) -> JsonObject:
    desk = mediator.desk
    match op:
        case "issuer.rotate":
            return mediator.rotation.rotate(statement)
        case "approval.decide":
            return mediator.approvals.facts(mediator.approvals.decide(statement))
        case "task.complete":
            return task_facts(await desk.complete(statement)) | {"state": "completed"}
        case "task.renew":
            return task_facts(desk.renew(statement))
        case "grant.revoke":
            return {"ended": [*await desk.revoke(statement)]}
        case "freeze.rule":
            rule, changed = desk.keep_rule(statement)
            return {"rule": rule, "changed": changed}
        case "unfreeze.rule":
            rule, changed = desk.drop_rule(statement)
            return {"rule": rule, "changed": changed}
        case "freeze":
            name, changed = desk.freeze(statement)
        case _:
            name, changed = desk.unfreeze(statement)
    return {"name": name, "changed": changed}


def opened(desk: Desk, grant: Grant, asked: Confirmation | None = None) -> JsonObject:
    """Return what an opened task is used with: a token (RFC 6749 §5.1), unless another issuer makes those.

    It is bound to the key of the one process that the task is for, or to the key that was asked for.
    """
    facts: JsonObject = {"task": grant.root, "grant": grant.id}
    if desk.makes_tokens_for(grant):
        bound_to = desk.key_of_instance(grant) or asked
        token, seconds = desk.token(grant.id, bound_to)
        # The one place where a minted token leaves: to whoever signed for the task.
        facts |= {"access_token": token.reveal(), "token_type": token_type(bound_to), "expires_in": seconds}
    return facts


def _bound_to(asked: JsonObject) -> Confirmation | None:
    if "dpop_jkt" not in asked:
        return None
    try:
        return Confirmation(jkt=must_be_thumbprint(asked["dpop_jkt"]))
    except Refused as stop:
        remedy = "give the RFC 7638 thumbprint of the public key that will sign the agent's DPoP proofs"
        raise Refused(Reason.MALFORMED, f"`dpop_jkt`: {stop.detail}", remedy=remedy) from stop


def status(mediator: Mediator) -> JsonObject:
    """Return how the mediator is: its address, pins, and what it left out of its trust."""
    snapshot = mediator.trust.snapshot()
    problems: list[Json] = [
        {"server": problem.server, "tool": problem.tool, "detail": problem.detail} for problem in mediator.problems
    ]
    return {
        "url": mediator.base_url,
        "pins": len(snapshot.pins),
        "trust": snapshot.digests(),
        "problems": problems,
        "quarantined": [one.form() for one in snapshot.quarantined.values()],
        "resting": {**mediator.corridor.meter.resting()},
    }


async def serve_control(mediator: Mediator, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
    """Serve the control socket until cancelled."""
    server = ControlServer(
        mediator.folder.control_socket,
        partial(answer_control, mediator),
        partial(open_session, mediator),
        mediator.corridor.alarm,
    )
    await server.serve(task_status=task_status)
