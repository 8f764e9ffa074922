"""`mediator serve`: the endpoint over HTTP, in front, until it is told to end.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import anyio
import typer

from mediator.assembly.mediator import Mediator
from mediator.assembly.serving import serve, until_told
from mediator.cli.console import BAD, GOOD, NAME, QUIET, WARN, counted, note
from mediator.cli.folder import HERE, FolderOption, SetUp, open_set_up
from mediator.cli.reach import reaching


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", help="Serve agents over HTTP, in front; Ctrl-C ends it.")(serve_command)


def serve_command(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a free one.", show_default="settings")
    ] = None,
    folder: FolderOption = HERE,
) -> None:
    """Serve agents over HTTP, in front; Ctrl-C ends it."""
    set_up = open_set_up(folder)
    for reach in reaching(set_up):
        where = f": its argument `{reach.argument}` reaches into `{reach.place}`, where the mediator keeps its own"
        note(("warning ", WARN), (reach.server, NAME), where)
    anyio.run(
        _serve, set_up, set_up.settings.server.port if port is None else port, backend_options={"use_uvloop": True}
    )


async def _serve(set_up: SetUp, port: int) -> None:
    async with anyio.create_task_group() as serving:

        async def run() -> None:
            await serve(set_up.folder, set_up.settings, port, _tell_ready, _alarm)

        serving.start_soon(run)
        await until_told()
        note(("ending", QUIET))
        serving.cancel_scope.cancel()


def _tell_ready(mediator: Mediator, unreachable: Mapping[str, str]) -> None:
    pins = mediator.trust.snapshot().pins
    for problem in mediator.problems:
        where = problem.server if problem.tool is None else f"{problem.server}/{problem.tool}"
        note(("waiting " if problem.waits else "not pinned ", WARN), (where, NAME), f": {problem.detail}")
    for server, why in unreachable.items():
        note(("not there ", WARN), (server, NAME), f": {why}; it is compared with its pins when it is")
    servers = len({tool.server for tool in pins})
    what = f": {counted(len(pins), 'pinned tool')} of {counted(servers, 'server')}"
    note(("serving ", GOOD), (f"{mediator.base_url}/mcp", NAME), what)


def _alarm(line: str) -> None:
    note(("alarm ", BAD), line)
