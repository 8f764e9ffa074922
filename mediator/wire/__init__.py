"""MCP as bytes: form, no meaning.

An `Arrival` is read here, once and strictly, into what it asks for; nobody looks at its bytes again.
Nothing in this room knows tools, policies or grants. It may import `canonical`, `evidence`, `refusal`, and
the protocol tables of `mcp_types`; nothing here does I/O.
"""
