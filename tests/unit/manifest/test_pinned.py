"""What is pinned beside tools: prompts and families of resources, as they were signed and approved.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediator.canonical import JsonObject, digest_of, parse_object
from mediator.effect import Effect
from mediator.evidence import Seal
from mediator.identity.statement import Act, sign_statement
from mediator.kind import ItemKind
from mediator.manifest.approval import Raise
from mediator.manifest.family import FamilyForm
from mediator.manifest.lock import approvals_that_verify, parse_lock, write_lock
from mediator.manifest.pin import PinProblem
from mediator.refusal import Refused
from tests.promises import promise
from tests.simulated.judged import a_resource
from tests.simulated.people import key_of
from tests.simulated.pins import (
    NOW_MS,
    OPERATORS,
    approved,
    full_manifest,
    loaded,
    pins_of_manifest,
    signed,
)

PROMPT: JsonObject = {"name": "greet"}
LOG: JsonObject = {"uri": "log://now", "name": "log"}
PAGE: JsonObject = {"uriTemplate": "docs://{page}", "name": "page"}
MANIFEST = full_manifest(prompts=[PROMPT], resources=[LOG], resource_templates=[PAGE], prefixes=["log://old/"])
ENVELOPE = signed(MANIFEST)


@promise("P2")
def test_prompts_and_families_that_were_signed_and_reviewed_exist() -> None:
    """Issue 3: prompts like tools; families by what they cover."""
    pins = pins_of_manifest(MANIFEST)
    (prompt,) = pins.prompts

    assert [one.name for one in pins.items] == ["read", "greet", "docs://{page}", "log://now", "log://old/"]
    assert (prompt.assigned, prompt.digest, prompt.effect) == ("files__greet", digest_of(PROMPT), Effect.READ)
    assert pins.resolve_prompt("files__greet", None) is pins.resolve_prompt("greet", "files") is prompt
    assert pins.resolve_prompt("greet", None) is pins.resolve_prompt("files__greet", "files") is None
    for uri, name in (("docs://a", "docs://{page}"), ("log://now", "log://now"), ("log://old/a", "log://old/")):
        found = pins.resolve_resource(uri, None)
        assert found is not None
        assert found.name == name
        assert pins.resolve_resource(uri, "files") is found
        assert pins.resolve_resource(uri, "mail") is None
    assert pins.resolve_resource("docs://a/b", None) is None
    assert pins.find_item("files", ItemKind.PROMPT, "greet") is prompt
    assert pins.find_item("files", ItemKind.TOOL, "greet") is pins.find_item("files", ItemKind.PROMPT, "read") is None
    assert list(pins) == list(pins.tools)


@pytest.mark.parametrize(("media_types", "told"), [(("text/plain",), {"mimeType": "text/plain"}), (("a/b", "c/d"), {})])
def test_a_prefix_is_shown_as_a_template_in_its_owners_words(media_types: tuple[str, ...], told: JsonObject) -> None:
    """Design 5.4: a family that is named by a prefix has no definition of its server's."""
    shown = parse_object(a_resource("log://old/", FamilyForm.PREFIX, *media_types).shown())
    assert shown == {
        "name": "log://old/",
        "title": "Logs",
        "description": "What was logged.",
        "uriTemplate": "log://old/{+path}",
        **told,
    }


@promise("P3")
def test_what_is_quarantined_is_told_by_its_kind() -> None:
    """Issue 3: a prompt of a tool's name is another item."""
    pins = pins_of_manifest(full_manifest(prompts=[{"name": "read"}]))
    left = pins.without(frozenset({("files", ItemKind.PROMPT, "read")}))
    assert ([one.name for one in left.tools], left.prompts) == (["read"], ())
    assert left.digest != pins.digest
    assert left.items_of_server("files") == left.tools


def test_the_exact_family_decides() -> None:
    """Ours."""
    index: JsonObject = {"uri": "file:///data/index.txt", "name": "index"}
    pins = pins_of_manifest(full_manifest(resources=[index], prefixes=["file:///data/"]))
    found = pins.resolve_resource("file:///data/index.txt", None)
    assert found is not None
    assert found.family.is_exact


def test_families_of_two_servers_may_not_overlap() -> None:
    """Issue 3: at `/mcp` a URI is a name."""
    mine, theirs = (
        signed(full_manifest(prefixes=["x://h/"])),
        signed(full_manifest(prefixes=["x://h/a/"], server="mail")),
    )
    lock = approved(theirs, "mail", approved(mine))

    pins, problems = loaded(lock, {"files": mine, "mail": theirs})

    assert [(one.server, one.name) for one in pins.resources] == [("files", "x://h/")]
    (problem,) = problems
    assert (problem.server, problem.kind, problem.tool) == ("mail", ItemKind.RESOURCE, "x://h/a/")
    assert problem.detail.startswith("it may name the same resource as `x://h/` of `files`: revoke")


def test_a_prompt_and_a_tool_may_have_one_name() -> None:
    """Ours: prompts and tools are listed apart."""
    pins = pins_of_manifest(full_manifest(prompts=[{"name": "read"}]))
    assert pins.tools[0].assigned == pins.prompts[0].assigned == "files__read"


@promise("P2")
def test_names_are_bound() -> None:
    """Issue 3: the same definition under another kind, name or server is another item, and was not reviewed."""
    lock = approved(ENVELOPE, tools=frozenset(), prompts=frozenset({"greet"}))
    (word,) = approvals_that_verify(parse_lock(lock), OPERATORS)
    moved = [
        replace(word.approval, kind=ItemKind.TOOL),
        replace(word.approval, tool="greet2"),
        replace(word.approval, server="mail", server_name="local/mail"),
        replace(word.approval, digest=digest_of(LOG)),
        replace(word.approval, kind=ItemKind.RESOURCE, tool="log://now"),
    ]
    for approval in moved:
        statement = sign_statement(
            key_of("reviewer"), act=Act.PIN_APPROVE, subject=approval.as_subject(), who="reviewer", at=NOW_MS, serial=1
        )
        pins, problems = loaded(write_lock([statement]), {"files": ENVELOPE, "mail": ENVELOPE})
        assert pins.items == ()
        assert len(problems) == 1


def test_some_are_approved_and_tightened_by_kind() -> None:
    """Issue 3: partial, and only tighter."""
    raises = Raise(effect=Effect.WRITE, labels=frozenset({"confidential:hr"}))
    prompts, resources = frozenset({"greet"}), frozenset({"log://now"})
    lock = approved(ENVELOPE, tools=None, raises=raises, prompts=prompts, resources=resources)
    pins, _ = loaded(lock, {"files": ENVELOPE})
    assert [one.name for one in pins.items] == ["greet", "log://now"]
    assert {one.effect for one in pins.items} == {Effect.WRITE}
    assert pins.resources[0].result_labels == {"untrusted", "confidential:hr"}
    with pytest.raises(Refused, match="no prompt `read`"):
        approved(ENVELOPE, tools=frozenset(), prompts=frozenset({"read"}))
    with pytest.raises(Refused, match="no tool `log://now`"):
        approved(ENVELOPE, assigned={"log://now": "files__log"})


def test_nobody_else_makes_pins() -> None:
    """The evidence pattern."""
    pins = pins_of_manifest(MANIFEST)
    for item in (pins.prompts[0], pins.resources[0]):
        with pytest.raises(TypeError):
            replace(item, seal=Seal("mine"))
    assert PinProblem(server="x", tool=None, detail="").kind is ItemKind.TOOL
