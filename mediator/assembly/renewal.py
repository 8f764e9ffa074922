"""Renewal: what operators signed since the start is put in force while the mediator runs, all of it or none.

Everything is read anew as at the start, by the same checks; what does not hold leaves the trust in force as it is. The
swap is written down first. A tool server that was added since, or is reached otherwise than before, is reached so from
now on, one that was taken out is reached no more, and what was started of it as it was before is ended; what else changed
in the settings waits for the next start.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from mediator.adapters.tool_servers_routed import RoutedToolServers, ToolServer
from mediator.adapters.trust_held import HeldTrust
from mediator.assembly.credentials import Credentials, Resolved
from mediator.assembly.folder import Folder, read_settings
from mediator.assembly.trust import LoadedTrust
from mediator.canonical import Json, JsonObject
from mediator.manifest.pin import PinProblem, PinSet
from mediator.mediation.ports import Clock, Ledger
from mediator.settings.sections import Settings, ToolServerSettings


@dataclass(slots=True, kw_only=True)
class Renewal:
    """Reads anew what is trusted, and puts it in force. `problems` are the pins that do not hold, as last read."""

    folder: Folder
    configured: Mapping[str, ToolServerSettings]
    load: Callable[[], LoadedTrust]
    make_servers: Callable[[Settings], Mapping[str, ToolServer]]
    trust: HeldTrust
    tool_servers: RoutedToolServers
    credentials: Credentials
    resolve: Callable[[Collection[ToolServerSettings]], Resolved]
    ledger: Ledger
    clock: Clock
    problems: tuple[PinProblem, ...]

    async def renew(self) -> JsonObject:
        """Put in force what operators signed; return what changed.

        Raises `Refused` naming the file that cannot be used, and the next step; then nothing has changed. And
        `STORE_UNAVAILABLE` where the epoch cannot be moved; then everything has, and every fence sees it.
        """
        settings = read_settings(self.folder)
        moved = tuple(one for one in settings.tool_servers if self.configured.get(one.name) != one)
        of_moved = settings.model_copy(update={"tool_servers": moved})
        servers, resolved, loaded = self.make_servers(of_moved), self.resolve(moved), self.load()
        before, after = self.trust.snapshot().all_pins, loaded.snapshot.pins
        form: JsonObject = {
            "trust": loaded.snapshot.digests(),
            "pins": len(after),
            "pinned_anew": list[Json](sorted({server for server, _ in _statements(after) - _statements(before)})),
            "pinned_no_longer": list[Json](sorted({server for server, _ in _statements(before) - _statements(after)})),
            "reached_anew": list[Json](sorted(servers)),
        }
        self.ledger.note("trust.renewed", form, self.clock.now_ms())
        self.configured = {one.name: one for one in settings.tool_servers}
        self.credentials.put(resolved, only={*self.configured}, anew={*servers})
        replaced = self.tool_servers.put(servers, only={*self.configured})  # in the same loop turn
        self.problems = loaded.problems
        try:
            self.trust.renew(loaded.snapshot)
        finally:  # the trust is swapped also where the store cannot move its epoch
            self.tool_servers.pins_changed()  # in the same loop turn: no call goes to what was compared with older pins
            await self.tool_servers.end_all(replaced)
        return form


def _statements(pins: PinSet) -> set[tuple[str, str]]:
    return {(tool.server, tool.statement_digest) for tool in pins}
