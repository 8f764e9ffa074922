"""What must be true before anybody signs, and before anybody pins.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.canonical import Json, JsonObject
from mediator.effect import Effect
from mediator.manifest.declaration import must_be_signable, prepare_tool
from mediator.manifest.manifest import parse_manifest, read_manifest
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.pins import READ, full_manifest, manifest_of, pinned

ROOT = Path(__file__).resolve().parents[3]


def refused(manifest: JsonObject) -> str:
    with pytest.raises(Refused) as refusal:
        must_be_signable(read_manifest(manifest))
    assert refusal.value.reason is Reason.MALFORMED
    return refusal.value.detail


def test_a_manifest_whose_effects_are_declared_and_whose_tools_can_be_checked_is_signable() -> None:
    """Design 5.4."""
    must_be_signable(read_manifest(manifest_of(READ, {**READ, "name": "other", "outputSchema": {"type": "object"}})))


@promise("P7")
def test_an_effect_that_nobody_declared_is_not_signed() -> None:
    """Design 5.1: without `--accept-proposed`, sign refuses until each is declared."""
    told = refused(manifest_of(effect=None))
    assert told.startswith("`/tools/0/effect`: the effect of `read` is not declared")
    assert "proposed: `exec`" in told
    assert "`--accept-proposed`" in told
    assert "proposed: `none`" in refused(manifest_of(effect=None, proposed_effect=None))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"inputSchema": 5}, "`/definition/inputSchema`: expected as MCP"),
        ({"outputSchema": True}, "`/definition/outputSchema`: expected as MCP"),
        ({"outputSchema": None}, "`/definition/outputSchema`: expected as MCP"),
        ({"title": 5}, "`/definition/title`"),
        ({"description": ["x"]}, "`/definition/description`"),
        ({"annotations": "x"}, "`/definition/annotations`"),
        ({"icons": {}}, "`/definition/icons`"),
        ({"execution": []}, "`/definition/execution`"),
        ({"_meta": []}, "`/definition/_meta`"),
        ({"inputSchema": {"type": "object", "$schema": "https://evil.example/"}}, "`/inputSchema/$schema`"),
        ({"inputSchema": {"type": "object", "not": {"$ref": "https://evil.example/"}}}, "`/inputSchema/not/$ref`"),
        ({"outputSchema": {"$ref": "file:///etc/passwd"}}, "`/outputSchema/$ref`"),
    ],
    ids=str,
)
def test_a_definition_that_cannot_be_served_or_checked_is_not_signed(change: JsonObject, told: str) -> None:
    """Design 5.4: non-local `$ref`, foreign `$schema`; MCP `Tool` for the rest."""
    detail = refused(manifest_of({**READ, **change}))
    assert detail.startswith(f"`/tools/0` (`read`): {told}")
    assert detail.endswith("mend it at the server and import anew, or take the tool out of `tools`")


def test_a_tool_without_an_input_schema_is_not_signed() -> None:
    """MCP `Tool`: inputSchema is required."""
    assert "`/definition/inputSchema`: missing" in refused(manifest_of({"name": "read"}))


@pytest.mark.parametrize("name", ["prompt:read", "resource:file:///srv/", "prompt:"])
def test_a_tool_that_is_named_as_other_kinds_are_is_not_signed(name: str) -> None:
    """Ours: grants and policies would take it for a prompt or a resource. Other colons are its own affair."""
    detail = refused(manifest_of({**READ, "name": name}))
    assert "`/definition/name`: a tool's name does not begin with `prompt:` or `resource:`" in detail
    must_be_signable(read_manifest(manifest_of({**READ, "name": "prompts:read"})))


@pytest.mark.parametrize("targets", [{"/pfad": "path"}, {"/path/0": "path"}, {"/path": "path", "/PATH": "path"}])
def test_a_target_that_is_no_argument_is_not_signed(targets: Json) -> None:
    """Ours: it would protect nothing."""
    assert "names no argument" in refused(manifest_of(targets=targets))


def test_what_is_opened_must_be_there() -> None:
    """Ours: see `closed_world.py`."""
    assert "`/properties/none` is no schema" in refused(manifest_of(opens=["/properties/none"]))


def test_a_prepared_tool_checks_its_own_arguments() -> None:
    """Ours: the pin carries what signing tried."""
    (tool,) = read_manifest(manifest_of()).tools
    prepared = prepare_tool(tool)

    assert prepared == pinned().schema
    prepared.check_arguments({"path": "/a"})
    with pytest.raises(Refused):
        prepared.check_arguments({"path": "/a", "mode": "w"})


def test_the_example_in_the_repository_could_be_signed_as_it_stands() -> None:
    """Issue 2: `tool_manifests/` holds an unsigned example."""
    manifest = parse_manifest((ROOT / "tool_manifests" / "example" / "manifest.json").read_bytes())
    must_be_signable(manifest)
    assert {tool.name: tool.effect for tool in manifest.tools} == {
        "search_notes": Effect.READ,
        "write_note": Effect.WRITE,
    }


LOG: JsonObject = {"uri": "log://now", "name": "log"}
UNFIT: dict[str, tuple[str, JsonObject]] = {
    "a prompt's title that is none": ("prompts", {"name": "p", "title": 5}),
    "a prompt's arguments that are none": ("prompts", {"name": "p", "arguments": {}}),
    "an argument that is none": ("prompts", {"name": "p", "arguments": ["x"]}),
    "an argument without a name": ("prompts", {"name": "p", "arguments": [{"description": "x"}]}),
    "two arguments of one name": ("prompts", {"name": "p", "arguments": [{"name": "a"}, {"name": "A"}]}),
    "an argument that may be required": ("prompts", {"name": "p", "arguments": [{"name": "a", "required": "yes"}]}),
    "a resource without a name": ("resources", {"uri": "log://now"}),
    "a size that is none": ("resources", {**LOG, "size": True}),
    "a media type that is none": ("resources", {**LOG, "mimeType": ["text/plain"]}),
}


@pytest.mark.parametrize(("member", "definition"), UNFIT.values(), ids=UNFIT.keys())
def test_a_prompt_or_resource_that_no_client_could_read_is_not_signed(member: str, definition: JsonObject) -> None:
    """MCP 2026-07-28, `Prompt` and `Resource`: one bad entry would spoil the list."""
    prompts, resources = ([definition], []) if member == "prompts" else ([], [definition])
    with pytest.raises(Refused) as refusal:
        must_be_signable(read_manifest(full_manifest(prompts=prompts, resources=resources)))
    assert refusal.value.detail.startswith(f"`/{member}/0` (`")
    assert refusal.value.detail.endswith(f"or take the {member[:-1]} out of `{member}`")


def test_prompts_and_resources_of_every_form_can_be_signed() -> None:
    """Design 5.4."""
    prompt: JsonObject = {"name": "p", "arguments": [{"name": "a", "required": True}]}
    must_be_signable(read_manifest(full_manifest(prompts=[prompt], resources=[LOG], prefixes=["x://h/"])))
