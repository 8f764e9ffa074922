"""One server's program, looked at before each start.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.tool_servers_stdio.held_files import Mismatch, Promise, promise_nothing
from mediator.adapters.tool_servers_stdio.program import HeldProgram, tell_nobody
from mediator.canonical import digest_of_bytes
from mediator.refusal import Reason, Refused
from tests.promises import promise


def held(path: Path, told: list[tuple[str, Mismatch]], promised: Promise) -> HeldProgram:
    path.write_bytes(b"reviewed")
    path.chmod(0o700)
    environment = {"PATH": str(path.parent)}
    return HeldProgram("clock", [path.name, "-x"], environment, None, lambda: promised, lambda *one: told.append(one))


@promise("P3")
async def test_it_is_started_by_the_path_that_was_looked_at_or_not_at_all(tmp_path: Path) -> None:
    """Ours: and what is touched in between is refused as well."""
    told: list[tuple[str, Mismatch]] = []
    path = tmp_path / "server"
    program = held(path, told, Promise(executable=frozenset({digest_of_bytes(b"reviewed")})))

    ready = await program.check()

    assert ready.command == (str(path), "-x")
    ready.must_be_unmoved()
    assert told == []
    path.write_bytes(b"swapped!")
    with pytest.raises(Refused) as in_between:
        ready.must_be_unmoved()
    with pytest.raises(Refused) as refused:
        await program.check()
    assert {in_between.value.reason, refused.value.reason} == {Reason.TOOL_SERVER_UNAVAILABLE}
    assert "`mediator manifest import clock --again`" in refused.value.detail
    assert refused.value.remedy is None  # an agent would read it
    assert [server for server, _ in told] == ["clock", "clock"]
    tell_nobody(*told[0])


async def test_a_program_of_which_nothing_was_written_down_is_started_as_it_is(tmp_path: Path) -> None:
    """Ours."""
    told: list[tuple[str, Mismatch]] = []
    ready = await held(tmp_path / "server", told, promise_nothing()).check()
    assert ready.command == ("server", "-x")
    ready.must_be_unmoved()


async def test_where_the_lock_alone_is_held_the_command_stays_as_it_is(tmp_path: Path) -> None:
    """Ours."""
    lock = tmp_path / "uv.lock"
    lock.write_bytes(b"lock")
    promised = Promise(lock=frozenset({digest_of_bytes(b"lock")}), lock_file=lock)
    assert (await held(tmp_path / "server", [], promised).check()).command == ("server", "-x")
