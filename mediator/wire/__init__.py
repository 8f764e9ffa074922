"""MCP as bytes: form, no meaning.

An `Arrival` is read here, once and strictly, into what it asks for; nobody looks at its bytes again.
Nothing in this room knows tools, policies or grants. It may import `canonical`, `evidence` and `refusal`; nothing here
does I/O. Its tables of methods and versions are our own (importing `mcp_types` costs every start half a second); tests
hold them equal to the SDK's.
"""
