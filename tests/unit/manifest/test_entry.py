"""The entries of prompts and resources; those of tools are in `test_manifest.py`, with the whole form.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.canonical import Json, JsonObject, digest_of
from mediator.kind import ItemKind
from mediator.manifest.family import FamilyForm
from mediator.manifest.manifest import read_manifest
from mediator.refusal import Refused
from tests.simulated.pins import full_manifest, prefix_entry

PROMPT: JsonObject = {"name": "greet", "arguments": [{"name": "who", "required": True}], "x-vendor": 1}
LOG: JsonObject = {"uri": "log://now", "name": "log", "size": 5}
PAGE: JsonObject = {"uriTemplate": "docs://{page}", "name": "page"}
MANIFEST = full_manifest(prompts=[PROMPT], resources=[LOG], resource_templates=[PAGE], prefixes=["file:///data/"])


def listed(member: str) -> list[JsonObject]:
    entries = MANIFEST[member]
    assert isinstance(entries, list)
    return [one for one in entries if isinstance(one, dict)]


def with_entry(member: str, **changed: Json) -> JsonObject:
    """The manifest with its first entry of this list changed."""
    return {**MANIFEST, member: [{**listed(member)[0], **changed}]}


def test_prompts_and_families_are_entries_like_tools() -> None:
    """Design 5.4: unknown members of a definition are part of its digest."""
    manifest = read_manifest(MANIFEST)
    (prompt,) = manifest.prompts
    page, log, data = manifest.resources

    assert (prompt.name, prompt.definition, prompt.digest) == ("greet", PROMPT, digest_of(PROMPT))
    assert [(one.family.form, one.name) for one in (page, log, data)] == [
        (FamilyForm.TEMPLATE, "docs://{page}"),
        (FamilyForm.URI, "log://now"),
        (FamilyForm.PREFIX, "file:///data/"),
    ]
    assert (log.definition, page.definition) == (LOG, PAGE)
    assert data.family.media_types == {"text/plain"}
    assert data.definition["title"] == "Texts"
    assert manifest.find_entry(ItemKind.PROMPT, "greet") is prompt
    assert manifest.find_entry(ItemKind.TOOL, "greet") is None
    assert len({one.declared_digest for one in manifest.entries}) == 5


BAD_PREFIX = prefix_entry("file:///data/")
WRONG: dict[str, tuple[JsonObject, str]] = {
    "a prompt without a name": (with_entry("prompts", definition={}), "`/prompts/0/definition/name`"),
    "a prompt with targets": (with_entry("prompts", targets={}), "`/prompts/0/targets`: not a known member"),
    "another digest": (with_entry("prompts", digest=digest_of("x")), "`/prompts/0/digest`"),
    "two prompts of one name": (
        {**MANIFEST, "prompts": [*listed("prompts"), *listed("prompts")]},
        "`/prompts/1/definition/name`",
    ),
    "no family": (with_entry("resources", family={}), "`/resources/0/family/uri`: missing"),
    "two forms": (
        with_entry("resources", family={"uri": "a://b", "template": "a://{b}"}),
        "`/resources/0/family/template`: not a known member",
    ),
    "a family that the definition does not name": (
        with_entry("resources", family={"template": "docs://x/{page}"}),
        "`/resources/0/definition/uriTemplate`: expected what `family` says",
    ),
    "a URI that is not in normal form": (
        with_entry("resources", family={"uri": "file:///a/../b"}),
        "`/resources/0/family/uri`: a `.` or `..` segment",
    ),
    "own words beside a definition": (with_entry("resources", title="x"), "`/resources/0/title`"),
    "a prefix with a definition": ({**MANIFEST, "resources": [{**BAD_PREFIX, "definition": {}}]}, "`/resources/0/definition`"),
    "a prefix without words": (
        {**MANIFEST, "resources": [{name: said for name, said in BAD_PREFIX.items() if name != "title"}]},
        "`/resources/0/title`: missing",
    ),
    "a prefix whose words are null": ({**MANIFEST, "resources": [{**BAD_PREFIX, "description": None}]}, "`/resources/0/description`"),
    "a prefix without media types": (
        {**MANIFEST, "resources": [{**BAD_PREFIX, "family": {"prefix": "file:///data/", "media_types": []}}]},
        "`/resources/0/family/media_types`",
    ),
    "a family twice": ({**MANIFEST, "resources": [BAD_PREFIX, BAD_PREFIX]}, "`/resources/1/family`: it may name"),
    "families that overlap": (
        {**MANIFEST, "resources": [BAD_PREFIX, prefix_entry("file:///data/more/")]},
        "`/resources/1/family`: it may name the same resource as `file:///data/`",
    ),
    "a schema that is none": ({**MANIFEST, "$schema": 5}, "`/$schema`"),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_by_its_place(manifest: JsonObject, told: str) -> None:
    """Issue 2, bad input: what, where, and the next step."""
    with pytest.raises(Refused) as refusal:
        read_manifest(manifest)
    assert refusal.value.detail.startswith(told)


def test_a_schema_for_editors_is_signed_with_the_rest() -> None:
    """Ours: it means nothing here, and no byte of what is signed may move."""
    with_schema: JsonObject = {**MANIFEST, "$schema": "../manifest.schema.json"}
    assert read_manifest(with_schema).digest != read_manifest(MANIFEST).digest


def test_an_exact_uri_may_stand_beside_a_family_that_covers_it() -> None:
    """Ours: an index may be more public than the pages; the exact one decides."""
    index: JsonObject = {"uri": "file:///data/index.txt", "name": "index"}
    manifest = full_manifest(resources=[index], prefixes=["file:///data/"])
    assert [one.name for one in read_manifest(manifest).resources] == ["file:///data/index.txt", "file:///data/"]
