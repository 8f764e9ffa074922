"""`mediator manifest import`: a server is run or asked once, and a draft is written.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from mediator.assembly.folder import read_key
from mediator.canonical import digest_of_bytes, readable_bytes
from mediator.cli.folder import open_set_up
from mediator.cli.trust_files import read_trust_file, write_trust_file
from tests.promises import promise
from tests.simulated.commands import OPERATOR, AtATerminal, Commands, content_of
from tests.simulated.pins import prefix_entry
from tests.simulated.tool_server_stdio import SimulatedStdioServer, tool


def manifest_of(work: Path, name: str = "clock") -> dict[str, Any]:
    raw = json.loads((work / "tool_manifests" / name / "manifest.json").read_bytes())
    assert isinstance(raw, dict)
    return raw


def import_clock(clock: SimulatedStdioServer, *more: str) -> tuple[str, ...]:
    return ("manifest", "import", "clock", "--command", " ".join(clock.command), *more)


def test_a_draft_proposes_effects_and_declares_none(
    work: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Design 5.1: `read` where the server says so, `write` where a verb of the name says so, else `exec`."""
    clock.script.tools.append(tool("frobnicate"))
    clock.script.instructions = "be kind"
    clock.save()

    ran = mediator.well(*import_clock(clock, "--yes"))

    manifest = manifest_of(work)
    told = [(one["definition"]["name"], one["effect"], one["proposed_effect"]) for one in manifest["tools"]]
    assert told == [("now", None, "read"), ("set_alarm", None, "write"), ("frobnicate", None, "exec")]
    assert [one["definition"] for one in manifest["tools"]] == clock.script.tools
    assert (manifest["server"]["name"], manifest["publisher"]) == ("local/clock", "local-signer")
    assert manifest["owner"] == {"name": OPERATOR, "contact": OPERATOR}
    assert (manifest["serial"], manifest["instructions"]) == (1, "be kind")
    assert (manifest["server"]["title"], manifest["server"]["version"]) == ("simulated", "1")
    assert manifest["server"]["executable_digest"] == digest_of_bytes(Path(sys.executable).read_bytes())
    assert "frobnicate" in ran.out
    assert "mediator manifest sign clock" in ran.out


