"""Whose grants are still theirs: at the start, when settings are read, grants of keys and agents that are gone are revoked.

Settings are read at the start alone, so that this is the one time at which an agent's key can have been replaced.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.desk import noted_revocation
from mediator.delegation.grant import Grant, GrantState
from mediator.mediation.ports import Clock, Ledger
from mediator.mediation.tasks import keyids_of
from mediator.settings.sections import Settings

_NONE: Final[Mapping[str, Collection[str]]] = MappingProxyType({})


def end_orphans(
    settings: Settings,
    store: SqliteStore,
    ledger: Ledger,
    clock: Clock,
    instances: Mapping[str, Collection[str]] = _NONE,
) -> None:
    """Revoke each live grant, with all below it, whose agent has no profile any more, or another key or workload than it had.

    `instances` are the key ids of processes that were launched for one task, by agent. Raises
    `Refused(STORE_UNAVAILABLE)`: then nothing starts.
    """
    keys = {profile.name: {*keyids_of(profile), *instances.get(profile.name, ())} for profile in settings.agents}
    prefixes = {one.issuer: f"{one.name}:" for one in settings.issuers if one.opens_tasks}
    for grant in store.list_live(clock.now_ms()):
        if (prefix := prefixes.get(grant.issuer)) is not None and grant.agent.startswith(prefix):
            continue  # its token opened it, and says who acts: there is no profile
        why = _why_orphaned(grant, keys)
        if why is not None and (ended := store.end_grant(grant.id, GrantState.REVOKED, why)):
            ledger.note("grant.revoked", noted_revocation(grant, ended, "settings", why), clock.now_ms())


def _why_orphaned(grant: Grant, keys: Mapping[str, Collection[str]]) -> str | None:
    if grant.agent not in keys:
        return "the agent has no profile any more"
    if grant.keyid is not None and grant.keyid not in keys[grant.agent]:
        return "the agent's key was replaced"
    return None
