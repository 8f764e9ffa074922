"""A mediator without doors: opened on a real set-up in this process, and the statements that people make to it.

    async with opened(home) as mediator:
        grant = mediator.desk.open(asks(mediator, task_subject()))

Statements are dated by the mediator's own clock. Alarms are kept in `alarms`, where a list is given.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediator.adapters.tracer_none import NoTracer
from mediator.assembly.folder import Folder, read_key, read_settings
from mediator.assembly.mediator import Mediator, open_mediator
from mediator.canonical import Json, JsonObject
from mediator.cli.init_settings import PROFILE
from mediator.identity.statement import Act, sign_statement
from tests.simulated.running import OWNER

OTHER = "eve@example.com"  # an operator beside the owner
BASE_URL = "http://127.0.0.1:8080"


@asynccontextmanager
async def opened(home: Folder, alarms: list[str] | None = None) -> AsyncIterator[Mediator]:
    """Open it, and end it in order."""
    heard = [] if alarms is None else alarms
    async with open_mediator(home, read_settings(home), BASE_URL, NoTracer(), heard.append) as mediator:
        yield mediator


def task_subject(**changed: Json) -> JsonObject:
    """Return what a `task.open` statement asks for, with members changed."""
    form: JsonObject = {
        "id": f"task-{secrets.token_hex(16)}",
        "agent": PROFILE,
        "owner": OWNER,
        "purpose": "a test",
        "tools": ["*"],
        "effects": ["read"],
        "minutes": 60,
        "idle_minutes": None,
        "max_calls": None,
        "issuer": None,
        "arguments": {},
        "max_depth": 0,
        "may_act": None,
    }
    return form | changed


def asks(
    mediator: Mediator, subject: JsonObject, *, act: Act = Act.TASK_OPEN, who: str = OWNER, kind: str = "operator"
) -> bytes:
    """Return the statement that this person, or this agent's profile key (`kind="agent"`), makes now."""
    at = mediator.ports.clock.now_ms()
    key = read_key(mediator.folder.key_file(kind, who))
    return sign_statement(key, act=act, subject=subject, who=who, at=at, serial=at)
