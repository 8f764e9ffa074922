"""A profile's own word: its key opens a task within the profile, completes it, and joins one that was opened for it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import secrets

from mediator.assembly.desk import profile_named
from mediator.assembly.folder import read_key
from mediator.canonical import JsonObject
from mediator.cli.folder import SetUp, now_ms
from mediator.evidence import Secret
from mediator.identity.client_assertion import SESSION, sign_client_assertion
from mediator.identity.dsse import PublicKey
from mediator.identity.statement import Act, sign_statement
from mediator.mediation.tasks import TaskRequest, task_form
from mediator.refusal import Reason, Refused


def opening_of(set_up: SetUp, agent: str, instance_key: PublicKey | None = None) -> bytes:
    """Return the statement that opens a task with all that the profile holds; for this one instance, where a key is given.

    Raises `Refused`: `MALFORMED` for a profile or key that is not there, `NOT_COVERED` for one that opens nothing.
    """
    profile = profile_named(set_up.settings, agent)
    limits = set_up.settings.delegation
    if profile.key is None or not profile.tools:
        detail = f"the profile `{agent}` has no {'`key`' if profile.key is None else '`tools`'}: it opens no sessions"
        raise Refused(Reason.NOT_COVERED, detail, remedy="complete its `[[agent]]` in mediator.toml")
    request = TaskRequest(
        id=f"task-{secrets.token_hex(16)}",
        agent=profile.name,
        owner=profile.owner,
        purpose=profile.purpose or f"a session of {profile.name}",
        tools=profile.tools,
        effects=profile.effects,
        minutes=min(profile.minutes, limits.session_minutes),
        idle_minutes=limits.session_idle_minutes,
        max_calls=None,
        issuer=None,
        max_depth=profile.max_depth,
        may_act=profile.may_act,
        instance_key=None if instance_key is None else instance_key.text,
    )
    return _signed(set_up, agent, Act.TASK_OPEN, task_form(request))


def completing_of(set_up: SetUp, agent: str, task: str) -> bytes:
    """Return the statement that completes a task of this profile."""
    return _signed(set_up, agent, Act.TASK_COMPLETE, {"id": task})


def joining_of(set_up: SetUp, agent: str, task: str, mediator: str) -> Secret:
    """Return the assertion by which this agent says that it works under a task that was opened for it, in this session."""
    key = read_key(set_up.folder.key_file("agent", agent))
    return sign_client_assertion(key, agent, mediator + SESSION, secrets.token_hex(16), now_ms(), grant=task)


def _signed(set_up: SetUp, agent: str, act: Act, subject: JsonObject) -> bytes:
    key, at = read_key(set_up.folder.key_file("agent", agent)), now_ms()
    return sign_statement(key, act=act, subject=subject, who=agent, at=at, serial=at)
