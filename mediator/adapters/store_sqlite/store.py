"""The store as calls meet it: the epoch in one SELECT, grants from memory, a transaction only where something is counted.

One synchronous connection, in one thread: a database in another thread, or behind an asynchronous layer, costs a call
more than all the rest of it. What cannot be read or written in time is refused. Rules:

- Grants are kept in memory, and are good until the epoch moves; one that is not known is looked for each time, for
  opening a task does not move the epoch. What is good no longer is read anew when it is asked for, and made room from
  one by one: to forget thousands at once would keep every call waiting.
- A claim is on record when `claim` returns, and survives the death of the process (not that of the machine, which
  may forget the last ones: WAL, synchronous NORMAL).
- How often a task called is counted in memory and saved beside the calls.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Self, final

from mediator.adapters.store_sqlite.approvals import ApprovalTable
from mediator.adapters.store_sqlite.book import GrantBook, StoredGrant, not_ours
from mediator.adapters.store_sqlite.claiming import count, find_taken, forget, take
from mediator.adapters.store_sqlite.decided import Decided
from mediator.adapters.store_sqlite.familiarity import FamiliarMarks
from mediator.adapters.store_sqlite.freezes import EVERYTHING, FreezeTable
from mediator.adapters.store_sqlite.mac import COLUMNS, GrantSeal
from mediator.adapters.store_sqlite.quarantine import QuarantineTable
from mediator.adapters.store_sqlite.schema import CONTROL_BUSY_MS, connect, open_engine, refused
from mediator.adapters.store_sqlite.used_once import UsedOnce
from mediator.delegation.grant import Grant, GrantState
from mediator.evidence import Secret
from mediator.mediation.approval import approval_claimed
from mediator.mediation.circumstances import Circumstances
from mediator.mediation.claims import Claim
from mediator.mediation.ports import Claimed, Claiming, Stale
from mediator.mediation.quarantine import Quarantined

BUSY_TIMEOUT_MS: Final = 50
NOVELTY_DAYS: Final = 30  # as the settings have it
DEPTH_MAX: Final = 32  # links of a chain that are followed; far above what is ever granted
REMEMBERED_MAX: Final = 10_000  # chains, about 2 kB for each of their links, and tasks' counts
DENIED_TASK: Final = "denied:task:"  # counted in the table of the tasks' use, each under a name that is no task's
DENIED_AGENT: Final = "denied:agent:"
_NOTHING: Final[frozenset[str]] = frozenset()
_UNREAD: Final[tuple[int | None, tuple[Grant, ...]]] = (None, ())

_EPOCH: Final = "SELECT value FROM epoch"
_LINK: Final = f"SELECT form, mac, {', '.join(COLUMNS)} FROM grants WHERE id = ? AND tenant = ?"  # noqa: S608 - ours
_FROZEN: Final = "SELECT form, mac FROM freezes"
_USAGE: Final = "SELECT calls, last_used_ms FROM usage WHERE task = ?"
_SAVE_USAGE: Final = (
    "INSERT INTO usage (task, tenant, calls, last_used_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (task) DO UPDATE SET calls = excluded.calls, last_used_ms = excluded.last_used_ms"
)


def _say_nothing(_alarm: str) -> None:
    """Stand in for an alarm that nobody hears."""


@final
class SqliteStore:
    """Fills the ports `Claims`, `CircumstancesSource`, `Familiarity` and `QuarantineBook`.

    A context, which closes the file when it is left. `approvals` are the requests for approvals, which people decide.
    """

    def __init__(
        self,
        path: Path,
        key: Secret,
        *,
        tenant: str = "default",
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        novelty_days: int = NOVELTY_DAYS,
        alarm: Callable[[str], None] = _say_nothing,
    ) -> None:
        self._path: Final = path
        self._tenant: Final = tenant
        self._alarm: Final = alarm
        self._seal: Final = GrantSeal(key)
        engine = open_engine(path)
        self._book: Final = GrantBook(engine, self._seal, tenant, alarm)
        self._quarantines: Final = QuarantineTable(engine, tenant)
        self._freezes: Final = FreezeTable(engine, key)
        self._hot: Final = connect(path, busy_timeout_ms)
        self.approvals: Final = ApprovalTable(engine, key, tenant, alarm, self._decided_anew)
        self._decided: Final = Decided(self._hot, tenant, self.approvals.read)
        self._used: Final = UsedOnce(self._hot)
        self._familiar: Final = FamiliarMarks(self._hot, key, tenant, novelty_days)
        self._highest = 0  # the epoch that was seen last: it only rises
        self._known_at: int | None = None  # the epoch at which the chains were read
        self._frozen: frozenset[str] = _NOTHING
        self._chains: dict[str, tuple[int | None, tuple[Grant, ...]]] = {}  # each with the epoch at which it was read
        self._usage: dict[str, tuple[int, int | None]] = {}
        self._spent: dict[str, frozenset[str]] = {}
        self._taken: dict[str, int] = {}  # what was counted while this process lives, whoever empties the table
        self._unsaved: set[str] = set()
        self._claimed_ms = 0  # when something was claimed last: windows that were over by then are forgotten
        self._reported: set[str] = set()  # grants that are not as we wrote them: said once while the epoch stands

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Save what is only in memory, and close the file."""
        with suppress(sqlite3.Error):
            self.checkpoint()
        self._hot.close()

    # --- on a call's way ---------------------------------------------------------------------------------------------

    def epoch(self) -> int:
        """Return the current epoch; one that went back was written by somebody else, and hides what narrowed trust."""
        try:
            epoch = int(self._hot.execute(_EPOCH).fetchone()[0])
        except sqlite3.Error as error:
            raise refused(f"the epoch cannot be read: {error}") from error
        if epoch < self._highest:
            raise refused(
                f"the epoch went back from {self._highest} to {epoch}", "restart: the ledger is compared then"
            )
        self._highest = epoch
        return epoch

    def gather(self, grant_id: str) -> Circumstances:
        """Return what is true of this grant's task right now."""
        epoch = self.epoch()
        if epoch != self._known_at:
            self._reported.clear()
            self._frozen = self._read_frozen()
            self._known_at = epoch
        read_at, chain = self._chains.get(grant_id, _UNREAD)
        if read_at != epoch:
            chain = self._remember(grant_id, epoch)
        calls, last_used_ms = self._usage_of(chain[0].id) if chain else (0, None)
        return Circumstances(
            epoch=epoch,
            grants=chain,
            calls=calls,
            last_used_ms=last_used_ms,
            spent=self._spent.get(chain[0].id, _NOTHING) if chain else _NOTHING,
            labels=_NOTHING,
            frozen=self._frozen,
            denials=self._usage_of(DENIED_TASK + chain[0].id)[0] if chain else 0,
            approvals=self._decided.of(chain[0].id) if chain else (),
        )

    def claim(self, task: str, claims: Sequence[Claim], epoch: int, now_ms: int) -> Claiming:
        """Take all of it or none, if the epoch is still this one; count the call for its task."""
        if claims:
            self._claimed_ms = max(self._claimed_ms, now_ms)
        claiming = self._take(task, claims, epoch) if claims else None
        if claiming is None:
            claiming = Claimed() if self.epoch() == epoch else Stale()
        if isinstance(claiming, Claimed):
            calls, last_used_ms = self._usage_of(task)
            self._usage[task] = (calls + 1, now_ms if last_used_ms is None else max(now_ms, last_used_ms))
            self._unsaved.add(task)
        return claiming

    def count(self, task: str, claims: Sequence[Claim]) -> None:
        """Count what was known only afterwards, also beyond a limit."""
        if spent := count(self._hot, self._tenant, claims, self._taken):
            self._spent[task] = self._spent.get(task, _NOTHING) | spent

    def find_known(self, agent: str, marks: Collection[str], now_ms: int) -> frozenset[str]:
        """Return which of these the agent is familiar with; as `FamiliarMarks.find_known`."""
        return self._familiar.find_known(agent, marks, now_ms)

    def remember(self, agent: str, marks: Collection[str], now_ms: int) -> None:
        """Have the agent be familiar with these; as `FamiliarMarks.remember`."""
        self._familiar.remember(agent, marks, now_ms)

    def _take(self, task: str, claims: Sequence[Claim], epoch: int) -> Claiming:
        claiming, spent = take(self._hot, self._tenant, claims, epoch, self._taken, self._alarm)
        if len(self._taken) >= REMEMBERED_MAX:
            self._taken.clear()
        if spent:
            self._spent[task] = self._spent.get(task, _NOTHING) | spent
            if approval_claimed(spent) is not None:
                self._decided.forget(task)
        return claiming

    def _remember(self, grant_id: str, epoch: int) -> tuple[Grant, ...]:
        """Return the links from the root to this grant, or none where one of them is not stored."""
        links: list[Grant] = []
        wanted: str | None = grant_id
        while wanted is not None:
            link = self._find_link(wanted)
            if link is None or len(links) >= DEPTH_MAX:
                return ()
            links.append(link)
            wanted = link.parent
        self._chains.pop(grant_id, None)
        if len(self._chains) >= REMEMBERED_MAX:
            del self._chains[next(iter(self._chains))]  # the one that was read longest ago
        chain = tuple(reversed(links))
        self._chains[grant_id] = (epoch, chain)
        return chain

    def _read_frozen(self) -> frozenset[str]:
        try:
            row = self._hot.execute(_FROZEN).fetchone()
        except sqlite3.Error as error:
            raise refused(f"the freezes cannot be read: {error}") from error
        frozen = self._freezes.read(row)
        if frozen is EVERYTHING:
            self._alarm("the stored freezes are not as we wrote them: everything is stopped")
        return frozenset(frozen)

    def _find_link(self, grant_id: str) -> Grant | None:
        try:
            row = self._hot.execute(_LINK, (grant_id, self._tenant)).fetchone()
        except UnicodeEncodeError:  # a lone surrogate: no id of ours
            return None
        except sqlite3.Error as error:
            raise refused(f"a grant cannot be read: {error}") from error
        link = None if row is None else self._seal.find_stored(grant_id, row[0], row[1], row[2:])
        if link is not None and self._book.is_put_back(link):
            link = None
        if row is not None and link is None and grant_id not in self._reported:
            self._reported.add(grant_id)
            self._alarm(not_ours(grant_id))
        return link

    def _decided_anew(self, task: str) -> None:
        self._decided.forget(task)
        self.epoch()  # a denial moved it: seen, so that it cannot be taken back unseen

    def _usage_of(self, task: str) -> tuple[int, int | None]:
        usage = self._usage.get(task)
        if usage is None:
            try:
                usage = self._hot.execute(_USAGE, (task,)).fetchone() or (0, None)
            except sqlite3.Error as error:
                raise refused(f"a task's use cannot be read: {error}") from error
            if len(self._usage) >= REMEMBERED_MAX:
                self._forget_usage()
            self._usage[task] = usage
        return usage

    def _forget_usage(self) -> None:
        try:
            self._save_usage(self._hot)
        except sqlite3.Error as error:
            raise refused(f"the tasks' use cannot be saved: {error}") from error
        self._usage.clear()
        self._spent.clear()

    # --- beside the calls --------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Save the tasks' use, and move what was written into the database file; may be run in a thread."""
        with closing(connect(self._path, CONTROL_BUSY_MS)) as connection:
            self._save_usage(connection)
            connection.execute("BEGIN IMMEDIATE")
            self._used.forget(connection)
            forget(connection, self._claimed_ms)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _save_usage(self, connection: sqlite3.Connection) -> None:
        tasks, self._unsaved = self._unsaved, set()
        usage = dict(self._usage)  # in one step, for the loop goes on meanwhile
        rows = [(task, self._tenant, *usage[task]) for task in tasks if task in usage]
        if rows:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_SAVE_USAGE, rows)
                connection.execute("COMMIT")
            except sqlite3.Error:
                self._unsaved |= tasks
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    # --- the control plane -------------------------------------------------------------------------------------------

    def open_grant(self, grant: Grant, statement: bytes) -> None:
        """Store a grant; as `GrantBook.open_grant`."""
        self._book.open_grant(grant, statement)

    def end_grant(self, grant_id: str, state: GrantState, reason: str) -> tuple[str, ...]:
        """End a grant and all below it; as `GrantBook.end_grant`."""
        ended = self._book.end_grant(grant_id, state, reason)
        self.epoch()  # seen, so that it cannot be taken back unseen
        return ended

    def find_grant(self, grant_id: str) -> Grant | None:
        """Return the grant, if it is stored."""
        return self._book.find_grant(grant_id)

    def find_stored(self, grant_id: str) -> StoredGrant | None:
        """Return the grant with its statement, if it is stored."""
        return self._book.find_stored(grant_id)

    def list_grants(self) -> tuple[StoredGrant, ...]:
        """Return every grant, oldest first."""
        return self._book.list_grants()

    def page_grants(
        self, after: str | None, live_at_ms: int | None, most: int
    ) -> tuple[tuple[StoredGrant, ...], str | None]:
        """Return at most so many grants from behind this one on; as `GrantBook.page_grants`."""
        return self._book.page_grants(after, live_at_ms, most)

    def extend_grant(self, grant_id: str, expires_ms: int) -> Grant:
        """Have a grant live until then; as `GrantBook.extend_grant`."""
        return self._book.extend_grant(grant_id, expires_ms)

    def list_live(self, now_ms: int) -> tuple[Grant, ...]:
        """Return every grant that is open and has not run out, oldest first."""
        return self._book.list_live(now_ms)

    def count_open(self, agent: str, now_ms: int) -> int:
        """Return how many live grants this agent holds."""
        return self._book.count_open(agent, now_ms)

    def count_handed_on(self, grant_id: str, now_ms: int) -> int:
        """Return how many live grants were made from this one."""
        return self._book.count_handed_on(grant_id, now_ms)

    def use_once(self, key: str, until_ms: int, now_ms: int) -> bool:
        """Tell whether this is the first use of it; as `UsedOnce.use`."""
        return self._used.use(key, until_ms, now_ms)

    def freeze(self, name: str, statement_digest: str) -> bool:
        """Stop this, and move the epoch; tell whether it was not stopped already."""
        changed = self._freezes.change(name, statement_digest)
        self.epoch()
        return changed

    def list_frozen(self) -> frozenset[str]:
        """Return every name that is stopped."""
        return self._read_frozen()

    def unfreeze(self, name: str) -> bool:
        """Let this go again, and move the epoch; tell whether it was stopped."""
        return self._freezes.change(name, None)

    def keep_rule(self, rule: str, statement_digest: str) -> bool:
        """Keep a rule by which somebody is stopped; tell whether it was not kept already."""
        return self._freezes.change_rule(rule, statement_digest)

    def drop_rule(self, rule: str) -> bool:
        """Keep it no longer; tell whether it was kept."""
        return self._freezes.change_rule(rule, None)

    def list_rules(self) -> Mapping[str, str]:
        """Return every rule that is kept, with the digest of its statement."""
        return self._freezes.list_rules()

    def count_denial(self, grant: Grant) -> None:
        """Count a denial for the task, and for the agent, of this grant; beside its calls, and saved with them."""
        for key in (DENIED_TASK + grant.root, DENIED_AGENT + grant.agent):
            denials, _ = self._usage_of(key)
            self._usage[key] = (denials + 1, 0)
            self._unsaved.add(key)

    def taken_of(self, key: str) -> int:
        """Return how much was counted under this key."""
        return find_taken(self._hot, key)

    def denials_of(self, agent: str) -> int:
        """Return how often this agent was denied something, in whichever task."""
        return self._usage_of(DENIED_AGENT + agent)[0]

    def bump_epoch(self) -> int:
        """Move the epoch."""
        return self._book.bump_epoch()

    def list_quarantined(self) -> tuple[Quarantined, ...]:
        """Return every quarantine that was ever written."""
        return self._quarantines.list_quarantined()

    def quarantine(self, items: Sequence[Quarantined]) -> None:
        """Write these, each once, and move the epoch."""
        self._quarantines.quarantine(items)

    def catch_up(self, streams: Collection[str], epoch: int) -> bool:
        """Tell whether the store is older than the ledger; as `GrantBook.catch_up`."""
        return self._book.catch_up(streams, epoch)

    def announce_stream(self, stream: str, now_ms: int) -> None:
        """Remember that a stream may come to be."""
        self._book.announce_stream(stream, now_ms)

    def confirm_stream(self, stream: str) -> None:
        """Remember that it did."""
        self._book.confirm_stream(stream)

    def list_streams(self) -> Mapping[str, bool]:
        """Return every stream that was announced, and whether it came to be."""
        return self._book.list_streams()
