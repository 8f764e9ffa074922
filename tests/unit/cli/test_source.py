"""How a tool server is named at a command.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from mediator.canonical import digest_of_bytes
from mediator.cli.source import (
    Source,
    digests_now,
    found_command,
    server_file,
    source_from_options,
    with_digests,
    write_server,
)
from mediator.refusal import Reason, Refused
from mediator.settings.values import SecretReference


def test_a_command_is_split_as_a_shell_would_and_no_shell_reads_it() -> None:
    """Design 5.1: the exact argv."""
    source = source_from_options("server --name 'a b' $HOME ;rm", None, ["A=env:B", "C=literal:x=y"], None)

    assert source.command == ("server", "--name", "a b", "$HOME", ";rm")
    assert source.environment == {"A": "env:B", "C": "literal:x=y"}


def test_an_address_may_come_with_a_credential() -> None:
    """Design 5.3: its credential by reference."""
    assert source_from_options(None, "https://a.example/mcp", [], "env:TOKEN") == Source(
        url="https://a.example/mcp", environment={}, credential="env:TOKEN"
    )


USAGE: dict[str, tuple[str | None, str | None, list[str]]] = {
    "nothing": (None, None, []),
    "both": ("a", "https://a", []),
    "an open quote": ("a 'b", None, []),
    "an empty command": ("  ", None, []),
    "no value": ("a", None, ["A"]),
    "no name": ("a", None, ["=env:A"]),
    "no name of a variable": ("a", None, ["A B=env:A"]),
    "a name twice": ("a", None, ["A=env:A", "A=env:B"]),
}


@pytest.mark.parametrize(("command", "url", "environment"), USAGE.values(), ids=USAGE)
def test_what_cannot_be_meant_is_a_usage_error(command: str | None, url: str | None, environment: list[str]) -> None:
    """Design 5.1: exit code 2."""
    with pytest.raises(typer.BadParameter):
        source_from_options(command, url, environment, None)


def test_a_command_is_found_once_and_written_down_as_a_full_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: a tool server's environment has no `PATH`, and another `PATH` would run something else."""
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert found_command(["server", "-v"]) == (str(program), "-v")
    with pytest.raises(Refused) as refused:
        found_command(["other"])
    assert refused.value.reason is Reason.TOOL_SERVER_UNAVAILABLE


def test_what_is_written_is_what_is_meant() -> None:
    """Ours: the text is read back by the settings before it is used."""
    source = Source(
        command=("/bin/a", 'quo"te', "back\\slash", "line\nbreak", "é\u202e"),
        environment={"A": "env:B"},
    )

    text, server = write_server("clock", source)

    assert server_file("clock") == "tool_servers.d/clock.toml"
    assert server.command == source.command
    assert dict(server.environment) == {"A": SecretReference(kind="env", place="B")}
    assert text.isascii() is False
    assert "\u202e" not in text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=5))
def test_any_argument_comes_back(arguments: list[str]) -> None:
    """Ours: nothing in an argument writes settings of its own."""
    _, server = write_server("clock", Source(command=("/bin/a", *arguments), environment={}))

    assert server.command == ("/bin/a", *arguments)
    assert server.url is None


BAD = {
    "a secret": Source(url="https://a.example/", environment={}, credential="sk-1"),
    "plain HTTP": Source(url="http://a.example/", environment={}),
    "a value that is no reference": Source(command=("/bin/a",), environment={"A": "hunter2"}),
    "a credential for a command": Source(command=("/bin/a",), environment={}, credential="env:A"),
}


@pytest.mark.parametrize("source", BAD.values(), ids=BAD)
def test_what_the_settings_would_refuse_is_refused_before_it_is_written(source: Source) -> None:
    """The issue: nothing half-written."""
    with pytest.raises(Refused, match=r"tool_servers\.d/clock\.toml"):
        write_server("clock", source)


def test_what_was_installed_is_written_down_with_its_list() -> None:
    """The issue: a stdio server's lock file has a digest; one without the other is none."""
    lock = digest_of_bytes(b"list")
    source = Source(
        command=("/bin/a",),
        environment={},
        lock_file="tool_servers.d/a.sha256",
        lock_digest=lock,
        installed="packages/a/1",
    )

    _, server = write_server("a", source)

    assert (server.lock_file, server.lock_digest, server.installed) == ("tool_servers.d/a.sha256", lock, "packages/a/1")


def test_digests_are_those_of_the_files_as_they_are_or_will_be(tmp_path: Path) -> None:
    """Ours: found as a start would find it, on the server's own `PATH`; a list that is not written yet is known."""
    program = tmp_path / "bin" / "server"
    program.parent.mkdir()
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o700)
    source = Source(command=("server",), environment={"PATH": f"literal:{program.parent}"})
    text, server = write_server("a", source)
    own, old, new = digest_of_bytes(b"#!/bin/sh\n"), digest_of_bytes(b"old"), digest_of_bytes(b"new")

    now = digests_now(tmp_path, server)
    assert (now.executable_digest, now.lock_digest) == (own, None)
    assert with_digests(text, now) == f'{text}executable_digest = "{own}"\n'

    (tmp_path / "list.sha256").write_bytes(b"old")
    locked = server.model_copy(update={"lock_file": "list.sha256"})
    assert digests_now(tmp_path, locked).lock_digest == old
    assert digests_now(tmp_path, locked, {tmp_path / "list.sha256": b"new"}).lock_digest == new

    program.unlink()
    with pytest.raises(Refused, match="there is no command `server`"):
        digests_now(tmp_path, server)
    _, web = write_server("web", Source(url="https://a.example/", environment={}))
    assert digests_now(tmp_path, web) is web
