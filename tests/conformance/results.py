"""What the suite found of a server, and what differs between two of its runs. Pure, but for the reading of its files.

The suite leaves a folder for each scenario, with a list of checks. A check that merely tells (`INFO`) says nothing of
the server; every other must come out the same in both runs, as often and in the same order; or differ as `MEANT` says.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import zip_longest
from pathlib import Path
from typing import Final

_FOLDER: Final = re.compile(r"(?:server-)?(.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
CHECKS_FILE: Final = "checks.json"


@unique
class Status(StrEnum):
    """How a check came out, in the suite's words."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    WARNING = "WARNING"
    SKIPPED = "SKIPPED"
    INFO = "INFO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a scenario. Several may have the same id, for several cases."""

    id: str
    case: str = ""
    status: Status
    message: str = ""


Results = Mapping[str, Sequence[Check]]
"""The checks of each scenario that was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """How a check may differ, by its scenario, and why it is meant to."""

    scenario: str
    id: str
    case: str | None = None  # every one, unless it is named
    direct: Status | None
    through: Status | None
    reason: str


MEANT: Final[Sequence[Meant]] = (
    Meant(
        scenario="http-custom-headers",
        id="sep-2243-client-omit-null",
        direct=Status.SUCCESS,
        through=Status.FAILURE,
        reason="it calls with null where the tool's own schema says boolean: arguments that miss the pinned schema are"
        " refused, and nothing is forwarded that was not judged as it is (design 4)",
    ),
    Meant(
        scenario="http-standard-headers",
        id="sep-2243-client-includes-standard-headers",
        case="ClientMcpMethodHeader_subscriptions_listen",
        direct=None,
        through=Status.SUCCESS,
        reason="the mediator listens to a modern server for changes of its lists, whether or not an agent does (P3)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A check that came out differently; nothing stands for one that was not made."""

    id: str
    case: str
    direct: Check | None
    through: Check | None

    def meant_in(self, scenario: str) -> Meant | None:
        """Return why it is meant to differ so, if it is."""
        statuses = _status(self.direct), _status(self.through)
        return next(
            (
                one
                for one in MEANT
                if (one.scenario, one.id, one.direct, one.through) == (scenario, self.id, *statuses)
                and one.case in {None, self.case}
            ),
            None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One scenario in both runs; nothing stands for one that was not run."""

    scenario: str
    direct: Sequence[Check] | None
    through: Sequence[Check] | None
    differences: Sequence[Difference]

    @property
    def is_equal(self) -> bool:
        return not self.differences and self.direct is not None and self.through is not None

    @property
    def is_as_meant(self) -> bool:
        """Whether nothing differs but what is meant to."""
        was_run = self.direct is not None and self.through is not None
        return was_run and all(one.meant_in(self.scenario) is not None for one in self.differences)


def read_results(folder: Path) -> Results:
    """Read what a run of the suite left."""
    found: dict[str, list[Check]] = {}
    for file in sorted(folder.glob(f"*/{CHECKS_FILE}")):
        name = _FOLDER.fullmatch(file.parent.name)
        assert name is not None, f"`{file.parent.name}` is no folder of a scenario"
        found.setdefault(name[1], []).extend(parse_checks(file.read_text(encoding="utf-8")))
    return found


def parse_checks(text: str) -> list[Check]:
    """Read the checks of one scenario."""
    return [
        Check(
            id=one["id"],
            case=str(one.get("name") or ""),
            status=Status(one["status"]),
            message=str(one.get("errorMessage") or ""),
        )
        for one in json.loads(text)
    ]


def compare(direct: Results, through: Results) -> list[Compared]:
    """Return every scenario of either run, by name."""
    return [
        Compared(
            scenario=scenario,
            direct=direct.get(scenario),
            through=through.get(scenario),
            differences=tuple(_differences(direct.get(scenario, ()), through.get(scenario, ()))),
        )
        for scenario in sorted({*direct, *through})
    ]


def count(checks: Iterable[Check], status: Status) -> int:
    """Count the checks that came out so."""
    return sum(check.status is status for check in checks)


def _status(check: Check | None) -> Status | None:
    return None if check is None else check.status


def _differences(direct: Sequence[Check], through: Sequence[Check]) -> Iterable[Difference]:
    ours, theirs = _by_id(direct), _by_id(through)
    for name in dict.fromkeys((*ours, *theirs)):
        for one, other in _pairs(ours.get(name, ()), theirs.get(name, ())):
            if one is None or other is None or one.status is not other.status:
                case = next((check.case for check in (one, other) if check is not None), "")
                yield Difference(id=name, case=case, direct=one, through=other)


def _by_id(checks: Sequence[Check]) -> Mapping[str, Sequence[Check]]:
    found: dict[str, list[Check]] = {}
    for check in checks:
        if check.status is not Status.INFO:
            found.setdefault(check.id, []).append(check)
    return found


def _pairs(direct: Sequence[Check], through: Sequence[Check]) -> Iterable[tuple[Check | None, Check | None]]:
    """Pair the checks of one id by their case; a single one with a single one, for a failure may be named otherwise."""
    if len(direct) == len(through) == 1:
        return [(direct[0], through[0])]
    cases = dict.fromkeys(check.case for check in (*direct, *through))
    return [
        pair
        for case in cases
        for pair in zip_longest(
            (check for check in direct if check.case == case), (check for check in through if check.case == case)
        )
    ]
