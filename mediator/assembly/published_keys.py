"""The keys that other issuers publish by URL: fetched at the start, looked at again before they are old, kept for a while.

What is published is believed until it is published otherwise: a key that is taken out verifies nothing from the next look on
(the epoch moves, and every fence sees it), and a look that brings the same keys moves nothing. A token by a key that is not
known makes one look at once, however many such tokens come, and not more often than the rest between two looks allows.
Where an issuer cannot be reached, its last keys hold for `max_age_seconds`; then nobody of that issuer is believed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import anyio
from anyio.abc import TaskGroup

from mediator.adapters.keys_http import KeysEndpoint
from mediator.adapters.trust_held import HeldTrust
from mediator.canonical import Digest, Json, JsonObject, digest_of
from mediator.identity.keys import KeySet, key_set, published_keys, without_keys
from mediator.mediation.ports import Clock
from mediator.refusal import Refused
from mediator.settings.issuers import IssuerSettings
from mediator.settings.sections import Settings

FETCH_SECONDS: Final = 10.0
_LOOK_MS: Final = 300_000  # as often as key sets may change by their publishers' own caching rules
_RETRY_MS: Final = 15_000
_TICK_SECONDS: Final = 5.0  # so late at most is a set found to be too old
REST_SECONDS: Final = 2.0  # between two looks of one issuer that strangers can bring about
_WAITING_MAX: Final = 256  # for a look at one issuer; who comes then is refused at once


class Publication(Protocol):
    """Where one issuer publishes its keys."""

    async def fetch(self, seconds: float) -> JsonObject:
        """Return the set as it is published now; raises `Refused(SNAPSHOT_TOO_OLD)`."""
        ...


def publications(settings: Settings) -> dict[IssuerSettings, Publication]:
    """Return where the issuers of these settings publish their keys, those that do."""
    return {one: KeysEndpoint(one.keys_url) for one in settings.issuers if one.keys_url is not None}


def put_keys(
    trust: HeldTrust, load: Callable[[], KeySet], note: Callable[[JsonObject], None], moved: JsonObject
) -> None:
    """Put what is published now in force, and on record; where it cannot be read, nobody of that issuer is believed.

    Raises `Refused`: what `load`, the ledger and the store raise; what was taken out is out all the same.
    """
    snapshot = trust.snapshot()
    try:
        keys = load()
    except Refused:
        trust.renew(replace(snapshot, keys=without_keys(snapshot.keys, str(moved["issuer"]))))
        raise
    trust.renew(replace(snapshot, keys=keys))
    note(moved)


@dataclass(slots=True, eq=False)
class _Source:
    """One issuer. Times in ms are the clock's; `begun` and `completed` (when that look began) are the loop's."""

    settings: IssuerSettings
    publication: Publication
    keys: JsonObject | None = None
    fetched_ms: int = 0
    due_ms: int = 0
    is_failing: bool = False
    begun: float = -1e9
    completed: float = -1e9
    waiting: int = 0
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def until_ms(self) -> int:
        return self.fetched_ms + self.settings.max_age_seconds * 1000


class PublishedKeys:
    """Holds what was published. `moved` is told, with what changed, when any of it is to be put in force."""

    def __init__(
        self,
        publications: Mapping[IssuerSettings, Publication],
        clock: Clock,
        alarm: Callable[[str], None],
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._sources = {str(one.issuer): _Source(one, publication) for one, publication in publications.items()}
        self._clock, self._alarm, self._rest_seconds = clock, alarm, rest_seconds
        self.moved: Callable[[JsonObject], None] = lambda _: None

    def keys(self) -> Mapping[str, JsonObject | None]:
        """Return the key set of each issuer; None where it cannot be had, or was not for too long."""
        return {issuer: source.keys for issuer, source in self._sources.items()}

    async def keep_on(self, tick_seconds: float = _TICK_SECONDS) -> None:
        """Look at what is due, until cancelled; nobody's look is waited for before the next tick."""
        async with anyio.create_task_group() as looking:
            while self._sources:
                await anyio.sleep(tick_seconds)
                self._begin(looking)

    async def look(self) -> None:
        """Look at what is due now, each by itself; give up what is too old."""
        async with anyio.create_task_group() as looking:
            self._begin(looking)

    def _begin(self, looking: TaskGroup) -> None:
        for source in self._sources.values():
            self._give_up_if_old(source)
            if self._clock.now_ms() >= source.due_ms and not source.lock.locked():  # else somebody is at it
                looking.start_soon(self._look_at, source)

    async def learn(self, issuer: str) -> bool:
        """Look again at this issuer's keys, for a key that is not known; tell whether they are others than before."""
        source = self._sources.get(issuer)
        if source is None or source.waiting >= _WAITING_MAX:  # of each by itself: one that is slow fills no other's
            return False
        before, asked = source.keys, anyio.current_time()
        source.waiting += 1
        try:
            async with source.lock:
                if source.completed < asked:  # else somebody else's look, begun since, has answered this too
                    await anyio.sleep(max(0.0, source.begun + self._rest_seconds - anyio.current_time()))
                    await self._fetch(source)
        finally:
            source.waiting -= 1
        return source.keys != before

    async def _look_at(self, source: _Source) -> None:
        async with source.lock:
            await self._fetch(source)

    async def _fetch(self, source: _Source) -> None:
        begun = source.begun = anyio.current_time()
        left = (source.until_ms - self._clock.now_ms()) / 1000
        try:
            form = await source.publication.fetch(min(FETCH_SECONDS, left) if left > 1 else FETCH_SECONDS)
            keys = _signing(source.settings, form)
        except Refused as why:
            source.completed, source.due_ms = begun, self._clock.now_ms() + _RETRY_MS
            self._tell(source, why.detail)
            self._give_up_if_old(source)
            return
        source.completed, now_ms = begun, self._clock.now_ms()
        source.is_failing, source.fetched_ms = False, now_ms
        source.due_ms = now_ms + min(_LOOK_MS, source.settings.max_age_seconds * 1000 // 3)
        self._put(source, keys)

    def _give_up_if_old(self, source: _Source) -> None:
        if source.keys is not None and self._clock.now_ms() >= source.until_ms:
            self._alarm(
                f"no keys of issuer `{source.settings.name}` for {source.settings.max_age_seconds} s: none hold"
            )
            self._put(source, None)

    def _put(self, source: _Source, keys: JsonObject | None) -> None:
        if keys == source.keys:
            return
        source.keys = keys
        form: JsonObject = {"issuer": source.settings.issuer, "keys": _digest(keys), "key_ids": _key_ids(keys)}
        try:
            self.moved(form)
        except Refused as stop:  # what could be taken was; it is put again at the next look
            self._alarm(f"keys of issuer `{source.settings.name}` could not be put in force: {stop.detail}")
            source.keys, source.due_ms = None, self._clock.now_ms() + _RETRY_MS

    def _tell(self, source: _Source, why: str) -> None:
        if not source.is_failing:
            self._alarm(f"keys of issuer `{source.settings.name}` could not be looked at: {why}")
        source.is_failing = True


def _signing(settings: IssuerSettings, form: JsonObject) -> JsonObject | None:
    """Return the keys that can sign; None where none is published. Raises `Refused` for a set that cannot be used."""
    keys = published_keys(form, settings.algorithms)
    if keys == {"keys": []}:
        return None
    key_set({str(settings.issuer): (keys, settings.algorithms)})
    return keys


def _key_ids(keys: JsonObject | None) -> list[Json]:
    forms = [] if keys is None else keys["keys"]
    assert isinstance(forms, list)
    return [form["kid"] for form in forms if isinstance(form, dict)]


def _digest(keys: JsonObject | None) -> Digest | None:
    return None if keys is None else digest_of(keys)
