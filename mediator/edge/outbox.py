"""Outbox: what is to be told to one session, or on one stream, that is no part of an answer.

It holds that a list has changed, and that a resource has; each once, however often that happened before it could be
told, so that whoever does not read costs no more than what it subscribed to. It says what changed, and never how: the
agent asks for that, and is answered under its authority of that time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import anyio

from mediator.edge.list_changes import ListChanges
from mediator.mediation.message import Message, list_changed_message, updated_message
from mediator.wire.jsonrpc import RequestId
from mediator.wire.methods import ListMethod

CHANGING: Final = (ListMethod.TOOLS, ListMethod.PROMPTS, ListMethod.RESOURCES)
"""The lists of which the protocol has a word that they changed."""

_WAITING_MAX: Final = (
    1000  # as many as one session or stream subscribes to; whoever changes that often loses the oldest
)

_Changed: TypeAlias = "tuple[ListMethod | None, str]"


def _forget_nothing(outbox: Outbox) -> None:
    """Stand in where nobody writes to an outbox."""


class Outbox:
    """What waits to be told. `subscription` is the request to listen that it answers (modern), if it is one."""

    def __init__(
        self,
        changes: ListChanges,
        lists: Collection[ListMethod] = CHANGING,
        subscription: RequestId | None = None,
        forget: Callable[[Outbox], None] = _forget_nothing,
    ) -> None:
        self._changes: Final = changes
        self._lists: Final = lists
        self._subscription: Final = subscription
        self._forget: Final = forget
        self._seen = changes.count
        self._quiet_until = -math.inf
        self._waiting: dict[_Changed, None] = {}
        self._woken = anyio.Event()
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def updated(self, uri: str) -> None:
        """Have it told that this resource has changed; never waits, never raises."""
        if self.is_closed:
            return
        if len(self._waiting) >= _WAITING_MAX and (None, uri) not in self._waiting:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[None, uri] = None
        self._woken.set()

    def close(self) -> None:
        """Tell nothing more; whoever waits for it is told so."""
        self.is_closed = True
        self._waiting.clear()
        self._woken.set()
        self._forget(self)

    async def next(self) -> Message | None:
        """Return what is to be told next, once there is something; None when the outbox was closed.

        What is returned is told by whoever asked, and by nobody else. Lists are told at most once in the quiet time.
        """
        with self._changes.waking(self._wake):
            while not self.is_closed:
                self._take_changes()
                if self._waiting:
                    changed = next(iter(self._waiting))
                    del self._waiting[changed]
                    return self._message(changed)
                if self._woken.is_set():
                    self._woken = anyio.Event()
                due = self._quiet_until if self._has_changes() else math.inf
                with anyio.CancelScope(deadline=due):
                    await self._woken.wait()
        return None

    def _wake(self) -> None:
        self._woken.set()

    def _has_changes(self) -> bool:
        return bool(self._lists) and self._changes.count != self._seen

    def _take_changes(self) -> None:
        if self._has_changes() and anyio.current_time() >= self._quiet_until:
            self._seen = self._changes.count
            self._quiet_until = anyio.current_time() + self._changes.quiet_seconds
            self._waiting |= {(method, ""): None for method in CHANGING if method in self._lists}

    def _message(self, changed: _Changed) -> Message:
        method, uri = changed
        if method is None:
            return updated_message(uri, self._subscription)
        return list_changed_message(method, self._subscription)
