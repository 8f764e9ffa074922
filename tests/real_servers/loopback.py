"""Where real servers live while they are compared: their folders, a few pages to fetch, and those that speak HTTP.

All of it on this machine; what is started is ended.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Final

import anyio

from tests.real_servers.comparing import Case
from tests.real_servers.servers import RealServer

_START_SECONDS: Final = 30


class Loopback:
    """Where the servers' folders are, the page that is there to be fetched, and the servers that speak HTTP."""

    def __init__(self, folder: Path, page: str) -> None:
        self.folder, self.page = folder, page
        folder.mkdir(parents=True)
        self.errors = (folder / "stderr.log").open("w", encoding="utf-8")  # of the stdio servers; nobody reads it
        self.urls: dict[str, str] = {}

    def world(self, server: RealServer) -> Path:
        return self.folder / server.name

    def lay(self, server: RealServer) -> None:
        """Lay a server's folder anew; the folder itself stays, somebody may be holding it."""
        world = self.world(server)
        world.mkdir(parents=True, exist_ok=True)
        for path in world.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        server.lay(world)

    def filled_in(self, server: RealServer, text: str) -> str:
        return text.replace("<world>", str(self.world(server))).replace("<page>", self.page)

    def command(self, server: RealServer) -> list[str]:
        return [self.filled_in(server, word) for word in server.command]

    def environment(self, server: RealServer) -> dict[str, str]:
        return {name: self.filled_in(server, value) for name, value in server.environment.items()}

    def cases(self, server: RealServer, era: str) -> Iterator[Case]:
        """Return a server's script with what is filled in, less what the era does not have."""
        for case in server.script:
            if era == "legacy" or not case.legacy_only:
                params = json.loads(self.filled_in(server, json.dumps(dict(case.step.params))))
                yield replace(case, step=replace(case.step, params=params))

    def source(self, server: RealServer) -> tuple[str, ...]:
        """Return what `manifest import` is told."""
        if server.speaks_http:
            return ("--url", self.urls[server.name])
        named = (("--env", f"{name}=literal:{value}") for name, value in self.environment(server).items())
        return ("--command", " ".join(self.command(server)), *(word for pair in named for word in pair))


class _Pages(BaseHTTPRequestHandler):
    """A few pages to fetch."""

    found: ClassVar = {
        "/page.html": ("text/html", "<html><head><title>Ferns</title></head><body><h1>Ferns</h1><p>They drink.</p>"),
        "/plain.txt": ("text/plain", "water \u00e9\n"),
        "/empty": ("text/plain", ""),
    }

    def do_GET(self) -> None:
        kind, text = self.found.get(self.path, ("text/plain", "not here"))
        body = text.encode()
        self.send_response(200 if self.path in self.found else 404)
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's word
        """Say nothing."""


@contextmanager
def pages() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@asynccontextmanager
async def over_http(loopback: Loopback, server: RealServer) -> AsyncIterator[str]:
    """Start a server that speaks HTTP; give its address, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value.replace("<port>", str(port)) for name, value in loopback.environment(server).items()}
    command = [word.replace("<port>", str(port)) for word in loopback.command(server)]
    silent = subprocess.DEVNULL
    async with await anyio.open_process(
        command, env=environment, stdin=silent, stdout=silent, stderr=silent
    ) as process:
        try:
            with anyio.fail_after(_START_SECONDS):
                while not await _listens(port):  # noqa: ASYNC110 - another process sets no event of ours
                    await anyio.sleep(0.05)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.kill()


async def _listens(port: int) -> bool:
    try:
        stream = await anyio.connect_tcp("127.0.0.1", port)
    except OSError:
        return False
    await stream.aclose()
    return True
