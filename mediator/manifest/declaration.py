"""What must be true of a manifest before anybody signs it, and of an entry of it before anybody pins that.

Pure. `manifest.py` reads the form; this asks whether what was declared can be held: every effect is declared, the
definition can be served to an agent as it stands, a tool's schemas can be checked here without asking anyone else,
and what the declarations point at exists. The same checks run when signing and when pinning: who signed may lie.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never

from mediator.canonical import JsonObject
from mediator.kind import ItemKind
from mediator.manifest.closed_world import names_argument
from mediator.manifest.entry import ManifestEntry, ManifestPrompt, ManifestResource, ManifestTool
from mediator.manifest.family import FamilyForm
from mediator.manifest.fields import malformed
from mediator.manifest.manifest import ToolManifest
from mediator.manifest.schema import PreparedSchema, prepare
from mediator.refusal import Reason, Refused

_Forms: TypeAlias = "tuple[tuple[str, type], ...]"

# MCP 2026-07-28 and 2025-11-25, `Tool`, `Prompt`, `Resource`, `ResourceTemplate`: what a client's reader stumbles over
# would spoil the whole list for it.
_OF_ALL: Final[_Forms] = (("_meta", dict), ("description", str), ("icons", list), ("title", str))
_OF_TOOLS: Final[_Forms] = (
    *_OF_ALL,
    ("annotations", dict),
    ("execution", dict),
    ("inputSchema", dict),
    ("outputSchema", dict),
)
_OF_PROMPTS: Final[_Forms] = (*_OF_ALL, ("arguments", list))
_OF_ARGUMENTS: Final[_Forms] = (("description", str), ("required", bool), ("title", str))
_OF_RESOURCES: Final[_Forms] = (*_OF_ALL, ("annotations", dict), ("mimeType", str), ("size", int))
# In grants and policies a prompt is `prompt:NAME` and a family of resources `resource:FAMILY`: a tool may be neither.
_OTHER_KINDS: Final = tuple(f"{kind}:" for kind in ItemKind if kind is not ItemKind.TOOL)
_MEMBERS: Final = MappingProxyType({ItemKind.TOOL: "tools", ItemKind.PROMPT: "prompts", ItemKind.RESOURCE: "resources"})


def must_be_signable(manifest: ToolManifest) -> None:
    """Raise `Refused(MALFORMED)`, naming the place and the next step, while the manifest is not fit to be signed."""
    for entries in (manifest.tools, manifest.prompts, manifest.resources):
        _each_must_be_signable(entries)


def _each_must_be_signable(entries: Sequence[ManifestEntry]) -> None:
    for index, entry in enumerate(entries):
        where = f"/{_MEMBERS[entry.kind]}/{index}"
        if entry.effect is None:
            raise malformed(
                f"{where}/effect",
                f"the effect of `{entry.name}` is not declared: declare it (proposed: "
                f"`{entry.proposed_effect or 'none'}`), or sign with `--accept-proposed`",
            )
        try:
            must_be_fit(entry)
        except Refused as unfit:
            remedy = f"mend it at the server and import anew, or take the {entry.kind} out of `{_MEMBERS[entry.kind]}`"
            detail = f"`{where}` (`{entry.name}`): {unfit.detail}; {remedy}"
            raise Refused(Reason.MALFORMED, detail) from unfit


def must_be_fit(entry: ManifestEntry) -> None:
    """Raise `Refused(MALFORMED)` when an entry cannot be served or checked as it stands."""
    match entry:
        case ManifestTool():
            prepare_tool(entry)
        case ManifestPrompt():
            _must_have("/definition", entry.definition, _OF_PROMPTS, "Prompt")
            _arguments_must_be_told_apart(entry.definition)
        case ManifestResource():
            _must_be_listable(entry)
        case _:
            assert_never(entry)


def prepare_tool(tool: ManifestTool) -> PreparedSchema:
    """Return the validators of a tool; raises `Refused(MALFORMED)` when it cannot be served or checked as it stands."""
    _must_have("/definition", tool.definition, _OF_TOOLS, "Tool")
    if tool.name.startswith(_OTHER_KINDS):
        raise malformed(
            "/definition/name",
            f"a tool's name does not begin with {' or '.join(f'`{kind}`' for kind in _OTHER_KINDS)}: so grants and policies "
            "name prompts and resources",
        )
    input_schema = tool.definition.get("inputSchema")
    if not isinstance(input_schema, dict):
        raise malformed("/definition/inputSchema", "missing: MCP asks for one")
    output_schema = tool.definition.get("outputSchema")
    assert output_schema is None or isinstance(output_schema, dict)  # seen to above
    prepared = prepare(input_schema, output_schema, tool.opens)
    _targets_must_exist(tool, input_schema)
    return prepared


def _targets_must_exist(tool: ManifestTool, input_schema: JsonObject) -> None:
    for pointer in tool.targets:
        if not names_argument(input_schema, tool.opens, pointer):
            raise malformed("/targets", f"`{pointer}` names no argument: a target that is not there protects nothing")


def _must_have(where: str, definition: JsonObject, forms: _Forms, known_as: str) -> None:
    for name, form in forms:
        value = definition.get(name)
        is_so = isinstance(value, form) and not (form is int and isinstance(value, bool))
        if name in definition and not is_so:
            raise malformed(f"{where}/{name}", f"expected as MCP's `{known_as}` has it")


def _arguments_must_be_told_apart(definition: JsonObject) -> None:
    seen: set[str] = set()
    arguments = definition.get("arguments", [])
    assert isinstance(arguments, list)  # seen to above
    for index, argument in enumerate(arguments):
        where = f"/definition/arguments/{index}"
        name = argument.get("name") if isinstance(argument, dict) else None
        if not isinstance(argument, dict) or not isinstance(name, str) or name.casefold() in seen:
            raise malformed(where, "expected an argument with a name that differs from the others' by more than case")
        seen.add(name.casefold())
        _must_have(where, argument, _OF_ARGUMENTS, "PromptArgument")


def _must_be_listable(resource: ManifestResource) -> None:
    if resource.family.form is FamilyForm.PREFIX:
        return  # its owner's own words, whose form is read with the entry
    if not isinstance(resource.definition.get("name"), str):
        raise malformed("/definition/name", "missing: MCP asks for one")
    _must_have("/definition", resource.definition, _OF_RESOURCES, "Resource")
