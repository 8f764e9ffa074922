"""Tool servers as they are configured: their secrets resolved at the start, and nothing more than named is given.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.adapters.tool_servers_http.server import HttpToolServer
from mediator.adapters.tool_servers_stdio.server import StdioToolServer
from mediator.assembly.folder import Folder, read_settings
from mediator.assembly.servers import introduce, make_tool_servers
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from mediator.settings.sections import Settings
from tests.promises import promise
from tests.simulated.permits import RecordingWatch, pass_fence
from tests.simulated.tool_server import SimulatedToolServer, tool
from tests.simulated.tool_server_stdio import SimulatedStdioServer


def configured(home: Folder, *tables: str) -> Settings:
    home.servers_folder.mkdir(exist_ok=True)
    (home.servers_folder / "all.toml").write_text("\n".join(f"[[tool_server]]\n{table}" for table in tables))
    return read_settings(home)


async def nothing(server: str) -> Secret | None:  # noqa: ARG001 - no server of these wants anything
    return None


def quoted(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def test_each_configured_server_has_an_adapter_of_its_kind(home: Folder) -> None:
    """Ours: nothing is started by that."""
    settings = configured(
        home, 'name = "web"\nurl = "http://127.0.0.1:9/mcp"', 'name = "local"\ncommand = ["/no/such/program"]'
    )
    servers = make_tool_servers(home, settings, RecordingWatch(), pass_fence, nothing)
    assert isinstance(servers["web"], HttpToolServer)
    assert isinstance(servers["local"], StdioToolServer)


@promise("P7")
@pytest.mark.parametrize(
    "table",
    [
        'name = "local"\ncommand = ["true"]\nenvironment = { KEY = "env:NO_SUCH_TOKEN" }',
        'name = "local"\ncommand = ["true"]\nenvironment = { KEY = "file:/no/such/NO_SUCH_TOKEN" }',
    ],
)
def test_a_secret_that_is_not_there_stops_the_start_and_is_named(
    home: Folder, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P7: a server is not asked without what it should be asked with."""
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    settings = configured(home, table)
    with pytest.raises(Refused) as refused:
        make_tool_servers(home, settings, RecordingWatch(), pass_fence, nothing)
    assert refused.value.reason is Reason.NO_CREDENTIAL
    assert "NO_SUCH_TOKEN" in refused.value.detail


@promise("P5")
async def test_a_command_sees_what_its_settings_name_and_nothing_of_the_operator(
    home: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5: an operator's environment is full of credentials."""
    monkeypatch.setenv("OPERATORS_OWN", "secret")
    monkeypatch.setenv("CLOCK_KEY", "for-the-clock")
    clock = SimulatedStdioServer(tmp_path, name="clock", tools=[tool("now")], show_environment=True)
    settings = configured(
        home,
        f'name = "clock"\ncommand = {quoted(clock.command)}\n'
        'environment = { TZ = "literal:UTC", API_KEY = "env:CLOCK_KEY" }',
    )
    server = settings.find_tool_server("clock")
    assert server is not None
    introduction = await introduce(home, settings, server)
    assert [one["name"] for one in introduction.tools] == ["now"]
    assert clock.alive == []
    shown = str(clock.events)
    assert "for-the-clock" in shown
    assert "UTC" in shown
    assert "OPERATORS_OWN" not in shown


async def test_a_server_over_http_introduces_itself_with_its_credential_and_is_let_go(
    home: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    monkeypatch.setenv("WEB_TOKEN", "abc")
    async with SimulatedToolServer(tools=[tool("now")], bearer="abc") as web:
        settings = configured(home, f'name = "web"\nurl = "{web.url}"\ncredential = "env:WEB_TOKEN"')
        server = settings.find_tool_server("web")
        assert server is not None
        introduction = await introduce(home, settings, server)
        assert [one["name"] for one in introduction.tools] == ["now"]
        assert web.calls == []
        await web.until(lambda: web.hang_ups == web.connections)


async def test_a_server_that_does_not_introduce_itself_is_refused_by_name(home: Folder) -> None:
    """Bad input: a command that is not there."""
    settings = configured(home, 'name = "gone"\ncommand = ["/no/such/program"]')
    server = settings.find_tool_server("gone")
    assert server is not None
    with pytest.raises(Refused) as refused:
        await introduce(home, settings, server)
    assert refused.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
    assert "cannot be started" in refused.value.detail
