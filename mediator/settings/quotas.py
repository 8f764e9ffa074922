"""`[[budget]]`, `[[rate]]`, `[loop]`, `[breaker]`: how much, how fast, how often the same, and when a tool server rests.

Pure. A budget is hard: exact, over every process and restart. A rate is kept in memory, and full again after a start.
Neither is there without being named, but one generous rate for each task; whatever is named says for whom it is counted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from mediator.canonical import Digest, Json, digest_of
from mediator.effect import Effect
from mediator.settings.section import Section
from mediator.settings.values import ArgumentPointer, QuotaName, ToolPattern, expected

_DAY_SECONDS: Final = 86_400

Per: TypeAlias = Literal["task", "agent", "owner", "tool"]
"""For whom it is counted: for each of these apart."""

_Effects: TypeAlias = Annotated[tuple[Annotated[Effect, Field(strict=False)], ...], Field(strict=False)]
_Patterns: TypeAlias = Annotated[tuple[ToolPattern, ...], Field(strict=False)]


class BudgetSettings(Section):
    """`[[budget]]`: how much of something there is in all, or in each window of time."""

    name: QuotaName
    per: Per
    of: Literal["calls", "bytes", "spend"] = "calls"
    max: Annotated[int, Field(ge=0, le=2**53 - 1)]  # calls, bytes, or the smallest unit of what is spent
    window_seconds: Annotated[int, Field(ge=1, le=400 * _DAY_SECONDS)] | None = None  # none: for as long as it is there
    effects: _Effects = ()  # none: every effect
    tools: _Patterns = ()  # none: everything
    amount: ArgumentPointer | None = None  # of `spend`: which argument it is

    @model_validator(mode="after")
    def _says_what_is_spent(self) -> Self:
        if (self.of == "spend") != (self.amount is not None):
            raise expected(
                '`amount`, a pointer to the argument that is the amount, beside `of = "spend"` and only there'
            )
        return self


class RateSettings(Section):
    """`[[rate]]`: so many at once, and then so many in so much time, evenly."""

    name: QuotaName
    per: Per
    calls: Annotated[int, Field(ge=1, le=1_000_000)]
    seconds: Annotated[int, Field(ge=1, le=_DAY_SECONDS)] = 60
    burst: Annotated[int, Field(ge=1, le=1_000_000)]
    effects: _Effects = ()
    tools: _Patterns = ()


class LoopSettings(Section):
    """`[loop]`: how often one task may make exactly the same request."""

    calls_max: Annotated[int, Field(ge=0, le=1_000_000)] = 200  # at once; 0: as often as it likes
    window_seconds: Annotated[int, Field(ge=1, le=_DAY_SECONDS)] = 600  # in which they come back, one by one


class BreakerSettings(Section):
    """`[breaker]`: when a tool server that fails again and again is left alone for a while."""

    failures: Annotated[int, Field(ge=0, le=10_000)] = 10  # in a row; 0: it is never left alone
    after_seconds: Annotated[int, Field(ge=0, le=3600)] = 10  # from the first of them: a restart is shorter
    open_seconds: Annotated[int, Field(ge=1, le=3600)] = 15  # then one call tries


DEFAULT_RATE: Final = RateSettings(name="task", per="task", calls=6000, seconds=60, burst=2000)
"""Where no `[[rate]]` stands: far above what an agent needs, and a bound to what a runaway one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """All of it, as calls are judged by it; without anything, nothing is counted."""

    budgets: Sequence[BudgetSettings] = ()
    rates: Sequence[RateSettings] = ()
    loop: LoopSettings | None = None
    budgets_digest: Digest | None = field(init=False)
    """What a record names of the budgets that a call was judged by, where there are any."""

    def __post_init__(self) -> None:
        forms: list[Json] = [budget.model_dump(mode="json") for budget in self.budgets]
        object.__setattr__(self, "budgets_digest", digest_of(forms) if forms else None)
