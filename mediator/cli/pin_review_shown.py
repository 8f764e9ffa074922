"""How a review looks: for a person, the dangerous first and what is settled in one line; for a program, as JSON.

Every foreign text goes through `visible`: what an eye would miss is written out.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from mediator.canonical import Json, JsonObject, parse_json, readable_bytes
from mediator.cli.console import BAD, GOOD, NAME, OUT, QUIET, WARN, counted, printable, say
from mediator.kind import ItemKind
from mediator.manifest.changes import FieldChange, Kind
from mediator.manifest.entry import ManifestEntry, ManifestTool
from mediator.manifest.fields import write_moment
from mediator.manifest.lint.finding import Finding, Severity
from mediator.manifest.lint.visible import visible
from mediator.manifest.manifest import ToolManifest
from mediator.manifest.review import ItemReview, Moved, ServerReview, Standing, written_out
from mediator.manifest.signature import VerifiedManifest
from mediator.manifest.text_changes import Op, text_changes
from mediator.refusal import Refused

_KINDS: Final = {ItemKind.TOOL: "tool", ItemKind.PROMPT: "prompt", ItemKind.RESOURCE: "family of resources"}
_STYLES: Final = {Standing.NEW: WARN, Standing.CHANGED: BAD, Standing.APPROVED: GOOD, Standing.GONE: WARN}
_KIND_STYLES: Final = {Kind.NARROWS: GOOD, Kind.WIDENS: BAD, Kind.REWORDS: "", Kind.UNCLEAR: WARN}
_REMOVED: Final = "bold red underline"
_ADDED: Final = "bold green underline"
_ONE_LINE: Final = 60


def show_review(
    name: str, verified: VerifiedManifest, review: ServerReview, only: frozenset[str], floats: str | None
) -> None:
    """Print it; with `only`, what bears these names and in full. `floats`: the package that has no exact version here."""
    manifest = verified.manifest
    say((manifest.server.name, NAME), f"  serial {manifest.serial}, signed by {', '.join(verified.signers)}")
    say(f"{manifest.owner.name} ({manifest.owner.contact}) answers for it; good until {write_moment(verified.expires)}")
    _show_packages(name, manifest, floats)
    items = [item for item in review.items if not only or item.name in only]
    _show_count(items)
    _show_moved(review.moved, "")
    for finding in review.findings:
        _show_finding(finding, "instructions")
    if manifest.instructions is not None:
        say(("instructions to every agent of this server:", NAME))
        _say_lines(manifest.instructions)
    opened = [item for item in items if item.is_open or only]
    for alike in _grouped(opened):
        _show_item(name, alike)
        if only:
            for item in alike:
                _show_rest(item)
    if settled := [item for item in items if item not in opened]:
        say("")
        say(("approved, and as it was approved: ", GOOD), ", ".join(visible(item.name) for item in settled))
    if any(item.is_open for item in items):
        codes = sorted({f"{one.code}:{item.name}" for item in items for one in item.findings if _is_alarm(one)})
        codes.extend(sorted({one.code.value for one in review.findings if _is_alarm(one)}))
        say("")
        say(("next: ", NAME), f"`mediator pin approve {name} --reviewer WHO`, all of it or `--tool` by tool")
        if codes:
            say("      what you accept is named: ", *(" ".join(f"--acknowledge {visible(code)}" for code in codes),))
        say(f"      or `mediator pin reject {name} --reviewer WHO --note WHY`")


def _show_packages(name: str, manifest: ToolManifest, floats: str | None) -> None:
    for package in manifest.server.packages:
        say("its package: ", visible(written_out(package)))
    if floats is not None:
        say(
            ("  warning: ", WARN), f"it is run here as `{visible(floats)}`, which has no exact version: another may run"
        )
        say(
            ("  next: ", NAME),
            f"`mediator manifest import {name} --again --command ...` installs it, and holds its files",
        )


def _show_count(items: Sequence[ItemReview]) -> None:
    counts = {standing: sum(item.standing is standing for item in items) for standing in Standing}
    told = ", ".join(f"{count} {standing}" for standing, count in counts.items() if count)
    alarms = sum(item.has_alarm for item in items if item.is_open)
    say(
        (count_kinds(item.kind for item in items), NAME),
        f": {told}",
        *((("; ", ""), (f"{alarms} with alarms", BAD)) if alarms else ()),
    )


def count_kinds(kinds: Iterable[ItemKind]) -> str:
    """Return how many there are of each kind, in words."""
    found = Counter(kinds)
    told = [
        counted(found[kind], name) if kind is not ItemKind.RESOURCE else _families(found[kind])
        for kind, name in _KINDS.items()
        if found[kind]
    ]
    return ", ".join(told) or "nothing"


def _families(count: int) -> str:
    return "1 family of resources" if count == 1 else f"{count} families of resources"


def _titled(name: str, item: ItemReview) -> str:
    """Return how an item is called here: a tool as policies call it, anything else with its kind."""
    shown = visible(item.name)
    return f"{name}/{shown}" if item.kind is ItemKind.TOOL else f"{_KINDS[item.kind]} {shown}"


def _grouped(items: Iterable[ItemReview]) -> Iterator[list[ItemReview]]:
    """Yield items one by one, except those in which exactly the same changed: a long upgrade is read once."""
    groups: dict[object, list[ItemReview]] = {}
    for item in items:
        is_alike = item.changes and not item.findings and item.problem is None
        key = (item.why, item.changes, item.moved) if is_alike else (item.kind, item.name)
        groups.setdefault(key, []).append(item)
    yield from groups.values()


def _show_item(name: str, alike: Sequence[ItemReview]) -> None:
    item, *others = alike
    say("")
    grew: tuple[tuple[str, str], ...] = (("  may do more than was approved", BAD),) if item.grew else ()
    say((_titled(name, item), NAME), "  ", (item.standing, _STYLES[item.standing]), *grew)
    if others:
        named = ", ".join(visible(other.name) for other in others)
        say(("  and exactly the same in ", WARN), named, (f" ({len(alike)} alike)", QUIET))
    if item.problem is not None:
        say(("  not pinned: ", BAD), item.problem)
    for finding in sorted(item.findings, key=lambda one: not _is_alarm(one)):
        _show_finding(finding, "")
    for why in item.why:
        say(("  changed: ", BAD), why)
    _show_moved(item.moved, "  ")
    for schema in ("inputSchema", "outputSchema"):
        if (verdict := item.verdicts.get(schema)) is not None:
            say(f"  {schema}: ", (verdict, _KIND_STYLES[verdict]))
    if item.changes:
        _show_changes(item.changes)
    if item.entry is not None and not item.changes:
        _show_whole(item.entry)


def _show_rest(item: ItemReview) -> None:
    """Print the whole of an item of which only the changes were shown."""
    if item.entry is not None and item.changes:
        say(("  ", ""), (visible(item.name), NAME), " as it is now:")
        _show_whole(item.entry)


def _show_finding(finding: Finding, where: str) -> None:
    style = BAD if _is_alarm(finding) else WARN
    place = where or finding.pointer or "/"
    say((f"  {finding.severity}: ", style), (finding.code, NAME), f" at {visible(place)}: {finding.detail}")
    if finding.excerpt:
        say(("  | ", QUIET), finding.excerpt)


def _show_moved(moved: Iterable[Moved], indent: str) -> None:
    for one in moved:
        mark: tuple[tuple[str, str], ...] = (("  grew", BAD),) if one.grew else ()
        say((f"{indent}changed: ", BAD), f"{one.fact}: {visible(one.old)} -> {visible(one.new)}", *mark)


def _show_changes(changes: Sequence[FieldChange]) -> None:
    """Print each place on a line of its own, so that it is not broken, and below it both sides."""
    for change in sorted(changes, key=_read_first):
        say("  ", (visible(change.pointer), NAME), "  ", (change.kind, _KIND_STYLES[change.kind] or QUIET))
        old, new = _sides(change)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, padding=(0, 2), show_header=False)
        table.add_column(ratio=1, overflow="fold")
        table.add_column(ratio=1, overflow="fold")
        table.add_row(Text.assemble(("approved", QUIET), "\n", old), Text.assemble(("now", QUIET), "\n", new))
        OUT.print(table)


def _read_first(change: FieldChange) -> tuple[bool, bool]:
    """What the model is told comes first, then what opens or cannot be judged."""
    return change.pointer not in {"/description", "/title"}, change.kind in {Kind.REWORDS, Kind.NARROWS}


def _sides(change: FieldChange) -> tuple[Text, Text]:
    """Return both sides, with the words marked in which they differ."""
    if change.old is None or change.new is None:
        absent = Text("(absent)", style=QUIET)
        return (
            absent if change.old is None else _written(_read(change.old), _REMOVED),
            absent if change.new is None else _written(_read(change.new), _ADDED),
        )
    old, new = Text(), Text()
    for stretch in text_changes(_read(change.old), _read(change.new)):
        style = ("", "") if stretch.op is Op.KEPT else (_REMOVED, _ADDED)
        old.append_text(_written(stretch.old, style[0]))
        new.append_text(_written(stretch.new, style[1]))
    return old, new


def _read(canonical: str) -> str:
    """Return a side as it is read: a text as such, anything else as JSON over lines; hidden characters written out."""
    try:
        value = parse_json(canonical.encode())
    except Refused:
        value = canonical
    if not isinstance(value, str) and len(canonical) <= _ONE_LINE:
        return visible(canonical)
    text = value if isinstance(value, str) else readable_bytes(value).decode().rstrip("\n")
    return "\n".join(visible(line) for line in text.split("\n"))


def _written(text: str, style: str = "") -> Text:
    return Text("\n").join(printable(line, style) for line in text.split("\n"))


def _show_whole(tool: ManifestEntry) -> None:
    named = tool.targets if isinstance(tool, ManifestTool) else {}
    targets = ", ".join(f"{pointer} names a {target}" for pointer, target in sorted(named.items()))
    sends = f"sends to {', '.join(sorted(tool.sends_to))}" if tool.sends_to else ""
    facts = (f"effect {tool.effect}", f"sensitivity {tool.sensitivity}", sends, *sorted(tool.result_labels), targets)
    say("  ", ", ".join(fact for fact in facts if fact))
    description = tool.definition.get("description")
    if isinstance(description, str):
        _say_lines(description)
    rest = {key: value for key, value in tool.definition.items() if key != "name"}
    if isinstance(description, str):
        del rest["description"]
    OUT.print(printable("  everything else that is pinned:", QUIET))
    _say_lines(readable_bytes(rest).decode())


def _say_lines(text: str) -> None:
    for line in text.split("\n"):
        say(("  | ", QUIET), visible(line))


def _is_alarm(finding: Finding) -> bool:
    return finding.severity is Severity.ALARM


# --- for a program ---------------------------------------------------------------------------------------------------


def review_form(verified: VerifiedManifest, review: ServerReview, floats: str | None) -> JsonObject:
    """Return it as JSON."""
    return {
        "server": verified.manifest.server.name,
        "serial": verified.manifest.serial,
        "signers": list[Json](verified.signers),
        "instructions": verified.manifest.instructions,
        "open": review.is_open,
        "packages": [dict(one) for one in verified.manifest.server.packages],
        "floating": floats,
        "moved": [_moved_form(one) for one in review.moved],
        "findings": [_finding_form(one) for one in review.findings],
        "tools": [_form(item) for item in review.items if item.kind is ItemKind.TOOL],
        "prompts": [_form(item) for item in review.items if item.kind is ItemKind.PROMPT],
        "resources": [_form(item) for item in review.items if item.kind is ItemKind.RESOURCE],
    }


def _form(item: ItemReview) -> Json:
    return {
        item.kind.value: item.name,
        "standing": item.standing.value,
        "open": item.is_open,
        "problem": item.problem,
        "why": list[Json](item.why),
        "moved": [_moved_form(one) for one in item.moved],
        "changes": [
            {"pointer": one.pointer, "kind": one.kind.value, "approved": one.old, "now": one.new}
            for one in item.changes
        ],
        "schemas": {name: item.verdicts.get(name) for name in ("inputSchema", "outputSchema")},
        "findings": [_finding_form(one) for one in item.findings],
        "definition": None if item.entry is None else item.entry.definition,
    }


def _moved_form(moved: Moved) -> Json:
    return {"fact": moved.fact, "approved": moved.old, "now": moved.new, "grew": moved.grew}


def _finding_form(finding: Finding) -> Json:
    return {
        "code": finding.code.value,
        "severity": finding.severity.value,
        "pointer": finding.pointer,
        "excerpt": finding.excerpt,
        "detail": finding.detail,
    }
