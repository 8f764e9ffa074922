"""`mediator connect HOST`: what to put into the configuration of an agent's host.

It prints (or writes, `--write`) a stdio entry and no token: `mediator stdio` proves itself with the profile's key, which stays where it is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mediator.assembly.folder import find_file, replace_file
from mediator.cli.console import GOOD, NAME, OUT, note, printable_lines, say
from mediator.cli.folder import HERE, FolderOption, about, open_set_up
from mediator.cli.hosts import Host, entry_text, project_file, with_entry
from mediator.refusal import Reason, Refused


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("connect")(connect)


def connect(
    host: Annotated[Host, typer.Argument(help="Whose configuration.")],
    agent: Annotated[str, typer.Option(metavar="NAME", help="The agent's profile in `mediator.toml`.")],
    write: Annotated[
        Path | None, typer.Option(metavar="PROJECT", help="Write it into the host's file of this project.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="Have its sessions work under this task, instead of one of their own."),
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """Print or write the configuration for an agent's host: an entry over stdio for this agent, with no token in it."""
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
    command += [] if task is None else ["--task", task]
    file = project_file(host)
    if write is not None:
        _write(host, write, file, command)
        return
    if host is Host.CLAUDE_CODE:
        note(("in a terminal: ", NAME), shlex.join(["claude", "mcp", "add", "mediator", "--", *command]))
    match host:
        case Host.LANGGRAPH:
            note(("in the program:", NAME))
        case Host.GENERIC:
            note(("in the host's list of MCP servers:", NAME))
        case _:
            note((f"in {file} of a project (`--write PROJECT` puts it there):", NAME))
    OUT.print(printable_lines(entry_text(host, command)), soft_wrap=True)


def _write(host: Host, project: Path, file: Path | None, command: list[str]) -> None:
    if file is None:
        raise Refused(Reason.MALFORMED, f"`{host}` has no file of its own", remedy="leave `--write` out, and paste it")
    if not project.is_dir():
        raise Refused(Reason.MALFORMED, f"`{project}` is no folder", remedy="name the project's folder")
    path = project.resolve() / file
    with about(f"`{path}`", "paste what is printed without `--write`"):
        content = with_entry(host, find_file(path), command)
        path.parent.mkdir(exist_ok=True)
        replace_file(path, content)
    say(("wrote ", GOOD), (str(path), NAME), ": the host starts the mediator for this agent with its next session")


def own_command() -> list[str]:
    """Return the command by which this mediator is run: its own script, or the interpreter and the module."""
    script = Path(sys.executable).with_name("mediator")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "mediator"]
