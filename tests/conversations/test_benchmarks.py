"""The benchmark of the corridor still measures calls that come through, at every line of its tables.

What it measures is not judged here: a machine that runs tests is no place for that.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_core import STEPS, WHOLE, every_probe


async def test_each_line_of_the_benchmark_has_a_probe_and_its_calls_come_through(tmp_path: Path) -> None:
    """Ours: a probe raises where a call of its own was not answered as it should be."""
    async with every_probe(tmp_path) as probes:
        assert {step.probe for step in (*STEPS, *WHOLE)} == set(probes)
        for probe in probes.values():
            assert await probe() > 0
