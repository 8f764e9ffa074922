"""The real servers: how each is started, what it finds in its folder, and its script.

Nobody here wrote one of them. Their packages are installed hash-locked: those of `make test` into `.venv-servers`,
the others by `make real-servers` into `.venv-real`, `.venv-real-sdk1` and `.node-real`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.real_servers import scripts

ROOT: Final = Path(__file__).resolve().parents[2]
_MODULES: Final = ROOT / ".node-real" / "node_modules" / "@modelcontextprotocol"
_DOT: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SESSIONS: Final = {"demo://resource/session/": "application/gzip"}  # what its tools make while it runs
_LAID_AT: Final = 1_700_000_000
_PLANTED: Final = "2026-01-02T03:04:05+0000"


def _nothing(_world: Path) -> None:
    """Lay nothing: the server keeps nothing, or begins with nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """A server as published. In its command and environment `<world>` is its folder, `<port>` where it is to listen."""

    name: str
    command: tuple[str, ...]
    script: scripts.Script
    environment: Mapping[str, str] = field(default_factory=dict)
    lay: Callable[[Path], None] = _nothing
    speaks_http: bool = False
    is_asked_by_able: bool = False  # by a client that does sampling and elicitation, and has roots
    families: Mapping[str, str] = field(default_factory=dict)  # its owner's: media types by the prefix of their URIs

    @property
    def missing(self) -> str | None:
        """What of it is not installed."""
        return next((word for word in self.command[:2] if word.startswith("/") and not Path(word).exists()), None)


def ci_servers() -> tuple[RealServer, ...]:
    """Return those for which `make test` is enough."""
    installed = ROOT / ".venv-servers" / "bin"
    git = str(installed / "mcp-server-git")
    return (
        RealServer(name="clock", command=(str(installed / "mcp-server-time"),), script=scripts.CLOCK),
        RealServer(
            name="repo", command=(git, "--repository", "<world>"), script=scripts.REPOSITORY, lay=lay_repository
        ),
    )


def all_servers() -> tuple[RealServer, ...]:
    """Return every one."""
    fetch = str(ROOT / ".venv-real" / "bin" / "mcp-server-fetch")
    sqlite = str(ROOT / ".venv-real-sdk1" / "bin" / "mcp-server-sqlite")
    everything = _node("server-everything")
    memory = {"MEMORY_FILE_PATH": "<world>/memory.jsonl"}
    return (
        *ci_servers(),
        RealServer(name="pages", command=(fetch, "--ignore-robots-txt", "--allow-private-ips"), script=scripts.PAGES),
        RealServer(name="tables", command=(sqlite, "--db-path", "<world>/plants.db"), script=scripts.TABLES),
        RealServer(name="files", command=(*_node("server-filesystem"), "<world>"), script=scripts.FILES, lay=lay_files),
        RealServer(name="memory", command=_node("server-memory"), script=scripts.MEMORY, environment=memory),
        RealServer(name="thinking", command=_node("server-sequential-thinking"), script=scripts.THINKING),
        RealServer(name="everything", command=(*everything, "stdio"), script=scripts.EVERYTHING, families=_SESSIONS),
        everything_over_http(),
        RealServer(name="every-able", command=(*everything, "stdio"), script=scripts.ABLE, is_asked_by_able=True),
    )


def everything_over_http() -> RealServer:
    """Return the reference server that has everything, over HTTP."""
    return RealServer(
        name="every-http",
        command=(*_node("server-everything"), "streamableHttp"),
        environment={"PORT": "<port>"},
        script=scripts.EVERYTHING,
        speaks_http=True,
        families=_SESSIONS,
    )


def _node(package: str) -> tuple[str, ...]:
    return (shutil.which("node") or "/no/node/on/the/path", str(_MODULES / package / "dist" / "index.js"))


def lay_files(world: Path) -> None:
    """A letter, a picture and a folder, as old as they always are."""
    (world / "inner").mkdir()
    (world / "letter.txt").write_text("Dear fern,\nhow are you?\n\u00e9\n", encoding="utf-8")
    (world / "dot.png").write_bytes(base64.b64decode(_DOT))
    (world / "inner" / "note.txt").write_text("water\n", encoding="utf-8")
    for path in world.rglob("*"):
        os.utime(path, (_LAID_AT, _LAID_AT))


def lay_repository(world: Path) -> None:
    """A repository with one commit, always the same, and a change that is not staged."""
    (world / "todo.txt").write_text("water the fern\n", encoding="utf-8")
    dates = {"GIT_AUTHOR_DATE": _PLANTED, "GIT_COMMITTER_DATE": _PLANTED, "GIT_CONFIG_GLOBAL": os.devnull}
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("config", "user.name", "tester"),
        ("config", "user.email", "tester@example.com"),
        ("config", "commit.gpgsign", "false"),
        ("add", "."),
        ("commit", "--quiet", "-m", "Plant a garden"),
    ):
        subprocess.run(["git", *words], cwd=world, check=True, capture_output=True, env={**os.environ, **dates})
    (world / "todo.txt").write_text("water the fern\nand the ivy\n", encoding="utf-8")
