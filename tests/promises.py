"""Every promise of the project: its id, where it comes from, and its sentence; and the mark that ties a test to one.

`@promise("P7")` says: were this test to fail, that promise would be broken. `unit/test_promises_are_kept.py` reads
these marks without running anything, and fails when a promise has no test or a mark names no promise.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise: a change that breaks it is a defect, whatever else it gains."""

    name: str
    source: str
    """Whose rule it is: a specification's, or ours with the idea that it follows."""
    sentence: str


PROMISES: Final = MappingProxyType(
    {
        "P1": Promise(
            name="complete",
            source="NIST SP 800-53 AC-25: a reference monitor is always invoked",
            sentence="No byte that an agent chose reaches a tool server unless a decision to allow exactly that call "
            "was made and recorded first; what the mediator itself sends is a closed table.",
        ),
        "P2": Promise(
            name="pinned",
            source="ours, over RFC 8785",
            sentence="The model sees, and may call, only tools whose definition is byte for byte what a trusted "
            "signer signed and a reviewer pinned; text offered live by a server never reaches an agent as a tool "
            "definition.",
        ),
        "P3": Promise(
            name="no discovery",
            source="ours, against rug pulls",
            sentence="What a server adds, renames or changes after review does not exist for agents: it is drift, "
            "quarantined, shown to operators and traced.",
        ),
        "P4": Promise(
            name="narrowing",
            source="ours, after macaroons; RFC 8693 §4.1 for what does not decide",
            sentence="Authority only shrinks along a delegation chain, in every dimension; a spliced, widened, "
            "cyclic, too deep, expired or revoked chain is refused at the next call.",
        ),
        "P5": Promise(
            name="ephemeral",
            source="MCP authorization, access token privilege restriction: no token passthrough",
            sentence="No agent holds a tool server's credential and no inbound token is passed on; credentials live "
            "for one task and are dead once it completes or any ancestor is revoked.",
        ),
        "P6": Promise(
            name="justified",
            source="ours",
            sentence="A privileged effect needs an intent that names it, or a human approval of exactly that "
            "request, used once; `*` alone names nothing.",
        ),
        "P7": Promise(
            name="fail closed",
            source="Saltzer and Schroeder 1975: fail-safe defaults",
            sentence="An error, a missing fact, an unknown value, a time-out, a policy that raises, a ledger that "
            "cannot write: refusal. Empty is never permission.",
        ),
        "P8": Promise(
            name="deterministic",
            source="ours",
            sentence="The decision is a pure function of the call, the identity, the snapshot, the circumstances and "
            "the time; a recorded decision whose values are kept replays and comes out the same.",
        ),
        "P9": Promise(
            name="accountable",
            source="ours",
            sentence="Every record names the agent, the whole chain, the task, its purpose and a human owner; there "
            "is no anonymous authority.",
        ),
        "P10": Promise(
            name="provable",
            source="ours",
            sentence="The ledger is append-only and tamper-evident: anyone with the public key can verify it "
            "offline, and find any record from its trace and back.",
        ),
        "P11": Promise(
            name="survivable",
            source="ours, with MCP tools: errors that a model can act on",
            sentence="A refusal is something an agent can read and act on; it never breaks the agent's session, and "
            "one broken tool server never takes another down.",
        ),
        "P12": Promise(
            name="cheap",
            source="ours",
            sentence="With every control on, a call of up to 16 kB costs well under a millisecond of ours, and that "
            "cost stays flat from ten policies and tools to ten thousand.",
        ),
    }
)

NOT_YET: Final[Mapping[str, str]] = MappingProxyType({})
"""Promises that no test holds yet, each with the reason. One that gains a test must leave this table."""


def promise(*ids: str) -> pytest.MarkDecorator:
    """Mark a test as holding these promises."""
    unknown = sorted(set(ids) - set(PROMISES))
    if unknown or not ids:
        message = f"no such promise: {', '.join(unknown) or 'none was named'}"
        raise ValueError(message)
    return pytest.mark.promise(*ids)
