"""Tool servers over stdio, in either protocol era: one `StdioToolServer` (`server.py`) for each.

From the bytes upwards: `lines.py` frames without I/O, `child.py` is one process and its end, `conversation.py` speaks
MCP with it, many calls at once, `server.py` is the port. It may import everything below the adapters, `asyncio`,
`anyio`, and no other adapter.
"""
