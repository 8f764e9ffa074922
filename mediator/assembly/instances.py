"""Instances: processes that were launched for one task, each with a key of its own that lives no longer than the task.

A statement that opens a task may name the key of the one process that it is for. The key is kept with the statement, in
the store, and known again after a restart by that statement, which must still hold: where the key that signed it was
replaced, the instance's is worth nothing either. No key is two instances', not one after the other either: whoever kept
that of a process which has ended would have a part in the next one's task.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.canonical import SAFE_INTEGER
from mediator.delegation.chain import must_be_live
from mediator.delegation.grant import Grant
from mediator.identity.dsse import PublicKey
from mediator.identity.statement import Act, Keyholder, Keyholders, Operators, ProfileKey, verify_statement
from mediator.mediation.tasks import find_instance_key, keyids_of
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings


@final
class Instances:
    """The keys of instances, by agent and key id, each with its task."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], tuple[str, PublicKey]] = {}

    def add(self, grant: Grant, key: PublicKey) -> None:
        """Remember the key of the process that this task is for; forget those whose task is over."""
        now_ms = grant.opened_ms
        self._known = {name: known for name, known in self._known.items() if self._is_live(known[0], now_ms)}
        self._known[grant.agent, key.keyid] = (grant.id, key)

    def find(self, agent: str, keyid: str, now_ms: int) -> PublicKey | None:
        """Return the key, if an instance of this agent has it and its task is not over."""
        task, key = self._known.get((agent, keyid), (None, None))
        return None if task is None or not self._is_live(task, now_ms) else key

    def take(self, key: PublicKey, keyholders: Keyholders, now_ms: int) -> None:
        """Take note, for good, that this key is an instance's; raises `Refused(NOT_COVERED)` where it is or was anybody's."""
        is_anybodys = key.keyid in keyholders or any(keyid == key.keyid for _, keyid in self._known)
        if is_anybodys or not self._store.use_once(f"instance:{key.keyid}", SAFE_INTEGER, now_ms):
            raise Refused(
                Reason.NOT_COVERED,
                "the key of this instance is or was somebody's already, and each has its own",
                remedy="make a fresh key for each instance",
            )

    def keyids(self) -> Mapping[str, frozenset[str]]:
        """Return the key ids of each agent's instances."""
        return {agent: frozenset(keyid for other, keyid in self._known if other == agent) for agent, _ in self._known}

    def recall(self, settings: Settings, operators: Operators, now_ms: int) -> None:
        """Know again, after a restart, the instances whose tasks are not over; raises `Refused(STORE_UNAVAILABLE)`."""
        keyholders = keyholders_of(settings, operators)
        for grant in self._store.list_live(now_ms):
            profile = settings.find_agent(grant.agent)
            if grant.parent is not None or profile is None or grant.keyid in {None, *keyids_of(profile)}:
                continue
            stored = self._store.find_stored(grant.id)
            key = None if stored is None else _find_key(stored.statement, keyholders, grant)
            if key is not None:
                self._known[grant.agent, key.keyid] = (grant.id, key)

    def _is_live(self, task: str, now_ms: int) -> bool:
        circumstances = self._store.gather(task)
        try:
            for link in circumstances.grants:
                must_be_live(link, circumstances.last_used_ms, now_ms)
        except Refused:
            return False
        return bool(circumstances.grants)


def keyholders_of(settings: Settings, operators: Operators) -> Keyholders:
    """Return operators, and the agents' profile keys; where a key is both, it is only an agent's."""
    holders: dict[str, Keyholder] = dict(operators)
    for profile in settings.agents:
        if profile.key is not None:
            key = PublicKey.from_text(profile.key)
            holders[key.keyid] = ProfileKey(name=profile.name, public=key)
    return holders


def _find_key(statement: bytes, keyholders: Keyholders, grant: Grant) -> PublicKey | None:
    """Return the instance's key of the statement by which this very grant was opened, where it still holds."""
    try:
        verified = verify_statement(statement, keyholders, Act.TASK_OPEN)
        key = find_instance_key(verified.subject)
    except Refused:
        return None
    # The statement stands beside the grant, and is not under its MAC: its digest is.
    is_its_own = verified.digest == grant.statement_digest and key is not None and key.keyid == grant.keyid
    return key if is_its_own else None
