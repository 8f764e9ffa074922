"""The benchmarks still measure calls that come through, at every line of their tables.

What it measures is not judged here: a machine that runs tests is no place for that.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench_core import STEPS, WHOLE, every_probe
from benchmarks.bench_delegation import DEPTHS, STORE_PROBES, stores
from benchmarks.bench_identify import LINES
from benchmarks.bench_identify import probes_of as identify_probes
from benchmarks.bench_policies import AGAIN, QUESTIONS, prepared, probes_of
from benchmarks.chains import PARTS, probes_by_depth
from benchmarks.fleets import rates, revoke_amid_calls, stand
from benchmarks.many_grants import FEW
from tests.promises import promise


async def test_each_line_of_the_benchmark_has_a_probe_and_its_calls_come_through(tmp_path: Path) -> None:
    """Ours: a probe raises where a call of its own was not answered as it should be."""
    async with every_probe(tmp_path) as probes:
        assert {step.probe for step in (*STEPS, *WHOLE)} == set(probes)
        for probe in probes.values():
            assert await probe() > 0


async def test_each_part_of_a_call_is_measured_at_each_depth(tmp_path: Path) -> None:
    """Ours: a call under a chain of nine links comes through as one under a task alone does."""
    async with probes_by_depth(tmp_path, DEPTHS) as probes:
        assert set(probes) == {f"{part} {depth}" for part in PARTS for depth in DEPTHS}
        for probe in probes.values():
            assert await probe() > 0


async def test_a_store_of_many_grants_is_measured_beside_one_of_ten(tmp_path: Path) -> None:
    """Ours: what is gathered is there, what is claimed is free, and all that was revoked was live."""
    live = 50
    async with stores(tmp_path, live) as (probes, once):
        assert set(probes) == {f"{name} {count}" for name in STORE_PROBES for count in (FEW, live)}
        assert {count: one.listed for count, one in once.items()} == {FEW: FEW, live: live}
        for probe in probes.values():
            assert await probe() > 0


async def test_each_way_of_being_known_is_measured(tmp_path: Path) -> None:
    """Ours: a proof that did not hold, or was used before, would raise."""
    with identify_probes(tmp_path) as probes:
        assert {line.probe for line in LINES} == set(probes)
        for probe in probes.values():
            assert await probe() > 0


@promise("P12")
async def test_each_question_to_policy_is_measured_at_each_line_of_the_curve() -> None:
    """Issue 7, Must show 6: every call that is asked about is allowed, among few and many."""
    engines, _ = prepared((10, 30))
    probes = probes_of(engines)
    lines = [f"{what} {count}" for what in ("policies", "tools") for count in (10, 30, AGAIN)]
    assert set(probes) == {f"{question} {line}" for question in QUESTIONS for line in lines}
    for probe in probes.values():
        assert await probe() > 0


@promise("P5")
async def test_no_call_below_a_revoked_grant_is_allowed_once_the_revocation_has_returned(tmp_path: Path) -> None:
    """RFC 7009 §2, ours: amid calls of sixteen callers; the link above goes on. And every kind of request is answered."""
    async with stand(tmp_path) as standing:
        revoked = await revoke_amid_calls(standing, 32)
        assert revoked.allowed_afterwards == 0
        assert revoked.refused > 0
        assert revoked.others_afterwards > 0
        found = await rates(standing, (1, 2), 4, 1)
        assert all(len(answered) == 1 for answered in found.values())
