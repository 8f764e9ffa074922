"""Keys replaced and keys stolen: the lines of `docs/keys.md`, typed one after the other.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from mediator.refusal import Reason
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, command, message_in, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool
from tests.simulated.tool_server_stdio import SimulatedStdioServer
from tests.simulated.tool_server_stdio import tool as stdio_tool

TASK = ("--agent", "assistant", "--owner", OPERATOR, "--tools", "clock/*", "--purpose", "tell the time")
GUIDE = Path(__file__).parents[2] / "docs" / "keys.md"


def blocks() -> list[tuple[str, list[str]]]:
    """Return the guide's blocks of commands, each with the heading that it stands under."""
    found: list[tuple[str, list[str]]] = []
    heading, is_open = "", False
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            if not is_open:
                found.append((heading, []))
            found[-1][1].append(line.strip())
        elif line.startswith("## "):
            heading = line.removeprefix("## ")
        is_open = line.startswith("    ")
    return found


class Walk:
    """Types the guide's lines; `pinned` and `problems` tell how the set-up stands."""

    def __init__(self, mediator: Commands) -> None:
        self.mediator = mediator

    def type(self, lines: list[str]) -> str:
        """Type them all; each must succeed. Returns what they printed."""
        said = []
        for line in lines:
            program, *words = [re.sub(r"^~", str(Path.home()), word) for word in shlex.split(line)]
            if program == "mediator":
                said.append(self.mediator.well(*words).out)
            else:
                subprocess.run([program, *words], check=True)
        return "".join(said)

    @property
    def pinned(self) -> list[str]:
        return [pin["tool"] for pin in self.mediator.well("pin", "list", "--json").printed["pins"]]

    @property
    def problems(self) -> str:
        return " ".join(one["detail"] for one in self.mediator.well("pin", "list", "--json").printed["problems"])


@promise("P2", "P7")
def test_the_guide_to_keys_works_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 3: key rotation and compromise are walked through in `docs/`, and tested."""
    mediator = Commands(capsys)
    clock = SimulatedStdioServer(tmp_path, name="clock", tools=[stdio_tool("now")])
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    mediator.well("init", str(tmp_path / "work"), "--operator", OPERATOR)
    monkeypatch.chdir(tmp_path / "work")
    mediator.well("manifest", "import", "clock", "--command", " ".join(clock.command), "--yes")
    mediator.well("manifest", "sign", "clock", "--accept-proposed")
    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR)
    walk = Walk(mediator)
    (away, second, replaced, stolen, again, yearly, handed_on, rotated, robbed) = blocks()
    assert [heading for heading, _ in blocks()] == [
        "Put the root away",
        "Let a second person sign",
        "Replace a signer's key",
        "A signer's key was stolen",
        "A signer's key was stolen",
        "Once a year",
        "Hand the root on",
        "Rotate the issuer's key",
        "Rotate the issuer's key",
    ]

    assert "1 of local-root" in walk.type(away[1])
    assert "root.pem" not in mediator("doctor").out
    assert "the root key is not here" in mediator.refused("trust", "renew")

    assert "1 of 2 signatures" in walk.type(second[1])
    assert walk.pinned == ["now"]

    walk.type(replaced[1])  # the old key is revoked, and the tool is still there
    assert walk.pinned == ["now"]
    assert walk.problems == ""

    assert "laptop stolen on 20 November" in walk.type(stolen[1])
    assert walk.pinned == []
    assert "laptop stolen on 20 November" in mediator.refused("pin", "review", "clock")

    walk.type(again[1])
    assert walk.pinned == ["now"]

    walk.type(yearly[1])
    walk.type(handed_on[1])
    assert walk.pinned == ["now"]
    assert "name the root keys" in mediator.refused("trust", "renew", "--root", str(Path.home() / "offline/root.pem"))
    mediator.well("trust", "renew", "--root", str(Path.home() / "offline/spare.pem"))
    assert walk.pinned == ["now"]

    assert "verifies until 20" in walk.type(rotated[1])
    walk.type(robbed[1])
    assert "verifies" not in mediator.well("keys", "list").out
    assert mediator.well("task", "open", *TASK).out


@promise("P2")
async def test_a_mediator_goes_on_while_the_root_is_handed_on(tmp_path: Path) -> None:
    """Issue 3: no call fails between the hand-over, its acceptance, and the new root's first word."""
    async with running(tmp_path, {"tools": SimulatedToolServer(tools=[tool("echo")])}) as mediator:
        new, here = str(tmp_path / "next.pem"), ("--folder", str(mediator.folder))
        await command("trust", "new-key", new)
        for words in (
            ("trust", "rotate-root", "--new", new),
            ("trust", "accept", "--operator", OWNER),
            ("trust", "renew", "--root", new),
        ):
            assert "with 1 pinned tools" in await command(*words, *here)
            assert "error" not in message_in(await mediator.post(tools_call("tools__echo", text="x")))
        assert len(mediator.servers["tools"].calls) == 3


@promise("P2", "P7")
async def test_a_revoked_key_takes_its_tools_with_it_at_the_next_call(tmp_path: Path) -> None:
    """Issue 3: a running mediator obeys at once; the agent learns of an unknown tool and of nothing else."""
    async with running(tmp_path, {"tools": SimulatedToolServer(tools=[tool("echo")])}) as mediator:
        assert "error" not in message_in(await mediator.post(tools_call("tools__echo", text="x")))

        said = await command("trust", "revoke-key", "local-signer", "--why", "stolen", "--folder", str(mediator.folder))

        assert "with 0 pinned tools" in said
        assert reason_in(await mediator.post(tools_call("tools__echo", text="x"))) == Reason.UNKNOWN_TOOL
        assert len(mediator.servers["tools"].calls) == 1
