"""One server's program, looked at before each start: as promised, or refused, and told to who keeps the ledger.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import anyio

from mediator.adapters.tool_servers_stdio.held_files import Checked, Mismatch, PromiseSource, check
from mediator.evidence import Secret
from mediator.refusal import Refused
from mediator.wire.hearing import unavailable

MismatchWatch: TypeAlias = Callable[[str, Mismatch], None]
"""Told the server and the file, each time that a start is refused for it."""


def tell_nobody(server: str, mismatch: Mismatch) -> None:
    """Take no note: nothing is pinned yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command that may be started now."""

    command: tuple[str, ...]
    checked: Checked
    refuse: Callable[[Mismatch], Refused]

    def must_be_unmoved(self) -> None:
        """Refuse what was touched or replaced between the look and the start."""
        if (moved := self.checked.moved()) is not None:
            raise self.refuse(moved)


class HeldProgram:
    """A command, its environment and folder, and what its files are held to."""

    def __init__(
        self,
        server: str,
        command: Sequence[str],
        environment: Mapping[str, Secret | str],
        cwd: str | None,
        promise: PromiseSource,
        mismatch: MismatchWatch,
    ) -> None:
        self._server, self._command, self._environment, self._cwd = server, tuple(command), environment, cwd
        self._promise, self._tell = promise, mismatch

    async def check(self) -> Program:
        """Return the command to start, its first word the very file that was looked at.

        Raises `Refused(TOOL_SERVER_UNAVAILABLE)` naming the file, what was expected and found, and the next step.
        """
        promise = self._promise()
        if promise.is_empty:
            return Program(command=self._command, checked=Checked(stamps={}), refuse=self._refuse)
        # A large package takes a second the first time: in a thread, and given up where the start's time is over.
        checked = await anyio.to_thread.run_sync(
            check, self._command, self._environment, self._cwd, promise, abandon_on_cancel=True
        )
        if isinstance(checked, Mismatch):
            raise self._refuse(checked)
        first = self._command[0] if checked.program is None else str(checked.program)
        return Program(command=(first, *self._command[1:]), checked=checked, refuse=self._refuse)

    def _refuse(self, mismatch: Mismatch) -> Refused:
        self._tell(self._server, mismatch)
        again = (
            f"`mediator manifest import {self._server} --again` (of a package, with `--command`), sign, review, approve"
        )
        return unavailable(f"{mismatch}: find out who changed it; if the change is good, {again}")
