"""What is read from the suite's files, and what counts as a difference.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.results import MEANT, Check, Difference, Meant, Results, Status, compare, read_results
from tests.conformance.shown import show_comparison, show_results

PASSED = Check(id="c", status=Status.SUCCESS)
FAILED = Check(id="c", status=Status.FAILURE, message="no answer")
TOLD = Check(id="c", status=Status.INFO)
ONE = Check(id="c", case="one", status=Status.SUCCESS)
ANOTHER = Check(id="c", case="another", status=Status.FAILURE)
OTHER = Check(id="d", status=Status.WARNING, message="late")


def differences(direct: list[Check], through: list[Check]) -> list[Difference]:
    [compared] = compare({"s": direct}, {"s": through})
    assert compared.is_equal is not bool(compared.differences)
    return list(compared.differences)


def test_each_scenario_is_read_from_its_folder(tmp_path: Path) -> None:
    """The suite's manner: a folder for each scenario, named with `server-` and the time."""
    for name, checks in {
        "server-server-stateless-2026-11-27T02-37-05-837Z": [
            {"id": "c", "status": "FAILURE", "errorMessage": "no answer", "details": {}}
        ],
        "server-ping-2026-11-27T02-37-06-001Z": [{"id": "c", "status": "SUCCESS"}],
        "tools_call-2026-11-27T02-37-06-001Z": [{"id": "c", "name": "one", "status": "SUCCESS"}],
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "checks.json").write_text(json.dumps(checks), encoding="utf-8")

    assert read_results(tmp_path) == {"server-stateless": [FAILED], "ping": [PASSED], "tools_call": [ONE]}


@pytest.mark.parametrize(
    ("direct", "through", "differ"),
    [
        pytest.param([PASSED, OTHER], [PASSED, OTHER], [], id="all alike"),
        pytest.param([OTHER, PASSED], [PASSED, OTHER], [], id="the order of ids says nothing"),
        pytest.param([ONE, ANOTHER], [ANOTHER, ONE], [], id="nor that of the cases of one"),
        pytest.param([FAILED], [FAILED], [], id="both fail"),
        pytest.param([ONE], [PASSED], [], id="a single one, named otherwise"),
        pytest.param([TOLD, PASSED], [PASSED, TOLD, TOLD], [], id="what merely tells"),
        pytest.param(
            [PASSED], [FAILED], [Difference(id="c", case="", direct=PASSED, through=FAILED)], id="fails through"
        ),
        pytest.param(
            [FAILED], [PASSED], [Difference(id="c", case="", direct=FAILED, through=PASSED)], id="fails direct"
        ),
        pytest.param([ONE], [FAILED], [Difference(id="c", case="one", direct=ONE, through=FAILED)], id="and it fails"),
        pytest.param([PASSED], [], [Difference(id="c", case="", direct=PASSED, through=None)], id="not made through"),
        pytest.param(
            [PASSED], [TOLD], [Difference(id="c", case="", direct=PASSED, through=None)], id="only told through"
        ),
        pytest.param([], [OTHER], [Difference(id="d", case="", direct=None, through=OTHER)], id="not made direct"),
        pytest.param(
            [PASSED, PASSED], [PASSED], [Difference(id="c", case="", direct=PASSED, through=None)], id="made once less"
        ),
        pytest.param(
            [PASSED, FAILED],
            [FAILED, PASSED],
            [
                Difference(id="c", case="", direct=PASSED, through=FAILED),
                Difference(id="c", case="", direct=FAILED, through=PASSED),
            ],
            id="the order within a case",
        ),
    ],
)
def test_a_check_must_come_out_the_same(direct: list[Check], through: list[Check], differ: list[Difference]) -> None:
    """Ours: equal is every check, as often, with the same status."""
    assert differences(direct, through) == differ


@pytest.mark.parametrize(("direct", "through"), [({"s": []}, {}), ({}, {"s": []})], ids=["through", "direct"])
def test_a_scenario_that_was_not_run_is_a_difference(direct: Results, through: Results) -> None:
    """Ours (fail-safe default): what was not tried has not passed."""
    [compared] = compare(direct, through)
    assert not compared.is_equal


@pytest.mark.parametrize("meant", MEANT, ids=lambda meant: meant.id)
def test_what_is_meant_to_differ_is_so_in_its_scenario_and_its_way_alone(meant: Meant) -> None:
    """Ours: a reason excuses what it speaks of, and nothing beside it."""
    statuses = [[] if one is None else [Check(id=meant.id, case=meant.case or "", status=one)] for one in _sides(meant)]

    def came(scenario: str, direct: list[Check], through: list[Check]) -> tuple[bool, bool]:
        [compared] = compare({scenario: direct}, {scenario: through})
        return compared.is_equal, compared.is_as_meant

    direct, through = statuses
    assert came(meant.scenario, direct, through) == (False, True)
    assert came(meant.scenario, [*direct, PASSED], [*through, FAILED]) == (False, False)
    assert came(meant.scenario, through, direct) == (False, False)
    assert came("another", direct, through) == (False, False)


def _sides(meant: Meant) -> tuple[Status | None, Status | None]:
    return meant.direct, meant.through


def test_what_differs_as_meant_is_shown_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: a person sees that it differs, and why it may."""
    one = MEANT[0]
    direct, through = (Check(id=one.id, status=status) for status in (Status.SUCCESS, Status.FAILURE))
    show_comparison("a leg", compare({one.scenario: [direct]}, {one.scenario: [through]}))
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 differ as meant" in shown
    assert "meant: it calls with null" in shown


def test_what_differs_is_shown_with_what_the_suite_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: a person finds the scenario, the check and its message; a message obeys no terminal."""
    hostile = Check(id="c", status=Status.FAILURE, message="\x1b[2J[bold]gone")
    direct = {"s": [PASSED], "t": [PASSED], "u": [OTHER], "v": [ONE, ANOTHER]}
    show_comparison("a leg", compare(direct, {"s": [hostile], "t": [PASSED], "v": []}))
    shown = capsys.readouterr().out

    lines = [line.split() for line in shown.splitlines()]
    assert ["s", "1/0", "0/1", "1", "differ"] in lines
    assert ["t", "1/0", "1/0", "same"] in lines
    assert ["u", "0/0", "1", "warning", "not", "run", "1", "differ"] in lines
    assert ["in", "all", "3/1", "1", "warning", "1/1"] in lines
    assert ["c", "success", "failure", "\\x1b[2J[bold]gone"] in lines
    assert ["u", "was", "not", "run", "through"] in lines
    assert ["c:", "another", "failure", "-", "the", "check", "was", "not", "made"] in lines


def test_a_run_alone_is_shown_with_what_did_not_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: as above."""
    show_results("a leg", {"s": [PASSED, OTHER], "t": [FAILED]})
    shown = capsys.readouterr().out
    assert "s: d: WARNING: late" in shown
    assert "t: c: FAILURE: no answer" in shown
