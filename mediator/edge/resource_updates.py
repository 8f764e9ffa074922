"""ResourceUpdates: who subscribed to which resource of a tool server, and so hears that it has changed.

A subscription was a decision; that a resource changed is none. So it is told alone *that* it changed, to whom subscribed
to exactly this one; what it is now is asked for, and decided anew. A subscription ends with its session or stream, with
its task, or when it is taken back. Their number is bounded for each of those who listen: the oldest makes room.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final, TypeAlias

from mediator.edge.outbox import Outbox
from mediator.mediation.reply import Subscription

_SUBSCRIPTIONS_MAX: Final = 1000  # of one session or stream; ours

_Resource: TypeAlias = "tuple[str, str]"
_Key: TypeAlias = "tuple[str, str, str]"  # server, URI, task


class ResourceUpdates:
    """Fills the port `UpdateWatch`."""

    def __init__(self) -> None:
        self._of_outbox: dict[Outbox, dict[_Key, None]] = {}
        self._of_resource: dict[_Resource, dict[tuple[Outbox, str], None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._of_outbox.values()))

    @property
    def tasks(self) -> frozenset[str]:
        """Every task in which somebody subscribed."""
        return frozenset(task for keys in self._of_outbox.values() for _, _, task in keys)

    def take(self, subscription: Subscription, outbox: Outbox) -> None:
        """Begin to tell of a resource, or end it."""
        key = (subscription.server, subscription.uri, subscription.task)
        if subscription.is_over:
            self._end(outbox, key)
            return
        if outbox.is_closed:
            return
        own = self._of_outbox.setdefault(outbox, {})
        if key not in own and len(own) >= _SUBSCRIPTIONS_MAX:
            self._end(outbox, next(iter(own)))
        self._of_outbox.setdefault(outbox, own)[key] = None
        self._of_resource.setdefault(key[:2], {})[outbox, subscription.task] = None

    def updated(self, server: str, uri: str, task: str | None) -> None:
        """Tell those of this task who subscribed to it (of any task where that is None); never waits, never raises."""
        for outbox, own in self._of_resource.get((server, uri), {}):
            if task is None or own == task:
                outbox.updated(uri)

    def forget(self, outbox: Outbox) -> None:
        """End every subscription of a session or stream that has ended."""
        for key in list(self._of_outbox.get(outbox, ())):
            self._end(outbox, key)

    def end_task(self, task: str) -> None:
        """End every subscription of a task that has ended."""
        for outbox, keys in list(self._of_outbox.items()):
            for key in [key for key in keys if key[2] == task]:
                self._end(outbox, key)

    def _end(self, outbox: Outbox, key: _Key) -> None:
        own = self._of_outbox.get(outbox, {})
        if key not in own:
            return
        del own[key]
        if not own:
            del self._of_outbox[outbox]
        hearing = self._of_resource[key[:2]]
        del hearing[outbox, key[2]]
        if not hearing:
            del self._of_resource[key[:2]]
