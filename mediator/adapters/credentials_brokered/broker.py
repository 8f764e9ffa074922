"""The broker: a credential for each task and tool server, kept no longer than the task, and given to that server alone.

It is kept by the server and the grant whose holder acts, until the first of: its own end less a margin, the end of a link
of the chain, the task's end, a revocation, another way to reach the server. The fence is asked before anything is made
for a call and again before it is given, so that nothing is made, or given, for who is dead.

Of those who want the same at once, one asks and the others wait: they share what comes of it. Where the one who asks hangs
up, the next asks. So nothing runs that nobody waits for, and nobody's hanging up is anybody else's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, final

import anyio

from mediator.adapters.credentials_brokered.behalf import Behalf, behalf_of
from mediator.adapters.credentials_brokered.sources import Made, Source
from mediator.evidence import Secret
from mediator.mediation.credential import ToolCredential, credential_for
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Clock
from mediator.refusal import Reason, Refused

_MARGIN_MS: Final = 30_000  # the house's figure for skew: what is given now is still good when it is read there


@dataclass(frozen=True, slots=True)
class _Key:
    server: str
    grant: str | None  # none: the mediator's own


@dataclass(slots=True, kw_only=True)
class _Kept:
    made: Made
    behalf: Behalf | None
    until_ms: int


@dataclass(slots=True, kw_only=True, eq=False)
class _Errand:
    """A credential that is being made. `came` is what came of it, for all who wait."""

    source: Source
    behalf: Behalf | None
    turn: anyio.Lock = field(default_factory=anyio.Lock)
    waiting: int = 0
    came: Made | Refused | None = None


@final
class BrokeredCredentials:
    """Credentials of the servers that have a source."""

    def __init__(self, clock: Clock, fence: Callable[[Permit], None]) -> None:
        self._clock, self._fence = clock, fence
        self._sources: Mapping[str, Source] = {}
        self._kept: dict[_Key, _Kept] = {}
        self._errands: dict[_Key, _Errand] = {}

    def put(self, sources: Mapping[str, Source]) -> None:
        """Make credentials so from now on, and for no other server; what was made by another source is dropped."""
        gone = {name for name, source in self._sources.items() if sources.get(name) is not source}
        self._sources = dict(sources)
        self._drop(lambda key, _: key.server in gone)

    def serves(self, server: str) -> bool:
        """Tell whether this server's credentials are made here."""
        return server in self._sources

    async def obtain(self, permit: Permit) -> ToolCredential:
        """Return the credential for this permit's tool server; raises `Refused` as the port, and as the fence."""
        self._fence(permit)
        behalf = behalf_of(permit)
        token = await self._find(permit.item.server, behalf)
        self._fence(permit)
        return credential_for(permit, token, made_for=behalf.grant)

    async def obtain_own(self, server: str) -> Secret:
        """Return the credential with which the mediator itself comes to this server; raises `Refused` as the port."""
        return await self._find(server, None)

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks for which something is kept, or being made."""
        kept, errands = self._kept.values(), self._errands.values()
        behalves = [*(one.behalf for one in kept), *(one.behalf for one in errands)]
        return frozenset(behalf.task for behalf in behalves if behalf is not None)

    def end_task(self, task: str) -> None:
        """Forget what was made for this task."""
        self.drop({task})

    def drop(self, grant_ids: Collection[str]) -> None:
        """Forget what was made under one of these grants, or under one that was delegated from it."""
        ids = frozenset(grant_ids)
        self._drop(lambda _, behalf: behalf is not None and behalf.is_of(ids))

    def _drop(self, is_gone: Callable[[_Key, Behalf | None], bool]) -> None:
        self._kept = {key: one for key, one in self._kept.items() if not is_gone(key, one.behalf)}
        # What is still being made is not kept when it comes.
        self._errands = {key: one for key, one in self._errands.items() if not is_gone(key, one.behalf)}

    async def _find(self, server: str, behalf: Behalf | None) -> Secret:
        key = _Key(server, None if behalf is None else behalf.grant)
        kept = self._kept.get(key)
        if kept is not None and self._clock.now_ms() < kept.until_ms:
            return kept.made.token
        source = self._sources.get(server)
        if source is None:
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, f"no credential is made for `{server}`")
        errand = self._errands.get(key)
        if errand is None:
            errand = self._errands[key] = _Errand(source=source, behalf=behalf)
        token = await self._share(key, errand)
        if self._sources.get(server) is not source:  # made for who was reached under this name before
            raise Refused(Reason.TRY_AGAIN, f"`{server}` is reached otherwise since the credential was asked for")
        return token

    async def _share(self, key: _Key, errand: _Errand) -> Secret:
        errand.waiting += 1
        try:
            async with errand.turn:
                if errand.came is None:
                    errand.came = await self._make(key, errand)
        finally:
            errand.waiting -= 1
            if (errand.came is not None or not errand.waiting) and self._errands.get(key) is errand:
                del self._errands[key]
        if isinstance(errand.came, Refused):
            raise Refused(errand.came.reason, errand.came.detail)
        return errand.came.token

    async def _make(self, key: _Key, errand: _Errand) -> Made | Refused:
        try:
            made = await errand.source.make(errand.behalf, self._clock.now_ms())
        except Refused as refused:
            return refused
        if self._errands.get(key) is errand:
            self._keep(key, made, errand.behalf)
        return made

    def _keep(self, key: _Key, made: Made, behalf: Behalf | None) -> None:
        now_ms = self._clock.now_ms()
        until_ms = made.until_ms - min(_MARGIN_MS, (made.until_ms - now_ms) // 2)
        if behalf is not None:
            until_ms = min(until_ms, behalf.until_ms)
        self._kept = {one: kept for one, kept in self._kept.items() if now_ms < kept.until_ms}
        self._kept[key] = _Kept(made=made, behalf=behalf, until_ms=until_ms)
