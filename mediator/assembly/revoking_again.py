"""Tasks that tokens of other issuers opened are revoked in a store that forgot them: one that was lost, or is older than the ledger.

Every open grant of such a store is revoked, and a token that names a grant it does not hold names nothing. A token that
opens its task by itself would open it a second time, whoever had revoked the first: it is stored again, without authority.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.delegation.authority import Rights
from mediator.delegation.grant import Grant, GrantState
from mediator.identity.statement import DEFAULT_TENANT
from mediator.refusal import Reason, Refused


def revoke_again(store: SqliteStore, ledger: Path, now_ms: int, alarm: Callable[[str], None]) -> None:
    """Store each task as revoked that the ledger says a token opened, and that the store does not hold.

    Also of an issuer that the settings do not name today: they may tomorrow.

    Raises `Refused`: `LEDGER_UNAVAILABLE`, `STORE_UNAVAILABLE`; then nothing starts.
    """
    forgotten = 0
    for grant in _opened_by_tokens(ledger, now_ms):
        try:
            store.open_grant(grant, b"")
        except Refused as stop:
            if stop.reason is not Reason.CHAIN_INVALID:  # it is stored
                raise
        else:
            forgotten += 1
    if forgotten:
        alarm(f"the store had forgotten {forgotten} tasks that tokens of other issuers opened: they are revoked")


def _opened_by_tokens(ledger: Path, now_ms: int) -> Iterator[Grant]:
    for entry in find_entries(ledger, Wanted(kind="task.opened")).entries:
        match entry:
            case {"body": {"task": str(task), "agent": str(agent), "owner": str(owner), "who": str(issuer)}}:
                if ":" in agent:  # as no profile is called (`identity/terms.py`)
                    yield _revoked(task, agent, owner, issuer, now_ms)
            case _:  # nobody's
                continue


def _revoked(task: str, agent: str, owner: str, issuer: str, now_ms: int) -> Grant:
    return Grant(
        id=task,
        parent=None,
        root=task,
        agent=agent,
        agent_class="",
        team="",
        owner=owner,
        issuer=issuer,
        purpose="forgotten by the store",
        rights=Rights(entries=(), pin_serial=0),
        audience="",
        opened_ms=now_ms,
        expires_ms=now_ms,
        idle_ms=None,
        max_calls=None,
        depth=0,
        max_depth=0,
        keyid=None,
        is_connector=False,
        may_act=None,
        salt="",
        statement_digest=f"forgotten:{task}",
        tenant=DEFAULT_TENANT,
        state=GrantState.REVOKED,
    )
