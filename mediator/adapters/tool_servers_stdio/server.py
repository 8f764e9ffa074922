"""StdioToolServer: the port to one tool server that is a process of ours, in either era; one for each task by default.

A call is made once: the permit springs in the loop turn of its first byte. Whenever a process begins, says that its
lists have changed, or was not looked at for a while, all that it offers is given to the watch before anything is
forwarded, which quarantines what differs from its pin; the fence inside `spring` then refuses by itself. A call that goes
on after a question is no new call: it waits for no comparison, since a server may answer nothing else meanwhile; its
permit passes the fence. A process that dies fails its own calls; the next call begins another. In the legacy era what a
client can be asked is agreed in the handshake: callers that can be asked different things have different processes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

import anyio

from mediator.adapters.tool_servers_stdio.calls import Hold, Leg
from mediator.adapters.tool_servers_stdio.conversation import Conversation
from mediator.adapters.tool_servers_stdio.held_files import PromiseSource, promise_nothing
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.adapters.tool_servers_stdio.program import HeldProgram, MismatchWatch, tell_nobody
from mediator.evidence import Secret
from mediator.inspection.result import Came, Waiting
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential
from mediator.mediation.freshness import FRESHNESS_SECONDS, Freshness, Monotonic
from mediator.mediation.instances import Holder, InstanceRule, Instances, holder_of
from mediator.mediation.offering import offer_of
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Aside, Inspectors, OfferWatch, UpdateWatch
from mediator.refusal import Reason, Refused
from mediator.wire.hearing import Introduction, unavailable
from mediator.wire.methods import Era


class NoUpdates:
    """An `UpdateWatch` where nobody subscribes."""

    def updated(self, server: str, uri: str, task: str | None) -> None:
        """Tell nobody."""


_LOOK: Final = "a look"


class StdioToolServer:
    """One configured tool server.

    `command` is an argument vector whose first word is a path, or a name to be found on the `PATH` of `environment`;
    `environment` is all that the process sees. `era` is nothing where it is to be found out.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        watch: OfferWatch,
        fence: Callable[[Permit], None],
        environment: Mapping[str, Secret | str] = MappingProxyType({}),
        cwd: str | None = None,
        era: Era | None = None,
        instance: InstanceRule = InstanceRule.TASK,
        limits: StdioLimits | None = None,
        client_version: str = "0",
        freshness_seconds: float = FRESHNESS_SECONDS,
        now: Monotonic = time.monotonic,
        promise: PromiseSource = promise_nothing,
        mismatch: MismatchWatch = tell_nobody,
        updates: UpdateWatch | None = None,
        inspectors: Inspectors | None = None,
    ) -> None:
        self.name: Final = name
        self.last_words = ""  # of the process that ended last: for an operator
        self._environment, self._cwd, self._era = dict(environment), cwd, era
        self._watch, self._fence, self._rule = watch, fence, instance
        # A watch that is empty is false, and it is empty until somebody subscribes.
        self._updates = NoUpdates() if updates is None else updates
        self._inspectors = inspectors
        self._program = HeldProgram(name, command, self._environment, cwd, promise, mismatch)
        self._limits = limits or StdioLimits()
        self._client_version = client_version
        self._fresh = partial(Freshness, freshness_seconds, now, lambda: watch.changed(name))
        self._names: dict[Conversation, str] = {}  # by which the watch tells them apart
        self._numbers = itertools.count(1)
        self._is_closed = False
        self._running: set[Conversation] = set()  # until the process is gone, or was never there
        self._none_left = anyio.Event()
        self._instances: Instances[Conversation] = Instances(
            instances_max=self._limits.processes_max, end=Conversation.end
        )

    async def call(self, permit: Permit, credential: ToolCredential, aside: Aside) -> Came:
        """Make the call, once. Raises `Refused` as the port says."""
        if permit.item.server != self.name or credential.server != self.name:
            raise Refused(Reason.INTERNAL, f"a permit or a credential for another server than `{self.name}`")
        if credential.bearer is not None:  # MCP: over stdio credentials come from the environment
            raise Refused(Reason.INTERNAL, "a bearer token for a server that can be shown none")
        self._fence(permit)  # nothing is begun for a call whose trust has moved
        holder = holder_of(self._rule, permit)
        conversation = await self._instances.enter(
            holder,
            "",
            check=lambda: self._fence(permit),
            begin=lambda: self._begin_watched(holder),
        )
        if conversation.freshness.is_due():
            await self._look_at(conversation)
        return await conversation.call(permit.forwarded, self._leg(permit), aside, permit.task)

    async def resume(self, permit: Permit, waiting: Waiting, aside: Aside) -> Came:
        """Answer what was asked, and go on, once. Raises `Refused` as the port says."""
        if permit.item.server != self.name or not isinstance(waiting.hold, Hold):
            raise Refused(Reason.INTERNAL, f"a permit or a call of another server than `{self.name}`")
        return await waiting.hold.calls.resume(waiting.hold, permit.sole_answer, self._leg(permit), aside)

    def abandon(self, waiting: Waiting) -> None:
        """End a call that is held open: nobody will answer."""
        if isinstance(waiting.hold, Hold):
            waiting.hold.calls.let_go(waiting.hold)

    async def introduce(self) -> Introduction:
        """Return what a process of the server says of itself and all that it offers, for review; it is ended again."""
        conversation, introduction = await self._begin()
        await conversation.end()
        return introduction

    async def offered(self) -> Offer:
        """Return all that a new process offers, and let the watch see it; that process is no more afterwards."""
        offer = offer_of(await self.introduce())
        try:
            self._watch.observe(self.name, offer, _LOOK)
        finally:
            self._watch.forget(self.name, _LOOK)
        return offer

    async def look_again(self) -> None:
        """Compare what each process offers, where that is due; raises what the last that failed was refused for.

        No process is begun for that: one that is not there can serve nothing, and is compared when it begins.
        """
        failure: Refused | None = None
        for conversation in tuple(self._running):
            if conversation.has_begun and conversation.freshness.is_due():
                try:
                    await self._look_at(conversation)
                except Refused as refused:
                    failure = refused
        if failure is not None:
            raise failure

    def pins_changed(self) -> None:
        """Let each process be compared with the pins of now before its next call."""
        for conversation in self._running:
            conversation.freshness.changed()

    async def end_task(self, task: str) -> None:
        """End this task's processes; where others share one, this task hears of no resource of it any more."""
        for conversation in self._running:
            conversation.forget_task(task)
        await self._instances.end_task(task)

    async def end_grants(self, grant_ids: Collection[str]) -> None:
        """End the processes of these grants."""
        await self._instances.end_grants(grant_ids)

    async def aclose(self) -> None:
        """End every process; none is left when this returns."""
        self._is_closed = True
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as ending:
                for conversation in tuple(self._running):
                    ending.start_soon(conversation.end)
            if self._running:  # one that was just being started ends itself, as soon as it has
                with anyio.move_on_after(self._limits.opening_seconds):
                    await self._none_left.wait()

    def _leg(self, permit: Permit) -> Leg:
        return Leg(
            spring=lambda: permit.spring(self._fence),
            check=lambda: self._fence(permit),
            result_bytes_max=permit.result_bytes_max,
            within_seconds=permit.deadline_seconds,
            input_seconds=permit.input_seconds,
        )

    async def _begin_watched(self, holder: Holder) -> Conversation:
        task = holder.name if holder.rule is InstanceRule.TASK else None
        conversation, introduction = await self._begin(
            lambda uri: self._updates.updated(self.name, uri, task), is_one_tasks=task is not None
        )
        try:
            self._compare(conversation, introduction)
            conversation.freshness.settle(conversation.began, introduction.ttl_ms)
            conversation.refuse_if_over()  # one that has died since its last answer must not be kept
        except BaseException:
            await conversation.end()
            raise
        return conversation

    async def _look_at(self, conversation: Conversation) -> None:
        """Compare again what this process offers; the calls that wait for it wait for one comparison."""

        async def compare() -> Offer:
            try:
                with anyio.fail_after(self._limits.opening_seconds):
                    introduction = await conversation.introduce()
            except TimeoutError as error:
                raise unavailable(f"no list within {self._limits.opening_seconds} s") from error
            return self._compare(conversation, introduction)

        await conversation.freshness.ensure(compare)

    def _compare(self, conversation: Conversation, introduction: Introduction) -> Offer:
        offer = offer_of(introduction)
        name = self._names.setdefault(conversation, f"process {next(self._numbers)}")
        self._watch.observe(self.name, offer, name)
        return offer

    async def _begin(
        self, updated: Callable[[str], None] = lambda _: None, *, is_one_tasks: bool = True
    ) -> tuple[Conversation, Introduction]:
        if self._is_closed:
            raise unavailable("the mediator is ending")
        conversation = Conversation(
            self._limits,
            self._client_version,
            self._is_over,
            self._is_gone,
            self._fresh(),
            updated,
            is_one_tasks=is_one_tasks,
            inspectors=self._inspectors,
        )
        self._running.add(conversation)
        try:
            with anyio.fail_after(self._limits.opening_seconds):
                program = await self._program.check()
                introduction = await conversation.begin(
                    program.command, self._environment, self._cwd, self._era, program.must_be_unmoved
                )
        except BaseException as error:
            await conversation.end()
            self._is_gone(conversation)
            if isinstance(error, TimeoutError):
                raise unavailable(f"no handshake and list within {self._limits.opening_seconds} s") from error
            raise
        return conversation, introduction

    def _is_over(self, conversation: Conversation) -> None:
        self._instances.forget(conversation)
        self.last_words = conversation.last_words

    def _is_gone(self, conversation: Conversation) -> None:
        self._running.discard(conversation)
        self.last_words = conversation.last_words or self.last_words  # its stderr may close after its stdout
        if (name := self._names.pop(conversation, None)) is not None:
            self._watch.forget(self.name, name)
        if self._is_closed and not self._running:
            self._none_left.set()
