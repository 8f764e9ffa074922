"""The manifest's form: every member there, none unknown, and what is wrong told by its place.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import Json, JsonObject, canonical_bytes, digest_of
from mediator.effect import Effect
from mediator.manifest.entry import Limits, Target, read_name
from mediator.manifest.manifest import Owner, parse_manifest, read_manifest
from mediator.refusal import Reason, Refused
from tests.simulated.pins import NOW_MS, READ, YEAR_MS, copied, entries, manifest_of, with_definition

MANIFEST = manifest_of()


def refused(manifest: JsonObject) -> str:
    with pytest.raises(Refused) as refusal:
        read_manifest(manifest)
    assert refusal.value.reason is Reason.MALFORMED
    return refusal.value.detail


def with_tool(**changed: Json) -> JsonObject:
    return {**MANIFEST, "tools": [{**entries(MANIFEST)[0], **changed}]}


def with_server(**changed: Json) -> JsonObject:
    server = MANIFEST["server"]
    assert isinstance(server, dict)
    return {**MANIFEST, "server": {**server, **changed}}


def test_a_manifest_says_what_its_file_says() -> None:
    """Design 5.4."""
    definition: JsonObject = {**READ, "x-vendor": {"unknown": True}, "annotations": {"readOnlyHint": True}}
    full = manifest_of(
        definition,
        effect="write",
        sensitivity=3,
        reads_from=["files.example"],
        sends_to=["a.example", "b.example:443"],
        result_labels=["untrusted", "confidential:hr"],
        targets={"/path": "path"},
        stores=True,
        idempotent=True,
        limits={"calls_per_task": 5, "result_bytes": 1000},
        opens=["/properties/path"],
    )
    full = {**full, "instructions": "Use\nwith care.", "serial": 7}
    full["server"] = with_server(
        title="Files",
        version="1.2.3",
        packages=[{"registryType": "pypi", "identifier": "files"}],
        remotes=[{"type": "streamable-http", "url": "https://files.example/mcp"}],
        executable_digest=digest_of("binary"),
        lock_digest=digest_of("lock"),
        stateless=True,
    )["server"]

    manifest = parse_manifest(canonical_bytes(full))

    assert (manifest.server.name, manifest.server.title, manifest.server.version) == ("local/files", "Files", "1.2.3")
    assert manifest.server.packages == ({"registryType": "pypi", "identifier": "files"},)
    assert manifest.server.remotes == ({"type": "streamable-http", "url": "https://files.example/mcp"},)
    assert manifest.server.executable_digest == digest_of("binary")
    assert manifest.server.lock_digest == digest_of("lock")
    assert manifest.server.stateless
    assert (manifest.publisher, manifest.owner) == ("signer", Owner(name="Olga", contact="olga@example.com"))
    assert (manifest.issued, manifest.expires) == (NOW_MS - 86_400_000, NOW_MS + YEAR_MS // 2)
    assert (manifest.serial, manifest.instructions) == (7, "Use\nwith care.")
    assert manifest.digest == digest_of(full)
    (tool,) = manifest.tools
    assert manifest.find("read") is tool
    assert manifest.find("write") is None
    assert (tool.name, tool.definition, tool.digest) == ("read", definition, digest_of(definition))
    assert (tool.effect, tool.proposed_effect, tool.sensitivity) == (Effect.WRITE, Effect.READ, 3)
    assert tool.reads_from == {"files.example"}
    assert tool.sends_to == {"a.example", "b.example:443"}
    assert tool.result_labels == {"untrusted", "confidential:hr"}
    assert tool.targets == {"/path": Target.PATH}
    assert (tool.stores, tool.idempotent) == (True, True)
    assert tool.limits == Limits(calls_per_task=5, result_bytes=1000)
    assert tool.opens == {"/properties/path"}


def test_a_draft_leaves_effects_open() -> None:
    """Issue 2: a proposal is no declaration."""
    (tool,) = read_manifest(with_tool(effect=None, proposed_effect="read")).tools
    assert (tool.effect, tool.proposed_effect) == (None, Effect.READ)


def test_what_was_proposed_is_no_part_of_what_is_declared() -> None:
    """Ours: a reviewer approves the declaration; a leftover proposal changes nothing."""
    digests = {
        read_manifest(with_tool(**change)).tools[0].declared_digest
        for change in ({}, {"proposed_effect": None}, {"proposed_effect": "send"})
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("effect", "write"),
        ("sensitivity", 3),
        ("reads_from", ["x.example"]),
        ("sends_to", ["x.example"]),
        ("result_labels", []),
        ("targets", {"/path": "path"}),
        ("stores", True),
        ("idempotent", True),
        ("limits", {"calls_per_task": 1, "result_bytes": None}),
        ("opens", [""]),
    ],
)
def test_each_declaration_is_part_of_what_a_reviewer_approves(name: str, value: Json) -> None:
    """Ours: a publisher changes none of it without a new review."""
    (before,), (after,) = read_manifest(MANIFEST).tools, read_manifest(with_tool(**{name: value})).tools
    assert before.digest == after.digest
    assert before.declared_digest != after.declared_digest


def test_what_is_said_of_the_server_is_part_of_it_too_and_time_and_serial_are_not() -> None:
    """Ours: signing anew for a longer time asks for no new review; other instructions do."""
    about = read_manifest(MANIFEST).about_digest
    someone: JsonObject = {"name": "x", "contact": "x"}
    reviewed: list[JsonObject] = [
        {"instructions": "x"},
        {"publisher": "x"},
        {"owner": someone},
        with_server(version="2"),
    ]
    for change in reviewed:
        assert read_manifest({**MANIFEST, **change}).about_digest != about
    assert read_manifest({**MANIFEST, "serial": 9, "expires": "2030-01-01T00:00:00Z"}).about_digest == about


WRONG: Mapping[str, tuple[JsonObject, str]] = {
    "no version": ({name: said for name, said in MANIFEST.items() if name != "version"}, "`/version`: missing"),
    "another version": ({**MANIFEST, "version": 2}, "`/version`"),
    "an unknown member": ({**MANIFEST, "toolz": []}, "`/toolz`: not a known member: did you mean `tools`"),
    "an unknown member of a tool": (with_tool(efect="read"), "`/tools/0/efect`: not a known member: did you mean `effect`"),
    "an unknown member of the server": (with_server(url="x"), "`/server/url`"),
    "an end before the beginning": ({**MANIFEST, "expires": MANIFEST["issued"]}, "`/expires`: expected a moment after"),
    "no moment": ({**MANIFEST, "issued": "today"}, "`/issued`: expected a moment"),
    "a serial of nought": ({**MANIFEST, "serial": 0}, "`/serial`"),
    "a server without a namespace": (with_server(name="files"), "`/server/name`: expected a registry-style name"),
    "a namespace of dots alone": (with_server(name="../files"), "`/server/name`: expected a registry-style name"),
    "a name of dots alone": (with_server(name="io.example/.."), "`/server/name`: expected a registry-style name"),
    "dots alone": (with_server(name="../.."), "`/server/name`: expected a registry-style name"),
    "a namespace too many": (with_server(name="a/b/c"), "`/server/name`"),
    "a package that is text": (with_server(packages=["x"]), "`/server/packages`"),
    "a digest of nothing": (with_server(executable_digest="x"), "`/server/executable_digest`"),
    "an owner without contact": ({**MANIFEST, "owner": {"name": "x"}}, "`/owner/contact`: missing"),
    "a publisher over two lines": ({**MANIFEST, "publisher": "a\nb"}, "`/publisher`"),
    "instructions that are none": ({**MANIFEST, "instructions": 5}, "`/instructions`"),
    "instructions without end": ({**MANIFEST, "instructions": "x" * 65537}, "`/instructions`"),
    "tools that are no list": ({**MANIFEST, "tools": {}}, "`/tools`: expected a list"),
    "a tool that is none": ({**MANIFEST, "tools": ["x"]}, "`/tools/0`: expected an object"),
    "a definition that is none": (with_tool(definition="x"), "`/tools/0/definition`"),
    "a definition without a name": (with_definition(MANIFEST, 0, {}), "`/tools/0/definition/name`"),
    "another digest": (with_tool(digest=digest_of("x")), "`/tools/0/digest`: expected `sha256:"),
    "no digest": (with_tool(digest="x"), "`/tools/0/digest`"),
    "an unknown effect": (with_tool(effect="look"), "`/tools/0/effect`: expected one of read, write, delete, send, exec"),
    "an unknown proposal": (with_tool(proposed_effect="look"), "`/tools/0/proposed_effect`"),
    "a sensitivity off the scale": (with_tool(sensitivity=4), "`/tools/0/sensitivity`: expected a whole number from 0 to 3"),
    "a domain that is none": (with_tool(sends_to=["https://a.example/"]), "`/tools/0/sends_to`"),
    "a label that nobody knows": (with_tool(result_labels=["trusted"]), "`/tools/0/result_labels`"),
    "targets that are a list": (with_tool(targets=["/path"]), "`/tools/0/targets`: expected an object"),
    "a target that is no pointer": (with_tool(targets={"path": "path"}), "`/tools/0/targets`: expected JSON pointers"),
    "a target that is everything": (with_tool(targets={"": "path"}), "`/tools/0/targets`: expected JSON pointers"),
    "a target with a bad escape": (with_tool(targets={"/a~2": "path"}), "`/tools/0/targets`"),
    "a target of no kind": (with_tool(targets={"/path": "thing"}), "`/tools/0/targets/~1path`: expected one of path"),
    "a flag that is none": (with_tool(stores=1), "`/tools/0/stores`"),
    "no limits": (with_tool(limits={}), "`/tools/0/limits/calls_per_task`: missing"),
    "a limit of nought": (with_tool(limits={"calls_per_task": 0, "result_bytes": None}), "`/tools/0/limits/calls_per_task`"),
    "an opening that is no pointer": (with_tool(opens=["properties/a"]), "`/tools/0/opens`"),
    "two tools of one name": (
        with_definition(manifest_of(READ, {**READ, "name": "read2"}), 1, {**READ, "name": "Read"}),
        "`/tools/1/definition/name`: expected a name that differs by more than its spelling",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_by_its_place(manifest: JsonObject, told: str) -> None:
    """Issue 2, bad input: what, where, and the next step."""
    assert refused(manifest).startswith(told)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "\u202e", None, 5])
def test_a_name_that_cannot_be_listed_is_none(name: Json) -> None:
    """MCP, server/tools: 1 to 128 characters; ours: they print."""
    with pytest.raises(Refused):
        read_name({"name": name}, "")
    with pytest.raises(Refused):
        read_name("read", "")


@given(st.binary(max_size=100))
def test_any_bytes_are_a_manifest_or_refused(raw: bytes) -> None:
    """Ours: `parse_*` raises `Refused` and nothing else."""
    with pytest.raises(Refused):
        parse_manifest(raw)


def test_key_order_and_white_space_change_no_digest() -> None:
    """Design 5.4: a digest survives what does not change meaning."""
    reordered = dict(reversed(copied(MANIFEST).items()))
    assert read_manifest(reordered).digest == read_manifest(MANIFEST).digest
