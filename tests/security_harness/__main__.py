"""Runs agent-security-harness straight at a server and through a mediator in front of it: `make security-harness`.

    python -m tests.security_harness [--json FILE]

One server speaks the legacy era, one the modern one; neither was written for this. The suite gets the agent's token,
and through the mediator one that was made for another door, by which it tries what it only can where somebody looks
at tokens. Ends with 1 where a test comes out worse through the mediator than at the server, or where one of those that
a bare server fails does not pass.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import JsonObject
from tests.real_servers.legs import mediated, placed
from tests.real_servers.servers import ROOT, RealServer, everything_over_http
from tests.simulated.forged_tokens import forge
from tests.simulated.running import Running

HARNESS: Final = ROOT / ".venv-harness" / "bin" / "agent-security"
MUST_PASS: Final = {"MCP-008": "malformed JSON-RPC", "MCP-018": "an unbounded body"}
_SECONDS: Final = 300
_TOKEN_SECONDS: Final = 600


@unique
class Came(IntEnum):
    """How a test came out, the better the higher."""

    FAIL = 0
    INCONCLUSIVE = 1
    PASS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the suite says of one of its tests."""

    name: str
    came: Came
    details: str


Outcomes = Mapping[str, Outcome]


def servers() -> dict[str, RealServer]:
    """Return a server for each era, by what the suite is told of the protocol."""
    notes = ("-m", "mediator.cli.demo.notes_server", "--log", "<world>/log", "--port", "<port>")
    return {
        "legacy": everything_over_http(),
        "modern": RealServer(
            name="notes",
            command=(sys.executable, *notes),
            environment={"PYTHONPATH": str(ROOT)},
            script=(),
            speaks_http=True,
        ),
    }


async def run_suite(url: str, era: str, report: Path, headers: Mapping[str, str] | None = None) -> Outcomes:
    """Run the suite against an address and return what it reports."""
    words = ["test", "mcp", "--transport", "http", "--url", url, "--report", str(report)]
    words += ["--protocol-version", "2026-07-28"] if era == "modern" else []
    words += [word for option, value in (headers or {}).items() for word in (option, value)]
    with anyio.fail_after(_SECONDS):
        done = await anyio.run_process([str(HARNESS), *words], check=False, stderr=subprocess.STDOUT)
    if not await anyio.Path(report).exists():
        raise SystemExit(f"agent-security-harness left no report: {done.stdout.decode()[-2000:]}")
    results: list[dict[str, Any]] = json.loads(await anyio.Path(report).read_text(encoding="utf-8"))["results"]
    return {one["test_id"]: Outcome(name=one["name"], came=_came(one), details=one["details"]) for one in results}


def _came(result: Mapping[str, Any]) -> Came:
    if result.get("not_evaluated"):
        return Came.INCONCLUSIVE
    return Came.PASS if result["passed"] else Came.FAIL


def token_for_elsewhere(mediator: Running) -> str:
    """Return a token of the mediator's own issuer for the open task, made for another resource."""
    key = read_key(open_folder(mediator.folder).key_file("issuer"))
    now = int(time.time())
    claims: JsonObject = {
        "iss": mediator.url, "aud": "https://elsewhere.example", "sub": "assistant", "iat": now,
        "exp": now + _TOKEN_SECONDS, "jti": "0" * 32, "grant": mediator.task,
    }  # fmt: skip
    return forge({"alg": "EdDSA", "typ": "at+jwt", "kid": key.public.keyid}, claims, key.sign).reveal()


async def run_both(folder: Path) -> dict[str, tuple[Outcomes, Outcomes]]:
    """Run the suite in both ways, in both eras."""
    came: dict[str, tuple[Outcomes, Outcomes]] = {}
    both = list(servers().values())
    async with placed(folder, both) as loopback, mediated(folder, loopback, both) as mediator:
        for era, server in servers().items():
            direct = await run_suite(loopback.urls[server.name], era, folder / f"{era}-direct.json")
            await mediator.open_task(tools=f"{server.name}/*")
            headers = {
                "--header": f"Authorization:Bearer {mediator.token}",
                "--audience-attacker-header": f"Authorization:Bearer {token_for_elsewhere(mediator)}",
            }
            url = f"{mediator.url}/servers/{server.name}/mcp"
            came[era] = direct, await run_suite(url, era, folder / f"{era}-through.json", headers)
            await mediator.complete_task()
    return came


def faults(came: Mapping[str, tuple[Outcomes, Outcomes]]) -> list[str]:
    """Return what is worse than it may be."""
    found: list[str] = []
    for era, (direct, through) in came.items():
        if direct.keys() != through.keys():
            found.append(f"{era}: not the same tests were run")
        both = {test: (direct[test], through[test]) for test in direct.keys() & through.keys()}
        for test, (one, other) in sorted(both.items()):
            if other.came < one.came:
                found.append(f"{era}: {test} {one.name}: {one.came.name} -> {other.came.name}: {other.details}")
            elif test in MUST_PASS and other.came is not Came.PASS:
                found.append(f"{era}: {test} ({MUST_PASS[test]}) does not pass: {other.details}")
    return found


def print_both(console: Console, came: Mapping[str, tuple[Outcomes, Outcomes]]) -> None:
    """Print both runs, test by test."""
    colours = {Came.PASS: "green", Came.INCONCLUSIVE: "yellow", Came.FAIL: "red"}
    for era, (direct, through) in came.items():
        table = Table(title=Text(f"agent-security-harness, {era} server"), title_justify="left", expand=True)
        for column, ratio in {"test": 4, "direct": 1, "through": 1, "what it says of the mediator": 6}.items():
            table.add_column(column, ratio=ratio)
        for test, one in direct.items():
            other = through.get(test, Outcome(name="", came=Came.INCONCLUSIVE, details="was not run"))
            words = [Text(way.came.name.lower(), style=colours[way.came]) for way in (one, other)]
            table.add_row(Text(f"{test} {one.name}"), *words, Text(other.details))
        console.print(table)


def main(words: Sequence[str]) -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.security_harness")
    parser.add_argument("--json", type=Path, help="also write what came out to this file")
    asked = parser.parse_args(words)
    console = Console(width=160, markup=False, highlight=False)
    absent = [path for server in servers().values() if (path := server.missing)]
    absent += [] if HARNESS.exists() else [str(HARNESS)]
    if absent:
        console.print(f"NOT RUN: `{'`, `'.join(absent)}` is not installed: `make security-harness` installs it")
        return 1
    with TemporaryDirectory(prefix="security-harness-") as folder:
        came = anyio.run(run_both, Path(folder))
    print_both(console, came)
    if asked.json is not None:
        asked.json.write_text(json.dumps(_told(came), indent=1), encoding="utf-8")
    found = faults(came)
    for fault in found:
        console.print(f"WORSE THAN IT MAY BE: {fault}")
    for era, ways in came.items():
        counts = [" ".join(f"{sum(o.came is c for o in way.values())} {c.name.lower()}" for c in Came) for way in ways]
        console.print(f"{era}: direct {counts[0]}; through {counts[1]}")
    return 1 if found else 0


def _told(came: Mapping[str, tuple[Outcomes, Outcomes]]) -> dict[str, Any]:
    return {
        era: {
            way: {test: {"came": one.came.name, "details": one.details} for test, one in outcomes.items()}
            for way, outcomes in zip(("direct", "through"), ways, strict=True)
        }
        for era, ways in came.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
