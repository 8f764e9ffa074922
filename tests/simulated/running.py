"""A whole mediator, running: set up by its own commands, with real files, keys, ledger, store and sockets.

    async with running(tmp_path, {"tools": SimulatedToolServer(tools=[tool("echo")])}) as mediator:
        mediator.token                                     # of a task to read everything that was pinned
        answer = await mediator.post(tools_call("tools__echo", text="x"))
        answer.status_code, answer.json()
        mediator.decisions                                 # the decision entries of its ledger, oldest first
        await mediator.open_task(effects="write", tools="tools/*")
    async with started(mediator.folder, servers, port) as again: ...       # once the first has ended

Only the tool servers are simulated. Each is imported, signed and pinned before the mediator starts, all its tools with
the effect `read` unless `effects` says otherwise; `declare` may change its manifest before it is signed, `settings`
adds lines to sections of `mediator.toml`, `prepare` is given the folder before anything is imported, and `before_start`
last. With `bearers_act` the policies are those of an operator for whom a bearer that a grant names is enough; `without_policies` are files of the shipped set
that are taken away. `others` are servers that are
not simulated, by what `manifest import` is told of them. `permitted` are actions that the policies permit to everybody
beside what they permit already.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.ledger_segments.verify import verify_ledger
from mediator.assembly.folder import open_folder, read_settings
from mediator.assembly.mediator import Mediator
from mediator.assembly.serving import serve
from mediator.canonical import JsonObject, canonical_bytes
from mediator.cli.main import run
from tests.simulated.arrivals import modern_headers
from tests.simulated.policies import ASKING_FOR_MORE
from tests.simulated.tool_server import SimulatedToolServer

OWNER = "you@example.com"
SECONDS = 10


@dataclass(slots=True, kw_only=True)
class Running:
    """A running mediator, and an agent's token for it."""

    folder: Path
    url: str
    mediator: Mediator
    servers: Mapping[str, SimulatedToolServer]
    http: httpx2.AsyncClient
    alarms: list[str] = field(default_factory=list)
    token: str = ""
    task: str = ""

    async def open_task(self, *, tools: str = "*", effects: str = "read") -> str:
        """Open a task by its owner's statement; its token is the one that is used from now on."""
        words = ["--agent", "assistant", "--owner", OWNER, "--tools", tools, "--effects", effects]
        opened = json.loads(
            await command("task", "open", *words, "--purpose", "a test", "--json", "--folder", str(self.folder))
        )
        self.token, self.task = opened["access_token"], opened["task"]
        return self.token

    async def complete_task(self) -> None:
        await command("task", "complete", self.task, "--owner", OWNER, "--folder", str(self.folder))

    async def post(
        self, message: JsonObject | bytes, *, endpoint: str = "/mcp", token: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Post one message as a modern client would; `headers` (with `_` for `-`) replace what it would say."""
        body = message if isinstance(message, bytes) else canonical_bytes(message)
        said = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {self.token if token is None else token}",
            **({} if isinstance(message, bytes) else dict(modern_headers(message))),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.http.post(self.url + endpoint, content=body, headers=said)

    @asynccontextmanager
    async def client(self, mode: str = "auto", endpoint: str = "/mcp") -> AsyncIterator[Client]:
        """Connect the SDK's own client."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
            Client(streamable_http_client(self.url + endpoint, http_client=http), mode=mode, cache=None) as client,
        ):
            yield client

    def entries(self, kind: str) -> list[JsonObject]:
        """Return the ledger's entries of this kind, from its files."""
        return list(find_entries(self.folder / ".mediator" / "ledger", Wanted(kind=kind)).entries)

    @property
    def decisions(self) -> list[JsonObject]:
        return self.entries("decision")

    @property
    def outcomes(self) -> list[tuple[object, object]]:
        """Return (outcome, reason) of each call that was allowed."""
        return [(entry["outcome"], entry["reason"]) for entry in self.entries("outcome")]

    @property
    def drifts(self) -> list[dict[str, Any]]:
        """Return what was noted each time that a server's offer was found to differ."""
        bodies = [entry["body"] for entry in self.entries("drift")]
        return [body for body in bodies if isinstance(body, dict)]

    @property
    def verdicts(self) -> list[tuple[object, object]]:
        """Return (verdict, reason) of each decision."""
        return [(entry["verdict"], entry["reason"]) for entry in self.decisions]

    @property
    def stops(self) -> list[object]:
        """Return the reasons of the stops that were counted before identification, once the minute is over."""
        return [entry["reason"] for entry in self.entries("stop")]


def reason_in(answer: httpx2.Response) -> str | None:
    """Return the reason of the refusal that an answer carries, in whichever way; nothing where it is none."""
    message = message_in(answer)
    if "error" in message:
        return str(message["error"]["data"]["reason"])
    refusal = message["result"].get("_meta", {}).get("org.mcp-mediator/refusal")
    return None if refusal is None else str(refusal["reason"])


def message_in(answer: httpx2.Response) -> dict[str, Any]:
    """Return the JSON-RPC message of an answer, which may have become a stream of events when it took long."""
    if answer.headers["content-type"] != "text/event-stream":
        return dict(answer.json())
    *_, data = (line for line in answer.text.splitlines() if line.startswith("data: {"))  # the answer comes last
    return dict(json.loads(data.removeprefix("data: ")))


async def command(*words: str) -> str:
    """Run one `mediator` command, which must succeed, and return what it printed."""
    code, said, wrong = await _run(*words)
    assert code == 0, f"{' '.join(words)}: {wrong}"
    return said


