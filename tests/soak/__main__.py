"""The soak: half an hour, two hundred sessions of both eras, tool servers restarted in between: `make soak`.

    python -m tests.soak                                 # as the issue asks for it
    python -m tests.soak --minutes 1 --sessions 40       # a try

It ends with 1 when a reply was lost, a cancelled call went on, an answer was another one's, memory or descriptors were
not flat, or anything was left when all had gone. It stands with the tests, and not with the benchmarks, because it
judges; what it measures is only whether it stays.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio

from tests.soak.shown import new_console, show_verdict, showing
from tests.soak.soak import Wanted, new_soak, verified
from tests.soak.stand import standing

_TASK_SECONDS: Final = 300.0  # a token lives 900
_TRY_MINUTES: Final = 1.0
_UPDATED: Final = "notifications/resources/updated"
_SEEN: Final = ("come back", "elicitation", "several at once", f"legacy: {_UPDATED}", f"modern: {_UPDATED}")
"""What there must have been, else nothing was shown of it."""


async def soak(wanted: Wanted, place: Path) -> int:
    """Soak, show how it goes and how it went, and return the exit code."""
    console, own = new_console(), os.getpid()
    console.print(f"setting up in {place}")
    async with standing(place) as stand:
        one = await new_soak(wanted, stand)
        with showing(console, one, own) as show:
            await one.run(show)
        console.print("reading the ledger")
        wrong = [*one.tally.failures, *await verified(stand)]
    flat = one.flatness()
    wrong += [f"not flat: {figure}" for figure in flat if not figure.is_flat]
    if wanted.minutes >= _TRY_MINUTES:
        wrong += [f"never seen: {what}" for what in _SEEN if not one.tally.done[what]]
        wrong += [] if flat else ["there are too few samples to say what is flat"]
    show_verdict(console, one, flat, wrong, own)
    return 1 if wrong else 0


def main(words: Sequence[str]) -> int:
    """Run what is asked for, and return an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Many sessions, for long.")
    parser.add_argument("--minutes", type=float, default=30, help="for how long (30)")
    parser.add_argument("--sessions", type=int, default=200, help="how many at once, half of each era (200)")
    parser.add_argument("--seed", type=int, default=4, help="of everything that is left to chance (4)")
    parser.add_argument("--restart-seconds", type=float, default=12, help="of rest between two restarts (12)")
    parser.add_argument("--pause-seconds", type=float, default=0.8, help="between two steps of a session (0.8)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs and set-up in this new folder")
    given = parser.parse_args(words)
    if not Path("/proc/self/fd").exists():
        parser.error("it reads /proc, which is not here")
    wanted = Wanted(
        minutes=given.minutes,
        sessions=given.sessions,
        seed=given.seed,
        restart_seconds=given.restart_seconds,
        task_seconds=min(_TASK_SECONDS, given.minutes * 60 / 3),
        pause_seconds=given.pause_seconds,
    )
    try:
        if given.keep is not None:
            given.keep.mkdir(parents=True)
            return anyio.run(soak, wanted, given.keep.resolve())
        with tempfile.TemporaryDirectory(prefix="soak-") as place:
            return anyio.run(soak, wanted, Path(place))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
