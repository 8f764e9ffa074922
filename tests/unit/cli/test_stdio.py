"""`mediator stdio`: as the owner of a folder and beside one, with a profile's key and with a token.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.adapters.ledger_segments.verify import verify_ledger
from mediator.adapters.owner_flock import Owned, own
from mediator.cli import stdio
from mediator.cli.started_by import find_starter
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.local_host import SECONDS, Host, hello_of_agent, serve
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import running
from tests.simulated.tool_server import SimulatedToolServer, tool
from tests.simulated.tool_server_stdio import SimulatedStdioServer

OPEN = ("task", "open", "--agent", "assistant", "--owner", OPERATOR, "--tools", "*", "--purpose", "a test", "--json")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        for name in (stdio.TOKEN, stdio.TOKEN_FILE):
            monkeypatch.delenv(name, raising=False)
        one = Host(tmp_path, monkeypatch)
        yield one
        one.close()


def notes(work: Path, kind: str) -> list[Any]:
    return [entry["body"] for entry in find_entries(work / ".mediator" / "ledger", Wanted(kind=kind)).entries]


@promise("P5", "P9", "P10")
async def test_alone_it_owns_the_folder_for_its_life_and_its_task_ends_with_it(
    pinned: Path, clock: SimulatedStdioServer, host: Host
) -> None:
    """Issue 2: a host on this machine needs no daemon; at the end nothing runs, and all is on record."""
    host.says(tools_list(), tools_call("clock__now", text="x"))
    await serve(pinned, hello_of_agent(pinned))
    tools, called = sorted(host.answers, key=lambda answer: "tools" not in answer["result"])
    assert [one["name"] for one in tools["result"]["tools"]] == ["clock__now", "clock__set_alarm"]
    assert not called["result"].get("isError", False)
    assert [call.params["name"] for call in clock.calls] == ["now"]
    assert clock.alive == []
    (opened,), (completed,) = notes(pinned, "task.opened"), notes(pinned, "task.completed")
    assert completed == {"task": opened["task"], "who": "assistant"}
    assert opened["started_by"] == find_starter()
    report = verify_ledger(pinned / ".mediator" / "ledger", None)
    assert report.is_whole, report
    assert not (pinned / ".mediator" / "control.sock").exists()


@promise("P5", "P10")
async def test_beside_a_mediator_it_only_passes_bytes(tmp_path: Path, host: Host) -> None:
    """Issue 2: one owner; the session's task is opened there, and completed at the end of what the host says."""
    server = SimulatedToolServer(tools=[tool("echo")])
    async with running(tmp_path, {"clock": server}) as mediator:
        host.says(tools_call("clock__echo", text="x"))
        await serve(mediator.folder, hello_of_agent(mediator.folder))
        (answer,) = host.answers
        assert not answer["result"].get("isError", False)
        assert [call.tool for call in server.calls] == ["echo"]
        with anyio.fail_after(SECONDS):
            while not notes(mediator.folder, "task.completed"):  # noqa: ASYNC110 - the other side writes it
                await anyio.sleep(0.01)
        (completed,) = notes(mediator.folder, "task.completed")
        assert completed["who"] == "assistant"
        assert completed["task"] != mediator.task


@promise("P11")
async def test_it_waits_for_an_owner_that_does_not_listen_yet(
    pinned: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a host that starts two of us at once gets two sessions; an owner that never listens is named."""
    monkeypatch.setattr(stdio, "_LOOK_AGAIN_SECONDS", 0)
    host.says(tools_list())
    with own(pinned / ".mediator" / "owner.lock"):
        monkeypatch.setattr(stdio, "_OWNER_SECONDS", 0)
        with pytest.raises(ExceptionGroup) as stop:
            await serve(pinned, hello_of_agent(pinned))
        assert isinstance(stop.value.exceptions[0], Owned)
        monkeypatch.setattr(stdio, "_OWNER_SECONDS", SECONDS)
        looked = 0

        async def relay(*_: object) -> bool:
            nonlocal looked
            looked += 1
            return looked > 2

        monkeypatch.setattr(stdio, "relay_session", relay)
        await serve(pinned, hello_of_agent(pinned))
        assert looked == 3


@promise("P5")
async def test_a_session_with_a_token_completes_nothing(tmp_path: Path, host: Host) -> None:
    """Ours: whoever opened the task completes it."""
    server = SimulatedToolServer(tools=[tool("echo")])
    async with running(tmp_path, {"clock": server}) as mediator:
        host.says(tools_call("clock__echo", text="x"))
        await serve(mediator.folder, stdio._hello_of_token({stdio.TOKEN: mediator.token}))
        (answer,) = host.answers
        assert not answer["result"].get("isError", False)
        assert mediator.mediator.desk.show(mediator.task)["state"] == "open"
    assert notes(mediator.folder, "task.completed") == []


@pytest.mark.usefixtures("work")
def test_a_token_comes_from_the_environment_or_from_a_file(
    mediator: Commands, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 2: MEDIATOR_TOKEN, or MEDIATOR_TOKEN_FILE; the first counts where both are set."""
    opened = mediator.well(*OPEN).printed
    file = tmp_path / "token"
    file.write_text(opened["access_token"] + "\n")
    for name, value in ((stdio.TOKEN, opened["access_token"]), (stdio.TOKEN_FILE, str(file))):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            host.says(tools_list())
            assert mediator("stdio").code == 0
            (answer,) = host.answers
            assert answer["result"]["tools"] == []
    host.close()
    assert mediator.well("task", "show", opened["task"], "--json").printed["state"] == "open"


@pytest.mark.usefixtures("work", "host")
def test_who_says_nothing_of_itself_is_told_the_ways(mediator: Commands) -> None:
    """P7: there is no anonymous session."""
    error = mediator.refused("stdio")
    for word in ("--agent", "MEDIATOR_TOKEN", "MEDIATOR_TOKEN_FILE", "mediator connect"):
        assert word in error


@pytest.mark.usefixtures("work")
def test_a_token_file_that_is_not_there_is_named(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad input."""
    monkeypatch.delenv(stdio.TOKEN, raising=False)
    monkeypatch.setenv(stdio.TOKEN_FILE, str(tmp_path / "nothing"))
    assert str(tmp_path / "nothing") in mediator.refused("stdio")


def test_a_profile_that_is_not_there_or_opens_nothing_is_told(work: Path, mediator: Commands) -> None:
    """Bad input: what is missing in its `[[agent]]`, or which there are."""
    assert "`assistant`" in mediator.refused("stdio", "--agent", "nobody")
    settings = work / "mediator.toml"
    settings.write_text(settings.read_text() + '\n[[agent]]\nname = "keyless"\nowner = "you@example.com"\n')
    error = mediator.refused("stdio", "--agent", "keyless")
    assert "`keyless` has no `key`" in error
    assert "[[agent]]" in error
    (work / ".mediator" / "keys" / "agent-assistant.pem").unlink()
    assert "agent-assistant.pem" in mediator.refused("stdio", "--agent", "assistant")
