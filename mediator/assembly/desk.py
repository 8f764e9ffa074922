"""The desk: tasks are opened, shown and completed here, each by a statement; and their tokens are minted.

What is asked for comes from the command line, over the control socket, or from a session in this process: the same
signed statement in each case, so that who asks never depends on who could reach the socket.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from mediator.adapters.minter_jwt import mint
from mediator.adapters.store_sqlite.book import StoredGrant
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.assembly.instances import Instances, keyholders_of
from mediator.assembly.issuer import Issuer
from mediator.assembly.tripping import Tripping
from mediator.assembly.workloads import WorkloadKeys
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.delegation.chain import must_be_live
from mediator.delegation.grant import Grant, GrantState, entries_form
from mediator.evidence import Secret
from mediator.identity.confirmation import Confirmation
from mediator.identity.dsse import PublicKey
from mediator.identity.proof import VerifiedProof, prove_session, thumbprint_of
from mediator.identity.statement import Act, Keyholders, Operators, VerifiedStatement, verify_statement
from mediator.mediation.grant_acts import name_to_freeze, reason_to_revoke, renewed_until, rule_to_keep
from mediator.mediation.ports import Clock, Ledger, TrustSource
from mediator.mediation.proofs import Proofs
from mediator.mediation.spending import keys_of
from mediator.mediation.tasks import FRESH_MS, Opening, find_instance_key, may_complete, open_task
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings, Settings

PAGE_MAX: Final = 200  # grants
PAGE_BYTES_MAX: Final = 256 * 1024  # a quarter of what the control socket answers at most; one grant is far less


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Obeys statements about tasks and grants.

    `ended` is told when a task is over, `dropped` which grants below one are: to end what was started for them.
    """

    settings: Settings
    operators: Operators
    trust: TrustSource
    store: SqliteStore
    ledger: Ledger
    clock: Clock
    issuer: Issuer
    instances: Instances
    workload_keys: WorkloadKeys
    proofs: Proofs
    base_url: str
    tripping: Tripping
    ended: Callable[[str], Awaitable[None]]
    dropped: Callable[[Collection[str]], Awaitable[None]]

    def open(self, raw: bytes, started_by: JsonObject | None = None) -> Grant:
        """Open the task that this statement asks for: record, then store.

        `started_by` is what is known of the process that asked for it, for the record alone.
        Raises `Refused`: as `verify_statement` and `open_task`; `NOT_COVERED` for a task id that is taken.
        """
        return self._open(verify_statement(raw, self._keyholders(), Act.TASK_OPEN), raw, started_by)

    def open_session(self, raw: bytes, started_by: JsonObject | None) -> tuple[Grant, VerifiedProof | None]:
        """Open the task of a session, as `open`; return it with what proves each message: that its agent's key signed."""
        statement = verify_statement(raw, self._keyholders(), Act.TASK_OPEN)
        grant = self._open(statement, raw, started_by)
        is_its_own = grant.keyid is not None and statement.keyid == grant.keyid  # an owner's statement proves no agent
        return grant, prove_session(grant.id, statement.keyid) if is_its_own else None

    def _open(self, statement: VerifiedStatement, raw: bytes, started_by: JsonObject | None) -> Grant:
        now_ms = self.clock.now_ms()
        grant = open_task(statement, self.opening(now_ms))
        instance_key = find_instance_key(statement.subject)
        if self.store.find_grant(grant.id) is not None:
            raise Refused(Reason.NOT_COVERED, f"there is a task `{grant.id}` already: a statement opens one task, once")
        self._use_up(statement, now_ms)
        noted = noted_grant(grant, statement.who)
        if instance_key is not None:
            self._take(instance_key, grant, statement, now_ms)
            noted["instance_key"] = instance_key.keyid
        if started_by is not None:
            noted["started_by"] = started_by
        self.ledger.note("task.opened", noted, now_ms)
        self.store.open_grant(grant, raw)
        if instance_key is not None:
            self.instances.add(grant, instance_key)
        return grant

    def _take(self, key: PublicKey, grant: Grant, statement: VerifiedStatement, now_ms: int) -> None:
        """Take the key of an instance; one that is somebody's already is refused, and on record: there is a copy of it."""
        try:
            self.instances.take(key, self._keyholders(), now_ms)
        except Refused as stop:
            if stop.reason is Reason.NOT_COVERED:
                told: JsonObject = {"instance_key": key.keyid, "agent": grant.agent, "who": statement.who}
                self.ledger.note("instance.refused", told | {"statement": statement.digest}, now_ms)
            raise

    def _use_up(self, statement: VerifiedStatement, now_ms: int) -> None:
        """Take note that the statement was obeyed, for as long as it is fresh; raises `Refused(PROOF_REPLAYED)`."""
        if not self.store.use_once(f"statement:{statement.digest}", statement.at + 2 * FRESH_MS, now_ms):
            raise Refused(Reason.PROOF_REPLAYED, "this statement was obeyed already, and is obeyed once")

    def opening(self, now_ms: int) -> Opening:
        """Return what every task is opened with now; raises `Refused` as `TrustSource.snapshot`, and `UNKNOWN_ISSUER`."""
        return Opening(
            profiles=self.settings.agents,
            limits=self.settings.delegation,
            pin_serial=self.trust.snapshot().pins.serial,
            issuer=self.local_issuer(),
            audience=self.base_url,
            salt=secrets.token_hex(16),
            now_ms=now_ms,
        )

    def token(self, grant_id: str, bound_to: Confirmation | None = None) -> tuple[Secret, int]:
        """Return a fresh token of our issuer for this task, bound to this key, and the seconds that it lives.

        Raises `Refused`: `GRANT_UNKNOWN`, `TASK_COMPLETED`, `GRANT_REVOKED`, `GRANT_EXPIRED`; `NOT_COVERED` for a task
        whose tokens another issuer makes.
        """
        grant, now_ms = self._live(grant_id), self.clock.now_ms()
        if not self.makes_tokens_for(grant):
            raise Refused(Reason.NOT_COVERED, f"tokens for `{grant_id}` are made by `{grant.issuer}`")
        seconds = min(self.settings.delegation.token_minutes_max * 60, (grant.expires_ms - now_ms) // 1000)
        key = self.issuer.signing_key
        return mint(grant, key, now_ms=now_ms, seconds=seconds, bound_to=bound_to), seconds

    def key_of_instance(self, grant: Grant) -> Confirmation | None:
        """Return to which key each token of this grant is bound: that of the one process for which it was opened."""
        if grant.keyid is None:
            return None
        key = self.instances.find(grant.agent, grant.keyid, self.clock.now_ms())
        return None if key is None else Confirmation(jkt=thumbprint_of(key))

    def makes_tokens_for(self, grant: Grant) -> bool:
        """Tell whether this task's tokens are ours to make."""
        return grant.issuer == self.local_issuer()

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

    async def revoke(self, raw: bytes) -> tuple[str, ...]:
        """Revoke the grant that this statement names and all below it; return what was ended now.

        Dead at the next call when this returns: this process is the one that decides (the folder has one owner), and has
        moved the epoch. Raises `Refused`: as `verify_statement` and `reason_to_revoke`; `GRANT_UNKNOWN`.
        """
        statement = verify_statement(raw, self.operators, Act.GRANT_REVOKE)
        grant = self._stored(str(statement.subject.get("id")))
        reason = reason_to_revoke(statement, grant, self.operators, self.clock.now_ms())
        return await self.revoke_for(grant, statement.who, reason)

    async def revoke_for(self, grant: Grant, who: str, reason: str) -> tuple[str, ...]:
        """Revoke a grant and all below it for who may do so, and end what was started for it; return what was ended now."""
        ended = self.store.end_grant(grant.id, GrantState.REVOKED, reason)
        self.ledger.note("grant.revoked", noted_revocation(grant, ended, who, reason), self.clock.now_ms())
        await (self.ended(grant.id) if grant.parent is None else self.dropped(ended))
        return ended

    def renew(self, raw: bytes) -> Grant:
        """Have a task live longer: record, then store.

        Raises `Refused`: as `verify_statement` and `renewed_until`; `GRANT_UNKNOWN`.
        """
        statement = verify_statement(raw, self.operators, Act.TASK_RENEW)
        grant, now_ms = self._stored(str(statement.subject.get("id"))), self.clock.now_ms()
        until_ms = renewed_until(statement, grant, self.operators, self.settings.delegation, now_ms)
        self._use_up(statement, now_ms)
        noted: JsonObject = {
            "task": grant.id,
            "who": statement.who,
            "until_ms": until_ms,
            "statement": statement.digest,
        }
        self.ledger.note("task.renewed", noted, now_ms)
        return self.store.extend_grant(grant.id, until_ms)

    def freeze(self, raw: bytes) -> tuple[str, bool]:
        """Stop what this statement names, at the next call; return its name, and whether it was not stopped already.

        Raises `Refused`: as `verify_statement` and `name_to_freeze`.
        """
        return self._freeze_or_not(raw, Act.FREEZE)

    def unfreeze(self, raw: bytes) -> tuple[str, bool]:
        """Let it go again; as `freeze`."""
        return self._freeze_or_not(raw, Act.UNFREEZE)

    def _freeze_or_not(self, raw: bytes, act: Act) -> tuple[str, bool]:
        statement, now_ms = verify_statement(raw, self.operators, act), self.clock.now_ms()
        name, reason = name_to_freeze(statement, act, now_ms)
        self._use_up(statement, now_ms)
        noted: JsonObject = {"name": name, "reason": reason, "who": statement.who, "statement": statement.digest}
        if act is Act.UNFREEZE:  # what gives is on record first, what takes is in force first
            self.ledger.note("unfrozen", noted, now_ms)
            return name, self.store.unfreeze(name)
        changed = self.store.freeze(name, statement.digest)
        self.ledger.note("frozen", noted, now_ms)
        return name, changed

    def keep_rule(self, raw: bytes) -> tuple[str, bool]:
        """Have somebody be stopped by this statement's rule from now on; return it, and whether it was not kept already.

        Raises `Refused`: as `verify_statement` and `rule_to_keep`.
        """
        return self._keep_rule_or_not(raw, Act.FREEZE_RULE)

    def drop_rule(self, raw: bytes) -> tuple[str, bool]:
        """Keep the rule no longer; as `keep_rule`. Whoever it has stopped stays so."""
        return self._keep_rule_or_not(raw, Act.UNFREEZE_RULE)

    def _keep_rule_or_not(self, raw: bytes, act: Act) -> tuple[str, bool]:
        statement, now_ms = verify_statement(raw, self.operators, act), self.clock.now_ms()
        rule, reason = rule_to_keep(statement, act, now_ms)
        self._use_up(statement, now_ms)
        noted: JsonObject = {"rule": rule.text, "reason": reason, "who": statement.who, "statement": statement.digest}
        if act is Act.UNFREEZE_RULE:
            self.ledger.note("freeze.rule.dropped", noted, now_ms)
            changed = self.store.drop_rule(rule.text)
        else:
            changed = self.store.keep_rule(rule.text, statement.digest)
            self.ledger.note("freeze.rule.kept", noted, now_ms)
        self.tripping.look()
        return rule.text, changed

    def frozen(self) -> JsonObject:
        """Return what is stopped, and by which rules somebody is to be."""
        return {"frozen": [*sorted(self.store.list_frozen())], "rules": [*sorted(self.store.list_rules())]}

    def list(self, after: str | None, *, live: bool) -> JsonObject:
        """Return a page of grants as people read them, oldest first, those behind `after`; and what is frozen.

        `next` is what the next page stands behind, None after the last. Raises `Refused(GRANT_UNKNOWN)` for an `after`
        that is none.
        """
        now_ms = self.clock.now_ms() if live else None
        page, more = self.store.page_grants(after, now_ms, PAGE_MAX)
        grants: list[Json] = []
        size = 0
        for stored in page:
            told = grant_facts(stored, self.store.gather(stored.grant.id).calls)
            size += len(canonical_bytes(told))
            if size > PAGE_BYTES_MAX and grants:
                more = page[len(grants) - 1].grant.id
                break
            grants.append(told)
        return {"grants": grants, "next": more, "frozen": [*sorted(self.store.list_frozen())]}

    def show(self, grant_id: str) -> JsonObject:
        """Return what a person may see of a task; raises `Refused(GRANT_UNKNOWN)`."""
        grant = self._stored(grant_id)
        circumstances = self.store.gather(grant_id)
        counted: JsonObject = {"calls": circumstances.calls, "denials": circumstances.denials}
        budgets: list[Json] = [
            f"{budget.name}: {self.store.taken_of(key)} of {budget.max}"
            for key, budget in keys_of(grant, self.settings.quotas, self.clock.now_ms()).items()
        ]
        return task_facts(grant) | counted | {"agent_denials": self.store.denials_of(grant.agent), "budgets": budgets}

    def _live(self, grant_id: str) -> Grant:
        grant = self._stored(grant_id)
        must_be_live(grant, self.store.gather(grant_id).last_used_ms, self.clock.now_ms())
        return grant

    def _stored(self, grant_id: str) -> Grant:
        grant = self.store.find_grant(grant_id)
        if grant is None:
            raise Refused(Reason.GRANT_UNKNOWN, f"there is no task `{grant_id[:64]}`")
        return grant

    def local_issuer(self) -> str:
        """Return whose tokens we make; raises `Refused(UNKNOWN_ISSUER)` where we make none."""
        issuer = self.settings.local_issuer()
        if issuer is None:
            raise Refused(Reason.UNKNOWN_ISSUER, "no `[[issuer]]` has `local = true`: nobody here makes tokens")
        return self.base_url

    def _keyholders(self) -> Keyholders:
        return keyholders_of(self.settings, self.operators)


def task_facts(grant: Grant) -> JsonObject:
    """Return a task as people read it."""
    return {
        "task": grant.id,
        "agent": grant.agent,
        "owner": grant.owner,
        "purpose": grant.purpose,
        "state": str(grant.state),
        "tools": [entry.pattern for entry in grant.rights.entries],
        "effects": list[Json](sorted({effect for entry in grant.rights.entries for effect in entry.effects})),
        "opened_ms": grant.opened_ms,
        "expires_ms": grant.expires_ms,
        "max_calls": grant.max_calls,
        "depth": grant.depth,
        "max_depth": grant.max_depth,
        "may_act": None if grant.may_act is None else [*grant.may_act],
        "entries": entries_form(grant.rights.entries),
        "audience": grant.audience,
    }


def grant_facts(stored: StoredGrant, calls: int) -> JsonObject:
    """Return a grant as people read it, with where it stands; `calls` are its task's, and told of that alone."""
    grant = stored.grant
    return task_facts(grant) | {
        "grant": grant.id,
        "task": grant.root,
        "parent": grant.parent,
        "connector": grant.is_connector,
        "calls": calls if grant.parent is None else None,
        "end_reason": stored.end_reason,
    }


def profile_named(settings: Settings, name: str) -> AgentSettings:
    """Return the profile; raises `Refused(MALFORMED)` naming those there are."""
    profile = settings.find_agent(name)
    if profile is None:
        known = ", ".join(f"`{agent.name}`" for agent in settings.agents) or "none"
        raise Refused(Reason.MALFORMED, f"there is no `[[agent]]` named `{name}` in mediator.toml; there is {known}")
    return profile


def noted_grant(grant: Grant, who: str) -> JsonObject:
    """Return what the ledger keeps of a grant that is given: no purpose and no constraints, which hold values."""
    facts = {key: value for key, value in task_facts(grant).items() if key not in {"purpose", "state", "entries"}}
    return {**facts, "who": who, "statement": grant.statement_digest, "pin_serial": grant.rights.pin_serial}


def noted_revocation(grant: Grant, ended: tuple[str, ...], who: str, reason: str) -> JsonObject:
    """Return what the ledger keeps of a revocation: of which grant, and which of it and those below ended by it."""
    return {"grant": grant.id, "task": grant.root, "ended": [*ended], "who": who, "reason": reason}
