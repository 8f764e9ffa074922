"""Drafts: what an import proposes, and that a proposal declares nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.canonical import Json, JsonObject, digest_of, parse_object
from mediator.effect import Effect
from mediator.kind import ItemKind
from mediator.manifest.draft import accept_proposed, draft_manifest, left_out, propose_effect
from mediator.manifest.manifest import Owner, read_manifest
from mediator.refusal import Reason, Refused
from tests.simulated.pins import NOW_MS, READ, entries, signed

REAL_TOOLS = Path(__file__).resolve().parents[2] / "data" / "real_tools"


def drafted(*offered: Json, name: str = "files", **more: str) -> JsonObject:
    return draft_manifest(
        name,
        offered,
        publisher="signer",
        owner=Owner(name="Olga", contact="olga@example.com"),
        issued=NOW_MS,
        expires=NOW_MS + 86_400_000,
        **more,  # type: ignore[arg-type]  # title, version, instructions
    )


def test_a_draft_holds_each_tool_as_it_was_offered_and_declares_no_effect() -> None:
    """Design 5.1: `import` proposes, the owner declares."""
    offered: JsonObject = {**READ, "x-vendor": 1, "annotations": {"readOnlyHint": True, "idempotentHint": True}}

    manifest = read_manifest(drafted(offered, title="", version="1.0", instructions="Use with care."))

    (tool,) = manifest.tools
    assert (tool.definition, tool.digest) == (offered, digest_of(offered))
    assert (tool.effect, tool.proposed_effect) == (None, Effect.READ)
    assert (tool.sensitivity, tool.idempotent) == (1, False)
    assert tool.result_labels == {"untrusted"}
    assert tool.opens == frozenset()
    assert (manifest.server.name, manifest.server.title, manifest.server.version) == ("local/files", None, "1.0")
    assert read_manifest(drafted(offered, title="Files")).server.title == "Files"
    assert not manifest.server.stateless
    assert manifest.instructions == "Use with care."
    assert manifest.serial == 1


@pytest.mark.parametrize(
    ("name", "hints", "effect"),
    [
        ("read_file", {"readOnlyHint": True}, Effect.READ),
        ("delete_file", {"readOnlyHint": True}, Effect.READ),
        ("read_file", {"readOnlyHint": True, "destructiveHint": True}, Effect.EXEC),
        ("read_file", {"readOnlyHint": "true"}, Effect.EXEC),
        ("read_file", {}, Effect.EXEC),
        ("read_file", "readOnlyHint", Effect.EXEC),
        ("write_file", {}, Effect.WRITE),
        ("git_commit", {}, Effect.WRITE),
        ("createIssue", {}, Effect.WRITE),
        ("API-patch-page", {}, Effect.WRITE),
        ("HTTPPut", {}, Effect.WRITE),
        ("create_and_send", {}, Effect.EXEC),
        ("delete_file", {}, Effect.EXEC),
        ("send_mail", {}, Effect.EXEC),
        ("rewrite", {}, Effect.EXEC),
        ("\u00e9crire", {}, Effect.EXEC),
    ],
)
def test_an_effect_is_proposed_by_hint_then_by_verb_then_as_the_strictest(
    name: str, hints: Json, effect: Effect
) -> None:
    """Design 5.1."""
    assert propose_effect({"name": name, "annotations": hints}) is effect


def test_what_has_no_name_and_no_hints_is_proposed_as_the_strictest() -> None:
    """P7: what is missing is never permission."""
    assert propose_effect({}) is Effect.EXEC


def test_accepting_declares_what_was_proposed_and_leaves_what_was_declared() -> None:
    """Design 5.1: `--accept-proposed`."""
    draft = drafted(READ, {**READ, "name": "write"})
    first, second = entries(draft)
    accepted = accept_proposed({**draft, "tools": [{**first, "effect": "send"}, second]})

    assert [tool.effect for tool in read_manifest(accepted).tools] == [Effect.SEND, Effect.WRITE]
    signed(accepted)


@pytest.mark.parametrize("tools", [None, {}, "x"])
def test_there_is_nothing_to_accept_where_there_are_no_tools(tools: Json) -> None:
    """Ours."""
    with pytest.raises(Refused):
        accept_proposed({"tools": tools, "prompts": [], "resources": []})
    odd: JsonObject = {"tools": ["x"], "prompts": [], "resources": []}
    assert accept_proposed(odd) == odd


PROMPT: JsonObject = {"name": "greet"}
TEMPLATE: JsonObject = {"uriTemplate": "docs://{page}", "name": "page"}
INDEX: JsonObject = {"uri": "docs://index", "name": "index"}
LOG: JsonObject = {"uri": "log://now", "name": "log"}


def lists_drafted(**offered: Json) -> JsonObject:
    asked: dict[str, object] = {"publisher": "p", "owner": Owner(name="o", contact="c"), "issued": 0, "expires": 1000}
    return draft_manifest("files", (), **asked | offered)  # type: ignore[arg-type]  # as the test asks


def test_prompts_and_resources_are_proposed_as_reading() -> None:
    """MCP: getting a prompt and reading a resource are all that a client does with them."""
    draft = lists_drafted(prompts=[PROMPT], resources=[LOG, INDEX], resource_templates=[TEMPLATE])
    manifest = read_manifest(accept_proposed(draft))

    assert [(one.kind, one.name, one.proposed_effect) for one in read_manifest(draft).entries] == [
        (ItemKind.PROMPT, "greet", Effect.READ),
        (ItemKind.RESOURCE, "docs://{page}", Effect.READ),
        (ItemKind.RESOURCE, "log://now", Effect.READ),
    ]
    assert {one.effect for one in manifest.entries} == {Effect.READ}


def test_what_no_manifest_can_name_is_left_out_and_told() -> None:
    """Issue 3: URIs in normal form, or refused."""
    dotted: JsonObject = {"uri": "file:///a/../b", "name": "b"}
    query: JsonObject = {"uriTemplate": "docs://{page}{?version}", "name": "v"}
    twin: JsonObject = {"uriTemplate": "docs://{+all}", "name": "all"}

    draft = lists_drafted(resources=[LOG, dotted], resource_templates=[TEMPLATE, query, twin])

    assert [one.name for one in read_manifest(draft).resources] == ["docs://{page}", "log://now"]
    told = left_out([LOG, dotted], [TEMPLATE, query, twin])
    assert [one.name for one in told] == ["docs://{page}{?version}", "docs://{+all}", "file:///a/../b"]
    assert all(one.why for one in told)


@pytest.mark.parametrize(
    "offered",
    [
        {"prompts": [PROMPT, PROMPT]},
        {"prompts": [{"title": "x"}]},
        {"resources": [LOG, LOG]},
        {"resources": [{"name": "x"}]},
        {"resources": ["x"]},
        {"resource_templates": [INDEX]},
    ],
    ids=str,
)
def test_what_has_no_name_of_its_own_cannot_be_drafted(offered: dict[str, Json]) -> None:
    """Ours: of two definitions nobody can say which one is meant."""
    with pytest.raises(Refused):
        lists_drafted(**offered)


@pytest.mark.parametrize("name", ["", "Files", "-files", "files_", "f" * 21, "../etc", "files\n"])
def test_a_name_that_is_no_local_name_is_refused(name: str) -> None:
    """Design 5.4: it becomes a folder and part of a URL."""
    with pytest.raises(Refused) as refusal:
        drafted(READ, name=name)
    assert refusal.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("offered", [["x"], [{}], [READ, READ], [READ, None]])
def test_an_offer_that_is_no_list_of_tools_is_refused(offered: list[Json]) -> None:
    """A hostile server: two tools of one name are two definitions for one call."""
    with pytest.raises(Refused):
        drafted(*offered)


@pytest.mark.corpus
def test_every_real_server_can_be_imported_and_signed() -> None:
    """216 definitions of 16 published servers."""
    count = 0
    for file in sorted(REAL_TOOLS.glob("*.json")):
        if file.name in {"drift.json", "index.json"}:
            continue
        tools = parse_object(file.read_bytes())["tools"]
        assert isinstance(tools, list)
        signed(accept_proposed(drafted(*tools)))
        count += len(tools)
    assert count == 216
