"""`mediator run`: launch an agent with a task of its own, and a one-shot key that nobody but that process holds.

The profile's key opens the task, within the profile, and stays here. The agent reads its token and the key from two file
descriptors. The token is bound to that key and is shown with a proof of it (DPoP); with the key it gets fresh tokens of
this task, and nothing else. When it ends, the task is completed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final

import anyio
import anyio.to_thread
import typer

from mediator.assembly.mediator import Mediator
from mediator.assembly.serving import serve
from mediator.canonical import JsonObject
from mediator.cli.console import BAD, QUIET, WARN, note
from mediator.cli.folder import HERE, FolderOption, SetUp, open_set_up
from mediator.cli.launch import Launch, run_to_its_end
from mediator.cli.profile_task import completing_of, opening_of
from mediator.cli.stdio import TOKEN, TOKEN_FILE
from mediator.edge.control import ask_control
from mediator.evidence import Secret
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused
from mediator.settings.credentials import secrets_of
from mediator.settings.sections import Settings
from mediator.settings.values import SecretReference

TOKEN_FD: Final = 3
KEY_FD: Final = 4


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", help="Launch an agent with a task and a one-shot key of its own.")(run_command)


def run_command(
    command: Annotated[list[str], typer.Argument(help="The agent: a program and its arguments, after `--`.")],
    agent: Annotated[str, typer.Option(help="The profile whose key opens a task for it.")],
    folder: FolderOption = HERE,
) -> None:
    """Launch an agent with a task and a one-shot key of its own."""
    set_up = open_set_up(folder)
    raise typer.Exit(anyio.run(_run, set_up, agent, command, dict(os.environ)))


async def _run(set_up: SetUp, agent: str, command: list[str], environment: Mapping[str, str]) -> int:
    key = SigningKey.generate()
    opening = opening_of(set_up, agent, key.public)  # what is wrong is said before anything is started
    async with anyio.create_task_group() as serving:
        status = await _ask(set_up, {"op": "status"})
        if status is None:
            await serving.start(_be_the_owner, set_up)
            status = await _ask(set_up, {"op": "status"})
        opened = await _ask(set_up, {"op": "task.open", "statement": opening.decode()})
        if status is None or opened is None:
            raise Refused(Reason.STORE_UNAVAILABLE, "the mediator of this folder has just ended", remedy="run it again")
        task = str(opened["task"])
        try:
            code = await run_to_its_end(
                Launch(
                    command=command,
                    environment=environment_of(set_up.settings, environment)
                    | {
                        "MEDIATOR_URL": str(status["url"]),
                        "MEDIATOR_AGENT": agent,
                        "MEDIATOR_GRANT": task,
                        "MEDIATOR_TOKEN_FD": str(TOKEN_FD),
                        "MEDIATOR_KEY_FD": str(KEY_FD),
                    },
                    secrets={TOKEN_FD: Secret(str(opened["access_token"])), KEY_FD: key.to_pem(None)},
                )
            )
        finally:
            with anyio.CancelScope(shield=True):
                await _complete(set_up, agent, task)
        serving.cancel_scope.cancel()
    return code


def environment_of(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of our environment the agent is given: all but the secrets that we know of.

    Those are what the settings name as `env:NAME`, what tokens are handed to `mediator stdio` in, and the headers by
    which spans are sent.
    """
    references = [
        one
        for server in settings.tool_servers
        for one in (*server.environment.values(), *secrets_of(server.credential))
        if isinstance(one, SecretReference) and one.kind == "env"
    ]
    references += [
        one.credential
        for one in settings.decision_points
        if one.credential is not None and one.credential.kind == "env"
    ]
    secrets = {TOKEN, TOKEN_FILE, *(reference.place for reference in references)}
    return {
        name: value
        for name, value in environment.items()
        if name not in secrets and not (name.startswith("OTEL_EXPORTER_OTLP") and name.endswith("HEADERS"))
    }


async def _ask(set_up: SetUp, request: JsonObject) -> JsonObject | None:
    """Ask in a thread: it may be this very loop that answers."""
    return await anyio.to_thread.run_sync(partial(ask_control, set_up.folder.control_socket, request))


async def _complete(set_up: SetUp, agent: str, task: str) -> None:
    """Complete the task; where that is not possible it ends by itself, and the command's own code still counts."""
    try:
        statement = completing_of(set_up, agent, task).decode()
        if await _ask(set_up, {"op": "task.complete", "statement": statement}) is None:
            note(("warning ", WARN), f"no mediator runs any more: {task} ends when it is idle for long enough")
    except Refused as refused:
        note(("warning ", WARN), f"{task} was not completed: {refused.detail}")


async def _be_the_owner(set_up: SetUp, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    """Own the folder and serve until cancelled."""

    def ready(mediator: Mediator, _unreachable: Mapping[str, str]) -> None:
        note((f"serving {mediator.base_url}/mcp while the agent lives", QUIET))
        task_status.started()

    await serve(set_up.folder, set_up.settings, set_up.settings.server.port, ready, _alarm)


def _alarm(line: str) -> None:
    note(("alarm ", BAD), line)
