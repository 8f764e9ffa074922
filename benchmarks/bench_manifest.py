"""What a manifest of 1,000 tools costs to import, and what a pin adds to a call: `make bench-manifest`.

The definitions are the real ones of `tests/data/real_tools`, under 1,000 names. Importing is drafting the manifest and
signing it, which reads all of it again and prepares every schema; verifying is from the bytes of the envelope on.
Fails when the two take more than 2 s of one core together, or when a call among 10,000 pins costs measurably more than
one among 10: more than the quarter by which a busy machine may put two probes of the same thing apart.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure, Synchronous, interleave, keep_to_one_cpu
from mediator.canonical import JsonObject
from mediator.manifest.pin import PinSet
from mediator.manifest.signature import verify_manifest
from mediator.mediation.deliberate import deliberate
from mediator.policy.approving import ApprovalQuestion
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import AccessRequest, DelegationRequest
from tests.real_tools import definitions
from tests.simulated.forged_tokens import NOW_MS as JUDGED_AT_MS
from tests.simulated.grants import a_grant
from tests.simulated.ids import ids_of
from tests.simulated.judged import POLICY_DIGEST, a_call, a_snapshot, circumstances_of, identified
from tests.simulated.pins import NOW_MS, TRUST, approved, loaded, manifest_of, signed

TOOLS: Final = 1_000
SECONDS_MAX: Final = 2.0
RATIO_MAX: Final = 1.25
PINS: Final = (10, 1_000, 10_000)
PER_SERVER: Final = 5_000
SECONDS: Final = 8.0
ROUNDS_MAX: Final = 40
NOW: Final[JsonObject] = {
    "name": "now",
    "inputSchema": {"type": "object", "properties": {"timezone": {"type": "string"}}, "required": ["timezone"]},
}


@dataclass(frozen=True, slots=True)
class Allowing:
    """A policy engine that has its answer: what is measured is everything else."""

    digest: str = POLICY_DIGEST

    def evaluate(self, request: AccessRequest) -> Decision:  # noqa: ARG002 - whatever is asked
        return Decision(verdict=Verdict.ALLOW, determining=("all",), policy_digest=POLICY_DIGEST)

    def evaluate_delegation(self, request: DelegationRequest) -> Decision:
        raise AssertionError(request)

    def evaluate_approval(self, question: ApprovalQuestion) -> Decision:
        raise AssertionError(question)


def real_tools(count: int) -> Sequence[JsonObject]:
    """Return so many real definitions, each under a name of its own."""
    known = definitions()
    return [{**known[index % len(known)], "name": f"tool-{index}"} for index in range(count)]


def import_and_verify() -> dict[str, float]:
    """Return the seconds of one core that each step takes."""
    tools = real_tools(TOOLS)
    taken: dict[str, float] = {}
    begun = time.process_time()
    draft = manifest_of(*tools)
    taken["draft"] = time.process_time() - begun
    begun = time.process_time()
    envelope = signed(draft)
    taken["sign, every schema prepared"] = time.process_time() - begun
    begun = time.process_time()
    verify_manifest(envelope, TRUST, NOW_MS)
    taken["verify"] = time.process_time() - begun
    lock = approved(envelope)
    begun = time.process_time()
    pins, problems = loaded(lock, {"files": envelope})
    taken["load as pins"] = time.process_time() - begun
    assert (len(pins), problems) == (TOOLS, ())
    return taken


def pins_among(count: int) -> PinSet:
    """Return so many pins, of servers of at most 5,000 small tools, `clock/now` among them."""
    envelopes = {"clock": signed(manifest_of(NOW, server="clock"))}
    lock = approved(envelopes["clock"], "clock")
    tools = [{**NOW, "name": f"tool-{index}"} for index in range(count - 1)]
    for index in range(0, len(tools), PER_SERVER):
        server = f"server-{index // PER_SERVER}"
        envelopes[server] = signed(manifest_of(*tools[index : index + PER_SERVER], server=server))
        lock = approved(envelopes[server], server, lock)
    pins, problems = loaded(lock, envelopes)
    assert (len(pins), problems) == (count, ())
    return pins


async def call_among_pins() -> dict[str, Figure]:
    """Return what judging one call costs, with so many pins in the snapshot."""
    grant = a_grant()
    call, identity, circumstances, ids = a_call(), identified(grant), circumstances_of(grant), ids_of(1)

    def judging(count: int) -> Synchronous:
        snapshot = replace(a_snapshot(), policies=Allowing(), pins=pins_among(count))

        def judge() -> None:
            made = deliberate(
                call=call,
                identity=identity,
                snapshot=snapshot,
                circumstances=circumstances,
                now_ms=JUDGED_AT_MS,
                ids=ids,
            )
            assert made.verdict is Verdict.ALLOW, made.stop

        return Synchronous(judge)

    figures, _ = await interleave({str(count): judging(count) for count in PINS}, SECONDS, ROUNDS_MAX)
    return figures


def main() -> int:
    """Measure, print, and say whether the limits hold."""
    keep_to_one_cpu()
    console = Console()
    taken = import_and_verify()
    table = Table("a manifest of 1,000 tools", "seconds")
    for step, seconds in taken.items():
        table.add_row(step, f"{seconds:.2f}")
    together = sum(seconds for step, seconds in taken.items() if step != "load as pins")
    table.add_row(f"import and verify (limit {SECONDS_MAX})", f"{together:.2f}")
    console.print(table)

    figures = anyio.run(call_among_pins)
    table = Table("judging a call, policy aside, among", "microseconds", "to 10 pins")
    fewest = figures[str(PINS[0])].median
    for count in PINS:
        median = figures[str(count)].median
        table.add_row(f"{count:,} pins", f"{median:.1f}", f"{median / fewest:.2f}")
    console.print(table)
    ratio = figures[str(PINS[-1])].median / fewest
    return int(together > SECONDS_MAX or ratio > RATIO_MAX)


if __name__ == "__main__":
    sys.exit(main())
