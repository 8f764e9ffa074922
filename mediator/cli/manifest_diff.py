"""`mediator manifest diff`: what a manifest says now, against what was signed or approved, field by field.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from mediator.assembly.folder import read_file
from mediator.assembly.trust import ENVELOPE_FILE
from mediator.canonical import Json, JsonObject, parse_object
from mediator.cli.console import GOOD, NAME, QUIET, print_json, say, show_table
from mediator.cli.folder import HERE, FolderOption, JsonOption, SetUp, about, open_set_up
from mediator.cli.manifest_files import APPROVED_FILE, NameArgument, manifest_file
from mediator.identity.dsse import parse_envelope
from mediator.manifest.changes import changes_between
from mediator.refusal import Reason, Refused

_LISTS = ("tools", "prompts", "resources")


def diff(
    name: NameArgument,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A manifest or an envelope.", show_default="what is signed")
    ] = None,
    approved: Annotated[bool, typer.Option("--approved", help="Against what was approved last.")] = False,
    as_json: JsonOption = False,
    folder: FolderOption = HERE,
) -> None:
    """Show where manifest.json differs from what was signed, or approved, or from another file."""
    set_up = open_set_up(folder)
    path = manifest_file(set_up, name)
    other = against or path.with_name(APPROVED_FILE if approved else ENVELOPE_FILE)
    if not other.exists():
        raise Refused(
            Reason.MALFORMED,
            f"there is nothing to compare with (`{set_up.shown(other)}`)",
            remedy=f"`mediator manifest sign {name}`, or name a file with `--against`",
        )
    old, now = _read(set_up, other), _read(set_up, path)
    changes = [*_changes(old, now)]
    if as_json:
        print_json({"against": set_up.shown(other), "changes": list[Json](changes)})
        return
    if not changes:
        say(("the same: ", GOOD), f"{set_up.shown(path)} says what {set_up.shown(other)} says")
        return
    rows = [
        ((str(one["of"]), NAME), str(one["field"]), str(one["kind"]), _shown(one["old"]), _shown(one["new"]))
        for one in changes
    ]
    show_table(("of", "field", "kind", "before", "now"), rows, title=f"{name}, against {set_up.shown(other)}")
    say(("what counts is what was signed", QUIET))


def _read(set_up: SetUp, path: Path) -> JsonObject:
    with about(set_up.shown(path), "restore it, or name another with `--against`"):
        form = parse_object(read_file(path))
        return parse_object(parse_envelope(read_file(path)).payload) if "payloadType" in form else form


def _changes(old: JsonObject, now: JsonObject) -> Iterator[JsonObject]:
    rest_old = {key: value for key, value in old.items() if key not in _LISTS}
    rest_now = {key: value for key, value in now.items() if key not in _LISTS}
    yield from _fields("the manifest", rest_old, rest_now)
    for kind in _LISTS:
        before, after = _entries(old, kind), _entries(now, kind)
        for item in sorted(before.keys() | after.keys()):
            of = f"{kind}/{item}"
            if item not in after:
                yield {"of": of, "field": "", "kind": "removed", "old": None, "new": None}
            elif item not in before:
                yield {"of": of, "field": "", "kind": "added", "old": None, "new": None}
            else:
                yield from _fields(of, before[item], after[item])


def _fields(of: str, old: JsonObject, now: JsonObject) -> Iterator[JsonObject]:
    """Each field that differs: those of a definition as an agent reads them, then what its owner declares."""
    definitions = (old.get("definition"), now.get("definition"))
    match definitions:
        case dict(before), dict(after):
            for change in changes_between(before, after):
                yield {
                    "of": of,
                    "field": f"/definition{change.pointer}",
                    "kind": change.kind.value,
                    "old": change.old,
                    "new": change.new,
                }
        case _:
            pass
    left_out = {"definition", "digest"}
    declared_old = {key: value for key, value in old.items() if key not in left_out}
    declared_now = {key: value for key, value in now.items() if key not in left_out}
    for change in changes_between(declared_old, declared_now):
        yield {"of": of, "field": change.pointer, "kind": "declared", "old": change.old, "new": change.new}


def _entries(manifest: JsonObject, kind: str) -> Mapping[str, JsonObject]:
    listed = manifest.get(kind)
    found: dict[str, JsonObject] = {}
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            found[_name(entry) or str(index)] = entry
    return found


def _name(entry: JsonObject) -> str | None:
    family, definition = entry.get("family"), entry.get("definition")
    if isinstance(family, dict):
        return next((str(family[key]) for key in ("uri", "template", "prefix") if key in family), None)
    return str(definition["name"]) if isinstance(definition, dict) and "name" in definition else None


def _shown(text: Json) -> str:
    return "" if text is None else str(text)
