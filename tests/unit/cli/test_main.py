"""The commands as a whole: which there are, and how each of them ends.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import typer

from mediator import __version__
from mediator.cli import main
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import Commands


@pytest.mark.parametrize(("name", "module"), [(name, module) for name, (module, _) in main.COMMANDS.items()])
def test_every_command_is_there_and_has_help(name: str, module: str, mediator: Commands) -> None:
    """Design 5.1: every one has `--help`."""
    assert callable(import_module(f"mediator.cli.{module}").add_to)

    assert f"mediator {name}" in mediator.well(name, "--help").out


def test_help_shows_every_command_with_what_it_does(mediator: Commands) -> None:
    """Design 5.1."""
    out = mediator.well("--help").out

    for name, (_, what) in main.COMMANDS.items():
        assert name in out
        assert what[:40] in out


@pytest.mark.parametrize(
    ("group", "command"),
    [
        ("manifest", "import"),
        ("manifest", "sign"),
        ("manifest", "verify"),
        ("pin", "review"),
        ("pin", "approve"),
        ("pin", "list"),
        ("policy", "check"),
        ("policy", "test"),
        ("policy", "activate"),
        ("operator", "add"),
        ("operator", "list"),
        ("operator", "lock"),
        ("keys", "list"),
        ("keys", "rotate"),
        ("ledger", "show"),
        ("ledger", "verify"),
    ],
)
def test_every_command_of_a_group_has_help(group: str, command: str, mediator: Commands) -> None:
    """Design 5.1."""
    assert f"mediator {group} {command}" in mediator.well(group, command, "--help").out


def test_the_version_is_that_of_the_package(mediator: Commands) -> None:
    """Ours."""
    assert mediator.well("--version").out == f"mediator {__version__}\n"


@pytest.mark.parametrize(
    "words", [("nonsense",), ("--nonsense",), ("pin", "nonsense"), ("pin", "review"), ("pin", "list", "--nonsense"), ()]
)
def test_a_command_line_that_is_not_understood_ends_with_two(words: tuple[str, ...], mediator: Commands) -> None:
    """Design 5.1: exit code 2 for usage."""
    ran = mediator(*words)

    assert ran.code == 2
    assert words == () or ran.err.startswith("error: ")


@promise("P11")
def test_without_a_set_up_every_command_says_how_to_make_one(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The issue: what, where, and the next step."""
    monkeypatch.chdir(tmp_path)

    for words in (("pin", "list"), ("policy", "check"), ("operator", "list"), ("ledger", "verify")):
        assert "run `mediator init`" in mediator.refused(*words)


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    app = typer.Typer()

    @app.callback(invoke_without_command=True)
    def command() -> None:
        raise error

    monkeypatch.setattr(main, "app_for", lambda _: app)


def test_a_refusal_that_a_task_group_wrapped_is_the_same_refusal(
    mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: anyio wraps what its tasks raise."""
    refused = Refused(Reason.TOOL_SERVER_UNAVAILABLE, "it is down")
    failing(monkeypatch, ExceptionGroup("tasks", [ExceptionGroup("inner", [refused]), ValueError("x")]))

    assert mediator.refused() == "error: it is down\n"


@pytest.mark.parametrize("error", [ValueError("hunter2"), ExceptionGroup("tasks", [ValueError("hunter2")])])
def test_what_nobody_foresaw_is_told_as_our_fault(
    error: Exception, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Design 5.7: ours, and nothing else."""
    failing(monkeypatch, error)

    ran = mediator()

    assert ran.code == 1
    assert "this is a bug of the mediator" in ran.err
    assert "hunter2" not in ran.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort(), EOFError()])
def test_who_stops_it_is_told_that_nothing_more_was_done(
    error: BaseException, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    failing(monkeypatch, error)

    ran = mediator()

    assert ran.code == 1
    assert ran.err.strip() == "stopped; nothing more was done"


def test_a_command_ends_with_the_code_that_it_says(mediator: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Design 5.1: 0, 1, 2."""
    failing(monkeypatch, typer.Exit(1))

    assert mediator() == mediator()
    assert mediator().code == 1


def test_the_process_ends_with_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: `mediator` and `python -m mediator`."""
    monkeypatch.setattr("sys.argv", ["mediator", "--version"])

    with pytest.raises(SystemExit) as ended:
        main.main()

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mediator {__version__}\n"
