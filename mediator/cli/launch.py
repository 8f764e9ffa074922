"""A command, launched with two secrets that it reads from file descriptors, each once; and waited for.

A secret is in a pipe and nowhere else: in no argument, environment or file, so that nobody finds it by looking at the
process. Whoever reads the pipe has it, and the next reader finds it empty.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread

from mediator.evidence import Secret
from mediator.refusal import Reason, Refused

FORWARDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_THE_TERMINAL: Final = frozenset({signal.SIGINT, signal.SIGQUIT})
_ABOVE_ALL: Final = 64  # descriptors are held above those that the command is to have
_BYTES_MAX: Final = 4096  # POSIX: what any pipe takes at once (PIPE_BUF on Linux); a token and a key are smaller
_SIGNALLED: Final = 128  # how shells tell of a command that a signal ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start: an argument vector, all that its environment is, and what it is to read from which descriptor."""

    command: Sequence[str]
    environment: Mapping[str, str]
    secrets: Mapping[int, Secret]


async def run_to_its_end(launch: Launch) -> int:
    """Start it, pass signals on to it, and return its exit code; 128 and the signal's number where one ended it.

    Raises `Refused(MALFORMED)` for a command that cannot be started.
    """
    with anyio.open_signal_receiver(*FORWARDED) as signals:
        pid = _start(launch)
        async with anyio.create_task_group() as waiting:

            async def forward() -> None:
                async for number in signals:
                    # From a terminal these go to the whole group: the command has it already.
                    if number in _FROM_THE_TERMINAL and _has_the_terminal():
                        continue
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)

            waiting.start_soon(forward)
            try:
                status = await anyio.to_thread.run_sync(os.waitpid, pid, 0, abandon_on_cancel=True)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)  # whoever launched it is gone: it has nobody to answer to
                raise
            waiting.cancel_scope.cancel()
    code = os.waitstatus_to_exitcode(status[1])
    return code if code >= 0 else _SIGNALLED - code


def _start(launch: Launch) -> int:
    with _pipes(launch.secrets) as ends:
        actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in ends.items()]
        try:
            return os.posix_spawnp(
                launch.command[0],
                list(launch.command),
                dict(launch.environment),
                file_actions=actions,
                setsigdef=[signal.SIGPIPE],  # which this interpreter ignores
            )
        except (OSError, ValueError) as error:
            detail = f"`{launch.command[0]}` cannot be started: {getattr(error, 'strerror', None) or error}"
            raise Refused(
                Reason.MALFORMED, detail, remedy="name a program, and what it is given, after `--`"
            ) from error


@contextmanager
def _pipes(secrets: Mapping[int, Secret]) -> Iterator[Mapping[int, int]]:
    """Give the reading end of a pipe for each, which holds the secret and nothing after it; closed at the end."""
    ends: dict[int, int] = {}
    try:
        for number, secret in secrets.items():
            content = secret.reveal().encode()
            assert len(content) <= _BYTES_MAX  # else nobody would read while we write
            reading, writing = os.pipe()
            try:
                # Above all, for what is moved to a descriptor overwrites what is there.
                ends[number] = fcntl.fcntl(reading, fcntl.F_DUPFD_CLOEXEC, _ABOVE_ALL)
                os.write(writing, content)
            finally:
                os.close(reading)
                os.close(writing)
        yield ends
    finally:
        for end in ends.values():
            os.close(end)


def _has_the_terminal() -> bool:
    try:
        return os.tcgetpgrp(sys.__stdin__.fileno()) == os.getpgrp() if sys.__stdin__ is not None else False
    except (OSError, ValueError):
        return False
