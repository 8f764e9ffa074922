"""Unit tests of mediator/cli/hosts.py: each host's documented form, and nothing lost of what stood there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from mediator.cli.hosts import Host, entry_text, project_file, with_entry
from mediator.refusal import Reason, Refused

COMMAND = ["/opt/mediator", "stdio", "--agent", "assistant", "--folder", '/srv/a "quoted" place']
PLAIN = {"command": COMMAND[0], "args": COMMAND[1:]}


def read(host: Host, content: bytes) -> dict[str, Any]:
    text = content.decode()
    return tomllib.loads(text) if host is Host.CODEX else json.loads(text)


FORMS = {
    Host.CLAUDE_CODE: {"mcpServers": {"mediator": {"type": "stdio", **PLAIN}}},
    Host.CURSOR: {"mcpServers": {"mediator": PLAIN}},
    Host.VSCODE: {"servers": {"mediator": {"type": "stdio", **PLAIN}}},
    Host.CODEX: {"mcp_servers": {"mediator": PLAIN}},
    Host.GENERIC: {"mcpServers": {"mediator": PLAIN}},
}
FILES = [host for host in Host if project_file(host) is not None]


@pytest.mark.parametrize("host", FORMS, ids=str)
def test_each_host_gets_the_form_that_it_documents(host: Host) -> None:
    """Issue 4: Claude Code `.mcp.json`, Cursor `.cursor/mcp.json`, VS Code `.vscode/mcp.json`, Codex `config.toml`."""
    assert read(host, entry_text(host, COMMAND).encode()) == FORMS[host]
    assert with_entry(host, None, COMMAND) == with_entry(host, b"\n", COMMAND) == entry_text(host, COMMAND).encode()


def test_for_langgraph_it_is_a_program_that_can_be_read() -> None:
    """langchain-mcp-adapters: `MultiServerMCPClient` takes a connection for each server."""
    text = entry_text(Host.LANGGRAPH, COMMAND)
    compile(text, "connect", "exec")
    connection = json.loads(text[text.index('{"mediator": ') + len('{"mediator": ') : text.rindex("})")])
    assert connection == {"transport": "stdio", **PLAIN}


@pytest.mark.parametrize("host", FILES, ids=str)
def test_what_stands_in_a_hosts_file_stays_and_writing_twice_is_writing_once(host: Host) -> None:
    """Ours: bad input loses nothing, and good input neither."""
    if host is Host.CODEX:
        before = b'model = "x" # mine\n\n[mcp_servers.other]\ncommand = "o"\n'
    else:
        name = "servers" if host is Host.VSCODE else "mcpServers"
        before = json.dumps({"inputs": [1], name: {"other": {"command": "o"}}}).encode()
    once = with_entry(host, before, COMMAND)
    (list_name,) = FORMS[host]
    expected = {**read(host, before)[list_name], **FORMS[host][list_name]}
    assert read(host, once) == {**read(host, before), list_name: expected}
    assert read(host, with_entry(host, once, COMMAND)) == read(host, once)
    if host is Host.CODEX:
        assert once.startswith(before.rstrip())


BROKEN = {
    "no JSON": (Host.CURSOR, b"// mine\n{}", "no plain JSON"),
    "another list": (Host.VSCODE, b'{"servers": []}', "no object"),
    "no TOML": (Host.CODEX, b"[", "no TOML"),
    "not UTF-8": (Host.CODEX, b"\xff", "no TOML"),
    "no table": (Host.CODEX, b"mcp_servers = 1", "no table"),
    "another entry": (Host.CLAUDE_CODE, b'{"mcpServers": {"mediator": {"command": "x"}}}', "another entry"),
    "another section": (Host.CODEX, b'[mcp_servers.mediator]\ncommand = "x"', "another entry"),
}


@pytest.mark.parametrize(("host", "before", "told"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_added_to_is_left_alone(host: Host, before: bytes, told: str) -> None:
    """Ours: what was wrong, and what to do."""
    with pytest.raises(Refused) as refused:
        with_entry(host, before, COMMAND)
    assert refused.value.reason is Reason.MALFORMED
    assert told in refused.value.detail
    assert "--write" in str(refused.value.remedy)
