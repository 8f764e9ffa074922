"""The visits to one server: begun when a call first needs one, compared with the pins when that is due, and ended.

Whenever a legacy session begins, before the first call of each task to a modern server, and for each of them again when
it is due, all that the server offers is given to the watch, which quarantines what differs from its pin. A session is
shared between no two credentials; one that was made anew for the same grant goes on in the session of the one before.

A server that speaks both eras is spoken to in the agent's own, so that nothing is lost between the two. What it offers in
the older one must be exactly what is pinned; where it is not, that era is not used, and nothing is quarantined for it: an
era leaves members out that the other has.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

import anyio

from mediator.adapters.tool_servers_http.channel import key_of
from mediator.adapters.tool_servers_http.eras import Voice
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.evidence import Secret
from mediator.manifest.offer import Offer
from mediator.mediation.freshness import Freshness
from mediator.mediation.instances import Holder, InstanceRule, Instances, holder_of
from mediator.mediation.offering import offer_of
from mediator.mediation.permit import Permit
from mediator.mediation.ports import OfferWatch, UpdateWatch
from mediator.refusal import Refused
from mediator.wire.hearing import Introduction, nonsense, unavailable
from mediator.wire.methods import Era
from mediator.wire.speech import modern

_T = TypeVar("_T")
OwnCredential: TypeAlias = Callable[[], Awaitable[Secret | None]]
"""Gives what the mediator itself comes with, whenever it comes; raises `Refused` where that cannot be had."""

_OWN: Final = "the mediator's own"
_SESSIONS_MAX: Final = 1024  # legacy sessions at one server; as many connections are allowed on the agents' side


@dataclass(slots=True, kw_only=True)
class _Known:
    """What is kept of one visit: until when its offer counts as compared, and by which name the watch knows it."""

    name: str
    freshness: Freshness
    discovered: Introduction | None = None  # what a modern server said just now, for the first reading


class Visits:
    """All of one server. `configured_era` is nothing where it is to be found out."""

    def __init__(
        self,
        name: str,
        voice: Voice,
        *,
        watch: OfferWatch,
        updates: UpdateWatch,
        fence: Callable[[Permit], None],
        configured_era: Era | None,
        rule: InstanceRule,
        own_credential: OwnCredential,
        fresh: Callable[[], Freshness],
    ) -> None:
        self._name, self._voice, self._watch, self._updates, self._fence = name, voice, watch, updates, fence
        self._configured_era = self.era = configured_era
        self._speaks_both: bool | None = (
            None  # whether a modern server offers the same in the older era; to be found out
        )
        self._rule, self._own_credential = rule, own_credential
        self._limits = voice.limits
        self._modern = modern(voice.client_version)
        self._sessions: Instances[Visit] = Instances(instances_max=_SESSIONS_MAX, end=self._end_session)
        self._tasks: OrderedDict[tuple[str, str], Visit] = (
            OrderedDict()
        )  # visits of modern servers, by task and credential
        self._fresh = fresh
        self._own = fresh()  # of what the mediator sees under its own credential
        self.own_visit: Visit | None = None  # the mediator's own, once it was found to be a modern server
        self._known: dict[Visit, _Known] = {}
        self._numbers = itertools.count(1)

    async def enter(self, permit: Permit, credential: Secret | None, made_for: str | None = None) -> Visit:
        """Return the way to speak under which this call is made, its offer compared where that was due.

        `made_for` is the grant that the credential was made for, if it was made for one.
        """
        key = key_of(credential) if made_for is None else made_for
        discovered: Introduction | None = None
        if self.era is None:
            discovered = await self._opening(lambda: self._voice.discover(credential))
            self.era = Era.LEGACY if discovered is None else Era.MODERN
        if self.era is Era.LEGACY:
            visit = await self._session(permit, credential, key)
        elif (beside := await self._session_beside(permit, credential, key)) is not None:
            return beside
        else:
            visit = self._modern_visit(permit.task, credential, key, discovered)
        if (known := self._known[visit]).freshness.is_due():
            await known.freshness.ensure(lambda: self._look_at(visit, known))
        return visit

    def doubt_era(self) -> None:
        """Find the era out again: perhaps the server was replaced by another."""
        self.era, self._speaks_both = self._configured_era, None

    def lost(self, visit: Visit) -> None:
        """Forget a visit that is of no more use: the next call begins another."""
        self._sessions.forget(visit)
        for key in [key for key, one in self._tasks.items() if one is visit]:  # a modern one: its task begins anew
            del self._tasks[key]
        self._forget(visit)

    async def introduce(self) -> Introduction:
        """Return what the server says of itself and all that it offers; nothing is kept of it."""
        return await self._opening(self._introduce)

    async def offered(self) -> Offer:
        """Return all that is offered now under the mediator's own credential, and let the watch see it."""
        mark = self._own.mark()
        offer = offer_of(await self.introduce())
        self._watch.observe(self._name, offer, _OWN)
        self._own.settle(mark, offer.ttl_ms)
        return offer

    async def look_again(self) -> None:
        """Compare what is offered under the mediator's own credential, if that is due."""
        await self._own.ensure(self.offered)

    def pins_changed(self) -> None:
        """Let each visit be compared with the pins of now before its next call."""
        self._speaks_both = self._speaks_both or None
        for freshness in (self._own, *(known.freshness for known in self._known.values())):
            freshness.changed()

    async def end_task(self, task: str) -> None:
        """End the visits of this task."""
        for key in [key for key in self._tasks if key[0] == task]:
            self._forget(self._tasks.pop(key))
        await self._sessions.end_task(task)

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        """End the sessions of these grants; a visit of a modern server has nothing to be ended."""
        await self._sessions.end_grants(grant_ids)

    async def aclose(self) -> None:
        """End every visit."""
        self._end_own()
        await self._sessions.end_all()
        for visit in tuple(self._known):
            self._forget(visit)
        self._watch.forget(self._name, _OWN)

    # --- beginnings

    async def _session(self, permit: Permit, credential: Secret | None, key: str, *, is_beside: bool = False) -> Visit:
        holder = holder_of(self._rule, permit)
        visit = await self._sessions.enter(
            holder,
            key,
            check=lambda: self._fence(permit),
            begin=lambda: self._opening(lambda: self._begin_session(holder, credential, is_beside=is_beside)),
        )
        visit.credential = credential
        return visit

    async def _session_beside(self, permit: Permit, credential: Secret | None, key: str) -> Visit | None:
        """Return a legacy session at a modern server, for a legacy agent; None where it has none, or another offer there."""
        is_wanted = permit.committed.deliberation.call.era is Era.LEGACY and self._configured_era is None
        if not is_wanted or self._speaks_both is False:
            return None
        visit: Visit | None = None
        try:
            visit = await self._session(permit, credential, key, is_beside=True)
            known = self._known[visit]
            await known.freshness.ensure(lambda: self._opening(lambda: self._read_as_pinned(known, visit)))
        except Refused:
            self._fence(permit)  # it may be that which refused
            self._speaks_both = False
            if visit is not None:
                self.lost(visit)
            return None
        self._speaks_both = True
        return visit

    async def _read_as_pinned(self, known: _Known, visit: Visit) -> Offer:
        """Return what is offered here; raises `Refused` where it is not exactly what is pinned."""
        offer = offer_of(await self._read_offer(visit, known))
        if not self._watch.agrees(self._name, offer):
            raise nonsense("it offers something else to clients of the older era")
        return offer

    def _modern_visit(self, task: str, credential: Secret | None, key: str, discovered: Introduction | None) -> Visit:
        """Return the task's way to speak to a modern server; `discovered` is what it said of itself just now."""
        visit = self._tasks.get((task, key))
        if visit is None:
            visit = self._tasks[task, key] = Visit(tongue=self._modern, credential=credential)
            self._know(visit, task).discovered = discovered
            if len(self._tasks) > self._limits.watched_tasks_max:
                self._forget(self._tasks.popitem(last=False)[1])
        visit.credential = credential
        return visit

    async def _begin_session(self, holder: Holder, credential: Secret | None, *, is_beside: bool) -> Visit:
        visit: Visit | None = None
        try:
            _, visit = await self._voice.initialize(credential)
            visit.is_one_tasks = holder.rule is InstanceRule.TASK
            known = self._know(visit, holder.name if visit.is_one_tasks else None)
            mark = known.freshness.mark()
            look = self._read_as_pinned(known, visit) if is_beside else self._look_at(visit, known)
            known.freshness.settle(mark, (await look).ttl_ms)
        except BaseException as error:
            if isinstance(error, Refused) and not is_beside:
                self.doubt_era()  # perhaps it is no legacy server any more
            if visit is not None:
                await self._end_session(visit)
            raise
        return visit

    async def _introduce(self) -> Introduction:
        credential = await self._own_credential()
        if self._configured_era is not Era.LEGACY:
            introduction = await self._voice.discover(credential)
            if introduction is not None:
                if self.own_visit is None:
                    self.own_visit = Visit(tongue=self._modern, credential=credential, changed=self._all_changed)
                self.own_visit.credential = credential
                return await self._voice.introduce(introduction, self.own_visit)
            self._end_own()
            if self._configured_era is Era.MODERN:
                raise nonsense("it does not know `server/discover`")
        introduction, visit = await self._voice.initialize(credential)
        visit.changed = self._own.changed
        try:
            return await self._voice.introduce(introduction, visit)
        finally:
            await self._voice.end(visit)

    async def _look_at(self, visit: Visit, known: _Known) -> Offer:
        """Read all that is offered here, and let the watch see it."""
        offer = offer_of(await self._opening(lambda: self._read_offer(visit, known)))
        self._watch.observe(self._name, offer, known.name)
        return offer

    async def _read_offer(self, visit: Visit, known: _Known) -> Introduction:
        introduction, known.discovered = visit.began or known.discovered, None
        if introduction is None:
            introduction = await self._voice.discover(visit.credential)
        if introduction is None:
            self.doubt_era()
            raise nonsense("it does not know `server/discover` any more")
        return await self._voice.introduce(introduction, visit)

    async def _opening(self, begin: Callable[[], Awaitable[_T]]) -> _T:
        """Do what must come before a call, within its own deadline: a list without end must not use up the call's."""
        try:
            with anyio.fail_after(self._limits.opening_seconds):
                return await begin()
        except TimeoutError as error:
            raise unavailable(f"no handshake and list within {self._limits.opening_seconds} s") from error

    # --- the mediator's own

    def _all_changed(self) -> None:
        """Take note that a modern server says its lists have changed: they are the same for every visit."""
        self.pins_changed()
        self._own.said_changed()

    def _end_own(self) -> None:
        if self.own_visit is not None:
            self.own_visit.end()
            self.own_visit = None

    # --- what is known of a visit

    def _know(self, visit: Visit, task: str | None) -> _Known:
        known = _Known(name=f"connection {next(self._numbers)}", freshness=self._fresh())

        def changed() -> None:
            known.freshness.said_changed()
            self._own.changed()

        visit.changed = changed
        visit.updated = lambda uri: self._updates.updated(self._name, uri, task)
        self._known[visit] = known
        return known

    def _forget(self, visit: Visit) -> None:
        visit.end()
        if (known := self._known.pop(visit, None)) is not None:
            self._watch.forget(self._name, known.name)

    async def _end_session(self, visit: Visit) -> None:
        self._forget(visit)
        await self._voice.end(visit)
