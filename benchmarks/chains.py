"""Chains of grants to measure with: each link narrower than the one above, with arguments constrained at each.

`probes_by_depth` takes a call apart under chains of several depths, in one core; the store is a real one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.core import SERVER, TOOL, Core, a_result, an_arrival, open_core
from benchmarks.loopback import CONNECTIONS
from benchmarks.measure import Asynchronous, Probe, Synchronous
from benchmarks.steps import AtOnce, Judged, committing
from mediator.delegation.authority import Entry, Rights
from mediator.delegation.chain import prove_chain
from mediator.delegation.constraint import PathBelow, Within
from mediator.delegation.grant import Grant
from mediator.effect import Effect

PARTS: Final = ("gather", "prove", "deliberate", "commit", "corridor")


def chain_below(root: Grant, name: str, depth: int, max_calls: int | None = None) -> tuple[Grant, ...]:
    """Return a chain of so many links below a root like this one, root first; the ids begin with the name."""
    ids = [f"{name}-{link}" for link in range(depth + 1)]
    return tuple(
        replace(
            root,
            id=ids[link],
            parent=None if link == 0 else ids[link - 1],
            root=ids[0],
            agent=root.agent if link == 0 else f"agent-{link}",
            rights=_narrowed(root, link),
            expires_ms=root.expires_ms - link,
            max_calls=None if max_calls is None else max_calls - link,
            depth=link,
            max_depth=depth,
            statement_digest=f"sha256:{ids[link]}",
        )
        for link in range(depth + 1)
    )


def _narrowed(root: Grant, link: int) -> Rights:
    """Return rights to the tool of the benchmark's call: the folder and the number of matches are bounded, each time more so."""
    folder = PathBelow("/srv/reports" if link > 4 else "/srv")
    entry = Entry(
        pattern=f"{SERVER}/*" if link == 0 else f"{SERVER}/{TOOL}",
        effects=frozenset({Effect.READ}),
        arguments={"/path": folder, "/limit": Within(1, 1000 - 10 * link)},
    )
    return Rights(entries=(entry,), pin_serial=root.rights.pin_serial)


@asynccontextmanager
async def probes_by_depth(folder: Path, depths: Sequence[int]) -> AsyncIterator[dict[str, Probe]]:
    """Return the probes of each part at each depth, named `PART DEPTH`."""
    tools = AtOnce(a_result(2))
    async with open_core(folder, tools) as core:
        tools.fence = core.fence
        probes: dict[str, Probe] = {}
        for depth in depths:
            probes |= {f"{part} {depth}": probe for part, probe in _probes_of(core, depth).items()}
        yield probes


def _probes_of(core: Core, depth: int) -> dict[str, Probe]:
    root = core.world.open_task(tools=f"{SERVER}/*", minutes=240).grant
    links = chain_below(root, f"depth-{depth}", depth)
    for link in links:
        core.store.open_grant(link, link.id.encode())
    arrival = an_arrival(core.world.token_for(links[-1], seconds=14_000))
    judged = Judged(core, arrival)
    grants = judged.circumstances.grants
    assert grants == links
    return {
        "gather": Synchronous(lambda: core.store.gather(links[-1].id)),
        "prove": Synchronous(lambda: prove_chain(judged.identity.claims, grants, None, judged.now_ms)),
        "deliberate": Synchronous(judged.really),
        "commit": Asynchronous(committing(core, judged), at_a_time=CONNECTIONS),
        "corridor": Asynchronous(lambda: core.corridor.answer(arrival), at_a_time=CONNECTIONS),
    }
