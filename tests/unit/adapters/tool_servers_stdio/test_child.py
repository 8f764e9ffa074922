"""One process of a tool server: how it begins, and that it ends.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mediator.adapters.tool_servers_stdio.child import Child, start
from mediator.adapters.tool_servers_stdio.limits import StdioLimits
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from tests.promises import promise

PYTHON: Final = (sys.executable, "-IS", "-c")
ECHO: Final = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
FOR_EVER: Final = "import signal\nprint('ready', flush=True)\nwhile True: signal.pause()"
DEAF: Final = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOR_EVER
LIMITS: Final = StdioLimits(eof_seconds=0.1, term_seconds=0.1, draining_seconds=0.1, stragglers_seconds=0.1)


@dataclass
class Watched:
    """A child, and what was heard of it."""

    limits: StdioLimits = LIMITS
    heard: bytearray = field(default_factory=bytearray)
    was_mute: anyio.Event = field(default_factory=anyio.Event)
    was_gone: anyio.Event = field(default_factory=anyio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.child = Child(self.hear, self.was_mute.set, self.was_gone.set, self.limits)

    def hear(self, data: bytes) -> None:
        self.heard += data
        self.news.set()

    async def start(self, program: str, environment: dict[str, Any] | None = None, cwd: str | None = None) -> None:
        await start(self.child, (*PYTHON, program), environment or {}, cwd)

    async def hears(self, text: bytes) -> None:
        with anyio.fail_after(5):
            while text not in self.heard:
                self.news.clear()
                await self.news.wait()

    async def ends(self) -> None:
        with anyio.fail_after(5):
            await self.child.end()
            await self.was_gone.wait()

    @property
    def pid(self) -> int:
        return self.child._pid


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


async def test_a_process_is_written_to_and_heard() -> None:
    """Ours."""
    watched = Watched()
    await watched.start(ECHO)
    watched.child.write(b"hello")
    await watched.hears(b"hello\n")
    assert watched.child.unread_bytes() == 0
    await watched.ends()
    assert watched.was_mute.is_set()
    assert not is_alive(watched.pid)


@promise("P5")
async def test_it_sees_the_environment_that_was_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The issue: an explicit environment; ours may hold anything."""
    monkeypatch.setenv("MEDIATOR_TOKEN", "not for tool servers")
    watched = Watched()
    program = "import os\nprint(sorted((k, v) for k, v in os.environ.items() if k != 'LC_CTYPE'))"
    await watched.start(program, {"API_KEY": Secret("k"), "MODE": "x"})
    await watched.hears(b"\n")
    assert watched.heard.strip() == b"[('API_KEY', 'k'), ('MODE', 'x')]"
    await watched.ends()


async def test_it_begins_where_it_is_told_to_and_leads_its_own_session(tmp_path: Path) -> None:
    """Ours: a terminal's interrupt is for the mediator, which then ends it in order."""
    watched = Watched()
    await watched.start(
        "import os\nprint(os.getcwd(), os.getsid(0) == os.getpid() == os.getpgid(0))", cwd=str(tmp_path)
    )
    await watched.hears(b"\n")
    assert watched.heard.decode().strip() == f"{tmp_path} True"
    await watched.ends()


async def test_no_shell_reads_its_arguments() -> None:
    """The issue: argv, no shell."""
    watched = Watched()
    await start(watched.child, (*PYTHON, "import sys\nprint(sys.argv[1:])", "$HOME; ls", "`id`"), {}, None)
    await watched.hears(b"\n")
    assert watched.heard.decode().strip() == "['$HOME; ls', '`id`']"
    await watched.ends()


@promise("P11")
@pytest.mark.parametrize(
    ("command", "cwd"),
    [
        (("/nonexistent/server",), None),
        (("/",), None),
        (("a\0b",), None),
        ((*PYTHON, ""), "/nonexistent"),
    ],
)
async def test_what_cannot_be_started_is_unavailable(command: tuple[str, ...], cwd: str | None) -> None:
    """Ours: it names no path and no argument; those may hold what is not for everybody."""
    watched = Watched()
    with pytest.raises(Refused) as caught:
        await start(watched.child, command, {}, cwd)
    assert caught.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
    assert "nonexistent" not in caught.value.detail
    await watched.child.end()
    watched.child.kill()
    watched.child.write(b"to nobody")
    assert watched.child.unread_bytes() == 0


