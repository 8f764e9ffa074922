"""`mediator manifest sign` and `verify`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediator.cli.keys import write_key
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.commands import Commands, content_of
from tests.simulated.tool_server_stdio import SimulatedStdioServer

CLOCK = Path("tool_manifests", "clock")


def edit(path: Path, change: Callable[[Any], object]) -> None:
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))


@promise("P7")
def test_nothing_is_signed_while_an_effect_is_open(imported: Path, mediator: Commands) -> None:
    """Design 5.1: without `--accept-proposed`, sign refuses until each is declared."""
    before = content_of(imported)

    error = mediator.refused("manifest", "sign", "clock")

    assert "tool_manifests/clock/manifest.json: `/tools/0/effect`: the effect of `now` is not declared" in error
    assert "--accept-proposed" in error
    assert content_of(imported) == before


def test_accepting_declares_what_was_proposed_in_the_file_too(imported: Path, mediator: Commands) -> None:
    """Design 5.1: what is signed is what can be read."""
    ran = mediator.well("manifest", "sign", "clock", "--accept-proposed")

    tools = json.loads((imported / CLOCK / "manifest.json").read_bytes())["tools"]
    assert [(one["effect"], "proposed_effect" in one) for one in tools] == [("read", False), ("write", False)]
    assert "signed local/clock by local-signer" in ran.out
    assert mediator.well("manifest", "verify", "clock", "--json").printed["manifest_json_is_as_signed"] is True


def test_what_the_owner_declared_is_signed_as_declared(imported: Path, mediator: Commands) -> None:
    """Design 5.4: the owner declares; what is still open is taken as proposed."""

    def declare(manifest: Any) -> None:
        manifest["tools"][0] |= {"effect": "send", "sensitivity": 3}

    edit(imported / CLOCK / "manifest.json", declare)

    mediator.well("manifest", "sign", "clock", "--accept-proposed")

    tools = mediator.well("manifest", "verify", "clock", "--json").printed["tools"]
    assert [(one["effect"], one["sensitivity"]) for one in tools] == [("send", 3), ("write", 1)]


def test_several_are_signed_in_one_command(imported: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Ours: after an import of all that a host has. One that is refused is told, and the others are signed."""
    mediator.well("manifest", "import", "other", "--command", " ".join(clock.command), "--yes")

    ran = mediator("manifest", "sign", "clock", "nowhere", "other", "--accept-proposed")

    assert ran.code == 1
    assert "signed local/clock by local-signer" in ran.out
    assert "signed local/other by local-signer" in ran.out
    assert ran.err.startswith("refused: nowhere\nerror: ")
    assert (imported / "tool_manifests" / "other" / "manifest.dsse.json").exists()


def test_verify_says_who_signed_and_until_when(signed: Path, mediator: Commands) -> None:
    """Design 5.1."""
    out = mediator.well("manifest", "verify", "clock").out

    assert "verified local/clock" in out
    assert "local-signer" in out
    assert "good until" in out
    assert signed.is_dir()


def test_an_edit_after_signing_is_said_and_changes_nothing(signed: Path, mediator: Commands) -> None:
    """Ours: what counts is what was signed."""
    edit(signed / CLOCK / "manifest.json", lambda manifest: manifest.update(serial=2))

    assert "was edited since; what counts is what was signed" in mediator.well("manifest", "verify", "clock").out
    (signed / CLOCK / "manifest.json").unlink()
    assert mediator.well("manifest", "verify", "clock", "--json").printed["manifest_json_is_as_signed"] is False


def spoil(manifest: Any) -> None:
    manifest["tools"][0]["definition"]["inputSchema"]["properties"]["text"] = {"$ref": "https://a.example/schema"}


def write_nonsense(path: Path) -> None:
    path.write_text("{")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no JSON": (write_nonsense, "not JSON"),
    "an unknown member": (lambda path: edit(path, lambda one: one.update(efect=1)), "`/efect`"),
    "a missing member": (lambda path: edit(path, lambda one: one.pop("owner")), "`/owner`: missing"),
    "another digest": (
        lambda path: edit(path, lambda one: one["tools"][0]["definition"].update(description="x")),
        "`/tools/0/digest`",
    ),
    "an unknown effect": (
        lambda path: edit(path, lambda one: one["tools"][0].update(effect="look")),
        "`/tools/0/effect`",
    ),
    "a publisher who is not the signer": (
        lambda path: edit(path, lambda one: one.update(publisher="eve")),
        "`/publisher`",
    ),
    "another namespace": (
        lambda path: edit(path, lambda one: one["server"].update(name="io.example/clock")),
        "no rule of the trust file covers `io.example/clock`",
    ),
    "a past": (
        lambda path: edit(path, lambda one: one.update(issued="2020-01-01T00:00:00Z", expires="2021-01-01T00:00:00Z")),
        "ended at 2021-01-01",
    ),
    "a foreign reference": (lambda path: edit(path, spoil), "/tools/0"),
    "no tool": (lambda path: edit(path, lambda one: one["tools"].append(one["tools"][0])), "/tools"),
}


