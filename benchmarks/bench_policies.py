"""What a question to policy costs among few policies and many, few pinned tools and many: `make bench-policies`.

Five policies can match the call that is asked about; all others are about other agents, other teams and other tools. Each
line of the curve is measured in the same interleaved rounds as the first, and told as a ratio to it. Fails when 10,000
policies, or 10,000 tools, cost over 1.2 times what 10 cost. The first line stands there twice: its second figure tells how
far apart this machine puts two probes of the same thing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Figure, Probe, Synchronous, interleave, keep_to_one_cpu
from mediator.adapters.engine_cedar import CedarEngine, prepare_engine
from mediator.policy.decision import Verdict
from mediator.policy.request import AccessRequest, AgentFacts, ItemFacts
from tests.unit.policy.facts import AGENT, base, call, tool, with_arguments

US: Final = "µs"  # noqa: RUF001 - as everybody writes it
COUNTS: Final = (10, 100, 1_000, 10_000)
RATIO_MAX: Final = 1.2
SECONDS: Final = (
    12.0  # of each curve, whose lines alone make a round: the shorter it is, the more alike is what they meet
)
ROUNDS_MAX: Final = 60
TIMES: Final[Mapping[str, int]] = {"anew": 60, "agent": 60, "remembered": 1_000}
QUESTIONS: Final[Mapping[str, str]] = {
    "anew": "a call with new arguments, asked anew",
    "agent": "the first call of a new agent: its slice is found, and asked",
    "remembered": "the same call again, remembered",
}
AGAIN: Final = "10 again"
ON_READ: Final = 'principal, action == Mediator::Action::"files/read", resource'
CALLS: Final = 'principal, action in Mediator::Action::"call_tool", resource'
MATCHING: Final = (
    f"permit ({CALLS}) when {{ context.grant.covers }};",
    f'forbid ({ON_READ}) unless {{ context.args.path like "/srv/*" && !(context.args.path like "*..*") }};',
    f'forbid ({CALLS}) when {{ context.task.labels.contains("untrusted") }};',
    f"forbid ({CALLS}) when {{ context.chain.depth > 3 }};",
    'forbid (principal, action in Mediator::Action::"effect:read", resource) when { context.proof == "none" };',
)
OTHERS: Final = (
    'forbid (principal == Mediator::Agent::"other-{n}", action, resource);',
    'forbid (principal in Mediator::Team::"team-{n}", action in Mediator::Action::"effect:send", resource);',
    'forbid (principal, action == Mediator::Action::"server-{m}/tool-{n}", resource) when {{ context.args has path }};',
)


def policies_of(count: int) -> dict[str, str]:
    """Return so many policies, of which five can match the call."""
    texts = [*MATCHING, *(OTHERS[n % 3].format(n=n, m=n % 50) for n in range(count - len(MATCHING)))]
    return {"set.cedar": "\n".join(f'@id("p{index}") @reason("r") {text}' for index, text in enumerate(texts))}


def tools_of(count: int) -> Iterator[ItemFacts]:
    """Yield so many tools, among them the one that is called."""
    asked = with_arguments({"path": {"type": "string"}}, required=["path"])
    yield asked
    for n in range(count - 1):
        yield replace(tool(f"server-{n % 50}/pinned-{n}"), input_schema=asked.input_schema)


@dataclass(slots=True)
class Questions:
    """Asks one engine, and sees that each call is allowed."""

    engine: CedarEngine
    number: int = 0
    same: AccessRequest = field(default_factory=lambda: call(arguments={"path": "/srv/same"}, base=base(proof="dpop")))

    def anew(self) -> None:
        """Ask about arguments that were never sent."""
        self.number += 1
        self._ask(replace(self.same, arguments={"path": f"/srv/{self.number}"}))

    def agent(self) -> None:
        """Ask about an agent that never called."""
        self.number += 1
        who: AgentFacts = replace(AGENT, id=f"agent-{self.number}")
        self._ask(replace(self.same, principal=who, arguments={"path": f"/srv/{self.number}"}))

    def remembered(self) -> None:
        """Ask the same as ever."""
        self._ask(self.same)

    def _ask(self, request: AccessRequest) -> None:
        if self.engine.evaluate(request).verdict is not Verdict.ALLOW:
            message = "a call that should have been allowed was not"
            raise AssertionError(message)

    def probe(self, name: str) -> Synchronous:
        """Return the probe of a question."""
        asked = {"anew": self.anew, "agent": self.agent, "remembered": self.remembered}[name]
        return Synchronous(asked, times=TIMES[name])


def prepared(counts: tuple[int, ...]) -> tuple[dict[str, Questions], dict[str, float]]:
    """Return an engine for each line, `policies N` and `tools N`, and how many seconds each took to prepare."""
    found: dict[str, Questions] = {}
    seconds: dict[str, float] = {}
    few = counts[0]
    for count in counts:
        for what, policies, tools in (("policies", count, few), ("tools", few, count)):
            begun = time.process_time()
            found[f"{what} {count}"] = Questions(prepare_engine(policies_of(policies), tools_of(tools)))
            seconds[f"{what} {count}"] = time.process_time() - begun
    return found, seconds


def probes_of(engines: Mapping[str, Questions]) -> dict[str, Probe]:
    """Return a probe for each question and line, `QUESTION WHAT N`, and the first line's once more."""
    probes: dict[str, Probe] = {
        f"{question} {line}": asking.probe(question) for line, asking in engines.items() for question in QUESTIONS
    }
    for what in ("policies", "tools"):
        first = next(asking for line, asking in engines.items() if line.startswith(what))
        probes |= {f"{question} {what} {AGAIN}": first.probe(question) for question in QUESTIONS}
    return probes


