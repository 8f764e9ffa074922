"""`mediator task`: open a task for an agent, see it, complete it. Each is a statement of the owner's key.

Where a mediator runs, it is asked over its control socket; where none does, the command is the owner of the folder
for as long as it takes. Either way the key stays here, and what travels is the signed statement.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from typing import Annotated, Final

import typer

from mediator.canonical import JsonObject, parse_json
from mediator.cli.asking import ask_owner
from mediator.cli.console import GOOD, NAME, QUIET, WARN, fact_text, note, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, open_set_up
from mediator.cli.statements import put_statement, signed_by
from mediator.delegation.constraint import Constraint
from mediator.delegation.details import parse_arguments
from mediator.effect import Effect
from mediator.identity.statement import Act
from mediator.mediation.tasks import TaskRequest, parse_task, task_form
from mediator.refusal import Reason, Refused

group = typer.Typer(no_args_is_help=True, help="Tasks: open one for an agent, see it, renew it, complete it.")

_BIND = "have the agent ask the token endpoint for one of its own, or open its session with `mediator stdio --task`"
_ACTS: Final = frozenset({Effect.DELETE, Effect.SEND, Effect.EXEC})
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
    max_depth: Annotated[int, typer.Option(min=0, help="How many times it may be handed on.")] = 0,
    may_act: Annotated[
        list[str] | None, typer.Option(help="Who alone may receive it, and may ask for it themselves.")
    ] = None,
    arguments: Annotated[
        str, typer.Option(metavar="JSON", help='Constraints by pointer: {"/path": {"path_below": "/data"}}.')
    ] = "{}",
    because: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why it deletes, sends or executes: the default policies ask for a reason."),
    ] = None,
    issuer: Annotated[
        str | None, typer.Option(metavar="ISS", help="Whose tokens will name it.", show_default="ours")
    ] = None,
    dpop_jkt: Annotated[
        str | None,
        typer.Option(
            metavar="JKT", help="Bind the token to this key, by its RFC 7638 thumbprint: no bearer can use it."
        ),
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
            arguments=_constraints(arguments),
            max_depth=max_depth,
            may_act=tuple(sorted(may_act)) if may_act else None,
            because=because,
        )
    )
    parse_task(subject)  # what is wrong is said before anybody signs
    bound: JsonObject = {} if dpop_jkt is None else {"dpop_jkt": dpop_jkt}
    opened = put_statement(set_up, "task.open", signed_by(set_up, owner, Act.TASK_OPEN, subject), **bound)
    if as_json:
        print_json(opened)
        return
    say(("opened ", GOOD), (str(opened["task"]), NAME), f" for {agent}; {owner} answers for it")
    token = opened.get("access_token")
    if isinstance(token, str):
        how = "" if dpop_jkt is None else ", and is good only with a proof of that key"
        note((f"the token lives {opened['expires_in']} s{how}:", QUIET))
        if dpop_jkt is None and any(Effect(one).is_privileged for one in effects.replace(",", " ").split()):
            note(("it is a bearer token, which the default policies let read and no more: ", WARN), _BIND)
        if because is None and not _ACTS.isdisjoint(effects.replace(",", " ").split()):
            note(
                ("nobody said why: ", WARN),
                "the default policies ask the agent to, in each call, or you, by `--because`",
            )
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
    facts = put_statement(set_up, "task.complete", signed_by(set_up, owner, Act.TASK_COMPLETE, {"id": task}))
    if as_json:
        print_json(facts)
        return
    say(("completed ", GOOD), (task, NAME), "; whoever holds a token of it holds nothing")


@group.command("renew")
def renew_task(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    owner: _OwnerOption,
    minutes: Annotated[int, typer.Option(min=1, help="How long it lives from now on.")],
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Have a task live longer: a decision of the person who answers for it, on record."""
    set_up = open_set_up(folder)
    statement = signed_by(set_up, owner, Act.TASK_RENEW, {"id": task, "minutes": minutes})
    facts = put_statement(set_up, "task.renew", statement)
    if as_json:
        print_json(facts)
        return
    say(("renewed ", GOOD), (task, NAME), f" until {fact_text('expires_ms', facts['expires_ms'])}")


@group.command("show")
def show_task(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Show a task: who may do what under it, until when, and how much it was used."""
    facts = ask_owner(open_set_up(folder), {"op": "task.show", "task": task})
    if as_json:
        print_json(facts)
        return
    show_table(("", ""), [(name, fact_text(name, value)) for name, value in facts.items()], title=task)


def _effect(word: str) -> Effect:
    if word not in tuple(Effect):
        known = ", ".join(Effect)
        raise Refused(Reason.MALFORMED, f"`{word}` is no effect", remedy=f"name some of {known}, with commas between")
    return Effect(word)


def _constraints(text: str) -> dict[str, Constraint]:
    try:
        return parse_arguments(parse_json(text.encode("utf-8", "surrogateescape")), "/arguments")
    except Refused as error:
        remedy = 'write JSON, constraints by pointer: {"/path": {"path_below": "/data"}}'
        raise Refused(error.reason, f"`--arguments`: {error.detail}", remedy=remedy) from error
