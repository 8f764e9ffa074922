"""Tally: what the agents asked and got, beside what the tool servers say they did; and whether the two agree.

Pure: whoever uses it brings the time. A call is settled a while after its answer, when both sides have
told of it, and is forgotten then; only counts and the first failures are kept, so that a long soak costs no memory.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum, unique
from math import inf
from typing import Final

SETTLE_SECONDS: Final = 3.0  # for the log of a tool server to be written and read
CANCEL_SECONDS: Final = 6.0  # for a cancellation to come through, on a machine that is busy
NO_CALL: Final = "-"  # a line of the log that belongs to none
_FAILURES_SHOWN: Final = 40

RESTARTING: Final = frozenset(
    {"TOOL_SERVER_UNAVAILABLE", "TOOL_SERVER_INVALID", "DEADLINE_PASSED", "TRY_AGAIN", "OVERLOADED"}
)
"""What a call may be refused for while its tool server is restarted."""


@unique
class Came(StrEnum):
    """What became of a call on the agent's side."""

    RESULT = "result"
    REFUSED = "refused"
    CANCELLED = "cancelled"  # by the agent: no answer is due
    LOST = "lost"


@dataclass(slots=True, kw_only=True)
class Call:
    """One call, from both sides."""

    key: str
    server: str
    asked_at: float
    told: Counter[str] = field(default_factory=Counter)  # `begin`, `asked`, `end`, `cancelled`: how often each
    came: Came | None = None
    came_at: float = 0.0
    way: str = ""  # in which its agent cancelled it
    reason: str = ""  # for which it was refused


@dataclass(slots=True, kw_only=True)
class Window:
    """When a tool server was being restarted."""

    server: str
    begin: float
    end: float = inf

    def touches(self, server: str, begin: float, end: float) -> bool:
        """Tell whether something of this server that lasted so long fell into it."""
        return self.server == server and begin <= self.end and end >= self.begin


def disagreement(call: Call, *, is_excused: bool) -> str | None:
    """Return what the two sides of a call that is over do not agree on; excused is what fell into a restart."""
    told = call.told
    match call.came:
        case Came.LOST:
            return "no reply came"
        case Came.REFUSED if not is_excused or call.reason not in RESTARTING:
            return f"refused for {call.reason}"
        case Came.RESULT if told["end"] != 1 or told["cancelled"] or told["begin"] != told["asked"] + 1:
            return "its result came once, and that is not what the tool server did"
        case Came.CANCELLED if told["end"]:
            return "cancelled by its agent, and yet done"
        case Came.CANCELLED if not is_excused and (told["begin"], told["cancelled"]) != (1, 1):
            return "cancelled by its agent, and not at the tool server"
        case _:
            return None


@dataclass(slots=True)
class Tally:
    """Every count of a soak, and the calls that are not settled."""

    requests: int = 0
    replies: int = 0
    lost: int = 0
    withdrawn: int = 0  # requests whose agent cancelled them, and that get no reply
    refused: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)  # what the agents did, by its name
    cancelled: Counter[str] = field(default_factory=Counter)  # by the way in which it was, as seen at the tool side
    served: Counter[str] = field(default_factory=Counter)  # results of each tool server
    told: Counter[str] = field(default_factory=Counter)  # events of a tool server's log
    failures: list[str] = field(default_factory=list)
    failed: int = 0
    windows: list[Window] = field(default_factory=list)
    _calls: dict[str, Call] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._calls)

    def fail(self, what: str) -> None:
        """Count a failure; the first ones are kept in words."""
        self.failed += 1
        if len(self.failures) < _FAILURES_SHOWN:
            self.failures.append(what)

    def begin(self, key: str, server: str, now: float) -> None:
        """Take note that an agent calls."""
        self._calls[key] = Call(key=key, server=server, asked_at=now)

    def end(self, key: str, came: Came, now: float, *, reason: str = "", way: str = "") -> None:
        """Take note of what became of a call; `way` is how its agent cancelled it, `reason` why it was refused."""
        call = self._calls[key]
        call.came, call.came_at, call.reason, call.way = came, now, reason, way
        if came is Came.RESULT:
            self.served[call.server] += 1
        elif came is Came.REFUSED:
            self.refused[reason] += 1

    def tell(self, server: str, event: str, key: str, now: float) -> None:
        """Take note of a line of a tool server's log."""
        self.told[event] += 1
        call = self._calls.get(key)
        if call is not None:
            call.told[event] += 1
        elif key != NO_CALL and not self.is_excused(server, now - CANCEL_SECONDS, now):
            self.fail(f"{key} at {server}: `{event}`, when the call was long over")

    def has_begun(self, key: str) -> bool:
        """Tell whether its tool server has begun with it."""
        return key in self._calls and bool(self._calls[key].told["begin"])

    def settle(self, now: float) -> None:
        """Compare both sides of what is over since a while, and forget it."""
        for key, call in list(self._calls.items()):
            if call.came is not None and self._is_settled(call, now - call.came_at):
                self._compare(call)
                del self._calls[key]
        oldest = min((call.asked_at for call in self._calls.values()), default=now)
        self.windows = [window for window in self.windows if window.end >= oldest - CANCEL_SECONDS]

    def open_window(self, server: str, now: float) -> Window:
        """Take note that a tool server is restarted, until the window's `end` is set."""
        window = Window(server=server, begin=now)
        self.windows.append(window)
        return window

    def is_excused(self, server: str, begin: float, end: float) -> bool:
        """Tell whether something of this server fell into a restart of it."""
        return any(window.touches(server, begin, end) for window in self.windows)

    def _is_settled(self, call: Call, waited_seconds: float) -> bool:
        is_agreed = disagreement(call, is_excused=False) is None
        return waited_seconds > (SETTLE_SECONDS if is_agreed else CANCEL_SECONDS)

    def _compare(self, call: Call) -> None:
        is_excused = self.is_excused(call.server, call.asked_at, call.came_at + CANCEL_SECONDS)
        wrong = disagreement(call, is_excused=is_excused)
        if wrong is not None:
            told = ", ".join(f"{event} {count}" for event, count in call.told.items())
            self.fail(
                f"{call.key} at {call.server} ({call.way or call.came}): {wrong}; told there: {told or 'nothing'}"
            )
        elif call.came is Came.CANCELLED:
            self.cancelled[call.way if call.told["cancelled"] else "killed meanwhile"] += 1
