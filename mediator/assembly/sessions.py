"""Sessions of local hosts over stdio: let in by a statement or a token, served, and their task completed at the end.

A host opens a task for its session with its profile's key, within its profile; its credential is made afresh as long as
the session lives. Or it works under a task that somebody opened for it, and proves that with its key; or it brings a token
of one. Then nothing is opened and nothing completed. What the key was proven for once is proven by each message.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

import anyio
from anyio.abc import AnyByteReceiveStream, AnyByteSendStream

from mediator.assembly.desk import Desk
from mediator.assembly.doors import make_door
from mediator.assembly.mediator import Mediator
from mediator.assembly.token_proofs import join_task
from mediator.canonical import Json, JsonObject
from mediator.delegation.grant import Grant
from mediator.edge.control import Session
from mediator.edge.stdio import serve_stdio
from mediator.evidence import Secret
from mediator.identity.proof import VerifiedProof
from mediator.refusal import Reason, Refused

_END_SECONDS: Final = 10.0
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


async def open_session(mediator: Mediator, hello: JsonObject) -> Session:
    """Return the session that a hello opens: `{"statement": ...}` or `{"assertion": ...}` of a profile's key, or `{"token": ...}`.

    Beside a statement it may say what started it (`started_by`). An assertion names the grant that it is to work under.

    Raises `Refused` for a hello that is none of them, as `Desk.open`, and as `join_task`.
    """
    match hello:
        case {"statement": str(statement)}:
            started_by = parse_started_by(hello.get("started_by"))
            return partial(_serve_task, mediator, *mediator.desk.open_session(statement.encode(), started_by))
        case {"assertion": str(assertion)}:
            grant, proof = join_task(mediator.desk, Secret(assertion))
            return partial(_serve, mediator, TaskCredential(mediator.desk, grant.id), proof=proof)
        case {"token": str(token)}:
            return partial(_serve, mediator, lambda: Secret(token))
        case _:
            raise Refused(Reason.MALFORMED, "a session is opened with a statement of a profile's key, or with a token")


def parse_started_by(form: Json) -> JsonObject | None:
    """Return what a session says of the process that started it, in its one form: a fact for the record, and no proof.

    Raises `Refused(MALFORMED)`.
    """
    match form:
        case None:
            return None
        case {"pid": int(pid), "executable": None | str() as executable, "uid": None | int() as uid, **rest} if not (
            rest or isinstance(pid, bool) or isinstance(uid, bool)
        ):
            if executable is None or _DIGEST.fullmatch(executable):
                return {"pid": pid, "executable": executable, "uid": uid}
    raise Refused(Reason.MALFORMED, "`started_by` is a process: its `pid`, the digest of its `executable`, its `uid`")


async def _serve_task(
    mediator: Mediator,
    grant: Grant,
    proof: VerifiedProof | None,
    incoming: AnyByteReceiveStream,
    outgoing: AnyByteSendStream,
) -> None:
    credential = TaskCredential(mediator.desk, grant.id)
    try:
        await _serve(mediator, credential, incoming, outgoing, proof=proof)
    finally:
        with anyio.move_on_after(_END_SECONDS, shield=True):
            await mediator.desk.end(grant.id, grant.agent)


async def _serve(
    mediator: Mediator,
    credential: Callable[[], Secret | None],
    incoming: AnyByteReceiveStream,
    outgoing: AnyByteSendStream,
    *,
    proof: VerifiedProof | None = None,
) -> None:
    await serve_stdio(make_door(mediator), credential, incoming, outgoing, proof)


class TaskCredential:
    """The credential of a session's own task: fresh whenever it is asked for, and never past the task's end."""

    def __init__(self, desk: Desk, task: str) -> None:
        self._desk, self._task = desk, task
        self._token: Secret | None = None
        self._until_ms = 0

    def __call__(self) -> Secret | None:
        """Return a token; nothing where the task is over, so that the call is refused in words."""
        now_ms = self._desk.clock.now_ms()
        if self._token is None or now_ms >= self._until_ms:
            try:
                self._token, seconds = self._desk.token(self._task)
            except Refused:
                return self._token  # the task is over: its last token says which, and why
            self._until_ms = now_ms + seconds * 1000 // 2
        return self._token
