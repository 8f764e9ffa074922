"""What must be true of a manifest before anybody signs it, and of a tool before anybody pins it.

Pure. `manifest.py` reads the form; this asks whether what was declared can be held: every effect is declared, the
definition can be served to an agent as it stands, its schemas can be checked here without asking anyone else, and
what the declarations point at exists. The same checks run when signing and when pinning: who signed may lie.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.canonical import JsonObject
from mediator.manifest.closed_world import names_argument
from mediator.manifest.fields import malformed
from mediator.manifest.manifest import ManifestTool, ToolManifest
from mediator.manifest.schema import PreparedSchema, prepare
from mediator.refusal import Reason, Refused

# MCP 2026-07-28 and 2025-11-25, `Tool`: what a client's reader stumbles over would spoil the whole list for it.
_FORMS: Final[tuple[tuple[str, type], ...]] = (
    ("_meta", dict),
    ("annotations", dict),
    ("description", str),
    ("execution", dict),
    ("icons", list),
    ("inputSchema", dict),
    ("outputSchema", dict),
    ("title", str),
)


def must_be_signable(manifest: ToolManifest) -> None:
    """Raise `Refused(MALFORMED)`, naming the place and the next step, while the manifest is not fit to be signed."""
    for index, tool in enumerate(manifest.tools):
        if tool.effect is None:
            raise malformed(
                f"/tools/{index}/effect",
                f"the effect of `{tool.name}` is not declared: declare it (proposed: "
                f"`{tool.proposed_effect or 'none'}`), or sign with `--accept-proposed`",
            )
        try:
            prepare_tool(tool)
        except Refused as unfit:
            remedy = "mend it at the server and import anew, or take the tool out of `tools`"
            detail = f"`/tools/{index}` (`{tool.name}`): {unfit.detail}; {remedy}"
            raise Refused(Reason.MALFORMED, detail) from unfit


def prepare_tool(tool: ManifestTool) -> PreparedSchema:
    """Return the validators of a tool; raises `Refused(MALFORMED)` when it cannot be served or checked as it stands."""
    for name, form in _FORMS:
        if name in tool.definition and not isinstance(tool.definition[name], form):
            raise malformed(f"/definition/{name}", "expected as MCP's `Tool` has it")
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
