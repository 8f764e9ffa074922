"""Permits for the tests of the tool side: leave to call one tool, as if everything before had allowed and recorded it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mediator.canonical import Json, JsonObject, digest_of
from mediator.evidence import Secret
from mediator.manifest.offer import Offer
from mediator.mediation.credential import ToolCredential, credential_for
from mediator.mediation.permit import _SEAL, Permit, enforce
from mediator.mediation.record import DecisionRecord, Receipt, committed, decision_entry, decision_values
from tests.simulated.grants import a_grant
from tests.simulated.judged import a_call, a_tool, allowed


def a_permit(
    tool: Mapping[str, Any] | str = "echo",
    arguments: JsonObject | None = None,
    *,
    server: str = "clock",
    task: str = "task-1",
    agent: str = "assistant",
    number: int = 1,
    deadline_seconds: float = 60,
    input_seconds: float = 60,
    answers: JsonObject | None = None,
    forwarded: Mapping[str, Any] | None = None,
    era: str = "modern",
    **pinned: Any,
) -> Permit:
    """Return an unused permit for this tool of this server (its definition, or its name), in this task of this agent.

    Further keywords are fields of the `PinnedTool`, `forwarded` those of what goes out that differ. `number` makes the ids
    of its decision and its trace.
    """
    definition: dict[str, Any] = (
        {"name": tool, "inputSchema": {"type": "object"}} if isinstance(tool, str) else dict(tool)
    )
    pin = a_tool(server=server, name=definition["name"], definition=definition, digest=digest_of(definition), **pinned)
    call = a_call({"text": "hi"} if arguments is None else arguments, answers, era=era)
    grant = a_grant(id=task, root=task, agent=agent)
    deliberation = allowed(number, grant=grant, tool=pin, call=call)
    limits = replace(deliberation.snapshot.limits, deadline_seconds=deadline_seconds, input_seconds=input_seconds)
    object.__setattr__(deliberation, "snapshot", replace(deliberation.snapshot, limits=limits))
    receipt = Receipt(stream="s", index=number, digest=digest_of(number))
    record = DecisionRecord(entry=decision_entry(deliberation), values=decision_values(deliberation), receipt=receipt)
    permit = enforce(committed(deliberation, record))
    return replace(permit, forwarded=replace(permit.forwarded, **forwarded or {}), seal=_SEAL)


def no_credential(permit: Permit) -> ToolCredential:
    """Return the credential of a server that wants none."""
    return credential_for(permit, None)


def a_credential(permit: Permit, token: str) -> ToolCredential:
    """Return a bearer token for the permit's server."""
    return credential_for(permit, Secret(token))


class RecordingWatch:
    """An `OfferWatch` that keeps what it was told, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[Json]]] = []  # the tools alone
        self.offers: list[Offer] = []
        self.connections: list[str] = []  # by which each of them came
        self.forgotten: list[str] = []
        self.asked: list[tuple[str, list[Json]]] = []  # what was compared without a note
        self.agreeing = True
        self.said: list[str] = []  # which servers said that their lists have changed

    def observe(self, server: str, offer: Offer, connection: str = "") -> None:
        self.connections.append(connection)
        self.seen.append((server, list(offer.tools)))
        self.offers.append(offer)

    def agrees(self, server: str, offer: Offer) -> bool:
        self.asked.append((server, list(offer.tools)))
        return self.agreeing

    def changed(self, server: str) -> None:
        self.said.append(server)

    def forget(self, server: str, connection: str) -> None:
        del server
        self.forgotten.append(connection)


def pass_fence(_permit: Permit) -> None:
    """A fence behind which nothing has moved."""
