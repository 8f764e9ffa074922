"""A large answer, inspected beside the loop on which everybody waits: as `inspect` does, and the reply is written there, too.

What is looked at, and how, is the same (`examination.py`); only where is another matter, and a port's.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from mediator.inspection.release import Released, expected_of, release_apart
from mediator.inspection.result import LargeResult
from mediator.mediation.examination import Examination
from mediator.mediation.permit import Permit
from mediator.mediation.ports import Inspectors
from mediator.mediation.reply import ServerFacts, dialect_of


async def inspect_apart(
    inspectors: Inspectors | None, permit: Permit, large: LargeResult, facts: ServerFacts
) -> Released:
    """Return the result as it may leave; raises `Refused` as `inspect`, and as the port says."""
    assert inspectors is not None  # or nobody would have left it unread
    examined = await inspectors.examine(large.raw, examination_of(permit, large.noise, facts))
    return release_apart(examined, permit.item)


def examination_of(permit: Permit, noise: int, facts: ServerFacts) -> Examination:
    """Return what the answer to this call is held to, in plain values, and to whom it is said."""
    item = permit.item
    expected = expected_of(item, permit.forwarded.method, permit.result_bytes_max)
    schema = None if expected.output is None else item.definition["outputSchema"]
    assert schema is None or isinstance(schema, dict)  # or it could not be pinned
    return Examination(
        method=expected.method,
        bytes_max=expected.bytes_max,
        output_schema=schema,
        media_types=expected.media_types,
        noise=noise,
        dialect=dialect_of(permit.committed.deliberation.call.frame, facts),
    )
