"""Tool servers as they are configured: one adapter each, with its limits and what it is given.

A secret of a command's environment is read here, at the start, from where its reference points; an operator's environment
is seen by nobody else. What a command is given is named in its settings and nothing more.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final, TypeAlias

from mediator import __version__
from mediator.adapters.clock_system import SystemClock
from mediator.adapters.credentials_references import resolve_secret
from mediator.adapters.tool_servers_http.limits import HttpLimits
from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_stdio.held_files import (
    Mismatch,
    Promise,
    PromiseSource,
    check,
    promise_nothing,
)
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.program import MismatchWatch, tell_nobody
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.assembly.credentials import Credentials, resolve_credentials, signer_of
from mediator.assembly.folder import Folder
from mediator.canonical import Digest
from mediator.evidence import Secret
from mediator.manifest.offer import Offer
from mediator.manifest.pin import PinSet
from mediator.manifest.pinned import PinnedItem
from mediator.mediation.instances import InstanceRule
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Inspectors, OfferWatch, UpdateWatch
from mediator.refusal import Reason, Refused
from mediator.settings.sections import LimitSettings, Settings, ToolServerSettings
from mediator.settings.values import Literally
from mediator.wire.hearing import HearingLimits, Introduction
from mediator.wire.methods import Era

OwnCredentials: TypeAlias = Callable[[str], Awaitable[Secret | None]]
"""Gives what the mediator itself comes to a server with."""

_ERAS: Final = {"auto": None, "modern": Era.MODERN, "legacy": Era.LEGACY}


class _NobodyWatches:
    """The watch of a server that is only asked who it is: nothing is pinned yet."""

    def observe(self, server: str, offer: Offer, connection: str = "") -> None:
        """Take no note."""

    def agrees(self, server: str, offer: Offer) -> bool:  # noqa: ARG002 - nothing is pinned to compare with
        """Nothing is pinned, so everything agrees."""
        return True

    def changed(self, server: str) -> None:
        """Take no note."""

    def forget(self, server: str, connection: str) -> None:
        """Take no note."""


def make_tool_servers(
    folder: Folder,
    settings: Settings,
    watch: OfferWatch,
    fence: Callable[[Permit], None],
    own: OwnCredentials,
    pins: Callable[[], PinSet] | None = None,
    mismatch: MismatchWatch = tell_nobody,
    updates: UpdateWatch | None = None,
    inspectors: Inspectors | None = None,
) -> dict[str, HttpToolServer | StdioToolServer]:
    """Return an adapter for each configured server; raises `Refused` naming a secret that is not where it should be.

    Before each start a command's files are compared with what the settings and, where `pins` are given, the pinned
    manifests say of them; `mismatch` is told of what differs. `updates` is told of resources that changed.
    """

    def promises(server: ToolServerSettings) -> PromiseSource:
        return lambda: promise_of(folder, server, () if pins is None else pins().items_of_server(server.name))

    return {
        server.name: _make(folder, settings, server, watch, fence, own, promises(server), mismatch, updates, inspectors)
        for server in settings.tool_servers
    }


def hearing_of(limits: LimitSettings) -> HearingLimits:
    """Return how much a tool server may say."""
    return HearingLimits(
        result_bytes_max=limits.result_bytes_max,
        json_depth_max=limits.json_depth_max,
        json_values_max=limits.json_values_max,
        pages_max=limits.list_pages_max,
        items_max=limits.list_items_max,
    )


def promise_of(folder: Folder, server: ToolServerSettings, pinned: Iterable[PinnedItem]) -> Promise:
    """Return what a server's files are held to: by its settings, and by its manifest as it was signed and reviewed."""
    items = tuple(pinned)
    executables = {server.executable_digest, *(item.executable_digest for item in items)}
    locks = {server.lock_digest, *(item.lock_digest for item in items)}
    return Promise(
        executable=frozenset(Digest(digest) for digest in executables if digest is not None),
        lock=frozenset(Digest(digest) for digest in locks if digest is not None),
        lock_file=None if server.lock_file is None else folder.root / server.lock_file,
        installed=None if server.installed is None else folder.root / server.installed,
        root=folder.root,
    )


def find_mismatch(folder: Folder, server: ToolServerSettings, pinned: Iterable[PinnedItem]) -> Mismatch | None:
    """Return the file of a server over stdio that is not what was reviewed, if there is one; it reads whole files.

    Raises `Refused` where a secret that its environment names cannot be had.
    """
    promise = promise_of(folder, server, pinned)
    if not server.command or promise.is_empty:
        return None
    found = check(server.command, _environment_of(server), str(folder.root / (server.cwd or ".")), promise)
    return found if isinstance(found, Mismatch) else None


async def introduce(
    folder: Folder, settings: Settings, server: ToolServerSettings, promise: PromiseSource = promise_nothing
) -> Introduction:
    """Return what a server says of itself and all that it offers, for review; it is ended again.

    What is promised of its files is held to before it is started; of one that is to be reviewed nothing is. Raises
    `Refused` saying why it could not be asked.
    """
    credentials = Credentials(SystemClock(), _must_not_call)
    resolved = resolve_credentials([server], lambda: signer_of(folder, settings.server.base_url()))
    credentials.put(resolved, only={server.name}, anew=())
    adapter = _make(folder, settings, server, _NobodyWatches(), _must_not_call, credentials.obtain_own, promise)
    try:
        return await adapter.introduce()
    finally:
        await adapter.aclose()


def _must_not_call(permit: Permit) -> None:
    raise Refused(Reason.INTERNAL, f"`{permit.item.server}` was asked to introduce itself, not to be called")


def _make(
    folder: Folder,
    settings: Settings,
    server: ToolServerSettings,
    watch: OfferWatch,
    fence: Callable[[Permit], None],
    own: OwnCredentials,
    promise: PromiseSource = promise_nothing,
    mismatch: MismatchWatch = tell_nobody,
    updates: UpdateWatch | None = None,
    inspectors: Inspectors | None = None,
) -> HttpToolServer | StdioToolServer:
    limits, freshness_seconds = settings.limits, settings.manifests.freshness_seconds
    hearing = hearing_of(limits)
    era, instance = _ERAS[server.era], InstanceRule(server.instance)
    if server.url is not None:
        return HttpToolServer(
            server.name,
            server.url,
            watch=watch,
            updates=updates,
            inspectors=inspectors,
            fence=fence,
            era=era,
            instance=instance,
            limits=HttpLimits(
                hearing=hearing, header_bytes_max=limits.header_bytes_max, opening_seconds=limits.start_seconds
            ),
            client_version=__version__,
            freshness_seconds=freshness_seconds,
            own_credential=partial(own, server.name),
        )
    return StdioToolServer(
        server.name,
        server.command or (),
        watch=watch,
        updates=updates,
        inspectors=inspectors,
        fence=fence,
        environment=_environment_of(server),
        cwd=str(folder.root / (server.cwd or ".")),
        era=era,
        instance=instance,
        limits=StdioLimits(hearing=hearing, opening_seconds=limits.start_seconds),
        client_version=__version__,
        freshness_seconds=freshness_seconds,
        promise=promise,
        mismatch=mismatch,
    )


def _environment_of(server: ToolServerSettings) -> Mapping[str, Secret | str]:
    return {
        name: value.text if isinstance(value, Literally) else resolve_secret(value, os.environ)
        for name, value in server.environment.items()
    }