def table_of(what: str, question: str, figures: Mapping[str, Figure], seconds: Mapping[str, float]) -> Table:
    """Return the curve of one question."""
    table = Table(title=f"{QUESTIONS[question]}, in {US} of one core", title_justify="left")
    for title in (what, "median", "middle half", "to 10", "prepared in s"):
        table.add_column(title, justify="right")
    first = figures[f"{question} {what} {COUNTS[0]}"].median
    for count in (COUNTS[0], AGAIN, *COUNTS[1:]):
        figure = figures[f"{question} {what} {count}"]
        took = seconds.get(f"{what} {count}")
        row = (f"{figure.median:.1f}", f"{figure.low:.1f} to {figure.high:.1f}", f"{figure.median / first:.2f}")
        shown = f"{count:,}" if isinstance(count, int) else count
        table.add_row(shown, *row, "" if took is None else f"{took:.2f}")
    return table


async def run() -> int:
    """Measure, tell, and say whether the curve is flat."""
    console = Console()
    engines, seconds = prepared(COUNTS)
    probes = probes_of(engines)
    worst, fewest = 0.0, ROUNDS_MAX
    for what in ("policies", "tools"):
        for question in QUESTIONS:
            curve = {name: probe for name, probe in probes.items() if name.startswith(f"{question} {what} ")}
            figures, rounds = await interleave(curve, SECONDS, ROUNDS_MAX)
            console.print(table_of(what, question, figures, seconds))
            few, many = (figures[f"{question} {what} {count}"].median for count in (COUNTS[0], COUNTS[-1]))
            worst, fewest = max(worst, many / few), min(fewest, rounds)
    told = f"{fewest} rounds or more of each; 10,000 cost at most {worst:.2f} of what 10 cost (limit {RATIO_MAX})"
    console.print(told, markup=False)
    return int(worst > RATIO_MAX)


def main() -> int:
    """Keep to one CPU, and run."""
    keep_to_one_cpu()
    return anyio.run(run)


if __name__ == "__main__":
    sys.exit(main())
