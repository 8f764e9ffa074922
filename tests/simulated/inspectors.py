"""Inspectors in this process: the same functions, run where they are asked for; a test can hold them up.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio

from mediator.inspection.written import Examined
from mediator.mediation.examination import Examination, examine
from mediator.refusal import Refused
from mediator.wire.glance import Glance, glance_at
from mediator.wire.hearing import HearingLimits, read_message


class InspectorsHere:
    """Fills `Inspectors`. `glances` and `examined` are what was looked at; nothing is, until `gate` is set.

    `fails` is what they say instead of anything else, `begun` is set when somebody waits for them.
    """

    def __init__(self, hearing: HearingLimits | None = None) -> None:
        self._hearing = hearing or HearingLimits()
        self.glances: list[bytes] = []
        self.examined: list[bytes] = []
        self.gate, self.begun = anyio.Event(), anyio.Event()
        self.gate.set()
        self.cancelled = 0
        self.fails: Refused | None = None

    def hold(self) -> None:
        """Look at nothing until `gate` is set."""
        self.gate = anyio.Event()

    async def glance(self, raw: bytes) -> Glance | Refused:
        await self._wait()
        self.glances.append(raw)
        if self.fails is not None:
            return self.fails
        try:
            return glance_at(read_message(raw, self._hearing))
        except Refused as refused:
            return refused

    async def examine(self, raw: bytes, examination: Examination) -> Examined:
        await self._wait()
        self.examined.append(raw)
        if self.fails is not None:
            raise self.fails
        return examine(read_message(raw, self._hearing), len(raw), examination)

    async def _wait(self) -> None:
        self.begun.set()
        try:
            await self.gate.wait()
        except BaseException:
            self.cancelled += 1
            raise
