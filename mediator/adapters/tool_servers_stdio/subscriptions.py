"""Subscriptions: to which resources of one process somebody has subscribed, and what keeps that up.

A legacy process is asked for each resource by itself. Of a modern one there is one `subscriptions/listen` for all of
them, made anew whenever they change: the old one goes when the new one is acknowledged. Then each of the others passes the
fence once more: a URI whose grant is gone is not said again (P1). What several tasks have subscribed to stays until the
last of them leaves. Their number is bounded: the oldest makes room. A modern one that says when its lists change is listened
to from the beginning, also without any resource.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import anyio

from mediator.adapters.tool_servers_stdio.calls import Calls, Leg
from mediator.adapters.tool_servers_stdio.exchange import Asked, Exchange
from mediator.adapters.tool_servers_stdio.link import Link
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.inspection.result import Came, ToolResult, Waiting
from mediator.mediation.ports import Aside
from mediator.refusal import Reason, Refused
from mediator.wire import speech
from mediator.wire.hearing import Answer
from mediator.wire.jsonrpc import INVALID_PARAMS, Notification
from mediator.wire.methods import Era
from mediator.wire.speech import ENVELOPE, Forwarded, Tongue

_UPDATED: Final = "notifications/resources/updated"
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_SUBSCRIPTION_ID: Final = ENVELOPE + "subscriptionId"
_PARTING: Final = frozenset("/?#")  # RFC 3986 §3: where a path, a query or a fragment goes on
_NOT_HONOURED: Final[JsonObject] = {
    "code": INVALID_PARAMS,
    "message": "the tool server honours no subscription to this resource",
}


class Subscriptions:
    """Of one process."""

    def __init__(self, link: Link, calls: Calls, tongue: Tongue, updated: Callable[[str], None]) -> None:
        self._link, self._calls, self._tongue, self._updated = link, calls, tongue, updated
        self._tasks: dict[str, dict[str, Callable[[], None]]] = {}  # by URI: each task, and its permit's fence
        self._listening: Exchange | None = None
        self._opening: Exchange | None = None  # not acknowledged yet
        self._lock = anyio.Lock()  # one change at a time
        self._stays = False

    def begin(self) -> None:
        """Hear from now on when a list of a modern process changes; nobody waits until it listens."""
        if self._tongue.era is Era.MODERN:
            self._stays = True
            self._listen_to_lists()

    async def subscribe(self, forwarded: Forwarded, leg: Leg, aside: Aside, task: str) -> Came:
        """Let this task hear of the resource from now on; an error is an answer, as of any call."""
        uri = forwarded.name
        if self._tongue.era is Era.MODERN:
            async with self._lock:
                is_listening = self._listening is not None and not self._listening.has_ended
                if uri in self._tasks and is_listening:
                    leg.spring()
                    answer = _done()
                else:
                    answer = await self._listen({*self._standing(uri), uri}, uri, leg)
                if answer.error is None:
                    self._tasks.setdefault(uri, {})[task] = leg.check
                return answer
        self._standing(uri)
        self._tasks.setdefault(uri, {})  # before the first word about it can come
        outcome: Came | None = None
        try:
            outcome = await self._calls.call(forwarded, leg, aside)
        finally:
            if outcome is None or (not isinstance(outcome, Waiting) and outcome.is_error):
                if not self._tasks.get(uri):
                    self._tasks.pop(uri, None)
            else:
                self._tasks.setdefault(uri, {})[task] = leg.check
        return outcome

    async def unsubscribe(self, forwarded: Forwarded, leg: Leg, aside: Aside, task: str) -> Came:
        """Let this task hear of the resource no more."""
        uri = forwarded.name
        async with self._lock:
            tasks = self._tasks.get(uri, {})
            tasks.pop(task, None)
            if tasks:
                leg.spring()
                return _done()
            self._tasks.pop(uri, None)
            if self._tongue.era is Era.MODERN:
                return await self._listen(self._standing(), None, leg)
        return await self._calls.call(forwarded, leg, aside)

    def forget(self, task: str) -> None:
        """Take note that this task has ended; what nobody hears of is asked for no more at the next change."""
        for uri, tasks in tuple(self._tasks.items()):
            tasks.pop(task, None)
            if not tasks:
                del self._tasks[uri]

    def hears(self, notification: Notification) -> bool:
        """Hear what is said of a subscription; tell whether it was of use."""
        params = notification.params
        if notification.method == _UPDATED:
            uri = params.get("uri")
            if isinstance(uri, str) and any(_is_part(uri, known) for known in self._tasks):
                self._updated(uri)
                return True
        elif notification.method == _ACKNOWLEDGED:
            if (opening := self._opening) is not None and _is_about(notification, opening):
                self._opening = None
                return opening.say(notification, 0)
            return self._listening is not None and _is_about(notification, self._listening)
        return False

    def _standing(self, more: str | None = None) -> Collection[str]:
        """Return what is subscribed to and still rests on something, with room for one `more`; drop the rest."""
        for uri, tasks in tuple(self._tasks.items()):
            gone = [task for task, check in tasks.items() if not _passes(check)]
            for task in gone:
                del tasks[task]
            if gone and not tasks:
                del self._tasks[uri]
        while more is not None and more not in self._tasks and len(self._tasks) >= self._link.limits.subscribed_max:
            del self._tasks[next(iter(self._tasks))]
        return tuple(self._tasks)

    async def _listen(self, uris: Collection[str], wanted: str | None, leg: Leg) -> ToolResult:
        """Ask to hear of these resources, and of no others; return once that holds, or an error where `wanted` is not heard of."""
        in_flight, old = self._link.in_flight, self._listening
        self._link.refuse_if_over()
        self._link.refuse_if_deaf()
        leg.spring()  # nothing is awaited from here to the first byte
        if not uris:
            self._listening = None
            if self._stays:
                self._listen_to_lists()
            if old is not None:
                in_flight.close(old)
            return _done()
        request_id = in_flight.next_id()
        new = self._opening = in_flight.open(request_id, leg.result_bytes_max)
        self._link.write(speech.listen_message(self._tongue, request_id, sorted(uris)))
        said: Notification | Asked | Answer | None = None
        try:
            with anyio.move_on_after(leg.within_seconds):
                said = await new.next()
        finally:
            self._opening = None
            if not isinstance(said, Notification):
                in_flight.close(new)
        if said is None:
            raise Refused(Reason.DEADLINE_PASSED, "it acknowledged no subscription within the call's deadline")
        if not isinstance(said, Notification):  # it does not listen, or not any more
            return _done(said.error if isinstance(said, Answer) and said.error is not None else _NOT_HONOURED)
        self._listening = new
        if old is not None:
            in_flight.close(old)
        return _done() if wanted is None or wanted in _honoured(said) else _done(_NOT_HONOURED)

    def _listen_to_lists(self) -> None:
        """Listen to no resource; whether it does is not waited for."""
        in_flight = self._link.in_flight
        request_id = in_flight.next_id()
        self._listening = in_flight.open(request_id, self._link.limits.hearing.result_bytes_max)
        self._link.write(speech.listen_message(self._tongue, request_id, ()))


def _is_about(notification: Notification, listening: Exchange) -> bool:
    """Tell whether it is said of this request to listen."""
    meta = notification.params.get("_meta")
    about = meta.get(_SUBSCRIPTION_ID) if isinstance(meta, dict) else None
    return type(about) is int and about == listening.request_id  # JSON's `true` and 1.0 equal 1 here


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except Refused:
        return False
    return True


def _is_part(uri: str, known: str) -> bool:
    """Tell whether it is the resource or a part of it. MCP, schema: a part of what was subscribed to may be what changed."""
    return uri == known or (uri.startswith(known) and (known[-1:] in _PARTING or uri[len(known)] in _PARTING))


def _honoured(acknowledged: Notification) -> Collection[Json]:
    notifications = acknowledged.params.get("notifications")
    uris = notifications.get("resourceSubscriptions") if isinstance(notifications, dict) else None
    return uris if isinstance(uris, list) else ()


def _done(error: JsonObject | None = None) -> ToolResult:
    """Return the answer to a change of which the process itself answers nothing."""
    result: JsonObject | None = {} if error is None else None
    return ToolResult(result=result, error=error, size_bytes=len(canonical_bytes(error or {})), noise=0)