@promise("P2", "P7")
@pytest.mark.parametrize(("break_it", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_manifest_is_named_and_not_signed(
    break_it: Callable[[Path], object], told: str, imported: Path, mediator: Commands
) -> None:
    """The issue: a broken manifest has a test."""
    break_it(imported / CLOCK / "manifest.json")
    before = content_of(imported)

    error = mediator.refused("manifest", "sign", "clock", "--accept-proposed")

    assert error.startswith("error: tool_manifests/clock/manifest.json: ")
    assert told in error
    assert " next: " in error
    assert content_of(imported) == before


def test_an_old_serial_is_not_signed_over_a_newer_one(signed: Path, mediator: Commands) -> None:
    """Design 5.4: serial rises; a lower one is a rollback."""
    edit(signed / CLOCK / "manifest.json", lambda one: one.update(serial=3))
    mediator.well("manifest", "sign", "clock")

    edit(signed / CLOCK / "manifest.json", lambda one: one.update(serial=2))
    assert "`/serial`: 2 is below 3" in mediator.refused("manifest", "sign", "clock")

    (signed / CLOCK / "manifest.dsse.json").write_text("{}")  # what does not hold has said nothing
    mediator.well("manifest", "sign", "clock")


@promise("P2")
def test_a_key_that_nobody_trusts_signs_nothing(imported: Path, mediator: Commands, tmp_path: Path) -> None:
    """Design 5.4: the trust file says which key may sign for which prefix."""
    write_key(tmp_path / "eve.pem", SigningKey.generate(), None)
    before = content_of(imported)

    error = mediator.refused("manifest", "sign", "clock", "--accept-proposed", "--key", str(tmp_path / "eve.pem"))

    assert "which is not a known signer" in error
    assert content_of(imported) == before


def test_a_broken_trust_file_or_key_is_named(imported: Path, mediator: Commands) -> None:
    """The issue: a broken trust file has a test."""
    (imported / ".mediator" / "keys" / "signer.pem").write_text("nonsense")
    assert "signer.pem: not a private key in PEM" in mediator.refused("manifest", "sign", "clock", "--accept-proposed")

    (imported / "tool_manifests" / "trust.json").write_text('{"version": 1}')
    error = mediator.refused("manifest", "sign", "clock", "--accept-proposed")
    assert "trust.json`: the envelope is not in RFC 8785 form" in error


FLIPPED = {
    "the payload": (b'"payload":"', b'"payload":"A'),
    "a signature": (b'"sig":"', b'"sig":"A'),
    "the type": (b"manifest+json", b"statement+json"),
    "no envelope": (b"{", b"["),
}


@promise("P2", "P7")
@pytest.mark.parametrize(("old", "new"), FLIPPED.values(), ids=FLIPPED)
def test_a_broken_envelope_is_named_and_counts_for_nothing(
    old: bytes, new: bytes, signed: Path, mediator: Commands
) -> None:
    """The issue: a broken signature has a test."""
    path = signed / CLOCK / "manifest.dsse.json"
    path.write_bytes(path.read_bytes().replace(old, new, 1))

    for words in (("manifest", "verify", "clock"), ("pin", "review", "clock")):
        error = mediator.refused(*words)
        assert error.startswith("error: tool_manifests/clock/manifest.dsse.json: ")
        assert " next: " in error


def test_what_is_not_there_is_told_with_the_command_that_makes_it(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    assert "manifest.json` cannot be read" in mediator.refused("manifest", "sign", "clock")
    assert "`mediator manifest sign clock`, once it is imported" in mediator.refused("manifest", "verify", "clock")
    assert "`../x` is no local name" in mediator.refused("manifest", "verify", "../x")
    assert work.is_dir()


def test_the_schema_is_printed_as_it_is_published(mediator: Commands) -> None:
    """Issue 3: the manifest's JSON Schema, for editors."""
    schema = json.loads(mediator.well("manifest", "schema").out)
    assert schema["$id"] == "urn:mcp-mediator:manifest:1"
