"""What the control socket answers: acts by statements, facts to anybody of this user, and nonsense with a refusal.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from functools import partial

import anyio
import anyio.to_thread
import pytest

from mediator.assembly.control import answer_control, serve_control
from mediator.assembly.folder import Folder
from mediator.assembly.mediator import Mediator
from mediator.canonical import DEFAULT_LIMITS, JsonObject
from mediator.edge.control import ask_control
from mediator.evidence import Secret
from mediator.identity.compact import parse_compact
from mediator.identity.proof import thumbprint_of
from mediator.identity.statement import Act
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.opened import BASE_URL, OTHER, asks, opened, task_subject
from tests.simulated.people import key_of
from tests.simulated.proofs import ProvingKey

SECONDS = 5


@pytest.fixture
async def mediator(home: Folder) -> AsyncIterator[Mediator]:
    async with opened(home) as one:
        yield one


async def test_a_task_is_opened_shown_and_completed(mediator: Mediator) -> None:
    """Design 5.1: one statement for each act; a token leaves once, to whoever signed."""
    opening = await answer_control(
        mediator, {"op": "task.open", "statement": asks(mediator, task_subject(minutes=5)).decode()}
    )
    assert set(opening) == {"task", "grant", "access_token", "token_type", "expires_in"}
    assert (opening["token_type"], opening["task"]) == ("Bearer", opening["grant"])
    assert opening["expires_in"] in {299, 300}
    task = opening["task"]
    shown = await answer_control(mediator, {"op": "task.show", "task": task})
    assert (shown["state"], shown["calls"]) == ("open", 0)
    assert not any("token" in name for name in shown)
    statement = asks(mediator, {"id": task}, act=Act.TASK_COMPLETE).decode()
    completed = await answer_control(mediator, {"op": "task.complete", "statement": statement})
    assert (completed["task"], completed["state"]) == (task, "completed")
    assert (await answer_control(mediator, {"op": "task.show", "task": task}))["state"] == "completed"


@promise("P4", "P5")
async def test_the_token_of_one_process_is_bound_to_its_key_whatever_is_asked(mediator: Mediator) -> None:
    """Issue 6: who relays the statement names no other key."""
    key, other = key_of("instance"), ProvingKey()
    for subject, jkt in (
        (task_subject(instance_key=key.public.text), thumbprint_of(key.public)),
        (task_subject(), other.thumbprint),
    ):
        statement = asks(mediator, subject).decode()
        told = await answer_control(mediator, {"op": "task.open", "statement": statement, "dpop_jkt": other.thumbprint})
        assert told["token_type"] == "DPoP"
        claims = parse_compact(Secret(str(told["access_token"])), DEFAULT_LIMITS)[1]
        assert claims["cnf"] == {"jkt": jkt}


async def test_no_token_is_given_for_a_task_of_another_issuer(mediator: Mediator) -> None:
    """Ours: its tokens are made there, with the claim `grant`."""
    statement = asks(mediator, task_subject(issuer="https://idp.example.com")).decode()
    opening = await answer_control(mediator, {"op": "task.open", "statement": statement})
    assert set(opening) == {"task", "grant"}


async def test_the_issuer_s_key_is_rotated_by_a_statement(mediator: Mediator) -> None:
    """The issue: over the control socket when a mediator runs."""
    old = mediator.issuer.signing_key.public.keyid
    statement = asks(mediator, {"key": old}, act=Act.ISSUER_ROTATE).decode()
    rotated = await answer_control(mediator, {"op": "issuer.rotate", "statement": statement})
    assert (rotated["old"], rotated["new"]) == (old, mediator.issuer.signing_key.public.keyid)


@promise("P5")
async def test_grants_are_listed_shown_renewed_and_revoked(mediator: Mediator) -> None:
    """Design 5.1: one statement for each act; whoever looks needs none."""
    opening = await answer_control(
        mediator, {"op": "task.open", "statement": asks(mediator, task_subject(minutes=5)).decode()}
    )
    task = opening["task"]
    listed = await answer_control(mediator, {"op": "grant.list", "after": None, "live": True})
    assert listed["frozen"] == []
    assert isinstance(listed["grants"], list)
    assert [one["grant"] for one in listed["grants"] if isinstance(one, dict)] == [task]
    assert str(opening["access_token"]) not in str(listed)
    shown = await answer_control(mediator, {"op": "grant.show", "grant": task})
    assert shown == await answer_control(mediator, {"op": "task.show", "task": task})
    renewing = asks(mediator, {"id": task, "minutes": 60}, act=Act.TASK_RENEW).decode()
    renewed = await answer_control(mediator, {"op": "task.renew", "statement": renewing})
    assert int(str(renewed["expires_ms"])) > int(str(shown["expires_ms"]))
    revoking = asks(mediator, {"id": task, "reason": "a test"}, act=Act.GRANT_REVOKE).decode()
    assert await answer_control(mediator, {"op": "grant.revoke", "statement": revoking}) == {"ended": [task]}
    assert (await answer_control(mediator, {"op": "grant.show", "grant": task}))["state"] == "revoked"


@promise("P5")
async def test_somebody_is_frozen_and_let_go(mediator: Mediator) -> None:
    """Design 5.1: and whether that changed anything is told."""
    for act, op, changed in (
        (Act.FREEZE, "freeze", True),
        (Act.FREEZE, "freeze", False),
        (Act.UNFREEZE, "unfreeze", True),
        (Act.UNFREEZE, "unfreeze", False),
    ):
        subject: JsonObject = {"name": "server:notes", "reason": f"{op} {changed}"}
        statement = asks(mediator, subject, act=act).decode()
        answered = await answer_control(mediator, {"op": op, "statement": statement})
        assert answered == {"name": "server:notes", "changed": changed}
        listed = await answer_control(mediator, {"op": "grant.list", "after": None, "live": True})
        assert listed["frozen"] == (["server:notes"] if op == "freeze" else [])


async def test_the_status_tells_how_it_is(mediator: Mediator) -> None:
    """Ours."""
    status = await answer_control(mediator, {"op": "status"})
    assert (status["url"], status["pins"], status["problems"]) == (BASE_URL, 0, [])
    assert status["trust"] == mediator.trust.snapshot().digests()
    assert status["quarantined"] == []


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"op": "shutdown"},
        {"op": None},
        {"op": ["task.open"]},
        {"op": "task.open"},
        {"op": "task.open", "statement": None},
        {"op": "task.open", "statement": ""},
        {"op": "task.open", "statement": "{}"},
        {"op": "task.open", "statement": '{"payload": "x"}'},
        {"op": "task.complete", "statement": {"id": "task-1"}},
        {"op": "task.show", "task": 1},
        {"op": "issuer.rotate"},
        {"op": "issuer.rotate", "statement": None},
        {"op": "issuer.rotate", "statement": "{}"},
        {"op": "task.renew"},
        {"op": "task.renew", "statement": "{}"},
        {"op": "grant.revoke", "statement": 7},
        {"op": "grant.revoke", "statement": "{}"},
        {"op": "grant.show"},
        {"op": "grant.show", "grant": None},
        {"op": "grant.show", "grant": "task-0"},
        {"op": "freeze", "statement": "everything"},
        {"op": "freeze", "name": "everything"},
        {"op": "unfreeze"},
        {"op": "unfreeze", "statement": None},
        {"op": "drift.check"},
        {"op": "drift.check", "server": 1},
        {"op": "drift.check", "server": "clock"},
        {"op": "task.show", "task": "task-1' OR 1=1"},
    ],
)
@promise("P7")
async def test_nonsense_is_refused_and_changes_nothing(mediator: Mediator, nonsense: JsonObject) -> None:
    """P7: and never a bug."""
    with pytest.raises(Refused) as refused:
        await answer_control(mediator, nonsense)
    assert refused.value.reason is not Reason.INTERNAL
    assert refused.value.detail
    assert mediator.store.list_grants() == ()
    assert mediator.store.list_frozen() == frozenset()


def say(home: Folder, line: bytes) -> bytes:
    """Say this on the socket, and read whatever comes back."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(SECONDS)
        asking.connect(str(home.control_socket))
        asking.sendall(line)
        asking.shutdown(socket.SHUT_WR)
        with asking.makefile("rb") as answers:
            return answers.read()


