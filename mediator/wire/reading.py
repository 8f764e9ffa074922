"""Reading: what one arrival asks for, read once and strictly; and the frame in which it is answered.

Pure. `read` is the first step of the corridor and the only reader of an arrival's bytes: whoever has a reading looks
at them no more. What the table of methods does not name is refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never

from mediator.canonical import DEFAULT_LIMITS, JsonLimits, parse_json
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.call import Call, parse_call
from mediator.wire.envelope import Envelope, classify, guess_era
from mediator.wire.frame import Frame
from mediator.wire.jsonrpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Notification,
    Request,
    RequestId,
    Response,
    find_request_id,
    parse_message,
)
from mediator.wire.methods import (
    MCP_TASK_METHODS,
    NOTIFICATIONS,
    REQUESTS,
    CallMethod,
    Era,
    ListMethod,
    LogLevel,
    NoticePath,
    Path,
)
from mediator.wire.receiver import EXTENSIONS, NO_CAPABILITIES, TASKS, Capabilities, read_capabilities, read_level

__all__ = [
    "Discover",
    "Frame",
    "Initialize",
    "ListItems",
    "Listen",
    "Notice",
    "Ping",
    "Reading",
    "SetLevel",
    "frame_of",
    "read",
]

_VERSION_LENGTH_MAX: Final = 64  # ten characters so far
_SUBSCRIPTIONS_MAX: Final = 100  # resources in one request; ours

LISTENED_BY: Final = MappingProxyType(
    {
        ListMethod.TOOLS: "toolsListChanged",
        ListMethod.PROMPTS: "promptsListChanged",
        ListMethod.RESOURCES: "resourcesListChanged",
    }
)
"""By which member of `subscriptions/listen` the caller asks to hear that a list changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItems:
    """One of the four lists; `cursor` as it came, believed by nobody."""

    frame: Frame
    method: ListMethod
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discover:
    """`server/discover`."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialize:
    """`initialize`; `version` is the one asked for, which may be none that is served."""

    frame: Frame
    version: str
    capabilities: Capabilities = NO_CAPABILITIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """`ping`."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLevel:
    """`logging/setLevel`: how grave log messages must be from now on to be sent in this session."""

    frame: Frame
    level: LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """`subscriptions/listen`: which changes the caller wants to hear of (MCP 2026-07-28, `basic/patterns/subscriptions`).

    `lists` are the lists of which it wants to hear that they changed, `calls` the subscriptions to single resources.
    """

    frame: Frame
    lists: frozenset[ListMethod]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What wants no answer: a notification, or an answer to what was asked of the agent (its method is empty).

    `cancels` is the request that a cancellation names, if it names one; `answer` the answer.
    """

    frame: Frame
    path: NoticePath
    method: str
    cancels: RequestId | None
    answer: Response | None = None


Reading: TypeAlias = Call | ListItems | Discover | Initialize | Ping | SetLevel | Listen | Notice


def read(arrival: Arrival, limits: JsonLimits = DEFAULT_LIMITS, extensions: Collection[str] = EXTENSIONS) -> Reading:
    """Return what the arrival asks for; of `extensions` alone anything is heard.

    Raises `Refused` and nothing else, whatever came: `BODY_TOO_LARGE`, `HEADER_MISMATCH`, `METHOD_NOT_ALLOWED`, or
    `MALFORMED` with the protocol's own code.
    """
    message = parse_message(arrival.body, limits)
    match message:
        case Request():
            return _read_request(arrival, message, extensions)
        case Notification():
            return _read_notification(arrival, message)
        case Response():
            frame = _frame(arrival, guess_era(arrival, {}), None, None, None)
            return Notice(frame=frame, path=NoticePath.DROP, method="", cancels=None, answer=message)
        case _:
            assert_never(message)


def frame_of(arrival: Arrival, limits: JsonLimits = DEFAULT_LIMITS) -> Frame:
    """Return the frame to refuse an arrival in, as far as it can be read. Never raises.

    It parses the body once more, so it is for refusals: a reading has its frame.
    """
    try:
        value = parse_json(arrival.body, limits)
    except Refused:
        value = None
    members = value if isinstance(value, dict) else {}
    method = members.get("method")
    if not isinstance(method, str):  # not a call of ours to answer: an id in it would be somebody else's
        return _frame(arrival, guess_era(arrival, members), None, None, None)
    return _frame(arrival, guess_era(arrival, members), None, find_request_id(members), method)


def _read_request(arrival: Arrival, request: Request, extensions: Collection[str]) -> Reading:
    envelope = classify(arrival, request)
    path = REQUESTS.get((envelope.era, request.method))
    if path is None or (request.method in MCP_TASK_METHODS and TASKS not in extensions):
        raise Refused(Reason.METHOD_NOT_ALLOWED, f"`{request.method[:64]}`", code=METHOD_NOT_FOUND)
    if path is Path.CALL:
        return parse_call(arrival, request, envelope, CallMethod(request.method), extensions)
    frame = _frame(arrival, envelope.era, envelope.version, request.id, request.method)
    match path:
        case Path.LIST:
            return ListItems(frame=frame, method=ListMethod(request.method), cursor=_optional_string(request, "cursor"))
        case Path.DISCOVER:
            return Discover(frame=frame)
        case Path.INITIALIZE:
            capabilities = read_capabilities(request.params.get("capabilities"))
            return Initialize(frame=frame, version=_asked_version(request), capabilities=capabilities)
        case Path.PING:
            return Ping(frame=frame)
        case Path.SET_LEVEL:
            return SetLevel(frame=frame, level=_asked_level(request))
        case Path.LISTEN:
            return _listen(frame, arrival, request, envelope)
        case _:
            assert_never(path)


def _read_notification(arrival: Arrival, notification: Notification) -> Notice:
    envelope = classify(arrival, notification)
    path = NOTIFICATIONS.get((envelope.era, notification.method), NoticePath.DROP)
    return Notice(
        frame=_frame(arrival, envelope.era, envelope.version, None, notification.method),
        path=path,
        method=notification.method,
        cancels=_cancelled(notification) if path is NoticePath.CANCEL else None,
    )


def _cancelled(notification: Notification) -> RequestId | None:
    """Return the request that is named; a cancellation that names none cancels nothing, and is no error."""
    return find_request_id({"id": notification.params.get("requestId")})


def _asked_version(request: Request) -> str:
    version = request.params.get("protocolVersion")
    if not isinstance(version, str) or not 0 < len(version) <= _VERSION_LENGTH_MAX:
        raise _invalid("`protocolVersion` must be a string")
    return version


def _asked_level(request: Request) -> LogLevel:
    level = read_level(request.params.get("level"))
    if level is None:
        raise _invalid(f"`level` must be one of {', '.join(LogLevel)}")
    return level


def _listen(frame: Frame, arrival: Arrival, request: Request, envelope: Envelope) -> Listen:
    asked = request.params.get("notifications", {})
    if not isinstance(asked, dict):
        raise _invalid("`notifications` must be an object")
    uris = asked.get("resourceSubscriptions", [])
    if not isinstance(uris, list) or len(uris) > _SUBSCRIPTIONS_MAX:
        raise _invalid(f"`resourceSubscriptions` must be a list of at most {_SUBSCRIPTIONS_MAX} URIs")
    lists = {method for method, member in LISTENED_BY.items() if asked.get(member) is True}
    calls = [
        parse_call(arrival, replace(request, params={"uri": uri}), envelope, CallMethod.SUBSCRIBE)
        for uri in dict.fromkeys(uri for uri in uris if isinstance(uri, str))
    ]
    return Listen(frame=frame, lists=frozenset(lists), calls=tuple(calls))


def _optional_string(request: Request, member: str) -> str | None:
    if member not in request.params:
        return None
    value = request.params[member]
    if not isinstance(value, str):
        raise _invalid(f"`{member}` must be a string")
    return value


def _frame(arrival: Arrival, era: Era, version: str | None, request_id: RequestId | None, method: str | None) -> Frame:
    return Frame(request_id=request_id, era=era, version=version, transport=arrival.transport, method=method)


def _invalid(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, sentence=detail, code=INVALID_PARAMS)
