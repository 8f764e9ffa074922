"""What one stdio tool server may cost; each number with its unit in its name, and where it comes from.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mediator.wire.hearing import HearingLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioLimits:
    """How long, how much, how many. The safe values are the defaults."""

    hearing: HearingLimits = field(default_factory=HearingLimits)
    opening_seconds: float = 30.0  # start, handshake and list: a package runner unpacks first
    eof_seconds: float = 2.0  # for a process to go when its input ends; the MCP SDK gives as long
    term_seconds: float = 2.0  # to go when it is asked to (SIGTERM); then it is killed
    kill_seconds: float = 2.0  # for the kernel to end it
    stragglers_seconds: float = 0.25  # for what it started to vanish once it was killed; zombies may never
    draining_seconds: float = 0.5  # for what a process wrote before it ended
    processes_max: int = 64  # of one server at once, one for each task by default
    stderr_bytes_kept: int = 64 * 1024  # the last of it, for an operator
    stderr_bytes_at_once: int = 256 * 1024  # then its reading pauses: writing there must not cost us the loop
    stderr_pause_seconds: float = 0.1
    untold_max: int = 64  # notifications of one call that its agent has not taken yet: then its process is not read
    untold_bytes_max: int = 256 * 1024  # as much as one reading of the pipe brings
    subscribed_max: int = 1000  # resources of one process: as many as one session or stream on the agents' side
    refusals_max: int = 100  # questions that may not be asked, in one leg of a call; over HTTP as many
    asks_max: int = 16  # questions of one call that wait for each other; the corridor ends a call that asks more often
    unread_bytes_max: int = 8 * 1024 * 1024  # written and not read by the process: twice the largest call