def test_every_page_of_the_list_is_read(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Design 5.1: it reads **every** page of the lists."""
    clock.script.tools = [tool(f"tool_{number}") for number in range(7)]
    clock.script.page_size = 2
    clock.save()

    mediator.well(*import_clock(clock, "--yes"))

    assert len(manifest_of(work)["tools"]) == 7


def test_how_it_is_reached_is_written_beside_what_a_person_wrote(
    work: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Design 5.1: what a person wrote is never rewritten."""
    settings = (work / "mediator.toml").read_bytes()

    mediator.well(*import_clock(clock, "--yes", "--env", "TZ=literal:UTC"))

    written = (work / "tool_servers.d" / "clock.toml").read_text()
    assert f'command = ["{sys.executable}", ' in written
    assert 'environment = { TZ = "literal:UTC" }' in written
    assert (work / "mediator.toml").read_bytes() == settings


@promise("P2")
def test_what_it_runs_is_written_down_by_digest_and_anew_with_again(
    work: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """The issue: checked before it is spawned; so an import writes it, and `--again` renews it in place."""
    file = work / "tool_servers.d" / "clock.toml"
    own = digest_of_bytes(Path(sys.executable).read_bytes())
    mediator.well(*import_clock(clock, "--yes"))
    assert f'executable_digest = "{own}"' in file.read_text()
    (work / "uv.lock").write_text("lock")
    lines = file.read_text().replace(own, digest_of_bytes(b"older"))
    file.write_text(f'{lines}lock_file = "uv.lock"\nlock_digest = "{digest_of_bytes(b"older")}"\nera = "legacy"\n')

    mediator.well("manifest", "import", "clock", "--yes", "--again")

    lock = digest_of_bytes(b"lock")
    assert (
        f'executable_digest = "{own}"\nlock_file = "uv.lock"\nlock_digest = "{lock}"\nera = "legacy"\n'
        in file.read_text()
    )
    assert manifest_of(work)["server"]["lock_digest"] == lock
    assert digest_of_bytes(b"older") not in file.read_text()


@promise("P7")
def test_nothing_is_run_before_somebody_says_so(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Design 5.1: shows the exact argv and asks (or `--yes`)."""
    before = content_of(work)

    ran = mediator(*import_clock(clock))

    assert ran.code == 1
    assert f"clock is run as\n  {sys.executable} " in ran.out
    assert "in an environment that holds nothing" in ran.out
    assert ran.err.endswith(" next: look at it, and say `--yes`\n")
    assert clock.events == []
    assert content_of(work) == before


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_it_asks(
    answer: bool,
    work: Path,
    clock: SimulatedStdioServer,
    mediator: Commands,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Design 5.1."""
    AtATerminal(monkeypatch, [])

    def confirm(question: str, *, abort: bool, err: bool) -> bool:
        assert (question, abort, err) == ("do that now?", True, True)
        if not answer:
            raise typer.Abort
        return True

    monkeypatch.setattr(typer, "confirm", confirm)

    assert mediator(*import_clock(clock)).code == (0 if answer else 1)
    assert bool(clock.events) is answer
    assert (work / "tool_manifests" / "clock").exists() is answer


def test_what_it_needs_is_named_and_shown(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Design 5.1: an empty environment plus what is named; a value is not shown."""
    ran = mediator(*import_clock(clock, "--env", "A=env:B", "--env", "C=literal:hunter2"))

    assert "in an environment that holds A (env), C (literal)" in ran.out
    assert "hunter2" not in ran.out
    assert work.is_dir()


def test_a_host_s_file_is_a_source(work: Path, clock: SimulatedStdioServer, mediator: Commands, tmp_path: Path) -> None:
    """Design 5.1: `--from`."""
    program, *arguments = clock.command
    host = {"mcpServers": {"My Clock": {"command": program, "args": arguments}}}
    (tmp_path / "mcp.json").write_text(json.dumps(host))

    mediator.well("manifest", "import", "clock", "--from", str(tmp_path / "mcp.json"), "--entry", "My Clock", "--yes")

    assert len(manifest_of(work)["tools"]) == 2


def test_a_server_that_is_configured_needs_no_source(
    work: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Ours: a person may write the `[[tool_server]]`; then it is not rewritten."""
    with (work / "mediator.toml").open("a") as file:
        file.write(f'[[tool_server]]\nname = "clock"\ncommand = {json.dumps(clock.command)}\n')

    mediator.well("manifest", "import", "clock", "--yes")
    assert not (work / "tool_servers.d" / "clock.toml").exists()

    error = mediator.refused(*import_clock(clock, "--yes", "--again"))
    assert "`clock` stands in `mediator.toml`, which a person wrote" in error


def test_a_second_import_must_be_meant_and_keeps_what_was_declared(
    signed: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Ours: for a server that changed. What is unchanged stays declared, the serial rises."""
    assert "`--again` imports it anew" in mediator.refused("manifest", "import", "clock", "--yes")
    clock.script.tools[1] = tool("set_alarm", description="Another text.")
    clock.save()
    path = signed / "tool_manifests" / "clock" / "manifest.json"
    path.write_text(path.read_text().replace('"local/clock"', '"io.example/clock"'))

    mediator.well("manifest", "import", "clock", "--yes", "--again")

    manifest = manifest_of(signed)
    assert (manifest["server"]["name"], manifest["publisher"]) == ("io.example/clock", "local-signer")
    assert [one["effect"] for one in manifest["tools"]] == ["read", None]
    assert manifest["serial"] == 2


def test_the_owner_and_the_end_can_be_named(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Design 5.4: the human who answers for it."""
    mediator.well(*import_clock(clock, "--yes", "--owner", "carol@example.com", "--days", "1"))

    manifest = manifest_of(work)
    assert manifest["owner"]["name"] == "carol@example.com"
    assert manifest["issued"][:8] == manifest["expires"][:8] or manifest["issued"][:4] <= manifest["expires"][:4]


SERVERS: dict[str, tuple[dict[str, Any], str]] = {
    "no tool": ({"tools": []}, "`clock`: it offers no tool"),
    "a name twice": ({"tools": [tool("now"), tool("now")]}, "the server offers `now` twice"),
    "a name that is none": ({"tools": [tool("a\nb")]}, "expected a name"),
}


@promise("P7")
@pytest.mark.parametrize(("script", "told"), SERVERS.values(), ids=SERVERS)
def test_a_server_that_offers_nonsense_leaves_nothing_behind(
    script: dict[str, Any], told: str, work: Path, tmp_path: Path, mediator: Commands
) -> None:
    """The issue: nothing half-written."""
    clock = SimulatedStdioServer(tmp_path, name="clock", **script)
    before = content_of(work)

    ran = mediator(*import_clock(clock, "--yes"))

    assert ran.code == 1
    assert told in ran.err
    assert " next: " in ran.err
    assert content_of(work) == before


UNREACHABLE = {
    "a program that ends": ["--command", "/bin/false"],
    "a program that is not there": ["--command", "/nowhere/server"],
    "an address where nobody is": ["--url", "http://127.0.0.1:9/mcp"],
    "an address that is none": ["--url", "http://example.com/mcp"],
    "a variable that is not set": ["--command", "/bin/true", "--env", "A=env:NOT_SET_AT_ALL"],
    "no name": ["--command", ""],
}


@promise("P7")
@pytest.mark.parametrize("words", UNREACHABLE.values(), ids=UNREACHABLE)
def test_a_server_that_cannot_be_reached_leaves_nothing_behind(
    words: list[str], work: Path, mediator: Commands
) -> None:
    """The issue: an unreachable tool server has a test."""
    before = content_of(work)

    ran = mediator("manifest", "import", "clock", *words, "--yes")

    assert ran.code in {1, 2}
    assert "this is a bug" not in ran.err
    assert " next: " in ran.err
    assert content_of(work) == before


def test_a_name_that_is_none_is_refused(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Design 5.4: the local name is a folder, a URL segment, and half of an assigned name."""
    for name in ("Clock", "a/b", "..", "-x", 21 * "a"):
        words = ("--command", " ".join(clock.command), "--yes", "--", name)
        assert "is no local name" in mediator.refused("manifest", "import", *words)
    assert clock.events == []
    assert work.is_dir()


def test_where_nobody_may_sign_nothing_is_drafted(work: Path, clock: SimulatedStdioServer, mediator: Commands) -> None:
    """Ours: told before the work, and not after it."""
    set_up = open_set_up(work)
    said = read_trust_file(set_up)
    write_trust_file(set_up, replace(said, version=2, rules=()), [read_key(set_up.folder.key_file("root"))])

    error = mediator(*import_clock(clock, "--yes")).err

    assert "no rule of the trust file covers `local/clock`" in error


@promise("P7")
def test_a_runner_is_shown_with_its_package_and_neither_is_run_before_somebody_says_so(
    work: Path, mediator: Commands, tmp_path: Path
) -> None:
    """Design 5.1: shows the exact argv and asks; to install something is asked for, too."""
    runner = tmp_path / "npx"
    for tool_of in (runner, tmp_path / "npm"):
        tool_of.write_text(f"#!/bin/sh\n: > {tmp_path}/ran\n")
        tool_of.chmod(0o700)
    before = content_of(work)

    ran = mediator("manifest", "import", "clock", "--command", f"{runner} -y server@1.0.0")

    assert f"clock is run as\n  {runner} -y server@1.0.0\n  where server@1.0.0 is installed once, by npm" in ran.out
    assert ran.err.endswith(" next: look at it, and say `--yes`\n")
    assert not (tmp_path / "ran").exists()
    assert content_of(work) == before


def test_a_runner_that_a_person_wrote_is_run_as_it_stands(
    work: Path, clock: SimulatedStdioServer, mediator: Commands, tmp_path: Path
) -> None:
    """Ours: it is theirs to change. What it is worth is a finding of the review, and of `doctor`."""
    runner = tmp_path / "npx"
    runner.write_text(f"#!/bin/sh\nexec {' '.join(clock.command)}\n")
    runner.chmod(0o700)
    with (work / "mediator.toml").open("a") as file:
        file.write(f'[[tool_server]]\nname = "clock"\ncommand = ["{runner}", "-y", "server"]\n')

    mediator.well("manifest", "import", "clock", "--yes")

    assert manifest_of(work)["server"]["packages"] == []
    assert not (work / "packages").exists()
    mediator.well("manifest", "sign", "clock", "--accept-proposed")
    assert "it is run here as `server`, which has no exact version" in mediator.well("pin", "review", "clock").out
    assert mediator.well("pin", "review", "clock", "--json").printed["floating"] == "server"


def test_the_manifest_is_written_to_be_read(imported: Path) -> None:
    """Design 5.4: readable and reviewable."""
    raw = (imported / "tool_manifests" / "clock" / "manifest.json").read_bytes()

    assert raw == readable_bytes(json.loads(raw))


def test_every_list_is_read_and_what_was_declared_of_each_kind_is_kept(
    work: Path, clock: SimulatedStdioServer, mediator: Commands
) -> None:
    """Issue 3: tools, prompts, resources, templates; `--again` keeps declarations, and families by prefix."""
    clock.script.prompts = [{"name": "greet"}]
    clock.script.resources = [
        {"uri": "log://now", "name": "log"},
        {"uri": "docs://a", "name": "a"},
        {"uri": "FILE:///a", "name": "b"},
    ]
    clock.script.resource_templates = [{"uriTemplate": "docs://{page}", "name": "page"}]
    clock.save()

    ran = mediator.well(*import_clock(clock, "--yes"))

    manifest = manifest_of(work)
    assert [one["definition"]["name"] for one in manifest["prompts"]] == ["greet"]
    assert [one["family"] for one in manifest["resources"]] == [{"template": "docs://{page}"}, {"uri": "log://now"}]
    assert {one["proposed_effect"] for one in manifest["prompts"] + manifest["resources"]} == {"read"}
    assert "left out: FILE:///a: the scheme is not in lower case" in ran.out
    assert "resource docs://{page}" in ran.out

    for entry in manifest["prompts"] + manifest["resources"]:
        entry["effect"] = "send"
    prefix = prefix_entry("tmp://x/")
    manifest["resources"].append(prefix)
    (work / "tool_manifests" / "clock" / "manifest.json").write_bytes(readable_bytes(manifest))
    clock.script.prompts = [{"name": "greet", "title": "Greet"}]
    clock.script.resources = [*clock.script.resources, {"uri": "tmp://x/1", "name": "one"}]
    clock.save()
    mediator.well(*import_clock(clock, "--yes", "--again"))

    again = manifest_of(work)
    assert [one["effect"] for one in again["prompts"]] == [None]
    assert [one["effect"] for one in again["resources"]] == ["send", "send", "read"]
    assert again["resources"][-1] == prefix
