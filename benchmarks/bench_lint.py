"""How many poisoned definitions raise an alarm, and how many honest ones do, by corpus; each miss by name.

Exits with 1 when a bound is missed. Only alarms count as detections; warnings are shown to reviewers and count for nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from benchmarks.lint_corpora import Sample, alarms, held_out, labelled_definitions, older_releases, real_tools

RECALL = 0.95
FALSE = 0.05
FALSE_ON_REAL = 0.02


def measure(title: str, samples: Sequence[Sample], most_false: float) -> bool:
    """Print one corpus and say whether it keeps its bounds."""
    start = time.process_time()
    raised = alarms(samples)
    spent = time.process_time() - start
    print(f"\n{title}: {len(samples)} definitions in {spent:.2f} s")
    poisoned = [(sample, found) for sample, found in raised if sample.poisoned]
    missed = [sample for sample, found in poisoned if not found]
    accused = [(sample, found) for sample, found in raised if found and not sample.poisoned]
    kept = True
    if poisoned:
        recall = 1 - len(missed) / len(poisoned)
        kept = recall >= RECALL
        print(f"  recall          {recall:.3f}  at least {RECALL}  ({len(poisoned) - len(missed)} of {len(poisoned)})")
    for sample in missed:
        print(f"    missed: {sample.name}")
    honest = len(samples) - len(poisoned)
    rate = len(accused) / honest
    print(f"  false positives {rate:.3f}  at most  {most_false}  ({len(accused)} of {honest})")
    for sample, found in accused:
        told = "; ".join(sorted({f"{finding.code} at {finding.pointer}: {finding.detail}" for finding in found}))
        print(f"    accused: {sample.name}: {told}")
    return kept and rate <= most_false


def main() -> int:
    """Measure every corpus that is there."""
    kept = [measure("labelled_definitions", labelled_definitions(), FALSE)]
    kept += [measure(f"lint_heldout, part {part}", held_out(part), FALSE) for part in "ABCDEF" if held_out(part)]
    kept.append(measure("real_tools", real_tools(), FALSE_ON_REAL))
    kept.append(measure("real_tools, older releases", older_releases(), FALSE_ON_REAL))
    print("\nall bounds are kept" if all(kept) else "\na bound is missed")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
