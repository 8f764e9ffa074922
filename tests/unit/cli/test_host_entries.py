"""What a host's own file says of its servers, and what of it is taken.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mediator.canonical import Json
from mediator.cli.host_entries import HostEntry, must_be_named, read_entries, source_from_host, source_of
from mediator.cli.hosts import Host, entry_text, project_file
from mediator.cli.source import Source
from mediator.refusal import Refused
from tests.promises import promise


def host(folder: Path, servers: object, key: str = "mcpServers") -> Path:
    path = folder / "mcp.json"
    path.write_text(json.dumps({key: servers}))
    return path


@pytest.mark.parametrize("key", ["mcpServers", "servers"])
def test_a_host_s_own_file_is_read(key: str, tmp_path: Path) -> None:
    """Design 5.1: `--from` reads a host's existing `mcp.json`."""
    entry = {"command": "server", "args": ["-v"], "env": {"A": "${A}", "B": "${env:OTHER}"}}

    source = source_from_host(host(tmp_path, {"clock": entry}, key), "clock", [], None)

    assert source == Source(command=("server", "-v"), environment={"A": "env:A", "B": "env:OTHER"})


def test_an_address_in_a_host_s_file_is_read(tmp_path: Path) -> None:
    """Design 5.1; headers may be secrets, so the token is named by reference."""
    path = host(tmp_path, {"a": {"url": "https://a.example/mcp", "headers": {"Authorization": "Bearer x"}}})

    assert source_from_host(path, "a", [], "env:T").credential == "env:T"
    with pytest.raises(Refused) as refused:
        source_from_host(path, "a", [], None)
    assert refused.value.remedy == "give a bearer token by reference: `--credential env:NAME`"


@promise("P5")
def test_a_value_that_may_be_a_secret_is_not_copied(tmp_path: Path) -> None:
    """House style 11: secrets are named by reference; the message does not repeat it."""
    path = host(tmp_path, {"a": {"command": "server", "env": {"API_KEY": "hunter2", "B": "${B}"}}})

    with pytest.raises(Refused) as refused:
        source_from_host(path, "a", [], None)
    assert "hunter2" not in f"{refused.value} {refused.value.remedy}"
    assert "--env API_KEY=env:API_KEY" in str(refused.value.remedy)

    assert source_from_host(path, "a", ["API_KEY=env:K"], None).environment == {"API_KEY": "env:K", "B": "env:B"}


HOSTS: dict[str, tuple[object, str]] = {
    "another server": ({"b": {}}, "no server `a`; there is `b`"),
    "no server": ({}, "no server `a`; there is none"),
    "neither": ({"a": {}}, "`a` has neither `command` nor `url`"),
    "arguments that are none": ({"a": {"command": "x", "args": "y"}}, "`args` is no list of texts"),
    "an argument that is none": ({"a": {"command": "x", "args": [1]}}, "`args` is no list of texts"),
    "an environment that is none": ({"a": {"command": "x", "env": ["A"]}}, "`env` is no object"),
    "a value that is none": ({"a": {"command": "x", "env": {"A": 1}}}, "the value of `A` may be a secret"),
    "no list": ([], "no list of servers in it"),
}


@pytest.mark.parametrize(("servers", "told"), HOSTS.values(), ids=HOSTS)
def test_a_file_that_says_something_else_is_refused_by_name(servers: object, told: str, tmp_path: Path) -> None:
    """The issue: what, where, and the next step."""
    path = host(tmp_path, servers)

    with pytest.raises(Refused) as refused:
        source_from_host(path, "a", [], None)
    assert refused.value.detail.startswith(f"{path}: {told}")
    assert refused.value.remedy is not None


def test_a_file_that_is_missing_or_no_json_is_refused_by_name(tmp_path: Path) -> None:
    """The issue: what, where, and the next step."""
    path = tmp_path / "mcp.json"
    for raw in (None, b"{", b"[]"):
        if raw is not None:
            path.write_bytes(raw)
        with pytest.raises(Refused, match=r"mcp\.json"):
            source_from_host(path, "a", [], None)


CLAUDE_CODE = """{"mcpServers": {
  "db": {"type": "stdio", "command": "npx", "args": ["-y", "db-server"], "env": {"DB_URL": "${DB_URL:-postgres://x}"}},
  "api": {"type": "http", "url": "https://api.example/mcp", "headers": {"Authorization": "Bearer ${API_KEY}"}}
}}"""
CURSOR = """{"mcpServers": {
  "db": {"command": "python", "args": ["${workspaceFolder}/server.py", "${userHome}${/}notes"], "env": {"K": "${env:KEY}"}},
  "api": {"url": "https://api.example/mcp", "headers": {"Authorization": "Bearer ${env:TOKEN}"}}
}}"""
VSCODE = """{"inputs": [{"type": "promptString", "id": "api-key", "password": true}], "servers": {
  "db": {"type": "stdio", "command": "python", "args": ["${workspaceFolder}/server.py"], "env": {"K": "${input:api-key}"}},
  "api": {"type": "http", "url": "https://api.example/mcp", "headers": {"Authorization": "Bearer ${input:api-key}"}}
}}"""
CODEX = """
model = "x"
since = 2026-01-01
[mcp_servers.db]
command = "python"
args = ["server.py"]
env_vars = ["K"]
cwd = "tools"
startup_timeout_sec = 10.5
[mcp_servers.api]
url = "https://api.example/mcp"
bearer_token_env_var = "TOKEN"
"""
DOCUMENTED: dict[Host, tuple[str, Source, str]] = {
    Host.CLAUDE_CODE: (
        CLAUDE_CODE,
        Source(command=("npx", "-y", "db-server"), environment={"DB_URL": "env:DB_URL"}),
        "env:API_KEY",
    ),
    Host.CURSOR: (
        CURSOR,
        Source(command=("python", "HERE/server.py", f"{Path.home()}/notes"), environment={"K": "env:KEY"}),
        "env:TOKEN",
    ),
    Host.VSCODE: (VSCODE, Source(command=("python", "HERE/server.py"), environment={"K": "env:K"}), "env:API_KEY"),
    Host.CODEX: (
        CODEX,
        Source(command=("python", "server.py"), environment={"K": "env:K"}, cwd="HERE/tools"),
        "env:TOKEN",
    ),
}


