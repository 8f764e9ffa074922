"""What it costs to know who calls, beside the budget: `make bench-identify`.

A bearer that is remembered, one not seen before, and a DPoP proof with each call, by both algorithms, each beside the bare
verification of one signature in the same run: that is the part which no code of ours makes cheaper. What the numbers are
not stands in README.md.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import jwt
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure, Probe, Synchronous, interleave, keep_to_one_cpu
from mediator.adapters.store_sqlite.store import SqliteStore
from mediator.evidence import Secret
from mediator.identity.identify import identify
from mediator.identity.proof import Shown
from mediator.mediation.identities import Identities
from mediator.mediation.key_holders import KeyHolders
from mediator.mediation.proofs import Proofs
from mediator.wire.arrival import Arrival
from tests.simulated.arrivals import over_http
from tests.simulated.forged_tokens import AUDIENCE, KEYS, NOW_MS, SKEW, forge, good_claims
from tests.simulated.judged import a_snapshot
from tests.simulated.proofs import ProvingKey

US: Final = "µs"  # noqa: RUF001 - as everybody writes it
SECONDS: Final = 30.0
ROUNDS_MAX: Final = 25
URL: Final = f"{AUDIENCE}/mcp"
TIMES: Final = 50
LAST: Final = Path(__file__).resolve().parent / "last_identify.json"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: its budget in microseconds (design, part 7), and the bare signature that is in it."""

    probe: str
    title: str
    budget: float | None = None
    bare: str | None = None


LINES: Final[Sequence[Line]] = (
    Line("bearer", "a bearer that is remembered", 2),
    Line("bearer fresh", "a bearer not seen before", None, "bare EdDSA"),
    Line("dpop ES256", "a DPoP proof with the call, ES256", 72, "bare ES256"),
    Line("dpop EdDSA", "a DPoP proof with the call, EdDSA", 72, "bare EdDSA"),
    Line("again", "  the same request, asked about again"),
    Line("verify ES256", "  of it the proof alone, nothing used up", None, "bare ES256"),
    Line("used once", "  of it the memory across restarts"),
    Line("bare ES256", "one bare signature, ES256"),
    Line("bare EdDSA", "one bare signature, EdDSA"),
)


class Proving:
    """The probe of a call with a proof of its own: the proofs are signed before, and each is shown once."""

    def __init__(self, key: ProvingKey, token: str, identify_one: Callable[[Shown], object]) -> None:
        self._key, self._token, self._identify = key, token, identify_one

    async def __call__(self) -> float:
        shown = [self._key.shown(url=URL, token=self._token) for _ in range(TIMES)]
        begun = time.process_time_ns()
        for one in shown:
            self._identify(one)
        return (time.process_time_ns() - begun) / TIMES / 1000


@contextmanager
def probes_of(folder: Path) -> Iterator[dict[str, Probe]]:
    """Make all that is measured."""
    snapshot = a_snapshot()
    with SqliteStore(folder / "state.sqlite", Secret("0" * 64)) as store:
        proofs = Proofs(store, KeyHolders({}, lambda *_: None))
        memory = Identities(proofs)
        bearer = over_http(b"", credential=forge().reveal())
        credential = bearer.credential
        probes: dict[str, Probe] = {
            "bearer": Synchronous(lambda: memory.identify(bearer, snapshot, NOW_MS)),
            "bearer fresh": Synchronous(
                lambda: identify(credential, KEYS, frozenset({AUDIENCE}), NOW_MS, SKEW), times=TIMES
            ),
        }
        for algorithm in ("ES256", "EdDSA"):
            key = ProvingKey(algorithm)
            token = forge(claims=good_claims(cnf={"jkt": key.thumbprint}, sub=f"agent-{algorithm}")).reveal()
            arrival = over_http(b"", credential=token)

            def identify_one(shown: Shown, arrival: Arrival = arrival) -> object:
                return memory.identify(replace(arrival, shown=shown), snapshot, NOW_MS)

            def verify_one(shown: Shown) -> object:
                return proofs.verify(replace_scheme(shown), NOW_MS, SKEW)

            probes[f"dpop {algorithm}"] = Proving(key, token, identify_one)
            probes[f"bare {algorithm}"] = Synchronous(bare(key), times=TIMES)
            if algorithm == "ES256":
                probes["verify ES256"] = Proving(key, token, verify_one)
                known = replace(arrival, shown=key.shown(url=URL, token=token))
                probes["again"] = Synchronous(partial(memory.identify, known, snapshot, NOW_MS))
        numbers = iter(range(1 << 40))
        probes["used once"] = Synchronous(
            lambda: store.use_once(f"dpop:{next(numbers):064x}", NOW_MS + 60_000, NOW_MS), times=TIMES
        )
        yield probes


def replace_scheme(shown: Shown) -> Shown:
    """Return the same proof as at the token endpoint, where it stands beside no credential."""
    return Shown(proofs=shown.proofs, is_dpop=False, method=shown.method, url=shown.url)


def bare(key: ProvingKey) -> Callable[[], object]:
    """Return the verification of one signature over as much as a proof has, and nothing else."""
    text = b"x" * 420
    signature = key.sign(text)
    public = jwt.PyJWK(key.jwk, algorithm=key.algorithm)

    def verify() -> None:
        assert public.Algorithm.verify(text, public.key, signature)

    return verify


async def measure() -> tuple[dict[str, Figure], int]:
    """Return every figure, and in how many rounds they were taken."""
    with tempfile.TemporaryDirectory(prefix="bench-identify-") as folder, probes_of(Path(folder)) as probes:
        return await interleave(probes, SECONDS, ROUNDS_MAX)


def table_of(figures: Mapping[str, Figure]) -> Table:
    """Return the table: a line for each way of being known."""
    table = Table(title=f"Who calls, in {US} of one core", title_justify="left")
    table.add_column("what")
    for column in (f"budget {US}", f"measured {US}", "middle half", "best", "bare signatures"):
        table.add_column(column, justify="right")
    for line in LINES:
        figure = figures[line.probe]
        times = "" if line.bare is None else f"{figure.median / figures[line.bare].median:.2f}"
        table.add_row(
            line.title,
            "" if line.budget is None else f"{line.budget:g}",
            f"{figure.median:.1f}",
            f"{figure.low:.0f} to {figure.high:.0f}",
            f"{figure.best:.1f}",
            times,
            style="dim" if line.title.startswith(" ") else None,
        )
    return table


def main() -> int:
    """Measure, tell, and say which budgets are kept on this machine."""
    begun = time.monotonic()
    keep_to_one_cpu()
    figures, rounds = anyio.run(measure)
    console = Console()
    console.print(table_of(figures))
    console.print(f"{rounds} rounds in {time.monotonic() - begun:.0f} s")
    for line in LINES:
        if line.budget is not None:
            is_kept = figures[line.probe].median <= line.budget
            console.print(f"{line.title}: {'within' if is_kept else 'OVER'} {line.budget:g} {US}", markup=False)
    form = {
        "rounds": rounds,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "steps": {name: figure.form for name, figure in figures.items()},
    }
    LAST.write_text(json.dumps(form, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
