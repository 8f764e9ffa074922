"""The command itself: set the stage, tell the story, draw what is left of it, verify the ledger, leave nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.text import Text

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.cli.demo.picture import draw_decisions, draw_traces
from mediator.cli.demo.servers import find_servers, install_servers
from mediator.cli.demo.stage import Stage, set_stage
from mediator.refusal import Reason, Refused

_ServersOption = Annotated[
    Path | None,
    typer.Option("--servers", help="A virtual environment that holds mcp-server-time and mcp-server-git."),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(servers: _ServersOption = None) -> None:
    """Show the main job on real tool servers: allowed, refused, handed-on and drifted calls, with their trace."""
    if find_spec("mcp") is None:
        detail = "the demo's agent is the SDK's own client, and `mcp` is not installed"
        raise Refused(
            Reason.MALFORMED, detail, remedy="`make demo` in a checkout, or `pip install 'mcp-mediator[demo]'`"
        )
    console = Console(highlight=False)
    began = time.monotonic()
    with set_stage() as stage:
        with _environment(console, stage, servers) as executables:
            failures = _tell(console, stage, executables)
        seconds = time.monotonic() - began
    console.print()
    if failures:
        console.print(Text(f"{len(failures)} came out otherwise than told", style="bold red"))
        raise typer.Exit(1)
    console.print(Text(f"Everything came out as told, in {seconds:.0f} s. Nothing is left behind.", style="bold green"))


def _tell(console: Console, stage: Stage, executables: dict[str, Path]) -> list[str]:
    """Tell the story, and return what came out otherwise than told."""
    from mediator.cli.demo.handing_on import enlist, share_a_task  # these need the SDK
    from mediator.cli.demo.story import Story, meet_drift, prepare, use_tools

    story = Story(console)
    port = prepare(story, stage, executables)
    fleet = enlist(stage)
    url = stage.start_mediator()
    anyio.run(use_tools, story, stage, url)
    anyio.run(share_a_task, story, stage, url, fleet)
    anyio.run(meet_drift, story, stage, url, port)
    story.act("10  Every decision was written down before the act")
    entries = find_entries(stage.work / ".mediator" / "ledger", Wanted()).entries
    draw_decisions(story.console, entries)
    story.console.print()
    draw_traces(story.console, entries)
    story.command("ledger", "verify")
    verified = stage.mediator("ledger", "verify")
    story.expects("the ledger verifies: nothing was edited, dropped or left open", verified, holds=True)
    return story.failures


@contextmanager
def _environment(console: Console, stage: Stage, servers: Path | None) -> Iterator[dict[str, Path]]:
    if servers is not None:
        yield find_servers(servers.resolve())
        return
    with console.status("installing mcp-server-time and mcp-server-git into an environment of their own"):
        executables = install_servers(stage.root / "servers")
    yield executables
