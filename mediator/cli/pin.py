"""`mediator pin`: the operator's side. A reviewer looks at a signed manifest, and approves tools of it by statement.

What is approved here exists for agents; nothing else does. A mediator that runs is asked to obey it at once.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from mediator.assembly.folder import find_file, read_file, read_operators
from mediator.assembly.seen import Signed, read_seen, remember_pins
from mediator.assembly.trust import ENVELOPE_FILE, PINS_FILE, load_pin_set
from mediator.canonical import Json, JsonObject
from mediator.cli.console import BAD, GOOD, NAME, QUIET, WARN, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, about, now_ms, open_set_up, replace_together
from mediator.cli.keys import operator_key
from mediator.cli.manifest_files import APPROVED_FILE, NameArgument, manifest_file, read_verified
from mediator.cli.pin_retract import reject, revoke
from mediator.cli.pin_review import copies_with, neighbours_in, review
from mediator.cli.pin_review_shown import count_kinds
from mediator.cli.renewal import renew_running
from mediator.effect import Effect
from mediator.identity.statement import Act
from mediator.kind import ItemKind
from mediator.manifest.acknowledgement import acknowledge, findings_in
from mediator.manifest.approval import Raise, approve_pins
from mediator.manifest.entry import LABEL
from mediator.manifest.fields import write_moment
from mediator.manifest.lint.visible import visible
from mediator.manifest.names import natural_name
from mediator.manifest.pin import PinProblem
from mediator.manifest.pinned import PinnedItem, PinnedTool

group = typer.Typer(
    no_args_is_help=True, help="The operator's side: review, approve, reject, revoke and list pinned tools."
)


group.command("review")(review)
group.command("reject")(reject)
group.command("revoke")(revoke)


def add_to(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="pin")


@group.command("approve")
def approve(
    name: NameArgument,
    reviewer: Annotated[str, typer.Option(metavar="WHO", help="The operator who reviewed it, and signs.")],
    tool: Annotated[
        list[str] | None, typer.Option(metavar="TOOL", help="Only this one; may be given again.", show_default="all")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="PROMPT", help="Only this prompt; may be given again.")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option(metavar="FAMILY", help="Only this family of resources; may be given again.")
    ] = None,
    tighten: Annotated[
        str,
        typer.Option(
            "--raise", metavar="FACT=VALUE,...", help="Tighten: `effect=write`, `sensitivity=2`, `labels=untrusted`."
        ),
    ] = "",
    assign: Annotated[
        list[str] | None, typer.Option("--as", metavar="TOOL=NAME", help="Its name on `/mcp`; may be given again.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--acknowledge", metavar="CODE[:TOOL]", help="An alarm that you accept; may be given again."),
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; it stands in the statement.")] = None,
    folder: FolderOption = HERE,
) -> None:
    """Approve what a server signed: a reviewer's statement for each tool, prompt and family of resources."""
    raises, assigned = _raises(tighten), _assigned(assign or [])
    set_up = open_set_up(folder)
    operators = read_operators(set_up.folder)
    verified = read_verified(set_up, name)
    key = operator_key(set_up.folder, operators, reviewer, Act.PIN_APPROVE)
    path = set_up.manifests / PINS_FILE
    with about(f"`{name}`", f"`mediator pin review {name}` shows what is there"):
        before, _ = load_pin_set(set_up.folder, set_up.settings, operators, now_ms())
        findings = findings_in(name, verified, neighbours_in(before), raises.effect or Effect.READ)
        named = {ItemKind.TOOL: tool, ItemKind.PROMPT: prompt, ItemKind.RESOURCE: resource}
        chosen = [(kind, one) for kind, names in named.items() for one in names or ()]
        lock = approve_pins(
            find_file(path),
            name,
            verified,
            tools=frozenset(tool) if tool else None,
            prompts=frozenset(prompt or ()),
            resources=frozenset(resource or ()),
            reviewer=key,
            operators=operators,
            at=now_ms(),
            raises=raises,
            assigned=assigned,
            acknowledged=acknowledge(
                findings,
                chosen or [(one.kind, one.name) for one in verified.manifest.entries],
                map(_acknowledged, accept or []),
            ),
            note=note,
            seen_serial=read_seen(set_up.folder.state).get(Signed.PINS, 0),
            beside=before.resources,
        )
    approved = manifest_file(set_up, name).with_name(APPROVED_FILE)
    copies = copies_with(set_up, name, read_file(approved.with_name(ENVELOPE_FILE)), lock)
    replace_together({path: lock, approved: copies})
    remember_pins(set_up.folder.state, lock, operators)
    pins, problems = load_pin_set(set_up.folder, set_up.settings, operators, now_ms())
    shown = [one for one in pins.of_server(name) if not chosen or (ItemKind.TOOL, one.name) in chosen]
    kinds = [kind for kind, _ in chosen] or [one.kind for one in verified.manifest.entries]
    say(("approved ", GOOD), (verified.manifest.server.name, NAME), f": {count_kinds(kinds)}, by {reviewer}")
    if shown:
        _show_pins(shown)
    _show_others([one for one in pins.items_of_server(name) if not chosen or (one.kind, one.name) in chosen])
    _say_problems([one for one in problems if one.server == name])
    if not renew_running(set_up):
        say(("next: ", NAME), "`mediator policy check`, then `mediator serve`")


