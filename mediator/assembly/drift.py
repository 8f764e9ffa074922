"""Drift, looked for when somebody asks: what live servers are and offer now, against what was reviewed, item by item.

Where a mediator runs it asks as that does for itself, and what differs is quarantined. Without one, servers are asked
once, beside everything, and nothing is changed: the next start compares for itself. Neither starts a program that is not
what was reviewed; which file it is stands in the answer.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final, TypeAlias

import anyio.to_thread

from mediator.adapters.store_sqlite.quarantine import QuarantineTable
from mediator.adapters.store_sqlite.schema import open_engine
from mediator.adapters.tool_servers_routed import each_alone
from mediator.adapters.tool_servers_stdio.held_files import Mismatch
from mediator.assembly.folder import Folder, read_operators
from mediator.assembly.mediator import Mediator
from mediator.assembly.servers import find_mismatch, introduce, promise_of
from mediator.assembly.trust import load_pin_set
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.manifest.drift import compare
from mediator.manifest.offer import Offer
from mediator.manifest.pin import PinSet
from mediator.mediation.drift_forms import item_forms
from mediator.mediation.offering import offer_of
from mediator.mediation.quarantine import Quarantined, keys_of
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings

_FIELDS_BYTES_MAX: Final = 256 * 1024  # of one server: the control socket carries a megabyte
_Asking: TypeAlias = "Callable[[str], Awaitable[Offer]]"


async def check_running(mediator: Mediator, server: str | None) -> JsonObject:
    """Return what pinned servers offer now, as this mediator sees it; raises `Refused` for one that is not pinned."""
    pins = mediator.trust.snapshot().all_pins

    def mismatch(name: str) -> Mismatch | None:
        configured = mediator.renewal.configured.get(name)
        return None if configured is None else find_mismatch(mediator.folder, configured, pins.items_of_server(name))

    servers = await _check(pins, server, mediator.ports.tool_servers.offered, mismatch)
    return _report(servers, mediator.trust.snapshot().quarantined.values())


async def check_beside(folder: Folder, settings: Settings, server: str | None, now_ms: int) -> JsonObject:
    """Return what pinned servers offer now, where no mediator runs; raises `Refused` for one that is not pinned."""
    pins, _ = load_pin_set(folder, settings, read_operators(folder), now_ms)

    async def offered(name: str) -> Offer:
        configured = settings.find_tool_server(name)
        if configured is None:
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, f"no `[[tool_server]]` says how to reach `{name}`")
        promise = promise_of(folder, configured, pins.items_of_server(name))
        return offer_of(await introduce(folder, settings, configured, lambda: promise))

    def mismatch(name: str) -> Mismatch | None:
        configured = settings.find_tool_server(name)
        return None if configured is None else find_mismatch(folder, configured, pins.items_of_server(name))

    return _report(await _check(pins, server, offered, mismatch), read_quarantined(folder, settings, pins))


def read_quarantined(folder: Folder, settings: Settings, pins: PinSet) -> tuple[Quarantined, ...]:
    """Return what is in quarantine of these pins, from the store; raises `Refused(STORE_UNAVAILABLE)`."""
    if not folder.store_file.is_file():
        return ()
    written = QuarantineTable(open_engine(folder.store_file), settings.tenant).list_quarantined()
    pinned = {keys_of(item)[0] for item in pins.items}
    return tuple(one for one in written if one.key in pinned)


async def _check(
    pins: PinSet, wanted: str | None, ask: _Asking, mismatch: Callable[[str], Mismatch | None]
) -> dict[str, JsonObject]:
    names = sorted({item.server for item in pins.items})
    if wanted is not None and wanted not in names:
        known = f"pinned are {', '.join(f'`{name}`' for name in names)}" if names else "nothing is pinned"
        raise Refused(Reason.MALFORMED, f"`{wanted}` is not pinned", remedy=known)
    found: dict[str, JsonObject] = {}

    async def compare_one(name: str) -> None:
        offer = await ask(name)
        comparison = compare(pins.items_of_server(name), pins.instructions(name), offer)
        items = _short(item_forms(comparison))
        found[name] = {"unreachable": None, "file": None, "items": items, "is_as_pinned": not comparison.differs}

    asked = names if wanted is None else [wanted]
    for name, why in (await each_alone({name: partial(compare_one, name) for name in asked})).items():
        wrong: Mismatch | None = None
        with contextlib.suppress(Refused):  # then that is why it was not asked
            wrong = await anyio.to_thread.run_sync(mismatch, name)
        file = None if wrong is None else wrong.form()
        found[name] = {"unreachable": why, "file": file, "items": [], "is_as_pinned": False}
    return found


def _short(items: list[Json]) -> list[Json]:
    """Return the items with as much of what moved as an answer may carry; the rest of it stands in the ledger."""
    left = _FIELDS_BYTES_MAX
    shown: list[Json] = []
    for item in items:
        if isinstance(item, dict) and "fields" in item:
            left -= len(canonical_bytes(item["fields"]))
            shown.append(item if left >= 0 else {**item, "fields": []})
        else:
            shown.append(item)
    return shown


def _report(servers: Mapping[str, JsonObject], quarantined: Iterable[Quarantined]) -> JsonObject:
    held: list[Json] = [
        {
            "server": one.key.server,
            "kind": str(one.key.kind),
            "name": one.key.name,
            "since": one.since_ms,
            "why": one.why,
        }
        for one in sorted(quarantined, key=lambda one: one.key)
        if one.key.server in servers
    ]
    return {
        "servers": {name: servers[name] for name in sorted(servers)},
        "quarantined": held,
        "is_as_pinned": not held and all(one["is_as_pinned"] is True for one in servers.values()),
    }
