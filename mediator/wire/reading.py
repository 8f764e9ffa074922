"""Reading: what one arrival asks for, read once and strictly; and the frame in which it is answered.

Pure. `read` is the first step of the corridor and the only reader of an arrival's bytes: whoever has a reading looks
at them no more. What the table of methods does not name is refused.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from mediator.canonical import DEFAULT_LIMITS, JsonLimits, parse_json
from mediator.refusal import Reason, Refused
from mediator.wire.arrival import Arrival
from mediator.wire.envelope import classify, guess_era
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
from mediator.wire.methods import NOTIFICATIONS, REQUESTS, Era, NoticePath, Path
from mediator.wire.tool_call import ToolCall, parse_tool_call

__all__ = ["Discover", "Frame", "Initialize", "ListTools", "Notice", "Ping", "Reading", "frame_of", "read"]

_VERSION_LENGTH_MAX: Final = 64  # ten characters so far


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTools:
    """`tools/list`; `cursor` as it came, believed by nobody."""

    frame: Frame
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """`ping`."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What wants no answer: a notification, or an answer to something that we never asked (its method is empty).

    `cancels` is the request that a cancellation names, if it names one.
    """

    frame: Frame
    path: NoticePath
    method: str
    cancels: RequestId | None


Reading: TypeAlias = ToolCall | ListTools | Discover | Initialize | Ping | Notice


def read(arrival: Arrival, limits: JsonLimits = DEFAULT_LIMITS) -> Reading:
    """Return what the arrival asks for.

    Raises `Refused` and nothing else, whatever came: `BODY_TOO_LARGE`, `HEADER_MISMATCH`, `METHOD_NOT_ALLOWED`, or
    `MALFORMED` with the protocol's own code.
    """
    message = parse_message(arrival.body, limits)
    match message:
        case Request():
            return _read_request(arrival, message)
        case Notification():
            return _read_notification(arrival, message)
        case Response():
            frame = _frame(arrival, guess_era(arrival, {}), None, None, None)
            return Notice(frame=frame, path=NoticePath.DROP, method="", cancels=None)
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


def _read_request(arrival: Arrival, request: Request) -> Reading:
    envelope = classify(arrival, request)
    path = REQUESTS.get((envelope.era, request.method))
    if path is None:
        raise Refused(Reason.METHOD_NOT_ALLOWED, f"`{request.method[:64]}`", code=METHOD_NOT_FOUND)
    if path is Path.CALL:
        return parse_tool_call(arrival, request, envelope)
    frame = _frame(arrival, envelope.era, envelope.version, request.id, request.method)
    match path:
        case Path.LIST:
            return ListTools(frame=frame, cursor=_optional_string(request, "cursor"))
        case Path.DISCOVER:
            return Discover(frame=frame)
        case Path.INITIALIZE:
            return Initialize(frame=frame, version=_asked_version(request))
        case Path.PING:
            return Ping(frame=frame)
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
