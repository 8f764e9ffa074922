"""`mediator task`: open a task for an agent, see it, complete it. Each is a statement of the owner's key.

Where a mediator runs, it is asked over its control socket; where none does, the command is the owner of the folder
for as long as it takes. Either way the key stays here, and what travels is the signed statement.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated

import anyio
import typer

from mediator.adapters.tracer_none import NoTracer
from mediator.assembly.control import answer_control
from mediator.assembly.folder import read_operators
from mediator.assembly.mediator import open_mediator
from mediator.canonical import JsonObject
from mediator.cli.console import GOOD, NAME, QUIET, note, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, now_ms, open_set_up
from mediator.cli.keys import operator_key
from mediator.edge.control import ask_control
from mediator.effect import Effect
from mediator.identity.statement import Act, sign_statement
from mediator.mediation.tasks import TaskRequest, parse_task, task_form
from mediator.refusal import Reason, Refused

group = typer.Typer(no_args_is_help=True, help="Tasks: open one for an agent, see it, complete it.")

_OwnerOption = Annotated[str, typer.Option(metavar="WHO", help="The person who answers for it, and whose key signs.")]


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="task")


@group.command("open")
def open_task(
    agent: Annotated[str, typer.Option(help="The agent's profile in mediator.toml.")],
    owner: _OwnerOption,
    tools: Annotated[
        list[str],
        typer.Option(
            help="A pattern `server/tool`, `server/prompt:name` or `server/resource:uri`; `*` for any run of characters."
        ),
    ],
    purpose: Annotated[str, typer.Option(help="What the task is for, in a sentence.")],
    effects: Annotated[str, typer.Option(help="What it may do: read, write, delete, send, exec.")] = "read",
    minutes: Annotated[int, typer.Option(min=1, help="How long it lives.")] = 60,
    max_calls: Annotated[int | None, typer.Option(min=1, help="How many calls it may make in all.")] = None,
    issuer: Annotated[
        str | None, typer.Option(metavar="ISS", help="Whose tokens will name it.", show_default="ours")
    ] = None,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Open a task, and print a token for it: authority over these tools, to these effects, for this long."""
    set_up = open_set_up(folder)
    subject = task_form(
        TaskRequest(
            id=f"task-{secrets.token_hex(16)}",
            agent=agent,
            owner=owner,
            purpose=purpose,
            tools=tuple(tools),
            effects=tuple(_effect(word) for word in effects.replace(",", " ").split()),
            minutes=minutes,
            idle_minutes=None,
            max_calls=max_calls,
            issuer=issuer,
        )
    )
    parse_task(subject)  # what is wrong is said before anybody signs
    opened = _ask(set_up, "task.open", _signed(set_up, owner, Act.TASK_OPEN, subject))
    if as_json:
        print_json(opened)
        return
    say(("opened ", GOOD), (str(opened["task"]), NAME), f" for {agent}; {owner} answers for it")
    token = opened.get("access_token")
    if isinstance(token, str):
        note((f"the token lives {opened['expires_in']} s:", QUIET))
        say(token)
    else:
        note((f"its tokens are made by {issuer}, with the claim `grant` set to the task", QUIET))


@group.command("complete")
def complete_task(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    owner: _OwnerOption,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Complete a task: its authority is gone at the next call, and what was started for it is ended."""
    set_up = open_set_up(folder)
    facts = _ask(set_up, "task.complete", _signed(set_up, owner, Act.TASK_COMPLETE, {"id": task}))
    if as_json:
        print_json(facts)
        return
    say(("completed ", GOOD), (task, NAME), "; whoever holds a token of it holds nothing")


@group.command("show")
def show_task(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Show a task: who may do what under it, until when, and how much it was used."""
    facts = _request(open_set_up(folder), {"op": "task.show", "task": task})
    if as_json:
        print_json(facts)
        return
    show_table(("", ""), [(name, _told(name, value)) for name, value in facts.items()], title=task)


def _signed(set_up: SetUp, owner: str, act: Act, subject: JsonObject) -> bytes:
    key = operator_key(set_up.folder, read_operators(set_up.folder), owner, act)
    at = now_ms()
    return sign_statement(key, act=act, subject=subject, who=owner, at=at, serial=at)


def _ask(set_up: SetUp, op: str, statement: bytes) -> JsonObject:
    return _request(set_up, {"op": op, "statement": statement.decode()})


def _request(set_up: SetUp, request: JsonObject) -> JsonObject:
    """Ask the mediator that runs on this folder, or be it for a moment."""
    answered = ask_control(set_up.folder.control_socket, request)
    return anyio.run(_answered_here, set_up, request) if answered is None else answered


async def _answered_here(set_up: SetUp, request: JsonObject) -> JsonObject:
    base_url = set_up.settings.server.base_url()
    async with open_mediator(set_up.folder, set_up.settings, base_url, NoTracer(), alarm=note) as mediator:
        return await answer_control(mediator, request)


def _effect(word: str) -> Effect:
    if word not in tuple(Effect):
        known = ", ".join(Effect)
        raise Refused(Reason.MALFORMED, f"`{word}` is no effect", remedy=f"name some of {known}, with commas between")
    return Effect(word)


def _told(name: str, value: object) -> str:
    if name.endswith("_ms") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
