"""The stage: a set-up folder of its own, the commands that an operator runs in it, and the processes that are started.

Everything is a real command in a real process; all of it ends, and the folder is gone, when the stage is left.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Final, Self

from mediator.canonical import JsonObject, parse_object
from mediator.refusal import Reason, Refused

OWNER: Final = "you@example.com"
_COMMAND_SECONDS: Final = 60
_READY_SECONDS: Final = 30
_END_SECONDS: Final = 10
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")  # what a command of the demo sees of the environment


class Stage:
    """A folder, commands in it, and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment["OTEL_SDK_DISABLED"] = "true"  # the trace is drawn from the ledger here

    def mediator(self, *words: str, cwd: Path | None = None) -> str:
        """Run one `mediator` command and return what it printed; raises `Refused` with what it said where it fails."""
        command = [sys.executable, "-m", "mediator", *words]
        # Our own words in a folder of our own; no shell reads them.
        done = subprocess.run(  # noqa: S603
            command,
            cwd=cwd or self.work,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            detail = (
                f"`mediator {' '.join(words)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"
            )
            raise Refused(Reason.INTERNAL, detail)
        return done.stdout

    def mediator_json(self, *words: str) -> JsonObject:
        """Run one command with `--json` and return what it printed."""
        return parse_object(self.mediator(*words, "--json").encode())

    def declare(self, server: str, tool: str, effect: str) -> None:
        """Write a tool's effect into the manifest that was imported, in place of what was proposed, as its owner does."""
        file = self.work / "tool_manifests" / server / "manifest.json"
        manifest = json.loads(file.read_bytes())
        for entry in manifest["tools"]:
            if entry["definition"]["name"] == tool:
                entry["effect"] = effect
                del entry["proposed_effect"]
        file.write_text(json.dumps(manifest), encoding="utf-8")

    def start(self, name: str, *command: str) -> IO[str]:
        """Start a process and return its standard output; its standard error goes to a log file in the folder."""
        with self._log(name).open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(  # noqa: S603 - as above
                command,
                cwd=self.work if self.work.is_dir() else self.root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._processes[name] = process
        assert process.stdout is not None  # asked for with PIPE
        return process.stdout

    def start_notes(self, log: Path, *, port: int = 0, reworded: bool = False) -> int:
        """Start the notes server and return the port that it listens on."""
        words = ["--log", str(log), "--port", str(port), *(["--reworded"] if reworded else [])]
        output = self.start("notes", sys.executable, "-m", "mediator.cli.demo.notes_server", *words)
        line = _first_line(output)
        if not line.strip().isdigit():
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, f"the notes server did not start: {self._log_text('notes')}")
        return int(line)

    def start_mediator(self) -> str:
        """Start `mediator serve` on a free port, wait until it is ready, and return its address."""
        port = _free_port()
        self.start("mediator", sys.executable, "-m", "mediator", "serve", "--port", str(port))
        process, until = self._processes["mediator"], time.monotonic() + _READY_SECONDS
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > until:
                raise Refused(Reason.INTERNAL, f"the mediator did not start: {self._log_text('mediator')}")
            time.sleep(0.05)
        return f"http://127.0.0.1:{port}"

    def end(self, name: str) -> None:
        """End a process that was started."""
        _end(self._processes.pop(name))

    def _log(self, name: str) -> Path:
        return self.root / f"{name}.log"

    def _log_text(self, name: str) -> str:
        return self._log(name).read_text(encoding="utf-8", errors="replace")[-2000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._processes):
            self.end(name)


@contextmanager
def set_stage() -> Iterator[Stage]:
    """Give a stage in a temporary folder; leave nothing behind."""
    with TemporaryDirectory(prefix="mediator-demo-") as root, Stage(Path(root).resolve()) as stage:
        yield stage


def make_repository(folder: Path) -> None:
    """Make a small git repository for the git server to read."""
    folder.mkdir()
    (folder / "README.md").write_text("# A garden\n", encoding="utf-8")
    identity = ("-c", "user.name=demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "."), (*identity, "commit", "--quiet", "-m", "Plant a garden")):
        # git from PATH is the tool that is meant; the words are ours.
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607


def arrivals(log: Path) -> list[str]:
    """Return the names of the tools that calls reached, from the notes server's own log."""
    return [str(line["tool"]) for line in _lines(log)]


def sent(log: Path) -> list[str]:
    """Return to whom letters lie in the outbox of the notes server that keeps this log."""
    return [str(line["to"]) for line in _lines(log.with_suffix(".outbox"))]


def _lines(file: Path) -> list[JsonObject]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _first_line(output: IO[str]) -> str:
    ready, _, _ = select.select([output], [], [], _READY_SECONDS)
    return output.readline() if ready else ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