async def refused_command(*words: str) -> str:
    """Run one `mediator` command, which must be refused, and return what it said against it."""
    code, said, wrong = await _run(*words)
    assert code == 1, f"{' '.join(words)}: {said}{wrong}"
    return " ".join(wrong.split())


async def _run(*words: str) -> tuple[int, str, str]:
    def captured() -> tuple[int, str, str]:
        out, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(errors):
            return run(list(words)), out.getvalue(), errors.getvalue()

    return await anyio.to_thread.run_sync(captured)


@asynccontextmanager
async def running(
    tmp_path: Path,
    servers: Mapping[str, SimulatedToolServer],
    *,
    effects: Mapping[str, str] | None = None,
    declare: Callable[[str, dict[str, Any]], None] | None = None,
    settings: Mapping[str, str] | None = None,
    before_start: Callable[[Path], None] | None = None,
    prepare: Callable[[Path], None] | None = None,
    others: Mapping[str, Sequence[str]] | None = None,
    permitted: Sequence[str] = (),
    bearers_act: bool = False,
    without_policies: Sequence[str] = (),
) -> AsyncIterator[Running]:
    """Set up, pin and start; ended, and its ledger verified, when the context is left."""
    folder = tmp_path / "work"
    async with AsyncExitStack() as ending:
        for server in servers.values():
            await ending.enter_async_context(server)
        sources = {name: ("--url", server.url) for name, server in servers.items()}
        await set_up(folder, {**sources, **(others or {})}, effects or {}, declare, settings, prepare)
        removed = ASKING_FOR_MORE if bearers_act else without_policies
        for name in removed:
            (folder / "policies" / name).unlink()
        if permitted or removed:
            await permit(folder, permitted)
        if before_start is not None:
            before_start(folder)
        mediator = await ending.enter_async_context(started(folder, servers))
        await mediator.open_task()
        yield mediator


@asynccontextmanager
async def started(folder: Path, servers: Mapping[str, SimulatedToolServer], port: int = 0) -> AsyncIterator[Running]:
    """Start a mediator on this set-up; ended, and its ledger verified, when the context is left."""
    alarms: list[str] = []
    is_ready = anyio.Event()
    found: list[Mediator] = []

    def ready(mediator: Mediator, _unreachable: object) -> None:
        found.append(mediator)
        is_ready.set()

    async with httpx2.AsyncClient(timeout=SECONDS) as http, anyio.create_task_group() as serving:

        async def run_it() -> None:
            home = open_folder(folder)
            await serve(home, read_settings(home), port, ready, alarms.append)

        serving.start_soon(run_it)
        with anyio.fail_after(30):
            await is_ready.wait()
        yield Running(
            folder=folder, url=found[0].base_url, mediator=found[0], servers=servers, http=http, alarms=alarms
        )
        serving.cancel_scope.cancel()
    report = verify_ledger(folder / ".mediator" / "ledger", None)
    assert report.is_whole, report


async def set_up(
    folder: Path,
    sources: Mapping[str, Sequence[str]],
    effects: Mapping[str, str],
    declare: Callable[[str, dict[str, Any]], None] | None,
    settings: Mapping[str, str] | None,
    prepare: Callable[[Path], None] | None = None,
) -> None:
    """Make a set-up with these servers imported, declared, signed and pinned, by the commands that people use."""
    here = ("--folder", str(folder))
    await command("init", str(folder), "--operator", OWNER)
    file = folder / "mediator.toml"
    text = file.read_text(encoding="utf-8")
    for section, lines in {"telemetry": "enabled = false", **(settings or {})}.items():
        text = re.sub(rf"(?m)^\[{section}\].*$", f"[{section}]\n{lines}", text)
    file.write_text(text, encoding="utf-8")
    if prepare is not None:
        prepare(folder)
    for name, source in sources.items():
        await command("manifest", "import", name, *source, "--yes", *here)
        path = folder / "tool_manifests" / name / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        for entry in [*manifest["tools"], *manifest["prompts"], *manifest["resources"]]:
            item = (entry["definition"] or {}).get("name")
            entry["effect"] = effects.get(f"{name}/{item}", "read")
            entry.pop("proposed_effect", None)
        if declare is not None:
            declare(name, manifest)
        path.write_text(json.dumps(manifest), encoding="utf-8")
        await command("manifest", "sign", name, *here)
        await command("pin", "approve", name, "--reviewer", OWNER, *await _accepted(name, here), *here)


async def permit(folder: Path, actions: Sequence[str]) -> None:
    """Put policies in force by which everybody may do these."""
    for action in actions:
        text = f'@id("test-{action}")\n@reason("the test permits it")\n'
        text += f'permit (principal, action in Mediator::Action::"{action}", resource);\n'
        (folder / "policies" / f"test-{action}.cedar").write_text(text, encoding="utf-8")
    await command("policy", "activate", "--operator", OWNER, "--folder", str(folder))


async def _accepted(name: str, here: Sequence[str]) -> list[str]:
    """Return the words by which a reviewer who looked accepts whatever the linter raises an alarm over."""
    shown = json.loads(await command("pin", "review", name, "--json", *here))
    found = [(one, "") for one in shown["findings"]]
    found += [(one, f":{entry['tool']}") for entry in shown["tools"] for one in entry["findings"]]
    codes = sorted({one["code"] + of for one, of in found if one["severity"] == "alarm"})
    return [word for code in codes for word in ("--acknowledge", code)]
