"""`mediator pin reject` and `pin revoke`: a reviewer turns a manifest down, or takes an approval back, and says why.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Annotated

import typer

from mediator.assembly.folder import find_file, read_operators, replace_file
from mediator.assembly.seen import Signed, read_seen, remember_pins
from mediator.assembly.trust import PINS_FILE
from mediator.cli.console import GOOD, NAME, QUIET, counted, say
from mediator.cli.folder import HERE, FolderOption, SetUp, about, now_ms, open_set_up
from mediator.cli.keys import operator_key
from mediator.cli.manifest_files import NameArgument, read_verified
from mediator.cli.renewal import renew_running
from mediator.identity.statement import Act
from mediator.kind import ItemKind
from mediator.manifest.lock import Retraction, approvals_that_verify, parse_lock
from mediator.manifest.retraction import retract
from mediator.refusal import Reason, Refused

_Reviewer = Annotated[str, typer.Option(metavar="WHO", help="The operator who says so, and signs.")]
_Note = Annotated[str, typer.Option(metavar="TEXT", help="Why; whoever asks is told.")]
_Tool = Annotated[str | None, typer.Option(metavar="NAME", help="Only this one.", show_default="all of the server")]
_Kind = Annotated[ItemKind, typer.Option(help="What kind of thing bears that name.")]


def reject(
    name: NameArgument,
    reviewer: _Reviewer,
    note: _Note,
    tool: _Tool = None,
    kind: _Kind = ItemKind.TOOL,
    folder: FolderOption = HERE,
) -> None:
    """Turn down a server's manifest as it is signed now; its publisher is told why."""
    set_up = open_set_up(folder)
    verified = read_verified(set_up, name)
    _retract(
        set_up,
        Retraction(
            server=name,
            server_name=verified.manifest.server.name,
            kind=None if tool is None else kind,
            tool=tool,
            manifest_serial=verified.manifest.serial,
            note=note,
        ),
        Act.PIN_REJECT,
        reviewer,
    )


def revoke(
    name: NameArgument,
    reviewer: _Reviewer,
    note: _Note,
    tool: _Tool = None,
    kind: _Kind = ItemKind.TOOL,
    folder: FolderOption = HERE,
) -> None:
    """Take back what was approved of a server: from the next call on it does not exist for agents."""
    set_up = open_set_up(folder)
    approved = [
        one.approval
        for one in approvals_that_verify(
            parse_lock(find_file(set_up.manifests / PINS_FILE)), read_operators(set_up.folder)
        )
        if one.approval.server == name and (tool is None or (one.approval.kind, one.approval.tool) == (kind, tool))
    ]
    if not approved:
        what = name if tool is None else f"{name}/{tool}"
        raise Refused(Reason.MALFORMED, f"nothing of `{what}` is approved", remedy="`mediator pin list` shows what is")
    _retract(
        set_up,
        Retraction(
            server=name,
            server_name=approved[-1].server_name,
            kind=None if tool is None else kind,
            tool=tool,
            manifest_serial=max(approval.manifest_serial for approval in approved),
            note=note,
        ),
        Act.PIN_REVOKE,
        reviewer,
    )


def _retract(set_up: SetUp, said: Retraction, act: Act, reviewer: str) -> None:
    operators = read_operators(set_up.folder)
    key = operator_key(set_up.folder, operators, reviewer, act)
    path = set_up.manifests / PINS_FILE
    with about(f"`{said.server}`", "say it in a few printable lines"):
        lock, ended = retract(
            find_file(path),
            said,
            act,
            reviewer=key,
            operators=operators,
            at=now_ms(),
            seen_serial=read_seen(set_up.folder.state).get(Signed.PINS, 0),
        )
    replace_file(path, lock)
    remember_pins(set_up.folder.state, lock, operators)
    what = said.server if said.tool is None else f"{said.server}/{said.tool}"
    done = "rejected " if act is Act.PIN_REJECT else "revoked "
    say((done, GOOD), (what, NAME), f", by {reviewer}: {counted(len(ended), 'approval')} ended")
    if not renew_running(set_up):
        say(("no mediator runs here: the next one starts without it", QUIET))
