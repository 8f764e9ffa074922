"""Random calls that fit the schemas of real tools, asked of the engine under a policy that looks at all of each.

`make random-calls` asks 10,000 of each of the 216 tools, some minutes on one core; a test asks fewer of them. Plain
random numbers from a fixed seed, since a strategy of hypothesis draws a hundred times slower; what is drawn and does not
fit the pinned schema after all is drawn again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from mediator.adapters.engine_cedar import prepare_engine
from mediator.canonical import JsonObject, canonical_bytes, parse_object
from mediator.manifest.schema import prepare
from mediator.policy.decision import Decision, Verdict
from mediator.policy.request import ItemFacts
from mediator.refusal import Reason, Refused
from tests.laws.json_instances import STRANGE
from tests.real_tools import definitions_by_server
from tests.unit.policy.facts import call, tool

CALLS: Final = 10_000
TRIES_MAX: Final = 200  # for one that fits
INTEGERS: Final = (0, 1, -1, 7, 2**31, 2**53 - 1, -(2**53) + 1)
NUMBERS: Final = (*INTEGERS, 0.5, -1.23456789, 1e-300, 1e15, 1e21, 1e300, -1e300, 5e-324, 2.0**63)
LETTERS: Final = 'ab/.:*" \\\n\x00é😀{}[]0'


def real_tools() -> tuple[ItemFacts, ...]:
    """All 216, as policy knows them."""
    return tuple(
        tool(f"{server}/{one['name']}", input_schema=one["inputSchema"])
        for server, tools in definitions_by_server().items()
        for one in tools
    )


def seeing_all(facts: ItemFacts) -> str:
    """Return a policy that looks at the whole of this tool's arguments."""
    scope = f"(principal, action == Mediator::Action::{json.dumps(facts.key)}, resource)"
    return f'@id("all") @reason("r") permit {scope} when {{ context.args == context.args }};'


def answers(facts: ItemFacts, calls: int) -> Iterator[tuple[JsonObject, Decision]]:
    """Yield so many calls that fit, each with its answer; the same ones each time."""
    engine = prepare_engine({"all.cedar": seeing_all(facts)}, [facts])
    schema = prepare(facts.input_schema, None, frozenset())
    draw = Drawn(facts.input_schema, random.Random(facts.key))
    for _ in range(calls):
        sent = _one_that_fits(draw, schema.check_arguments)
        yield sent, engine.evaluate(call(facts.key, arguments=sent))


def is_answered(decision: Decision) -> bool:
    """Tell whether it is an answer: an allow, or the one refusal of what fits, which says how to send it."""
    too_large = decision.reason is Reason.ARGUMENTS_INVALID and decision.remedy == "send it as a string"
    return decision.verdict is Verdict.ALLOW or too_large


def _one_that_fits(draw: Drawn, check: Callable[[JsonObject], None]) -> JsonObject:
    for _ in range(TRIES_MAX):
        sent = parse_object(canonical_bytes(draw.value()))
        try:
            check(sent)
        except Refused:
            continue
        return sent
    message = "nothing that was drawn fits"
    raise AssertionError(message)


class Drawn:
    """Values that fit a JSON Schema, roughly, from random numbers."""

    def __init__(self, schema: Any, numbers: random.Random) -> None:
        self._root = schema
        self._numbers = numbers

    def value(self) -> Any:
        """Return one more."""
        return self._of(self._root, 0)

    def _of(self, schema: Any, depth: int) -> Any:
        pick = self._numbers.choice
        if not isinstance(schema, dict) or depth > 8:
            return self._anything(2)
        if isinstance(reference := schema.get("$ref"), str):
            return self._of(self._target(reference), depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return pick(schema["enum"])
        for keyword in ("oneOf", "anyOf"):
            if keyword in schema and "properties" not in schema:
                return self._of(pick(schema[keyword]), depth + 1)
        stated = schema.get("type", "object" if "properties" in schema else None)
        return self._of_kind(pick(stated) if isinstance(stated, list) else stated, schema, depth)

    def _of_kind(self, kind: Any, schema: Any, depth: int) -> Any:
        numbers = self._numbers
        match kind:
            case "null":
                return None
            case "boolean":
                return numbers.random() < 0.5
            case "integer" | "number":
                return self._number(kind, schema)
            case "string":
                return self._text(schema)
            case "array":
                low = schema.get("minItems", 0)
                return [self._of(schema.get("items"), depth + 1) for _ in range(low + numbers.randrange(4))]
            case "object":
                return self._object(schema, depth)
            case _:
                return self._anything(2)

    def _number(self, kind: str, schema: Any) -> Any:
        numbers = self._numbers
        if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & schema.keys():
            low = int(schema.get("minimum", schema.get("exclusiveMinimum", -10) + 1))
            return numbers.randint(low, int(schema.get("maximum", max(low, 0) + 10)))
        if numbers.random() < 0.5:
            return numbers.randint(-1000, 1000)
        return numbers.choice(INTEGERS if kind == "integer" else NUMBERS)

    def _text(self, schema: Any) -> str:
        numbers = self._numbers
        if numbers.random() < 0.3 and not {"pattern", "minLength"} & schema.keys():
            return numbers.choice(STRANGE)
        return "".join(numbers.choice(LETTERS) for _ in range(schema.get("minLength", 0) + numbers.randrange(12)))

    def _object(self, schema: Any, depth: int) -> Any:
        numbers, required = self._numbers, schema.get("required", ())
        found = {
            name: self._of(inner, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in required or numbers.random() < 0.6
        }
        more = schema.get("additionalProperties", True)
        if "properties" not in schema and more is not False:
            for _ in range(numbers.randrange(3)):
                found.setdefault(self._text({}), self._of(more, depth + 1))
        return found

    def _anything(self, depth: int) -> Any:
        numbers = self._numbers
        kind = numbers.randrange(7 if depth else 5)
        match kind:
            case 0:
                return None
            case 1:
                return numbers.random() < 0.5
            case 2 | 3:
                return numbers.choice(NUMBERS)
            case 4:
                return self._text({})
            case 5:
                return [self._anything(depth - 1) for _ in range(numbers.randrange(3))]
            case _:
                return {self._text({}): self._anything(depth - 1) for _ in range(numbers.randrange(3))}

    def _target(self, reference: str) -> Any:
        here = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            here = here[int(step)] if isinstance(here, list) else here[step.replace("~1", "/").replace("~0", "~")]
        return here


def main() -> int:
    """Ask, and tell what was not answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="of each tool")
    calls: int = parser.parse_args().calls
    begun, tools, failed = time.monotonic(), real_tools(), 0
    for index, facts in enumerate(tools):
        for sent, decision in answers(facts, calls):
            if not is_answered(decision):
                failed += 1
                print(f"{facts.key}: {decision.reason} for {canonical_bytes(sent).decode()}")
        if sys.stderr.isatty():
            print(f"\r{index + 1} of {len(tools)} tools", end="", file=sys.stderr, flush=True)
    took = time.monotonic() - begun
    print(f"{len(tools)} tools, {calls:,} calls of each: {failed} without an answer; {took:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
