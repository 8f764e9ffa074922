"""HttpToolServer: the port to one tool server over Streamable HTTP, in either era.

A call is made once: the permit springs in the loop turn of its first byte. What is offered is compared with the pins
before (`visits.py`), and the fence inside `spring` then refuses by itself what was quarantined. What a server says and
asks meanwhile is `calling.py`'s. One server's failures are its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ssl as tls
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from mediator.adapters.tool_servers_http.address import parse_address
from mediator.adapters.tool_servers_http.background import Background
from mediator.adapters.tool_servers_http.calling import Calling, Forward, begin_call
from mediator.adapters.tool_servers_http.channel import Channel, Heard
from mediator.adapters.tool_servers_http.eras import Voice, is_lost_session
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.listening import Subscriptions
from mediator.adapters.tool_servers_http.pool import Pool
from mediator.adapters.tool_servers_http.standing import prepare_session
from mediator.adapters.tool_servers_http.visit import Visit
from mediator.adapters.tool_servers_http.visits import OwnCredential, Visits
from mediator.evidence import Secret
from mediator.inspection.result import Ask, Came, LargeResult, ToolResult, Waiting
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.freshness import FRESHNESS_SECONDS, Freshness, Monotonic
from mediator.mediation.instances import InstanceRule
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside, Inspectors, OfferWatch, UpdateWatch
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import UNSUPPORTED_VERSION, Introduction, unavailable
from mediator.wire.jsonrpc import INVALID_REQUEST
from mediator.wire.methods import CallMethod, Era

_ABOUT_THE_ERA: Final = (INVALID_REQUEST, UNSUPPORTED_VERSION)  # perhaps the server was replaced by another
_SUBSCRIBING: Final = frozenset({CallMethod.SUBSCRIBE, CallMethod.UNSUBSCRIBE})


class _NobodySubscribed:
    """The watch of a server to whose resources nobody can subscribe."""

    def updated(self, server: str, uri: str, task: str | None) -> None:
        """Take no note."""


async def _nothing() -> Secret | None:
    """Stand in where a server wants no credential."""
    return None


class HttpToolServer:
    """One configured tool server. `era` is nothing where it is to be found out; `own_credential` gives the one for `offered`."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        watch: OfferWatch,
        fence: Callable[[Permit], None],
        updates: UpdateWatch | None = None,
        inspectors: Inspectors | None = None,
        era: Era | None = None,
        instance: InstanceRule = InstanceRule.TASK,
        limits: HttpLimits | None = None,
        client_version: str = "0",
        own_credential: OwnCredential | None = None,
        ssl: tls.SSLContext | None = None,
        freshness_seconds: float = FRESHNESS_SECONDS,
        now: Monotonic = time.monotonic,
    ) -> None:
        self.name: Final = name
        self._fence = fence
        self._limits = limits or HttpLimits()
        address = parse_address(url)
        self._pool = Pool(address, self._limits, ssl)
        self._background = Background()
        self._voice = Voice(
            channel=Channel(address, self._pool, self._limits, client_version),
            limits=self._limits,
            client_version=client_version,
            background=self._background,
            lost=self._lost,
            inspectors=inspectors,
        )
        self._visits = Visits(
            name,
            self._voice,
            watch=watch,
            # A watch that is empty is false, and it is empty until somebody subscribes.
            updates=_NobodySubscribed() if updates is None else updates,
            fence=fence,
            configured_era=era,
            rule=instance,
            own_credential=own_credential or _nothing,
            fresh=partial(Freshness, freshness_seconds, now, lambda: watch.changed(name)),
        )

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> Came:
        """Make the call, once. Raises `Refused` as the port says."""
        if permit.item.server != self.name or credential.server != self.name:
            raise Refused(Reason.INTERNAL, f"a permit or a credential for another server than `{self.name}`")
        self._fence(permit)  # nothing is begun for a call whose trust has moved
        visit = await self._visits.enter(permit, credential.bearer, credential.made_for)
        if visit.tongue.era is Era.LEGACY:
            await prepare_session(self._voice, visit, permit.forwarded)
        elif permit.forwarded.method in _SUBSCRIBING:
            return self._concluded(visit, await self._subscriptions(visit).ask(permit, self._spring(permit)), noise=0)
        forward = Forward(
            forwarded=permit.forwarded,
            definition=permit.item.definition,
            digest=permit.item.digest,
            result_bytes_max=permit.result_bytes_max,
            spring=self._spring(permit),
        )
        return await self._hear(permit, await begin_call(self._voice, visit, forward), aside)

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> Came:
        """Answer what was asked, and go on with the call. Raises `Refused` as the port says."""
        calling = waiting.hold
        if permit.item.server != self.name or not isinstance(calling, Calling) or not self._is_ours(calling):
            raise Refused(Reason.INTERNAL, f"a permit, or a call that waits, of another server than `{self.name}`")
        calling.take_up()
        await calling.answer(permit.sole_answer, self._spring(permit), permit.deadline_seconds)
        return await self._hear(permit, calling, aside)

    def abandon(self, waiting: Waiting) -> None:
        """Cancel a call that is held open; never waits, never raises."""
        if isinstance(waiting.hold, Calling) and waiting.hold.is_held and self._is_ours(waiting.hold):
            waiting.hold.end()

    async def introduce(self) -> Introduction:
        """Return what the server says of itself and all that it offers, for review; nothing is kept of it."""
        return await self._visits.introduce()

    async def offered(self) -> Offer:
        """Return all that is offered now under the mediator's own credential, and let the watch see it."""
        offer = await self._visits.offered()
        self._listen()
        return offer

    async def look_again(self) -> None:
        """Compare what is offered under the mediator's own credential, if that is due; raises `Refused` as `offered`.

        A session or a task looks again for itself, before its next call.
        """
        await self._visits.look_again()
        self._listen()

    def pins_changed(self) -> None:
        """Let each session and each task be compared with the pins of now before its next call."""
        self._visits.pins_changed()

    async def end_task(self, task: str) -> None:
        """End the sessions of this task; its next call, if there could be one, would be looked at anew."""
        await self._visits.end_task(task)

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        """End the sessions of these grants."""
        await self._visits.end_grants(grant_ids)

    async def aclose(self) -> None:
        """End every session and every connection; whoever stands in its place is compared with nothing of them."""
        await self._visits.aclose()
        await self._background.aclose(self._limits.ending_seconds)
        await self._pool.aclose()

    # --- the call

    async def _hear(self, permit: Permit, calling: Calling, aside: Aside) -> Came:
        heard = await calling.hear(aside, permit.deadline_seconds)
        if isinstance(heard, Ask):
            calling.hold(permit.input_seconds)
            return Waiting(ask=heard, hold=calling)
        return self._concluded(calling.visit, heard, calling.noise)

    def _concluded(self, visit: Visit, heard: Heard, noise: int) -> ToolResult | LargeResult:
        answer = heard.answer
        if answer is None or is_lost_session(visit, heard):
            raise self._without_answer(visit, heard)
        if answer.error_code in _ABOUT_THE_ERA:
            self._visits.doubt_era()
        if answer.raw is not None:
            return LargeResult(raw=answer.raw, is_error=answer.is_error, noise=noise)
        return ToolResult(result=answer.result, error=answer.error, size_bytes=answer.size_bytes, noise=noise)

    def _without_answer(self, visit: Visit, heard: Heard) -> Refused:
        """Return the refusal for a bare status. The first byte is out: this call is not made again."""
        if is_lost_session(visit, heard):
            self._visits.lost(visit)
            return unavailable("the tool server has lost the session; the next call begins another")
        if heard.status < 500:  # noqa: PLR2004 - RFC 9110 §15.6: an outage says nothing of the era
            self._visits.doubt_era()
            self._visits.lost(visit)
        return unavailable(f"HTTP status {heard.status}")

    def _spring(self, permit: Permit) -> Callable[[], None]:
        return lambda: permit.spring(self._fence)

    def _subscriptions(self, visit: Visit) -> Subscriptions:
        if not isinstance(visit.standing, Subscriptions):
            visit.standing = Subscriptions(self._voice, visit, self._fence)
        return visit.standing

    def _listen(self) -> None:
        """Hear from now on when a modern server's lists change, whether anybody calls it or not."""
        visit = self._visits.own_visit
        if visit is not None and visit.standing is None:
            self._subscriptions(visit).begin()

    def _is_ours(self, calling: Calling) -> bool:
        return calling.voice is self._voice

    def _lost(self, visit: Visit) -> None:
        self._visits.lost(visit)
