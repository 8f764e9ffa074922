"""Tool servers over stdio, in either protocol era: one `StdioToolServer` (`server.py`) for each.

From the bytes upwards: `lines.py` frames without I/O, `child.py` is one process and its end, `exchange.py` is one request
and `in_flight.py` all of them, `link.py` joins the two; on it `calls.py` and `subscriptions.py`, `conversation.py` is MCP
with one process, `server.py` is the port. It may import everything below the adapters, `asyncio`, `anyio`, and no other
adapter.
"""
