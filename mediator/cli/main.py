"""`mediator`: every command, and the one place where whatever goes wrong becomes a message and an exit code.

0: done. 1: refused or failed. 2: the command line is not understood. Never a traceback. A command that is not wanted
is not imported further than its declaration, so that `--help` is quick.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Final, Protocol, cast

import typer

from mediator import __version__
from mediator.cli.console import note, print_bug, print_refusal, print_usage, say
from mediator.refusal import Refused

OK: Final = 0
FAILED: Final = 1
_INTERRUPTED: Final = 130  # typer's word for Ctrl-C

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "init": ("init", "Make a working set-up in an empty folder."),
        "demo": ("demo.command", "Show the main job on real tool servers, with its trace."),
        "manifest": ("manifest", "The tool owner's side: import, sign, verify and publish manifests."),
        "pin": ("pin", "The operator's side: review, approve, revoke and list pinned tools."),
        "trust": ("trust", "Who may sign manifests, and the root that says so."),
        "drift": ("drift", "What live tool servers offer against what is pinned."),
        "policy": ("policy", "Check the policies, run their cases, explain an answer, put them in force."),
        "operator": ("operator", "The people whose keys sign: add them, list them, lock their keys."),
        "keys": ("issuer_keys", "The keys that sign tokens: list them, rotate the one in use."),
        "serve": ("serve", "The endpoint over HTTP."),
        "stdio": ("stdio", "The endpoint over stdio, for a local host."),
        "run": ("run", "Launch an agent with a task and a one-shot key of its own."),
        "connect": ("connect", "Print the configuration for an agent's host."),
        "task": ("task", "Tasks: open one for an agent, see it, renew it, complete it."),
        "grant": ("grant", "Who was given what, by whom; and taking it back."),
        "approvals": ("approvals", "What agents may do once a person approves it: list, show, approve, deny."),
        "freeze": ("freeze", "Stop an agent, an owner, a key, a task, a server, a tool, or everything."),
        "unfreeze": ("freeze", "Let it go again."),
        "ledger": ("ledger", "Show what was decided, and verify that nobody edited it."),
        "doctor": ("doctor", "Say what is wrong with this set-up, and how to mend it."),
    }
)
"""Every command, in the order in which a newcomer meets them: the module that adds it, and what it does."""


class _Room(Protocol):
    def add_to(self, app: typer.Typer) -> None: ...


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """Return the command with the one subcommand that is asked for; of the others only what `--help` shows."""
    app = typer.Typer(
        name="mediator",
        help="A reference monitor for agents' tool calls.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_mediator)
    for name, (module, what) in COMMANDS.items():
        if name in arguments[:1]:
            # `import_module` gives a module; that it has `add_to` is what a test of every name holds.
            cast("_Room", import_module(f"mediator.cli.{module}")).add_to(app)
        else:
            app.command(name, help=what)(_not_asked_for)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        say(f"mediator {__version__}")
        raise typer.Exit


def _mediator(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A reference monitor for agents' tool calls."""


def _not_asked_for() -> None:
    """Stands in `--help` for a command that this run does not need."""


def main() -> None:
    """Run the command of this process, and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; whatever escapes it is told here, once."""
    try:
        code = app_for(arguments)(list(arguments), prog_name="mediator", standalone_mode=False)
    except typer.Abort:
        note("stopped; nothing more was done")
        return FAILED
    except typer.TyperException as error:
        return _told_usage(error)
    except BrokenPipeError:  # whoever read our output has gone
        return FAILED
    except Exception as error:  # noqa: BLE001 - the spine: nothing passes it as a traceback
        refused = _refusal_in(error)
        if refused is None:
            print_bug(error)
        else:
            print_refusal(refused)
        return FAILED
    if code == _INTERRUPTED and "run" not in arguments[:1]:  # which passes on its command's own
        note("stopped; nothing more was done")
        return FAILED
    return code if isinstance(code, int) else OK


def _refusal_in(error: BaseException) -> Refused | None:
    """The refusal in this error; task groups wrap theirs."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _refusal_in(one)) is not None), None)
    return None


def _told_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    print_usage(error.format_message(), context.command_path if context is not None else "mediator")
    return error.exit_code if hasattr(error, "exit_code") else FAILED
