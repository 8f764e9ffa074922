"""What all sessions of a soak share: the tool servers, the tasks, where the mediator listens, and the one tally.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.soak.tally import Tally

DEADLINE_SECONDS: Final = 20  # of the mediator's settings
INPUT_SECONDS: Final = 20  # likewise; more than a busy machine keeps an agent from its answer
GRACE_SECONDS: Final = 10  # beyond the deadline, until a reply is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServer:
    """One tool server as the agents see it."""

    name: str
    era: str
    transport: str

    @property
    def is_held_to_one_caller(self) -> bool:
        """Whether what it asks carries nothing that ties it to a call: only who is alone in a task calls `ask`."""
        return (self.era, self.transport) == ("legacy", "stdio")

    @property
    def page(self) -> str:
        return f"soak://{self.name}/page"


@dataclass(slots=True, eq=False, kw_only=True)
class Task:
    """An open task, and how many sessions are under it."""

    id: str
    token: str
    sessions: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class Slot:
    """Where sessions find their task: it is replaced now and then."""

    task: Task
    is_alone: bool
    former: list[Task] = field(default_factory=list)


@dataclass(slots=True, eq=False, kw_only=True)
class Stage:
    """What all sessions share."""

    port: int
    servers: tuple[ToolServer, ...]
    tally: Tally
    now: Callable[[], float]
    pause_seconds: float  # between two steps of a session, on average
    is_over: bool = False
    lines: int = 0  # that the agents hold open
