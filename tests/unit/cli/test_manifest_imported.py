"""One import, without a question and without a table.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.cli.console import note
from mediator.cli.folder import open_set_up
from mediator.cli.manifest_imported import import_one, source_here
from mediator.cli.source import Source, write_server
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import content_of
from tests.simulated.tool_server_stdio import SimulatedStdioServer


def test_what_a_server_offers_is_drafted_and_written(work: Path, clock: SimulatedStdioServer) -> None:
    """Design 5.1."""
    set_up = open_set_up(work)
    source = source_here(set_up, "clock", Source(command=clock.command, environment={}))
    _, server = write_server("clock", source)

    imported = import_one(set_up, server, source, owner=None, days=1, tell=note)

    assert [tool.name for tool in imported.manifest.tools] == ["now", "set_alarm"]
    written = [str(path.relative_to(work)) for path in imported.written]
    assert written == ["tool_servers.d/clock.toml", "tool_manifests/clock/manifest.json"]
    assert all(path.exists() for path in imported.written)


@promise("P7")
def test_what_fails_leaves_nothing_behind(work: Path) -> None:
    """The issue: nothing half-written."""
    set_up, before = open_set_up(work), content_of(work)
    source = Source(command=("/bin/false",), environment={})

    with pytest.raises(Refused) as refused:
        import_one(set_up, write_server("clock", source)[1], source, owner=None, days=1, tell=note)

    assert refused.value.reason is Reason.TOOL_SERVER_UNAVAILABLE
    assert content_of(work) == before
