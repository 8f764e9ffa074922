"""A mediator in front of one tool server, as its operator would put it there; and a forwarder that brings the token.

Everything that the server offers is imported, signed, reviewed and pinned, as reading; everything is allowed, what the
server asks of its client included. The mediator runs as a process of its own.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio

from tests.conformance.programs import serving
from tests.simulated.bearer_forwarder import BearerForwarder
from tests.simulated.running import OWNER, command, set_up

SERVER: Final = "f"  # the longest of the suite's names has 42 characters, and an assigned one may have 45
ACTIONS: Final = ("get_prompt", "read_resource", "elicit", "sample", "list_roots")
"""What the starting policies may leave unsaid, and the suite asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediated:
    """Where a client without a credential reaches the server through the mediator."""

    folder: Path
    url: str
    port: int
    forwarder: BearerForwarder
    unknown_actions: tuple[str, ...]  # the policies of this mediator do not know these

    async def open_task(self) -> None:
        """Open a task to everything here; connections from now on are its agent's. A token lives 15 minutes."""
        words = ["--agent", "assistant", "--owner", OWNER, "--tools", f"{SERVER}/*", "--effects", "read"]
        here = ("--json", "--folder", str(self.folder))
        opened = json.loads(await command("task", "open", *words, "--purpose", "conformance", *here))
        self.forwarder.forward_to(self.port, opened["access_token"])


@asynccontextmanager
async def mediated(url: str, place: Path, era: str = "auto") -> AsyncIterator[Mediated]:
    """Set up a mediator in `place`, start it in front of `url`, to be spoken to in `era`, and open a task."""
    folder = place / "work"
    async with BearerForwarder() as forwarder:
        names = [f"{name}:{forwarder.port}" for name in ("localhost", "127.0.0.1")]
        section = [
            f"allowed_hosts = {json.dumps(names)}",
            f"allowed_origins = {json.dumps([f'http://{name}' for name in names])}",
        ]
        await set_up(folder, {SERVER: ("--url", url)}, {}, _declare, {"server": "\n".join(section)})
        _speak(folder, era)
        unknown = [action for action in ACTIONS if not await _allow(folder, action)]
        await command("policy", "activate", "--operator", OWNER, "--folder", str(folder))
        log = place / "mediator.log"
        async with serving("mediator", "serve", "--port", "0", "--folder", str(folder), log=log) as base:
            port = urlsplit(base).port
            assert port is not None
            through = f"http://localhost:{forwarder.port}/servers/{SERVER}/mcp"
            found = Mediated(folder=folder, url=through, port=port, forwarder=forwarder, unknown_actions=tuple(unknown))
            await found.open_task()
            yield found


def _declare(_: str, manifest: dict[str, Any]) -> None:
    """Open the arguments whose schema leaves them open: whatever the suite puts there is to reach the server."""
    for tool in manifest["tools"]:
        fields = tool["definition"]["inputSchema"].get("properties", {})
        free = [name for name, field in fields.items() if field.get("type") == "object" and "properties" not in field]
        if free:
            tool["opens"] = [f"/properties/{name}" for name in free]


def _speak(folder: Path, era: str) -> None:
    """Say in which era the server is spoken to."""
    file = folder / "tool_servers.d" / f"{SERVER}.toml"
    file.write_text(f'{file.read_text(encoding="utf-8").rstrip()}\nera = "{era}"\n', encoding="utf-8")


async def _allow(folder: Path, action: str) -> bool:
    """Add a policy that allows an action; not if this mediator does not know it."""
    file = folder / "policies" / f"conformance-{action}.cedar"
    file.write_text(
        f'@id("conformance-{action}")\n'
        '@reason("the suite asks for it")\n'
        f'permit (principal, action in Mediator::Action::"{action}", resource);\n',
        encoding="utf-8",
    )
    check = [sys.executable, "-m", "mediator", "policy", "check", "--folder", str(folder)]
    checked = await anyio.run_process(check, check=False)
    if checked.returncode != 0:
        file.unlink()
    return checked.returncode == 0
