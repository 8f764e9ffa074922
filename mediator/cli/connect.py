"""`mediator connect HOST`: what to put into the configuration of an agent's host.

It prints a stdio entry and no token: `mediator stdio` proves itself with the profile's key, which stays where it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated

import typer

from mediator.canonical import Json, JsonObject, readable_bytes
from mediator.cli.console import NAME, OUT, note, printable_lines
from mediator.cli.folder import HERE, FolderOption, open_set_up
from mediator.refusal import Reason, Refused


@unique
class Host(StrEnum):
    """The hosts whose configuration is known."""

    CLAUDE_CODE = "claude-code"
    GENERIC = "generic"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("connect")(connect)


def connect(
    host: Annotated[Host, typer.Argument(help="Whose configuration.")],
    agent: Annotated[str, typer.Option(metavar="NAME", help="The agent's profile in `mediator.toml`.")],
    folder: FolderOption = HERE,
) -> None:
    """Print the configuration for an agent's host: an entry over stdio for this agent, with no token in it."""
    set_up = open_set_up(folder)
    profile = set_up.settings.find_agent(agent)
    if profile is None:
        known = ", ".join(f"`{one.name}`" for one in set_up.settings.agents) or "none"
        detail = f"there is no agent `{agent}` in `{set_up.shown(set_up.folder.settings_file)}`"
        raise Refused(Reason.MALFORMED, detail, remedy=f"name one that is there ({known}), or add an `[[agent]]`")
    if profile.key is None or not set_up.folder.key_file("agent", agent).exists():
        raise Refused(
            Reason.NO_CREDENTIAL,
            f"the profile `{agent}` has no key here, so nothing can prove that it is this agent",
            remedy=f"`{set_up.folder.key_file('agent', agent)}` is its place; `mediator init` makes one for `assistant`",
        )
    command = [*own_command(), "stdio", "--agent", agent, "--folder", str(set_up.folder.root)]
    entry: JsonObject = {"command": command[0], "args": list[Json](command[1:])}
    if host is Host.CLAUDE_CODE:
        note(("in a terminal: ", NAME), shlex.join(["claude", "mcp", "add", "mediator", "--", *command]))
        note(("or in .mcp.json of a project:", NAME))
        entry = {"type": "stdio", **entry}
    else:
        note(("in the host's list of MCP servers:", NAME))
    OUT.print(printable_lines(readable_bytes({"mcpServers": {"mediator": entry}}).decode()), soft_wrap=True)


def own_command() -> list[str]:
    """Return the command by which this mediator is run: its own script, or the interpreter and the module."""
    script = Path(sys.executable).with_name("mediator")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "mediator"]