@group.command("list")
def list_pins(as_json: JsonOption = False, folder: FolderOption = HERE) -> None:
    """List the tools that exist for agents, what waits for another reviewer, and approvals that do not hold."""
    set_up = open_set_up(folder)
    operators = read_operators(set_up.folder)
    with about(f"{set_up.manifests}", "`mediator doctor` looks at the whole set-up"):
        pins, problems = load_pin_set(set_up.folder, set_up.settings, operators, now_ms())
    if as_json:
        waiting: list[Json] = [_problem_form(one) for one in problems if one.waits]
        failed: list[Json] = [_problem_form(one) for one in problems if not one.waits]
        others: list[Json] = [_other_form(one) for one in pins.items if not isinstance(one, PinnedTool)]
        told: list[Json] = [_form(one) for one in pins]
        print_json({"digest": pins.digest, "pins": told, "others": others, "waiting": waiting, "problems": failed})
        return
    if pins.tools:
        _show_pins(list(pins))
    else:
        say("no tool is pinned: agents see none", (" (`mediator pin approve NAME --reviewer WHO`)", QUIET))
    _show_others(pins.items)
    _say_problems(problems)


def _show_pins(pins: list[PinnedTool]) -> None:
    """A tool's own name is shown where its name on `/mcp` does not say it."""
    says_all = all(pin.assigned == natural_name(pin.server, pin.name) for pin in pins)
    columns = ("name on /mcp", *(() if says_all else ("tool",)), "effect", "sens.", "reviewer", "good until")
    rows = [
        (
            (pin.assigned, NAME),
            *(() if says_all else (f"{pin.server}/{pin.name}",)),
            pin.effect,
            str(pin.sensitivity),
            pin.reviewer,
            write_moment(pin.expires)[:10],
        )
        for pin in pins
    ]
    show_table(columns, rows)


def _show_others(pinned: Iterable[PinnedItem]) -> None:
    """Show prompts and families of resources: pinned, and held to their pins."""
    rows = [
        (one.kind, f"{one.server}: {visible(one.name)}", one.effect, str(one.sensitivity), one.reviewer)
        for one in pinned
        if not isinstance(one, PinnedTool)
    ]
    if rows:
        show_table(("kind", "what", "effect", "sens.", "reviewer"), rows)


def _say_problems(problems: list[PinProblem] | tuple[PinProblem, ...]) -> None:
    for problem in problems:
        tool = problem.server if problem.tool is None else f"{problem.server}/{problem.tool}"
        say(("waiting: ", WARN) if problem.waits else ("not pinned: ", BAD), (tool, NAME), f": {problem.detail}")


def _problem_form(problem: PinProblem) -> JsonObject:
    return {"server": problem.server, "kind": problem.kind.value, "tool": problem.tool, "detail": problem.detail}


def _other_form(pin: PinnedItem) -> JsonObject:
    return {
        "server": pin.server,
        "kind": pin.kind.value,
        "name": pin.name,
        "digest": pin.digest,
        "effect": pin.effect.value,
        "sensitivity": pin.sensitivity,
        "reviewer": pin.reviewer,
    }


def _form(pin: PinnedTool) -> JsonObject:
    return {
        "server": pin.server,
        "tool": pin.name,
        "assigned": pin.assigned,
        "digest": pin.digest,
        "effect": pin.effect.value,
        "sensitivity": pin.sensitivity,
        "result_labels": [*sorted(pin.result_labels)],
        "reviewer": pin.reviewer,
        "signers": [*pin.signers],
        "serial": pin.pin_serial,
        "expires": write_moment(pin.expires),
    }


def _raises(text: str) -> Raise:
    effect: Effect | None = None
    sensitivity: int | None = None
    labels: frozenset[str] = frozenset()
    for part in filter(None, text.split(",")):
        match part.strip().split("=", 1):
            case ["effect", word] if word in tuple(Effect):
                effect = Effect(word)
            case ["sensitivity", "0" | "1" | "2" | "3" as number]:
                sensitivity = int(number)
            case ["labels", words] if all(LABEL.fullmatch(word) for word in words.split("+")):
                labels |= frozenset(words.split("+"))
            case _:
                wanted = (
                    f"`effect=` one of {', '.join(Effect)}; `sensitivity=` 0 to 3; `labels=` such as "
                    "`untrusted+confidential:payroll`; with a comma between"
                )
                raise typer.BadParameter(f"`{part}` is not understood: {wanted}", param_hint="--raise")
    return Raise(effect=effect, sensitivity=sensitivity, labels=labels)


def _acknowledged(text: str) -> tuple[str, str | None]:
    code, _, tool = text.partition(":")
    return code, tool or None


def _assigned(pairs: list[str]) -> dict[str, str]:
    assigned: dict[str, str] = {}
    for pair in pairs:
        tool, equals, name = pair.partition("=")
        if not tool or not equals or not name or tool in assigned:
            raise typer.BadParameter(f"`{pair}` is not understood: `TOOL=NAME`, once a tool", param_hint="--as")
        assigned[tool] = name
    return assigned
