"""The demo's real tool servers, from the Python package index, in an environment of their own.

Nobody here wrote them, and the mediator does not share a Python with them. `make demo` prepares the environment from
hash-locked requirements and names it; without one, a temporary environment is made and removed again.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from mediator.refusal import Reason, Refused

REQUIREMENTS: Final = ("mcp-server-time", "mcp-server-git")
_INSTALL_SECONDS: Final = 300


def find_servers(environment: Path) -> dict[str, Path]:
    """Return the executables by package name; raises `Refused(MALFORMED)` naming the one that is missing."""
    found = {name: environment / "bin" / name for name in REQUIREMENTS}
    for name, path in found.items():
        if not path.is_file():
            raise Refused(Reason.MALFORMED, f"`{path}` is missing: run `make demo`, which installs `{name}`")
    return found


def install_servers(environment: Path) -> dict[str, Path]:
    """Make the environment and install the servers into it; raises `Refused(TOOL_SERVER_UNAVAILABLE)` where that fails."""
    commands = (
        [sys.executable, "-m", "venv", str(environment)],
        [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *REQUIREMENTS],
    )
    for command in commands:
        try:
            # The command is made of our own words and a path of ours; no shell reads it.
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            detail = f"the demo's tool servers could not be installed: {' '.join(command[-3:])}: {error}"
            raise Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail) from error
    return find_servers(environment)
