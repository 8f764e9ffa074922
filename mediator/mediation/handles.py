"""What stands in a handle that an agent is given with a question (`requestState`), or with an mcp task (`taskId`).

Pure: the forms; sealing them is a port's business. A handle is good for one grant, one request and a time. That of an
mcp task holds the arguments of its call too, so that whatever is asked of it is judged as that call was. The two have
different members: neither opens as the other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping

from mediator.canonical import Digest, JsonObject, canonical_bytes, digest_of, parse_object
from mediator.kind import ItemKind
from mediator.mediation.permit import Permit
from mediator.mediation.resumption import Resumption, asked_form, read_asked
from mediator.refusal import Refused
from mediator.wire.methods import AskMethod, CallMethod


def resumption_of(
    permit: Permit,
    expires_ms: int,
    asked: Mapping[str, AskMethod],
    *,
    state: str | None,
    waiting: str | None,
) -> Resumption:
    """Return with what the call of this permit can go on, until then."""
    call = permit.committed.deliberation.call
    return Resumption(
        decision_id=permit.decision_id,
        method=call.method,
        server=permit.item.server,
        kind=permit.item.kind,
        name=permit.item.name,
        arguments=call.arguments_digest,
        expires_ms=expires_ms,
        state=state,
        waiting=waiting,
        asked=asked,
    )


def handle_content(resumes: Resumption) -> bytes:
    """Return what is sealed."""
    form: JsonObject = {
        "d": resumes.decision_id,
        "m": resumes.method,
        "s": resumes.server,
        "k": str(resumes.kind),
        "n": resumes.name,
        "a": resumes.arguments,
        "x": resumes.expires_ms,
        "u": resumes.state,
        "w": resumes.waiting,
        "q": asked_form(resumes.asked),
    }
    return canonical_bytes(form)


def read_handle(content: bytes | None) -> Resumption | None:
    """Return what was sealed; None for what is no handle of ours."""
    if content is None:
        return None
    try:
        form = parse_object(content)
    except Refused:
        return None
    match form:
        case {
            "d": str(decision_id),
            "m": str(method),
            "s": str(server),
            "k": str(kind),
            "n": str(name),
            "a": str(arguments),
            "x": int(expires_ms),
            "u": None | str() as state,
            "w": None | str() as waiting,
            "q": dict(asked),
        } if kind in set(ItemKind):
            return Resumption(
                decision_id=decision_id,
                method=method,
                server=server,
                kind=ItemKind(kind),
                name=name,
                arguments=Digest(arguments),
                expires_ms=expires_ms,
                state=state,
                waiting=waiting,
                asked=read_asked(asked),
            )
        case _:
            return None


def mcp_task_handle_content(permit: Permit, task_id: str) -> bytes:
    """Return what is sealed for an mcp task that the call of this permit became; it is good as long as its grant."""
    deliberation = permit.committed.deliberation
    assert deliberation.chain is not None  # a permit is made of an allow
    form: JsonObject = {
        "d": permit.decision_id,
        "s": permit.item.server,
        "n": permit.item.name,
        "a": deliberation.call.arguments,
        "x": deliberation.chain.presented.expires_ms,
        "t": task_id,
    }
    return canonical_bytes(form)


def read_mcp_task_handle(content: bytes | None) -> tuple[Resumption, JsonObject] | None:
    """Return what was sealed for an mcp task, with the arguments of its call; None for what is no such handle of ours."""
    if content is None:
        return None
    try:
        form = parse_object(content)
    except Refused:
        return None
    match form:
        case {
            "d": str(decision_id),
            "s": str(server),
            "n": str(name),
            "a": dict(arguments),
            "x": int(expires_ms),
            "t": str(task_id),
        }:
            resumes = Resumption(
                decision_id=decision_id,
                method=CallMethod.TOOL,
                server=server,
                kind=ItemKind.TOOL,
                name=name,
                arguments=digest_of(arguments),
                expires_ms=expires_ms,
                mcp_task_id=task_id,
            )
            return resumes, arguments
        case _:
            return None
