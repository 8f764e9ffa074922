"""What each method of a call says: of which item, with which arguments; and what it answers to a question.

Pure. What is not named here goes no further. MCP 2025-11-25 and 2026-07-28: `server/tools`, `server/prompts`,
`server/resources`, `server/utilities/completion`; rounds with input: 2026-07-28, `basic/patterns/mrtr`; mcp tasks:
SEP-2663.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mediator.canonical import Json, JsonObject
from mediator.kind import ItemKind
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import INVALID_PARAMS
from mediator.wire.methods import CallMethod

ANSWERS: Final = "inputResponses"
STATE: Final = "requestState"
TASK_ID: Final = "taskId"
PROMPT_REFERENCE: Final = "ref/prompt"
RESOURCE_REFERENCE: Final = "ref/resource"

_NAME_LENGTH_MAX: Final = 128  # MCP `server/tools`; ours for prompts
_URI_LENGTH_MAX: Final = 8192  # ours: what web servers take
_STATE_LENGTH_MAX: Final = 65_536  # ours: a handle that we gave holds at most as much
_MEMBERS: Final = MappingProxyType(
    {
        CallMethod.TOOL: frozenset({"name", "arguments", "_meta"}),
        CallMethod.PROMPT: frozenset({"name", "arguments", "_meta"}),
        CallMethod.RESOURCE: frozenset({"uri", "_meta"}),
        CallMethod.SUBSCRIBE: frozenset({"uri", "_meta"}),
        CallMethod.UNSUBSCRIBE: frozenset({"uri", "_meta"}),
        CallMethod.COMPLETE: frozenset({"ref", "argument", "context", "_meta"}),
        CallMethod.TASK_GET: frozenset({TASK_ID, "_meta"}),
        CallMethod.TASK_UPDATE: frozenset({TASK_ID, ANSWERS, "_meta"}),
        CallMethod.TASK_CANCEL: frozenset({TASK_ID, "_meta"}),
    }
)
WITH_ROUNDS: Final = frozenset({CallMethod.TOOL, CallMethod.PROMPT, CallMethod.RESOURCE})
_ROUND_MEMBERS: Final = frozenset({ANSWERS, STATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The parameters of one call; `dropped` are the members that no method has.

    What is asked of an mcp task has no `name` and no `arguments` yet: they are sealed in its handle, which is the `state`.
    """

    kind: ItemKind
    name: str
    arguments: JsonObject
    answers: JsonObject | None = None
    state: str | None = None
    dropped: tuple[str, ...] = ()


def read_params(method: CallMethod, params: JsonObject, *, has_rounds: bool) -> Asked:
    """Return what the parameters say; `has_rounds` where the era lets a call be made again with answers.

    Raises `Refused(MALFORMED)` (-32602) naming the member that has not its form.
    """
    match method:
        case CallMethod.TOOL:
            kind, name, arguments = ItemKind.TOOL, _name(params, "name"), _object(params.get("arguments", {}))
        case CallMethod.PROMPT:
            kind, name, arguments = ItemKind.PROMPT, _name(params, "name"), _texts(params.get("arguments", {}))
        case CallMethod.COMPLETE:
            kind, name = _reference(params.get("ref"))
            arguments = _completion(params)
        case CallMethod.TASK_GET | CallMethod.TASK_UPDATE | CallMethod.TASK_CANCEL:
            return _of_mcp_task(method, params)
        case _:
            kind, name = ItemKind.RESOURCE, _uri(params.get("uri"))
            arguments = {"uri": name}
    read = _MEMBERS[method]
    answers: JsonObject | None = None
    state: str | None = None
    if has_rounds and method in WITH_ROUNDS and not _ROUND_MEMBERS.isdisjoint(params):
        answers, state = _answers(params), _state(params)
        read |= _ROUND_MEMBERS
    dropped = () if params.keys() <= read else tuple(key for key in params if key not in read)
    return Asked(kind=kind, name=name, arguments=arguments, answers=answers, state=state, dropped=dropped)


def _of_mcp_task(method: CallMethod, params: JsonObject) -> Asked:
    handle, answers = params.get(TASK_ID), None
    if not isinstance(handle, str) or not 0 < len(handle) <= _STATE_LENGTH_MAX:
        raise _invalid(f"`{TASK_ID}` must be a string, as it was given")
    if method is CallMethod.TASK_UPDATE:
        answers = _answers(params)
        if answers is None:
            raise _invalid(f"`{ANSWERS}` is missing")
    dropped = tuple(key for key in params if key not in _MEMBERS[method])
    return Asked(kind=ItemKind.TOOL, name="", arguments={}, answers=answers, state=handle, dropped=dropped)


def _name(holder: JsonObject, member: str) -> str:
    name = holder.get(member)
    if not isinstance(name, str) or not 0 < len(name) <= _NAME_LENGTH_MAX:
        raise _invalid(f"`{member}` must be a string of 1 to {_NAME_LENGTH_MAX} characters")
    return name


def _uri(value: Json) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _URI_LENGTH_MAX:
        raise _invalid(f"`uri` must be a string of 1 to {_URI_LENGTH_MAX} characters")
    return value


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise _invalid("`arguments` must be an object")
    return value


def _texts(value: Json) -> JsonObject:
    if not all(isinstance(one, str) for one in _object(value).values()):
        raise _invalid("`arguments` of a prompt are strings")
    return _object(value)


def _reference(ref: Json) -> tuple[ItemKind, str]:
    match ref:
        case {"type": "ref/prompt", "name": name}:
            return ItemKind.PROMPT, _name({"ref/name": name}, "ref/name")
        case {"type": "ref/resource", "uri": uri}:
            return ItemKind.RESOURCE, _uri(uri)
        case _:
            raise _invalid(f"`ref` must be of the type `{PROMPT_REFERENCE}` or `{RESOURCE_REFERENCE}`")


def _completion(params: JsonObject) -> JsonObject:
    match params.get("argument"):
        case {"name": str(name), "value": str(value)}:
            arguments: JsonObject = {"argument": {"name": name, "value": value}}
        case _:
            raise _invalid("`argument` must have a `name` and a `value`, both strings")
    match params.get("context"):
        case None:
            pass
        case {"arguments": dict(known)}:
            if name in known:  # which of the two is judged, and which is read, must not be two questions
                raise _invalid("`context` must not hold the argument that is being completed")
            arguments["context"] = {"arguments": _texts(known)}
        case {**rest} if "arguments" not in rest:
            pass
        case _:
            raise _invalid("`context` must be an object whose `arguments` are an object")
    return arguments


def _answers(params: JsonObject) -> JsonObject | None:
    if ANSWERS not in params:
        return None
    answers = params[ANSWERS]
    if not isinstance(answers, dict) or not all(isinstance(answer, dict) for answer in answers.values()):
        raise _invalid(f"`{ANSWERS}` must be an object of objects")
    return answers


def _state(params: JsonObject) -> str | None:
    if STATE not in params:
        return None
    state = params[STATE]
    if not isinstance(state, str) or len(state) > _STATE_LENGTH_MAX:
        raise _invalid(f"`{STATE}` must be a string, as it was given")
    return state


def _invalid(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, sentence=detail, code=INVALID_PARAMS)
