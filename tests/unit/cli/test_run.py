"""`mediator run`: what the agent is given of our environment, and what becomes of its end. Whole: tests/conversations.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediator.adapters.ledger_segments.showing import Wanted, find_entries
from mediator.cli import run
from mediator.cli.run import environment_of
from mediator.settings.parse import parse_settings, parse_toml
from tests.promises import promise
from tests.simulated.commands import Commands

SETTINGS = """
[[tool_server]]
name = "clock"
command = ["clock"]
environment = { API_KEY = "env:CLOCK_KEY", TZ = "literal:UTC", CERT = "file:/etc/cert.pem" }
[[tool_server]]
name = "mail"
url = "https://mail.example.com/mcp"
credential = "env:MAIL_TOKEN"
"""


@pytest.fixture(autouse=True)
def _no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")


def notes(work: Path, kind: str) -> list[Any]:
    return [entry["body"] for entry in find_entries(work / ".mediator" / "ledger", Wanted(kind=kind)).entries]


@promise("P5")
def test_an_agent_inherits_all_but_the_secrets_that_we_know_of() -> None:
    """Ours: what the settings name, what sessions are let in with, and what spans are sent with."""
    ours = {
        "PATH": "/bin",
        "TZ": "x",
        "CLOCK_KEY": "s",
        "MAIL_TOKEN": "s",
        "MEDIATOR_TOKEN": "s",
        "MEDIATOR_TOKEN_FILE": "s",
        "OTEL_EXPORTER_OTLP_HEADERS": "s",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "s",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://x",
    }
    given = environment_of(parse_settings(parse_toml("mediator.toml", SETTINGS.encode())), ours)
    assert given == {"PATH": "/bin", "TZ": "x", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://x"}


def on_any_port(work: Path) -> None:
    file = work / "mediator.toml"
    file.write_text(file.read_text().replace("# port = 8080", "port = 0"))


@pytest.mark.parametrize("code", [0, 3, 130])
def test_its_code_is_the_commands_own(work: Path, mediator: Commands, code: int) -> None:
    """Issue 6: also that of a command that was interrupted; the task is completed whichever it is."""
    on_any_port(work)
    ran = mediator("run", "--agent", "assistant", "--", "/bin/sh", "-c", f"exit {code}")
    assert ran.code == code
    assert "nothing more was done" not in ran.err
    (opened,), (completed,) = notes(work, "task.opened"), notes(work, "task.completed")
    assert completed == {"task": opened["task"], "who": "assistant"}


def test_what_cannot_be_started_is_told_and_its_task_completed(work: Path, mediator: Commands) -> None:
    """Bad input."""
    on_any_port(work)
    ran = mediator("run", "--agent", "assistant", "--", "no-such-program-here")
    assert ran.code == 1
    assert "no-such-program-here" in ran.err
    assert len(notes(work, "task.completed")) == 1


@pytest.mark.usefixtures("work")
def test_an_agent_without_a_profile_is_not_launched(mediator: Commands, tmp_path: Path) -> None:
    """P9."""
    touched = tmp_path / "touched"
    assert "`assistant`" in mediator.refused("run", "--agent", "nobody", "--", "touch", str(touched))
    assert not touched.exists()


def test_a_mediator_that_has_gone_does_not_take_the_commands_code_along(
    work: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11: the task ends by itself; what is known of it is told."""
    on_any_port(work)
    ask = run._ask

    async def gone(set_up: Any, request: Any) -> Any:
        return None if request["op"] == "task.complete" else await ask(set_up, request)

    for name, broken, told in (
        ("completing_of", lambda *_: b"{}", "was not completed"),
        ("_ask", gone, "no mediator runs any more"),
    ):
        with monkeypatch.context() as context:
            context.setattr(run, name, broken)
            ran = mediator("run", "--agent", "assistant", "--", "/bin/sh", "-c", "exit 5")
            assert ran.code == 5
            assert told in ran.err
