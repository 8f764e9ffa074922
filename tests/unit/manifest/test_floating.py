"""Commands that run whatever version is newest.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.manifest.floating import floating

COMMANDS: dict[str, str | None] = {
    "npx -y thing": "thing",
    "/usr/bin/npx -y @scope/thing": "@scope/thing",
    "npx thing@latest": "thing@latest",
    "npx thing@^1.2.0": "thing@^1.2.0",
    "npx thing@1": "thing@1",
    "npx -y @scope/thing@1.2.3 --x": None,
    "npx thing@1.2.3-beta.1": None,
    "npx --package=thing run": "thing",
    "npx -p thing@1.2.3 run": None,
    "npx -p": "npx",
    "npx": "npx",
    "npm exec thing": "thing",
    "npm start": None,
    "uvx thing": "thing",
    "uvx thing@1.2.3": None,
    "uvx --from thing[cli]==1.2.3 run": None,
    "uvx --from thing>=1.2.3 run": "thing>=1.2.3",
    "uvx --from git+https://a.example/x run": "git+https://a.example/x",
    "uv tool run thing": "thing",
    "pipx run --spec thing==1.2.3 run": None,
    "pipx run thing": "thing",
    "/usr/bin/mcp-server-time --x": None,
    "": None,
}


@pytest.mark.parametrize(("command", "package"), COMMANDS.items(), ids=COMMANDS)
def test_a_floating_version_is_a_finding(command: str, package: str | None) -> None:
    """The issue: a floating version is a finding."""
    assert floating(command.split()) == package
