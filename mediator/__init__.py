"""MCP Mediator: a reference monitor for agents' tool calls.

An MCP server to the agents, an MCP client to the tool servers; nothing that an agent does reaches a tool except
through `mediation/mediate.py`, which is where a newcomer starts to read. Below it stand the judgement's parts
(`inspection`; `wire`, `manifest`, `delegation`, `policy`; `identity`, `settings`; `canonical`; `evidence`, `refusal`,
`effect`), above it the doors (`edge`, `adapters`), the `assembly` that joins them, and the commands (`cli`). Imports
go down only; `docs/architecture.md` has the picture, `pyproject.toml` the contract.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

__version__ = "0.1.0"

_EXPORTS: Final = {"Mediator": "mediator.assembly.mediator", "Settings": "mediator.settings.sections"}


def __getattr__(name: str) -> object:
    """Return what the package exports, imported when it is first asked for: no command pays for what it does not use."""
    if name not in _EXPORTS:
        message = f"module `mediator` has no attribute `{name}`"
        raise AttributeError(message)
    return getattr(import_module(_EXPORTS[name]), name)
