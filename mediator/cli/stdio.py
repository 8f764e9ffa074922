"""`mediator stdio`: the endpoint over stdio, for a local host that starts it.

Where a mediator owns the folder, this process only passes bytes; where none does, it becomes the owner for its life. Its
standard output belongs to the host: whatever a person should see goes to standard error.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import anyio
import typer
from anyio.abc import AnyByteReceiveStream, AnyByteSendStream

from mediator.adapters.owner_flock import Owned
from mediator.adapters.standard_streams import StandardInput, StandardOutput
from mediator.assembly.control import serve_control
from mediator.assembly.folder import read_file
from mediator.assembly.mediator import open_mediator
from mediator.assembly.serving import make_tracer, until_told
from mediator.assembly.sessions import open_session
from mediator.canonical import JsonObject
from mediator.cli.console import BAD, note
from mediator.cli.folder import HERE, FolderOption, SetUp, open_set_up
from mediator.cli.profile_task import joining_of, opening_of
from mediator.cli.started_by import find_starter
from mediator.edge.control import SESSION_OP, ask_control, relay_session
from mediator.refusal import Reason, Refused

TOKEN: Final = "MEDIATOR_TOKEN"
TOKEN_FILE: Final = "MEDIATOR_TOKEN_FILE"

_OWNER_SECONDS: Final = 10.0  # an owner listens a second after it took the lock; on a slow machine, a few
_LOOK_AGAIN_SECONDS: Final = 0.1


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stdio", help="Serve one host over stdio; the host starts it.")(stdio_command)


def stdio_command(
    agent: Annotated[
        str | None, typer.Option(help="The profile whose key opens a task for this session.", show_default=f"{TOKEN}")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Work under this task, which was opened for the agent.")
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """Serve one host over stdio; the host starts it."""
    if agent is None and task is not None:
        raise typer.BadParameter("name the agent that works under it with `--agent`", param_hint="--task")
    set_up = open_set_up(folder)
    if agent is None:
        hello = _hello_of_token(os.environ)
    else:
        hello = _hello_of_profile(set_up, agent) if task is None else _hello_of_task(set_up, agent, task)
    anyio.run(_serve_or_relay, set_up, hello)


async def _serve_or_relay(set_up: SetUp, hello: JsonObject) -> None:
    async with anyio.create_task_group() as serving:

        async def serve() -> None:
            async with StandardInput() as incoming, StandardOutput() as outgoing:
                await _relay_or_own(set_up, hello, incoming, outgoing)
            serving.cancel_scope.cancel()

        serving.start_soon(serve)
        await until_told()
        serving.cancel_scope.cancel()


async def _relay_or_own(
    set_up: SetUp, hello: JsonObject, incoming: AnyByteReceiveStream, outgoing: AnyByteSendStream
) -> None:
    """Relay to the owner, or be it; where another became it a moment ago, wait until that one listens.

    Hosts start several of us at once. Raises `Owned` for an owner that does not listen.
    """
    give_up_at = anyio.current_time() + _OWNER_SECONDS
    while not await relay_session(set_up.folder.control_socket, hello, incoming, outgoing):
        try:
            return await _own(set_up, hello, incoming, outgoing)
        except Owned:
            if anyio.current_time() >= give_up_at:
                raise
        await anyio.sleep(_LOOK_AGAIN_SECONDS)  # nobody tells when it listens
    return None


async def _own(set_up: SetUp, hello: JsonObject, incoming: AnyByteReceiveStream, outgoing: AnyByteSendStream) -> None:
    """Be the owner of the folder for as long as the session lives; other hosts and commands find the socket."""
    settings = set_up.settings
    with make_tracer(settings, _alarm) as tracer:
        async with open_mediator(set_up.folder, settings, settings.server.base_url(), tracer, _alarm) as mediator:
            session = await open_session(mediator, hello)
            async with anyio.create_task_group() as doors:
                await doors.start(serve_control, mediator)
                doors.start_soon(mediator.keep_house)
                doors.start_soon(mediator.hold_to_pins)
                await session(incoming, outgoing)
                doors.cancel_scope.cancel()


def _hello_of_profile(set_up: SetUp, agent: str) -> JsonObject:
    """Return the profile's own statement that opens a task for this session, and what started us."""
    statement = opening_of(set_up, agent).decode()
    return {"op": SESSION_OP, "statement": statement, "started_by": find_starter()}


def _hello_of_task(set_up: SetUp, agent: str, task: str) -> JsonObject:
    """Return the agent's own proof that it is to work under this task: its key stays here."""
    status = ask_control(set_up.folder.control_socket, {"op": "status"})
    audience = set_up.settings.server.base_url() if status is None else str(status["url"])
    return {"op": SESSION_OP, "assertion": joining_of(set_up, agent, task, audience).reveal()}


def _hello_of_token(environment: Mapping[str, str]) -> JsonObject:
    token = environment.get(TOKEN, "")
    if not token and TOKEN_FILE in environment:
        token = read_file(Path(environment[TOKEN_FILE])).decode("ascii", "replace").strip()
    if not token:
        detail = f"nobody says who this session is: neither `--agent`, nor {TOKEN}, nor {TOKEN_FILE}"
        raise Refused(
            Reason.NO_CREDENTIAL, detail, remedy="`mediator connect generic --agent NAME` prints a whole entry"
        )
    return {"op": SESSION_OP, "token": token}


def _alarm(line: str) -> None:
    note(("alarm ", BAD), line)
