"""The acts of the demo: each says what should happen, does it for real, and checks that it came out so.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from mediator.cli.demo.agent import Answer, connected
from mediator.cli.demo.stage import OWNER, Stage, arrivals, make_repository

_SHOWN: Final = 100  # characters of an answer that are shown


@dataclass(slots=True)
class Story:
    """Tells, and keeps count of what came out otherwise than told."""

    console: Console
    failures: list[str] = field(default_factory=list)

    def act(self, title: str) -> None:
        """Begin an act."""
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left", style="cyan"))

    def says(self, text: str) -> None:
        """Tell what is about to happen."""
        self.console.print(Text(text))

    def command(self, *words: str) -> None:
        """Show a command as an operator types it."""
        self.console.print(Text("  $ mediator " + " ".join(words), style="dim"))

    def quotes(self, text: str) -> None:
        """Show a few lines of a file as they stand."""
        for line in text.splitlines():
            self.console.print(Text(f"      {line}", style="dim"))

    def expects(self, told: str, came: object, *, holds: bool) -> None:
        """Check one thing that was told."""
        mark, style = ("✓", "green") if holds else ("✗", "bold red")
        self.console.print(Text(f"  {mark} ", style=style) + Text(told))
        if not holds:
            self.failures.append(told)
            self.console.print(Text(f"    but: {came!r:.400}", style="red"))

    def answered(self, told: str, answer: Answer, *, containing: str = "") -> None:
        """Check that a call was answered."""
        self.expects(told, answer, holds=answer.refused is None and containing in answer.text)
        self._quote(answer)

    def refused(self, told: str, answer: Answer, reason: str) -> None:
        """Check that a call was refused for this reason, in words that the agent can read."""
        self.expects(f"{told} [{reason}]", answer, holds=answer.refused == reason)
        self._quote(answer)

    def _quote(self, answer: Answer) -> None:
        text = " ".join(answer.text.split())
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        self.console.print(Text(f"      “{shown}”", style="italic dim"))


def prepare(story: Story, stage: Stage, servers: dict[str, Path]) -> int:
    """Set up: import three servers that nobody here vouches for, declare, sign, review, pin. Returns the notes' port."""
    story.act("1  Only what was signed and pinned exists")
    stage.mediator("init", "work", "--operator", OWNER, cwd=stage.root)
    repository = stage.root / "garden"
    make_repository(repository)
    port = stage.start_notes(stage.root / "notes.arrivals")
    imports = {
        "clock": ("--command", str(servers["mcp-server-time"])),
        "repo": ("--command", f"{servers['mcp-server-git']} --repository {repository}"),
        "notes": ("--url", f"http://127.0.0.1:{port}/mcp"),
    }
    for name, source in imports.items():
        story.command("manifest", "import", name, *source, "--yes")
        stage.mediator("manifest", "import", name, *source, "--yes")
        if name == "notes":
            stage.declare(name, "send_note", "send")  # `exec` is proposed, as of whatever neither reads nor writes
        stage.mediator("manifest", "sign", name, "--accept-proposed")
    story.says("  The tool owner has declared effects and signed; a reviewer now pins, with another key:")
    approvals = {"clock": ("--tool", "get_current_time"), "repo": (), "notes": ()}
    for name, words in approvals.items():
        story.command("pin", "approve", name, "--reviewer", OWNER, *words)
        stage.mediator("pin", "approve", name, "--reviewer", OWNER, *words)
    stage.mediator("policy", "check")
    pins = stage.mediator_json("pin", "list").get("pins")
    names = {str(pin["tool"]) for pin in pins if isinstance(pin, dict)} if isinstance(pins, list) else set()
    told = "the clock's `convert_time` was not pinned; everything else was"
    story.expects(told, names, holds="get_current_time" in names and "convert_time" not in names)
    return port


