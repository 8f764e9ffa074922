"""Whoever wants no traces gets none, and nothing else changes for them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.adapters.tracer_none import NoTracer
from mediator.canonical import digest_of
from mediator.mediation.ports import Tracer
from mediator.mediation.record import DecisionRecord, Receipt, decision_entry, decision_values
from tests.simulated.judged import allowed, denied


def test_it_takes_a_record_and_does_nothing_with_it() -> None:
    """Ours: it fills the port for every kind of record."""
    tracer: Tracer = NoTracer()
    for deliberation in (allowed(1), denied(2)):
        before = (decision_entry(deliberation), decision_values(deliberation))
        record = DecisionRecord(
            entry=before[0], values=before[1], receipt=Receipt(stream="s", index=1, digest=digest_of(1))
        )
        tracer.observe(record, None)
        assert (record.entry, record.values) == (decision_entry(deliberation), decision_values(deliberation))
