"""A running mediator: every port filled, everything that was started owned, and ended in order.

Nothing is decided here. `open_mediator` takes the owner lock first: one machine has one set of tool server
processes, counters and labels for a folder. Ending is the reverse of starting, each part within its own time.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio

from mediator import __version__
from mediator.adapters.clock_system import SystemClock, elapsed_ms
from mediator.adapters.credentials_brokered.sources import Signer
from mediator.adapters.handles_aesgcm import SealedHandles
from mediator.adapters.ids_random import RandomIds
from mediator.adapters.inspection_processes.pool import InspectionProcesses, ProcessLimits
from mediator.adapters.ledger_segments.ledger import SegmentLedger
from mediator.adapters.ledger_segments.reading import read_head
from mediator.adapters.owner_flock import own
from mediator.adapters.store_sqlite.keeping import keep
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.adapters.tool_servers_routed import RoutedToolServers, each_alone
from mediator.adapters.trust_held import HeldTrust
from mediator.adapters.zone_system import SystemZone
from mediator.assembly.approvals import ApprovalDesk
from mediator.assembly.credentials import Credentials, resolve_credentials
from mediator.assembly.decision_points import make_opinions
from mediator.assembly.desk import Desk
from mediator.assembly.ending_again import end_again
from mediator.assembly.folder import Folder, read_operators, read_secret
from mediator.assembly.holders import end_orphans
from mediator.assembly.instances import Instances
from mediator.assembly.issuer import Issuer
from mediator.assembly.issuer_files import over, read_issuer_keys, remove
from mediator.assembly.looking import Looking
from mediator.assembly.mismatches import MismatchNotes
from mediator.assembly.other_issuers import OtherIssuers
from mediator.assembly.proving import make_proofs
from mediator.assembly.published_keys import PublishedKeys, publications, put_keys
from mediator.assembly.refreezing import freeze_again, keep_rules_again
from mediator.assembly.renewal import Renewal
from mediator.assembly.revoking_again import revoke_again
from mediator.assembly.rotation import Rotation
from mediator.assembly.servers import hearing_of, make_tool_servers
from mediator.assembly.tripping import Tripping
from mediator.assembly.trust import LoadedTrust, load_keys, load_trust
from mediator.assembly.workloads import WorkloadKeys
from mediator.canonical import JsonLimits
from mediator.delegation.chain import must_be_live
from mediator.edge.list_changes import ListChanges
from mediator.edge.resource_updates import ResourceUpdates
from mediator.manifest.pin import PinProblem
from mediator.mediation.fence import Fence
from mediator.mediation.holding import Holding
from mediator.mediation.mediate import Corridor, Ports
from mediator.mediation.pacing import Meter
from mediator.mediation.ports import Tracer
from mediator.mediation.reply import ServerFacts
from mediator.refusal import Refused
from mediator.settings.sections import Settings

_SWEEP_SECONDS: Final = 30.0  # processes of a task that ended by itself live at most so much longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediator:
    """What a start leaves behind: the corridor, the desk, and what they rest on."""

    folder: Folder
    settings: Settings
    base_url: str
    corridor: Corridor
    desk: Desk
    approvals: ApprovalDesk
    ports: Ports
    trust: HeldTrust
    store: SqliteStore
    tool_servers: RoutedToolServers
    credentials: Credentials
    list_changes: ListChanges
    updates: ResourceUpdates
    looking: Looking
    published: PublishedKeys
    renewal: Renewal
    issuer: Issuer
    rotation: Rotation

    @property
    def problems(self) -> tuple[PinProblem, ...]:
        """The pins that do not hold although somebody wrote them down."""
        return self.renewal.problems

    async def hold_to_pins(self) -> Mapping[str, str]:
        """Compare each pinned server's whole offer with its pins; returns what could not be asked, by name.

        A server that is down now is compared when it is next begun, before any call reaches it.
        """

        async def compare(server: str) -> None:
            with anyio.fail_after(self.settings.limits.start_seconds):
                await self.ports.tool_servers.offered(server)

        servers = {item.server for item in self.trust.snapshot().all_pins.items}
        return await each_alone({server: partial(compare, server) for server in sorted(servers)})

    async def end_dead_tasks(self) -> None:
        """End what was started for tasks that are over: expired, idle, or revoked. Their calls are refused anyway."""
        for task in {*self.tool_servers.tasks, *self.updates.tasks, *self.credentials.tasks}:
            if self._is_over(task):
                await self.end_task(task)
        # What was handed on may end before its task does, and has processes of its own.
        if over := [grant for grant in self.tool_servers.grants if self._is_over(grant)]:
            await _end_grants(self.credentials, self.tool_servers, over)

    def _is_over(self, grant_id: str) -> bool:
        circumstances = self.store.gather(grant_id)
        try:
            for link in circumstances.grants:
                must_be_live(link, circumstances.last_used_ms, self.ports.clock.now_ms())
        except Refused:
            return True
        return not circumstances.grants  # somebody took it out of the store

    async def end_task(self, task: str) -> None:
        """End what was started, what is told, and what credentials were made, for this task alone."""
        await _end_task(self.approvals, self.credentials, self.updates, self.tool_servers, task)

    async def keep_house(self) -> None:
        """End dead tasks and keep the store small, until cancelled; what fails once is tried again the next time."""
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(keep, self.store, self.corridor.alarm)
            keeping.start_soon(self.looking.keep_on)
            keeping.start_soon(self.published.keep_on)
            while True:
                await anyio.sleep(_SWEEP_SECONDS)
                with contextlib.suppress(Refused):
                    await self.end_dead_tasks()


async def _end_task(
    approvals: ApprovalDesk,
    credentials: Credentials,
    updates: ResourceUpdates,
    tool_servers: RoutedToolServers,
    task: str,
) -> None:
    approvals.end_task(task)
    credentials.end_task(task)
    updates.end_task(task)
    await tool_servers.end_task(task)


async def _end_grants(credentials: Credentials, tool_servers: RoutedToolServers, grant_ids: Collection[str]) -> None:
    """End what was started, and forget what was made, for these grants alone."""
    credentials.drop(grant_ids)
    await tool_servers.end_grants(grant_ids)


@asynccontextmanager
async def open_mediator(
    folder: Folder, settings: Settings, base_url: str, tracer: Tracer, alarm: Callable[[str], None]
) -> AsyncIterator[Mediator]:
    """Start everything but the doors; what was started is ended when the context is left.

    Raises `Refused` naming what stops the start: the owner lock, a file, a statement, the ledger, the store.
    """
    async with AsyncExitStack() as ending:
        ending.enter_context(own(folder.lock_file))
        grants_key = read_secret(folder.key_file("grants"))
        store = ending.enter_context(
            SqliteStore(
                folder.store_file,
                grants_key,
                tenant=settings.tenant,
                busy_timeout_ms=settings.store.busy_timeout_ms,
                novelty_days=settings.policy.novelty_days,
                alarm=alarm,
            )
        )
        clock = SystemClock(floor_ms=read_head(folder.ledger).at_ms if folder.ledger.is_dir() else 0)
        operators = read_operators(folder)
        found = read_issuer_keys(folder, operators, clock.now_ms())
        remove(found.leftovers)
        issuer = Issuer(found.keys)

        def load() -> LoadedTrust:
            now_ms = clock.now_ms()
            remove(over(folder, issuer.keys, now_ms))
            return load_trust(folder, settings, issuer.keys, base_url, now_ms, published.keys())

        published = PublishedKeys(publications(settings), clock, alarm)
        await published.look()  # once, within its time: whoever cannot be reached is looked at again later
        loaded, list_changes, updates = load(), ListChanges(), ResourceUpdates()
        trust = HeldTrust(loaded.snapshot, store.bump_epoch, list_changes.tell, book=store)
        tripping = Tripping(store=store, clock=clock, alarm=alarm, ledger=lambda: ledger)
        ledger = await ending.enter_async_context(
            SegmentLedger(
                folder.ledger,
                claims=store,
                streams=store,
                clock=clock,
                segment_bytes_max=settings.ledger.segment_bytes_max,
                alarm=alarm,
                watch=tripping.denied,
            )
        )
        if ledger.store_was_older:
            freeze_again(store, folder.ledger, alarm)
            keep_rules_again(store, folder.ledger, alarm)
            revoke_again(store, folder.ledger, clock.now_ms(), alarm)
        end_again(store, operators, folder.ledger, clock.now_ms(), alarm)
        tripping.look()
        workload_keys = WorkloadKeys(root=folder.root)
        workload_keys.must_be_there(settings)
        instances = Instances(store)
        instances.recall(settings, operators, clock.now_ms())
        end_orphans(settings, store, ledger, clock, instances.keyids())

        published.moved = partial(
            put_keys,
            trust,
            lambda: load_keys(folder, settings, issuer.keys, base_url, published.keys()),
            lambda moved: ledger.note("issuer.keys", moved, clock.now_ms()),
        )
        fence = Fence(claims=store, trust=trust, circumstances=store, clock=clock)
        looking = Looking(lambda: tool_servers.look_again(), list_changes.tell)  # noqa: PLW0108 - they are made below
        holding = Holding(
            trust=trust,
            quarantine=trust,
            ledger=ledger,
            clock=clock,
            alarm=alarm,
            hurry=looking.hurry,
            drifted=tripping.drifted,
        )
        inspectors: InspectionProcesses | None = None
        if (workers := settings.limits.inspection_workers) > 0:
            limits = ProcessLimits(workers=workers)
            inspectors = InspectionProcesses(hearing_of(settings.limits), limits, alarm)
            ending.push_async_callback(inspectors.aclose)
        credentials = Credentials(clock, fence)
        resolve = partial(resolve_credentials, signer=lambda: Signer(issuer=base_url, key=lambda: issuer.signing_key))
        credentials.put(resolve(settings.tool_servers), only={server.name for server in settings.tool_servers}, anew=())
        make_servers = partial(
            make_tool_servers,
            folder,
            own=credentials.obtain_own,
            inspectors=inspectors,
            watch=holding,
            fence=fence,
            updates=updates,
            pins=lambda: trust.snapshot().pins,
            mismatch=MismatchNotes(ledger=ledger, clock=clock).tell,
        )
        tool_servers = RoutedToolServers(make_servers(settings), alarm)
        ending.push_async_callback(tool_servers.aclose)
        proofs = make_proofs(settings, grants_key, used=store, ledger=ledger, clock=clock, alarm=alarm)
        approvals = ApprovalDesk(
            minutes=settings.approvals.minutes,
            operators=operators,
            trust=trust,
            store=store,
            ledger=ledger,
            clock=clock,
            base_url=base_url,
        )
        ports = Ports(
            clock=clock,
            ids=RandomIds(),
            trust=trust,
            circumstances=store,
            claims=store,
            ledger=ledger,
            credentials=credentials,
            tool_servers=tool_servers,
            tracer=tracer,
            handles=SealedHandles(grants_key),
            proofs=proofs,
            opinions=make_opinions(settings, alarm),
            familiarity=store,
            zone=SystemZone(settings.policy.timezone),
            issuers=OtherIssuers(
                settings=settings, published=published, trust=trust, store=store, ledger=ledger, base_url=base_url
            ),
            inspectors=inspectors,
            approvals=approvals,
        )
        yield Mediator(
            folder=folder,
            settings=settings,
            base_url=base_url,
            corridor=Corridor(
                ports=ports,
                facts=ServerFacts(
                    version=__version__,
                    metadata_url=f"{base_url}/.well-known/oauth-protected-resource",
                    extensions=settings.server.extensions,
                ),
                json_limits=JsonLimits(
                    bytes_max=settings.limits.body_bytes_max,
                    depth_max=settings.limits.json_depth_max,
                    values_max=settings.limits.json_values_max,
                ),
                close_seconds=settings.limits.close_seconds,
                alarm=alarm,
                fence=fence,
                meter=Meter(elapsed_ms=elapsed_ms, breaker=settings.breaker),
            ),
            desk=Desk(
                settings=settings,
                operators=operators,
                trust=trust,
                store=store,
                ledger=ledger,
                clock=clock,
                issuer=issuer,
                instances=instances,
                workload_keys=workload_keys,
                proofs=proofs,
                base_url=base_url,
                tripping=tripping,
                ended=partial(_end_task, approvals, credentials, updates, tool_servers),
                dropped=partial(_end_grants, credentials, tool_servers),
            ),
            approvals=approvals,
            ports=ports,
            trust=trust,
            store=store,
            tool_servers=tool_servers,
            credentials=credentials,
            list_changes=list_changes,
            updates=updates,
            looking=looking,
            published=published,
            renewal=Renewal(
                folder=folder,
                configured={server.name: server for server in settings.tool_servers},
                load=load,
                make_servers=make_servers,
                trust=trust,
                tool_servers=tool_servers,
                credentials=credentials,
                resolve=resolve,
                ledger=ledger,
                clock=clock,
                problems=loaded.problems,
            ),
            issuer=issuer,
            rotation=Rotation(
                folder=folder,
                operators=operators,
                issuer=issuer,
                load_keys=lambda keys: load_keys(folder, settings, keys, base_url, published.keys()),
                trust=trust,
                ledger=ledger,
                clock=clock,
            ),
        )
