"""Run the official suite against a server, then against the same server through the mediator, and compare.

Likewise its scenarios for clients: with the SDK's client, then with that client behind a mediator.

    python -m tests.conformance.run                              # every leg, against the fixture server of ours
    python -m tests.conformance.run --leg all-2026-07-28 --scenario caching      # one scenario, for looking closely
    python -m tests.conformance.run --url http://127.0.0.1:3901/mcp              # a fixture server that is not ours
    python -m tests.conformance.run --direct                     # the server alone

Exit code 1 if a check comes out differently and is not meant to (`results.py`), or if our own fixture server does not
pass.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from mediator.cli.console import BAD, GOOD, WARN, counted, say
from tests.conformance.mediated import Mediated, mediated
from tests.conformance.programs import serving
from tests.conformance.results import compare
from tests.conformance.shown import show_comparison, show_results
from tests.conformance.suite import LEGS, ClientLeg, Leg, ServerLeg, SuiteRun, run_client_leg, run_server_leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to run."""

    legs: Sequence[Leg]
    scenario: str | None
    url: str | None
    direct_only: bool
    era: str
    keep: Path | None


def main(words: Sequence[str]) -> int:
    """Run what is asked for, and return an exit code."""
    wanted = _parse(words)
    if wanted.keep is not None:
        wanted.keep.mkdir(parents=True, exist_ok=True)
        return anyio.run(_run, wanted, wanted.keep.resolve())
    with tempfile.TemporaryDirectory(prefix="conformance-") as place:
        return anyio.run(_run, wanted, Path(place))


async def _run(wanted: Wanted, place: Path) -> int:
    exit_codes = [await _clients(leg, wanted, place) for leg in wanted.legs if isinstance(leg, ClientLeg)]
    legs = [leg for leg in wanted.legs if isinstance(leg, ServerLeg)]
    if legs:
        exit_codes.append(await _servers(legs, wanted, place))
    return max(exit_codes)


async def _servers(legs: Sequence[ServerLeg], wanted: Wanted, place: Path) -> int:
    async with AsyncExitStack() as ending:
        url = await ending.enter_async_context(_fixtures(place)) if wanted.url is None else wanted.url
        mediator = None if wanted.direct_only else await ending.enter_async_context(mediated(url, place, wanted.era))
        if mediator is not None and mediator.unknown_actions:
            say(("policies here know no ", WARN), ", ".join(mediator.unknown_actions))
        return max([await _server(leg, wanted, url, mediator, place) for leg in legs])


@asynccontextmanager
async def _fixtures(place: Path) -> AsyncIterator[str]:
    async with serving("tests.simulated.conformance_server", log=place / "fixtures.log") as url:
        yield url


async def _server(leg: ServerLeg, wanted: Wanted, url: str, mediator: Mediated | None, place: Path) -> int:
    direct = await run_server_leg(leg, url, place / leg.name / "direct", wanted.scenario)
    if mediator is None:
        return _told(leg, wanted, direct, None)
    await mediator.open_task()
    through = await run_server_leg(leg, mediator.url, place / leg.name / "through", wanted.scenario)
    return _told(leg, wanted, direct, through)


async def _clients(leg: ClientLeg, wanted: Wanted, place: Path) -> int:
    direct = await run_client_leg(leg, place / leg.name / "direct", scenario=wanted.scenario)
    if wanted.direct_only:
        return _told(leg, wanted, direct, None)
    through = await run_client_leg(leg, place / leg.name / "through", "--mediated", scenario=wanted.scenario)
    return _told(leg, wanted, direct, through)


def _told(leg: Leg, wanted: Wanted, direct: SuiteRun, through: SuiteRun | None) -> int:
    """Show what came of a leg, and return its exit code."""
    if through is None:
        show_results(leg.name, direct.results)
        return 0 if _is_sound(direct, wanted) else 1
    compared = compare(direct.results, through.results)
    show_comparison(leg.name, compared)
    differing = sum(not one.is_as_meant for one in compared)
    meant = sum(one.is_as_meant and not one.is_equal for one in compared)
    scenarios = counted(len(compared), "scenario")
    alike = f"{scenarios}, each as direct" + (f", or ({meant}) as it is meant to differ" if meant else "")
    say((f"{differing} of {scenarios} differ", BAD) if differing else (alike, GOOD))
    return 0 if _is_sound(direct, wanted) and not differing else 1


def _is_sound(direct: SuiteRun, wanted: Wanted) -> bool:
    """Tell whether there is something to compare with: of two servers that fail alike, nothing is learnt."""
    if wanted.url is not None:
        return any(direct.results.values())
    if direct.exit_code != 0 or not direct.results:
        say((f"the suite does not pass without a mediator: exit code {direct.exit_code}", BAD))
    return direct.exit_code == 0 and bool(direct.results)


def _parse(words: Sequence[str]) -> Wanted:
    parser = argparse.ArgumentParser(prog="conformance", description="The official suite, direct and through.")
    names = [leg.name for leg in LEGS]
    parser.add_argument("--leg", action="append", choices=names, help="which to run; several times for several")
    parser.add_argument("--required", action="store_true", help="the legs of what each revision requires")
    parser.add_argument("--scenario", help="this one alone, at the version of each leg")
    parser.add_argument("--url", help="a fixture server that runs already")
    parser.add_argument(
        "--direct", action="store_true", help="straight at the server, or the client alone, and nothing else"
    )
    parser.add_argument(
        "--era", choices=["auto", "modern", "legacy"], default="auto", help="of the mediator's tool side"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave results, logs and set-up in this new folder")
    given = parser.parse_args(words)
    legs = [leg for leg in LEGS if leg.name in (given.leg or names)]
    if given.required:
        legs = [leg for leg in legs if leg.name.startswith("requirements-")]
    if given.url is not None:
        legs = [leg for leg in legs if isinstance(leg, ServerLeg)]
    if given.scenario is not None:
        legs = [leg for leg in legs if isinstance(leg, ServerLeg) or given.scenario in leg.scenarios]
    if not legs:
        parser.error("no leg is left to run")
    return Wanted(
        legs=legs,
        scenario=given.scenario,
        url=given.url,
        direct_only=given.direct,
        era=given.era,
        keep=given.keep,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
