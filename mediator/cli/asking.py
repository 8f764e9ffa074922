"""The owner of a folder, asked: the mediator that runs there, or this process, which is it for as long as that takes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import anyio

from mediator.adapters.tracer_none import NoTracer
from mediator.assembly.control import answer_control
from mediator.assembly.mediator import open_mediator
from mediator.canonical import JsonObject
from mediator.cli.console import note
from mediator.cli.folder import SetUp
from mediator.edge.control import ask_control


def ask_owner(set_up: SetUp, request: JsonObject) -> JsonObject:
    """Ask the mediator that runs on this folder, or be it for a moment; raises the `Refused` that it answers with."""
    answered = ask_control(set_up.folder.control_socket, request)
    return anyio.run(_answered_here, set_up, request) if answered is None else answered


async def _answered_here(set_up: SetUp, request: JsonObject) -> JsonObject:
    base_url = set_up.settings.server.base_url()
    async with open_mediator(set_up.folder, set_up.settings, base_url, NoTracer(), alarm=note) as mediator:
        return await answer_control(mediator, request)
