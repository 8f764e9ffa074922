"""The desk: tasks are opened, shown and completed here, each by a statement; and their tokens are minted.

What is asked for comes from the command line, over the control socket, or from a session in this process: the same
signed statement in each case, so that who asks never depends on who could reach the socket.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mediator.adapters.minter_jwt import mint
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.identity.dsse import PublicKey, SigningKey
from mediator.identity.statement import Act, Keyholder, Keyholders, Operators, ProfileKey, verify_statement
from mediator.mediation.ports import Clock, Ledger, TrustSource
from mediator.mediation.tasks import may_complete, open_task
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Obeys statements about tasks. `ended` is told when a task is over, to end what was started for it."""

    settings: Settings
    operators: Operators
    trust: TrustSource
    store: SqliteStore
    ledger: Ledger
    clock: Clock
    issuer_key: SigningKey
    base_url: str
    ended: Callable[[str], Awaitable[None]]

    def open(self, raw: bytes) -> Grant:
        """Open the task that this statement asks for: record, then store.

        Raises `Refused`: as `verify_statement` and `open_task`; `NOT_COVERED` for a task id that is taken.
        """
        statement = verify_statement(raw, self._keyholders(), Act.TASK_OPEN)
        now_ms = self.clock.now_ms()
        grant = open_task(
            statement,
            profiles=self.settings.agents,
            limits=self.settings.delegation,
            pin_serial=self.trust.snapshot().pins.serial,
            issuer=self._local_issuer(),
            audience=self.base_url,
            salt=secrets.token_hex(16),
            now_ms=now_ms,
        )
        if self.store.find_grant(grant.id) is not None:
            raise Refused(Reason.NOT_COVERED, f"there is a task `{grant.id}` already: a statement opens one task, once")
        self.ledger.note("task.opened", _noted(grant, statement.who), now_ms)
        self.store.open_grant(grant, raw)
        return grant

    def token(self, grant_id: str) -> tuple[Secret, int]:
        """Return a fresh token of our issuer for this task, and the seconds that it lives.

        Raises `Refused`: `GRANT_UNKNOWN`, `TASK_COMPLETED`, `GRANT_REVOKED`, `GRANT_EXPIRED`; `NOT_COVERED` for a task
        whose tokens another issuer makes.
        """
        grant, now_ms = self._live(grant_id), self.clock.now_ms()
        if not self.makes_tokens_for(grant):
            raise Refused(Reason.NOT_COVERED, f"tokens for `{grant_id}` are made by `{grant.issuer}`")
        seconds = min(self.settings.delegation.token_minutes_max * 60, (grant.expires_ms - now_ms) // 1000)
        return mint(grant, self.issuer_key, now_ms=now_ms, seconds=seconds), seconds

    def makes_tokens_for(self, grant: Grant) -> bool:
        """Tell whether this task's tokens are ours to make."""
        return grant.issuer == self._local_issuer()

    async def complete(self, raw: bytes) -> Grant:
        """Complete the task that this statement names, and end what was started for it.

        Raises `Refused`: as `verify_statement` and `may_complete`; `GRANT_UNKNOWN`.
        """
        statement = verify_statement(raw, self._keyholders(), Act.TASK_COMPLETE)
        grant = self._stored(str(statement.subject.get("id")))
        now_ms = self.clock.now_ms()
        may_complete(statement, grant, self.settings.agents, now_ms)
        await self.end(grant.id, statement.who)
        return grant

    async def end(self, grant_id: str, who: str) -> None:
        """Complete a task whose session is over: dead at the next call, then what was started for it is ended."""
        self.store.end_grant(grant_id, GrantState.COMPLETED, f"completed by {who}")
        self.ledger.note("task.completed", {"task": grant_id, "who": who}, self.clock.now_ms())
        await self.ended(grant_id)

    def show(self, grant_id: str) -> JsonObject:
        """Return what a person may see of a task; raises `Refused(GRANT_UNKNOWN)`."""
        grant = self._stored(grant_id)
        return task_facts(grant) | {"calls": self.store.gather(grant_id).calls}

    def _live(self, grant_id: str) -> Grant:
        grant = self._stored(grant_id)
        if grant.state is GrantState.COMPLETED:
            raise Refused(Reason.TASK_COMPLETED, f"task `{grant_id}` was completed")
        if grant.state is GrantState.REVOKED:
            raise Refused(Reason.GRANT_REVOKED, f"task `{grant_id}` was revoked")
        if grant.expires_ms <= self.clock.now_ms():
            raise Refused(Reason.GRANT_EXPIRED, f"task `{grant_id}` has expired")
        return grant

    def _stored(self, grant_id: str) -> Grant:
        grant = self.store.find_grant(grant_id)
        if grant is None:
            raise Refused(Reason.GRANT_UNKNOWN, f"there is no task `{grant_id[:64]}`")
        return grant

    def _local_issuer(self) -> str:
        issuer = self.settings.local_issuer()
        if issuer is None:
            raise Refused(Reason.UNKNOWN_ISSUER, "no `[[issuer]]` has `local = true`: nobody here makes tokens")
        return self.base_url

    def _keyholders(self) -> Keyholders:
        """Operators, and the agents' profile keys; where a key is both, it is only an agent's."""
        holders: dict[str, Keyholder] = dict(self.operators)
        for profile in self.settings.agents:
            if profile.key is not None:
                key = PublicKey.from_text(profile.key)
                holders[key.keyid] = ProfileKey(name=profile.name, public=key)
        return holders


def task_facts(grant: Grant) -> JsonObject:
    """Return a task as people read it."""
    return {
        "task": grant.id,
        "agent": grant.agent,
        "owner": grant.owner,
        "purpose": grant.purpose,
        "state": str(grant.state),
        "tools": [entry.pattern for entry in grant.authority.entries],
        "effects": list[Json](sorted({effect for entry in grant.authority.entries for effect in entry.effects})),
        "opened_ms": grant.opened_ms,
        "expires_ms": grant.expires_ms,
        "max_calls": grant.max_calls,
    }


def profile_named(settings: Settings, name: str) -> AgentSettings:
    """Return the profile; raises `Refused(MALFORMED)` naming those there are."""
    profile = settings.find_agent(name)
    if profile is None:
        known = ", ".join(f"`{agent.name}`" for agent in settings.agents) or "none"
        raise Refused(Reason.MALFORMED, f"there is no `[[agent]]` named `{name}` in mediator.toml; there is {known}")
    return profile


def _noted(grant: Grant, who: str) -> JsonObject:
    facts = {key: value for key, value in task_facts(grant).items() if key not in {"purpose", "state"}}
    return {**facts, "who": who, "statement": grant.statement_digest, "pin_serial": grant.authority.pin_serial}