@pytest.mark.parametrize("program", [FOR_EVER, DEAF], ids=["ignores the end of its input", "ignores SIGTERM too"])
async def test_it_is_ended_in_order_or_by_force(program: str) -> None:
    """MCP lifecycle, shutdown over stdio: close its input, then SIGTERM, then SIGKILL."""
    watched = Watched()
    await watched.start(program)
    await watched.hears(b"ready")
    await watched.ends()
    assert not is_alive(watched.pid)


async def test_it_is_asked_to_go_before_it_is_made_to() -> None:
    """MCP lifecycle: a server may clean up."""
    watched = Watched(limits=StdioLimits(eof_seconds=0.05, term_seconds=5))
    await watched.start(
        "import signal, sys\n"
        "def bye(*_):\n    print('bye', flush=True)\n    sys.exit()\n"
        "signal.signal(signal.SIGTERM, bye)\n" + FOR_EVER
    )
    await watched.hears(b"ready")
    await watched.ends()
    assert b"bye" in watched.heard


async def test_what_it_started_ends_with_it() -> None:
    """The issue: no process may survive."""
    watched = Watched()
    await watched.start(
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True); input()\n"
        "else:\n    while True: signal.pause()"
    )
    await watched.hears(b"\n")
    grandchild = int(watched.heard)
    assert is_alive(grandchild)
    await watched.ends()
    assert not is_alive(grandchild)


async def test_one_that_left_the_group_keeps_nobody_waiting() -> None:
    """A known gap: a process that makes itself a session of its own is out of reach, though it holds our pipes."""
    watched = Watched()
    await watched.start(
        "import os, signal\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "else:\n    os.setsid()\n    while True: signal.pause()"
    )
    await watched.hears(b"\n")
    escaped = int(watched.heard)
    try:
        with anyio.fail_after(5):
            await watched.was_gone.wait()
        await watched.child.end()
    finally:
        os.kill(escaped, signal.SIGKILL)


async def test_a_process_that_ends_by_itself_is_told() -> None:
    """Ours: what it wrote last is heard first."""
    watched = Watched()
    await watched.start("print('last words')")
    with anyio.fail_after(5):
        await watched.was_gone.wait()
    assert watched.heard == b"last words\n"
    assert watched.was_mute.is_set()
    watched.child.write(b"to nobody")


@promise("P7")
async def test_a_process_that_has_ended_is_not_signalled_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours: its number may be another's by now."""
    watched = Watched()
    await watched.start("")
    with anyio.fail_after(5):
        await watched.was_gone.wait()
    signalled: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda pid, _: signalled.append(pid))
    watched.child.kill()
    assert signalled == []


async def test_what_it_does_not_read_is_counted() -> None:
    """Ours: so that somebody can stop writing."""
    watched = Watched()
    await watched.start(FOR_EVER)
    watched.child.write(b"x" * 1_000_000)
    assert watched.child.unread_bytes() > 0
    await watched.ends()


@promise("P11")
async def test_a_flood_on_stderr_is_bounded_and_read_with_pauses() -> None:
    """The issue: stderr captured and bounded; a server that fills it does not fill us."""
    limits = StdioLimits(stderr_bytes_kept=100, stderr_bytes_at_once=50_000, stderr_pause_seconds=0.01)
    watched = Watched(limits=limits)
    await watched.start(
        "import sys\nfor _ in range(20): sys.stderr.write('x' * 9999 + '\\n')\nsys.stderr.write('the end')\nprint('done')"
    )
    await watched.hears(b"done")
    with anyio.fail_after(5):
        await watched.was_gone.wait()
    assert watched.child.last_words.endswith("xthe end".removeprefix("x"))
    assert len(watched.child.last_words) <= 100


async def test_a_flood_that_never_stops_does_not_keep_it_from_its_end() -> None:
    """Ours."""
    watched = Watched(limits=StdioLimits(stderr_bytes_at_once=1000, stderr_pause_seconds=0.01, eof_seconds=0.05))
    await watched.start("import sys\nprint('ready', flush=True)\nwhile True: sys.stderr.write('x' * 10000)")
    await watched.hears(b"ready")
    await watched.ends()
    assert not is_alive(watched.pid)


async def test_a_start_that_is_cancelled_leaves_no_process_that_nobody_knows() -> None:
    """Ours: it is waited for, and then it can be ended."""
    watched = Watched()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await watched.start(FOR_EVER)
    assert watched.pid
    await watched.ends()
    assert not is_alive(watched.pid)
