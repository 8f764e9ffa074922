"""MCP Mediator: a reference monitor for agents' tool calls.

An MCP server to the agents, an MCP client to the tool servers; nothing that an agent does reaches a tool except
through `mediation/mediate.py`, which is where a newcomer starts to read. Below it stand the judgement's parts
(`inspection`; `wire`, `manifest`, `delegation`, `policy`; `identity`, `settings`; `canonical`; `evidence`, `refusal`,
`effect`), above it the doors (`edge`, `adapters`), the `assembly` that joins them, and the commands (`cli`). Imports
go down only; `docs/architecture.md` has the picture, `pyproject.toml` the contract.

SPDX-License-Identifier: Apache-2.0
"""
