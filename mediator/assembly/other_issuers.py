"""What is done for the tokens of other issuers: their keys are learnt, and a task is opened for one that brings its own.

Fills `OtherIssuers`. A task that a token opens is on record before it is stored, as one is that a statement opens; it has
the id that its token comes to, so that the same token never opens a second one, also when the first was ended.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.desk import noted_grant
from mediator.assembly.published_keys import PublishedKeys
from mediator.identity.identify import Identified
from mediator.mediation.freeze import names_of
from mediator.mediation.ports import Ledger, TrustSource
from mediator.mediation.scopes import open_for_scopes
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherIssuers:
    """Opens tasks within what the settings say of each issuer."""

    settings: Settings
    published: PublishedKeys
    trust: TrustSource
    store: SqliteStore
    ledger: Ledger
    base_url: str

    async def learn(self, issuer: str) -> bool:
        """Look once more at the keys that this issuer publishes; as `PublishedKeys.learn`."""
        return await self.published.learn(issuer)

    def open(self, identity: Identified, now_ms: int) -> None:
        """Open the task that this identity's token brings.

        Raises `Refused`: as `open_for_scopes`; `FROZEN` where who it says acts or answers is stopped; `RATE_LIMITED` where
        the agent holds enough; what ledger and store raise.
        """
        issuer = self.settings.find_issuer(identity.claims.issuer)
        if issuer is None or not issuer.opens_tasks:
            raise Refused(Reason.GRANT_UNKNOWN, f"no token of `{identity.claims.issuer}` opens a task here")
        grant, evidence = open_for_scopes(
            identity,
            pin_serial=self.trust.snapshot().pins.serial,
            audience=self.base_url,
            minutes=issuer.minutes,
            salt=secrets.token_hex(16),
            now_ms=now_ms,
        )
        if stopped := sorted(self.store.list_frozen() & names_of((grant,))):
            raise Refused(Reason.FROZEN, f"frozen: {', '.join(stopped)}")
        if self.store.count_open(grant.agent, now_ms) >= self.settings.delegation.open_tasks_per_agent_max:
            raise Refused(Reason.RATE_LIMITED, f"`{grant.agent}` holds enough live tasks")
        self.ledger.note("task.opened", noted_grant(grant, grant.issuer), now_ms)
        self.store.open_grant(grant, evidence)