@promise("P7")
async def test_on_the_socket_nonsense_gets_a_refusal_and_the_next_one_is_served(home: Folder) -> None:
    """Issue 2, bad input: whoever says nonsense ends their own connection, and no alarm is raised."""
    alarms: list[str] = []
    async with opened(home, alarms) as mediator, anyio.create_task_group() as serving:
        await serving.start(serve_control, mediator)
        with anyio.fail_after(SECONDS):
            for line in (
                b"\xff\xfe\n",
                b"{\n",
                b"[]\n",
                b'{"op":"x"}\n',
                b'{"op":"stdio"}\n',
                b'{"op":"stdio","token":1}\n',
            ):
                answer = await anyio.to_thread.run_sync(say, home, line)
                assert answer.startswith(b'{"ok":false') or b'"ok":false' in answer, (line, answer)
                assert b"Traceback" not in answer
            status = await anyio.to_thread.run_sync(partial(ask_control, home.control_socket, {"op": "status"}))
            assert status is not None
            assert status["url"] == BASE_URL
        serving.cancel_scope.cancel()
    assert alarms == []
    assert not home.control_socket.exists()


@promise("P9")
async def test_who_reaches_the_socket_is_nobody_without_a_statement(home: Folder) -> None:
    """A7: the same user is not the operator; another operator's statement in the owner's name opens nothing."""
    async with opened(home) as mediator, anyio.create_task_group() as serving:
        await serving.start(serve_control, mediator)
        statement = asks(mediator, task_subject(), who=OTHER).decode()
        with anyio.fail_after(SECONDS), pytest.raises(Refused) as refused:
            await anyio.to_thread.run_sync(
                partial(ask_control, home.control_socket, {"op": "task.open", "statement": statement})
            )
        assert refused.value.reason is Reason.NOT_COVERED
        assert mediator.store.list_grants() == ()
        serving.cancel_scope.cancel()