@pytest.mark.parametrize("host", DOCUMENTED, ids=str)
def test_each_host_s_documented_form_is_read(host: Host, tmp_path: Path) -> None:
    """Issue 4: their `mcp.json` files. What is a reference there stays one, what is a folder is filled in."""
    text, expected, credential = DOCUMENTED[host]
    place = project_file(host)
    assert place is not None
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)

    assert [entry.name for entry in read_entries(path)] == ["db", "api"]
    command = tuple(word.replace("HERE", str(tmp_path)) for word in expected.command)
    cwd = None if expected.cwd is None else expected.cwd.replace("HERE", str(tmp_path))
    read = source_from_host(path, "db", [], None)
    assert read == Source(command=command, environment=expected.environment, cwd=cwd)
    api = Source(url="https://api.example/mcp", environment={}, credential=credential)
    assert source_from_host(path, "api", [], None) == api


@pytest.mark.parametrize("host", [Host.CLAUDE_CODE, Host.CURSOR, Host.VSCODE, Host.CODEX, Host.GENERIC], ids=str)
@pytest.mark.parametrize(
    "own", [["/opt/bin/mediator"], ["/opt/bin/python", "-m", "mediator"]], ids=["script", "module"]
)
def test_what_connect_writes_is_known_again(host: Host, own: list[str], tmp_path: Path) -> None:
    """Ours: behind itself the mediator would wait for itself."""
    path = tmp_path / ("config.toml" if host is Host.CODEX else "mcp.json")
    path.write_text(entry_text(host, [*own, "stdio", "--agent", "assistant", "--folder", "/srv"]))

    (entry,) = read_entries(path)
    assert entry.is_the_mediator
    other = HostEntry(file=path, name="mediator", content={"command": "/opt/bin/clock", "args": ["stdio"]})
    assert not other.is_the_mediator


def entry_of(content: Json) -> HostEntry:
    return HostEntry(file=Path("/srv/mcp.json"), name="a", content=content)


def test_what_its_host_has_switched_off_is_off() -> None:
    """Codex: `enabled = false`; Cursor's relatives: `"disabled": true`."""
    assert entry_of({"command": "x", "enabled": False}).is_off
    assert entry_of({"command": "x", "disabled": True}).is_off
    assert not entry_of({"command": "x", "enabled": True}).is_off
    assert not entry_of([]).is_off


UNSAID: dict[str, tuple[Json, str]] = {
    "no object": ("x", "`a` is no object"),
    "a file of variables": ({"command": "x", "envFile": ".env"}, "`a` takes variables out of a file"),
    "the older transport": ({"type": "sse", "url": "https://a.example/sse"}, "`a` speaks the older HTTP with SSE"),
    "a variable in an argument": ({"command": "x", "args": ["--key=${KEY}"]}, "`a` has `${KEY}` in its words"),
    "an input in an address": ({"url": "https://a.example/${input:k}"}, "`a` has `${input:k}` in its words"),
    "a token that is written out": (
        {"url": "https://a.example/", "headers": {"Authorization": "Bearer sk-hunter2"}},
        "`a` sends headers",
    ),
    "a header beside the token": (
        {"url": "https://a.example/", "headers": {"Authorization": "Bearer ${T}", "X": "hunter2"}},
        "`a` sends headers",
    ),
    "Codex's headers": (
        {"url": "https://a.example/", "bearer_token_env_var": "T", "env_http_headers": {"X": "Y"}},
        "`a` sends headers",
    ),
}


@promise("P5")
@pytest.mark.parametrize(("content", "told"), UNSAID.values(), ids=UNSAID)
def test_what_the_mediator_could_not_do_as_the_host_does_is_refused(content: Json, told: str) -> None:
    """Ours: nothing of how a server is reached is left out in silence, and no secret is repeated."""
    with pytest.raises(Refused) as refused:
        source_of(entry_of(content), {}, None, must_be_named)
    assert refused.value.detail.startswith(told)
    assert "hunter2" not in f"{refused.value.detail} {refused.value.remedy}"


def test_the_variables_of_an_entry_are_known_by_name() -> None:
    """Ours: an option is for those who have the variable."""
    assert entry_of({"env": {"A": 1}, "env_vars": ["B", 2]}).variables == {"A", "B"}
    assert entry_of({"env": ["A"], "env_vars": "B"}).variables == entry_of(None).variables == frozenset()