async def use_tools(story: Story, stage: Stage, url: str) -> None:
    """An agent with a task to read does what a user would, and some things that it should not."""
    story.act("2  An agent gets a task, not a password")
    words = ("task", "open", "--agent", "assistant", "--owner", OWNER, "--tools", "*/*", "--effects", "read")
    story.command(*words, "--purpose", "'look around the garden'", "--minutes", "15")
    opened = stage.mediator_json(*words, "--purpose", "look around the garden", "--minutes", "15")
    token, task = str(opened["access_token"]), str(opened["task"])
    story.says(f"  Its token lives {opened['expires_in']} s, names {task}, and is good for nothing else.")

    story.act("3  It lists and calls, over plain MCP")
    log = stage.root / "notes.arrivals"
    async with connected(f"{url}/mcp", token) as agent:
        tools = await agent.tools()
        story.expects(
            f"it sees {len(tools)} pinned tools, and not `clock__convert_time`",
            tools,
            holds=(
                "clock__get_current_time" in tools
                and "clock__convert_time" not in tools
                and "notes__save_note" in tools
            ),
        )
        answer = await agent.call("clock__get_current_time", {"timezone": "Europe/Oslo"})
        story.answered("the clock tells the time in Oslo", answer, containing="Europe/Oslo")
        answer = await agent.call("repo__git_log", {"repo_path": str(stage.root / "garden")})
        story.answered("git tells the history", answer, containing="Plant a garden")
        answer = await agent.call("notes__read_note", {"path": "/notes/today.md"})
        story.answered("the notes are read", answer, containing="water the plants")

        story.act("4  And is refused, in words it can act on")
        answer = await agent.call("clock__convert_time", {"source_timezone": "UTC"})
        story.refused("the tool that nobody pinned does not exist", answer, "UNKNOWN_TOOL")
        answer = await agent.call("notes__save_note", {"path": "/notes/plan.md", "text": "mine"})
        story.refused("it sees `notes__save_note`, but its task does not cover writing", answer, "NOT_COVERED")
        answer = await agent.call("notes__read_note", {"path": "/notes/today.md", "PATH": "/etc/passwd"})
        story.refused("`PATH` beside `path` would be read otherwise by another parser", answer, "ARGUMENTS_INVALID")
        reached = arrivals(log)
        story.expects(
            "the notes server's own log holds the one allowed read and nothing else",
            reached,
            holds=(reached == ["read_note"]),
        )

        story.act("5  The task is completed, and its authority is gone")
        story.command("task", "complete", task, "--owner", OWNER)
        stage.mediator("task", "complete", task, "--owner", OWNER)
        answer = await agent.call("clock__get_current_time", {"timezone": "Europe/Oslo"})
        story.refused("the same token, one call later", answer, "TASK_COMPLETED")


async def meet_drift(story: Story, stage: Stage, url: str, port: int) -> None:
    """A server changes a description behind everybody's back."""
    story.act("9  The rug is pulled")
    stage.end("notes")
    stage.start_notes(stage.root / "notes.arrivals", port=port, reworded=True)
    story.says("  The notes server now tells models to read /etc/passwd first. A new task begins:")
    opened = stage.mediator_json(
        "task", "open", "--agent", "assistant", "--owner", OWNER,
        "--tools", "*/*", "--effects", "read", "--purpose", "look again", "--minutes", "15",
    )  # fmt: skip
    before = arrivals(stage.root / "notes.arrivals")
    async with connected(f"{url}/mcp", str(opened["access_token"])) as agent:
        answer = await agent.call("notes__read_note", {"path": "/notes/today.md"})
        story.refused("the changed tool is quarantined at the first call", answer, "UNKNOWN_TOOL")
        tools = await agent.tools()
        story.expects(
            "it is gone from the listing; the tool beside it stays",
            tools,
            holds=("notes__read_note" not in tools and "notes__save_note" in tools),
        )
        answer = await agent.call("clock__get_current_time", {"timezone": "Europe/Oslo"})
        story.answered("the other servers go on", answer, containing="Europe/Oslo")
    after = arrivals(stage.root / "notes.arrivals")
    story.expects("nothing reached the changed tool", after, holds=after == before)
