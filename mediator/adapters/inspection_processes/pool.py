"""InspectionProcesses: the port `Inspectors`, over a few workers that are started when the first large answer comes.

A worker that ends, is late or says nonsense fails the one answer that it worked on, and another takes its place. One that
nobody waits for any more is killed: what it works on cannot be called off otherwise. So at most `workers` run, each with
bounded memory, and at most `waiting_max` answers wait for one.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from mediator.adapters.inspection_processes.frames import (
    examine_head,
    glance_head,
    limits_words,
    read_examined,
    read_facts,
    read_glance,
    read_refusal,
)
from mediator.adapters.inspection_processes.process import WorkerProcess
from mediator.canonical import JsonObject
from mediator.inspection.written import Examined
from mediator.mediation.examination import Examination
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance
from mediator.wire.hearing import HearingLimits

_T = TypeVar("_T")
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """How many, how long, how much."""

    workers: int = 1
    waiting_max: int = 64  # answers: as many connections as one address may have
    waiting_seconds: float = 30.0
    work_seconds: float = 30.0  # sixteen MiB take less than one
    memory_bytes_base: int = _GIB  # an interpreter and its libraries; address space, of which a tenth is used
    memory_bytes_each: int = 24  # of one byte of an answer: text of four bytes a character, read and written, twice


def _say_nothing(_alarm: str) -> None:
    """Stand in for an operator whom nobody calls."""


class InspectionProcesses:
    """See the top of the file. `alarm` is told of each worker that did not end by our own hand."""

    def __init__(
        self,
        hearing: HearingLimits,
        limits: ProcessLimits | None = None,
        alarm: Callable[[str], None] = _say_nothing,
    ) -> None:
        self._limits, self._alarm = limits or ProcessLimits(), alarm
        memory = self._limits.memory_bytes_base + self._limits.memory_bytes_each * hearing.result_bytes_max
        self._words = (str(memory), *limits_words(hearing))
        # The same text in its canonical form is no longer, but for numbers (`1e9`) and what the reply says beside it.
        self._answer_bytes_max = 8 * hearing.result_bytes_max + 1024 * 1024
        self._places = anyio.Semaphore(self._limits.workers)
        self._waiting = 0
        self._is_closed = False
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(worker.pid for worker in self._all)

    async def glance(self, raw: bytes) -> Glance | Refused:
        """Read one message and return what it is, as the port says."""
        try:
            return await self._ask(glance_head(), raw, lambda head, _: read_glance(head))
        except Refused as refused:
            return refused

    async def examine(self, raw: bytes, examination: Examination) -> Examined:
        """Inspect one answer, as the port says."""
        dialect = examination.dialect
        return await self._ask(examine_head(examination), raw, lambda head, body: read_examined(head, body, dialect))

    async def aclose(self) -> None:
        """End every worker, and whatever it works on; none is left when this returns.

        Whoever waits for one hears of it, and closes its line.
        """
        self._is_closed = True
        idle, self._idle = self._idle, []
        for worker in tuple(self._all):
            await self._end(worker)
        for worker in idle:
            worker.close()

    async def _ask(self, head: bytes, raw: bytes, read: Callable[[JsonObject, bytes], _T]) -> _T:
        await self._take_place()
        try:
            outcome = await self._work(head, raw, read)
        finally:
            self._places.release()
        if not isinstance(outcome, Refused):
            return outcome
        if outcome.reason is Reason.INTERNAL:
            self._alarm(f"a large answer could not be inspected: {outcome.detail}")
        raise outcome

    async def _take_place(self) -> None:
        limits = self._limits
        if self._waiting >= limits.waiting_max:
            raise Refused(Reason.OVERLOADED, f"{self._waiting} large answers wait to be inspected")
        self._waiting += 1
        try:
            with anyio.fail_after(limits.waiting_seconds):
                await self._places.acquire()
        except TimeoutError as error:
            detail = f"no worker for a large answer within {limits.waiting_seconds} s"
            raise Refused(Reason.OVERLOADED, detail) from error
        finally:
            self._waiting -= 1

    async def _work(self, head: bytes, raw: bytes, read: Callable[[JsonObject, bytes], _T]) -> _T | Refused:
        """Have one worker answer; whatever is wrong with it, it works on nothing else then."""
        if self._is_closed:
            raise _ending()
        worker: WorkerProcess | None = None
        outcome: _T | Refused
        try:
            worker = self._find_worker()
            with anyio.fail_after(self._limits.work_seconds):
                answer, body = await worker.ask(head, raw)
            facts = read_facts(answer)
            outcome = read_refusal(facts) or read(facts, body)
        except (OSError, EOFError, ValueError) as error:  # a `TimeoutError` is an `OSError`
            if self._is_closed:
                raise _ending() from error
            self._alarm(f"an inspection process failed at an answer of {len(raw)} bytes: {error!r}")
            raise Refused(Reason.RESULT_WITHHELD, "the process that inspected the answer failed") from error
        else:
            self._idle.append(worker)
            worker = None
            return outcome
        finally:
            if worker is not None:
                await self._end(worker)
                worker.close()

    def _find_worker(self) -> WorkerProcess:
        """Return a worker that has nothing to do, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            self._alarm("an inspection process had ended; another is started")
            self._all.discard(worker)
            worker.close()
        worker = WorkerProcess(self._words, self._answer_bytes_max)
        self._all.add(worker)
        return worker

    async def _end(self, worker: WorkerProcess) -> None:
        worker.kill()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(worker.wait)
        self._all.discard(worker)


def _ending() -> Refused:
    return Refused(Reason.RESULT_WITHHELD, "the mediator is ending")
