"""What holds for every test: how hard the properties search, and that nothing is skipped in silence.

A skipped test proves nothing. On a developer's machine a skip is reported; under `CI=true` (or `--strict-skips`) any
skip, of a test or of a whole file, fails the run.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from typing import Any, Final

import pytest
from hypothesis import settings

# Derandomised: the same tree gives the same verdict. `HYPOTHESIS_PROFILE=thorough` searches afresh.
settings.register_profile("default", deadline=None, max_examples=60, derandomize=True, database=None)
settings.register_profile("thorough", deadline=None, max_examples=2000, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_SKIPPED: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-skips",
        action="store_true",
        default=os.environ.get("CI") == "true",
        help="fail the run when anything was skipped (the default where CI=true)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SKIPPED] = []
    config.pluginmanager.register(_SkipWatch(config), "skip-watch")


@pytest.fixture
def world() -> Any:
    """A mediator core in memory (`tests/simulated/world.py`); imported late, so that no other test stands on it."""
    from tests.simulated.world import SimulatedWorld

    return SimulatedWorld()


class _SkipWatch:
    """Collects what was skipped, and turns the run red for it where that was asked."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._config.stash[_SKIPPED].append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._config.stash[_SKIPPED].append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._fails() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._fails():
            terminalreporter.section("skipped, where nothing may be", red=True)
            for nodeid in self._config.stash[_SKIPPED]:
                terminalreporter.line(nodeid)

    def _fails(self) -> bool:
        return bool(self._config.getoption("--strict-skips") and self._config.stash[_SKIPPED])
