"""Resumption: with what a call goes on that was asked back about, and that it is the same call of the same caller.

Pure. A handle that an agent was given is sealed and bound to its grant (`handles.py`); what it holds is compared here
with the call that shows it: same method, same item, same arguments, in time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from mediator.canonical import Digest, JsonObject
from mediator.kind import ItemKind
from mediator.manifest.pinned import PinnedItem
from mediator.refusal import Reason, Refused
from mediator.wire.call import Call
from mediator.wire.jsonrpc import INVALID_PARAMS
from mediator.wire.methods import AskMethod, CallMethod


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What was asked back about: the decision, of which item and arguments, until when (ms since the epoch).

    `state` is the modern server's own, `waiting` the place of a legacy call that is held open, `mcp_task_id` the modern
    server's id of the mcp task that the call became; one at most. `asked` says by which key what was asked.
    """

    decision_id: str
    method: str
    server: str
    kind: ItemKind
    name: str
    arguments: Digest
    expires_ms: int
    state: str | None = None
    waiting: str | None = None
    mcp_task_id: str | None = None
    asked: Mapping[str, AskMethod] = field(default_factory=dict)


def item_of(call: Call, resumes: Resumption | None) -> tuple[ItemKind, str, str | None]:
    """Return of which item a call is: as the agent names it, or, of an mcp task, as its handle does.

    Raises `Refused(MALFORMED)` (-32602) for an mcp task that was not given to this caller, at this endpoint.
    """
    if not call.is_of_mcp_task:
        return call.kind, call.name, call.server
    if resumes is None:
        raise _not_given(call, "a handle that does not open")
    if call.server not in (None, resumes.server):
        raise _not_given(call, f"a handle of decision `{resumes.decision_id}`, which was about another server")
    return resumes.kind, resumes.name, resumes.server


def refuse_if_another(call: Call, item: PinnedItem, resumes: Resumption | None, now_ms: int) -> None:
    """Raise `Refused(MALFORMED)` (-32602) where a call shows a handle that was not given for exactly this request."""
    if resumes is None:
        if call.state is not None:
            raise _not_given(call, "a handle that does not open")
        return
    method = CallMethod.TOOL if call.is_of_mcp_task else call.method  # nothing else becomes an mcp task
    shown = (method, item.server, item.kind, item.name, call.arguments_digest)
    if shown != (resumes.method, resumes.server, resumes.kind, resumes.name, resumes.arguments):
        raise _not_given(call, f"a handle of decision `{resumes.decision_id}`, which was about another request")
    if resumes.expires_ms <= now_ms:
        raise _not_given(call, f"the handle of decision `{resumes.decision_id}` has expired")


def resumption_form(resumes: Resumption | None) -> JsonObject | None:
    """Return what an entry keeps of it: neither a server's state nor its words, which are the keys of what was asked."""
    if resumes is None:
        return None
    return {
        "decision": resumes.decision_id,
        "method": resumes.method,
        "server": resumes.server,
        "kind": str(resumes.kind),
        "name": resumes.name,
        "arguments": resumes.arguments,
        "expires": resumes.expires_ms,
    }


def recall_resumption(form: JsonObject | None, asked: JsonObject) -> Resumption | None:
    """Return it as an entry and its values kept it, for a replay; raises `Refused(MALFORMED)` for any other form."""
    match form:
        case None:
            return None
        case {
            "decision": str(decision_id),
            "method": str(method),
            "server": str(server),
            "kind": str(kind),
            "name": str(name),
            "arguments": str(arguments),
            "expires": int(expires_ms),
        } if kind in set(ItemKind):
            return Resumption(
                decision_id=decision_id,
                method=method,
                server=server,
                kind=ItemKind(kind),
                name=name,
                arguments=Digest(arguments),
                expires_ms=expires_ms,
                asked=read_asked(asked),
            )
        case _:
            raise Refused(Reason.MALFORMED, "a recorded resumption cannot be read")


def asked_form(asked: Mapping[str, AskMethod]) -> JsonObject:
    """Return as JSON what was asked."""
    return {key: str(method) for key, method in asked.items()}


def read_asked(form: JsonObject) -> Mapping[str, AskMethod]:
    """Return what was asked; what nobody asks was not."""
    return {key: method for method in AskMethod for key, asked in form.items() if asked == method}


def _not_given(call: Call, detail: str) -> Refused:
    sentence = "`requestState` is not one that was given for this request: make the call anew, without it"
    if call.is_of_mcp_task:
        sentence = "`taskId` is not one that was given to this caller, or it has expired"
    return Refused(Reason.MALFORMED, detail, sentence=sentence, code=INVALID_PARAMS)
