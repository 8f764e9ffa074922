"""Tool servers over Streamable HTTP, in either protocol era: one `HttpToolServer` (`server.py`) for each.

From the bytes upwards: `response.py` and `events.py` read without I/O, `connection.py` is one connection,
`pool.py` those of one server, `channel.py` one request and its answer, `sessions.py` the legacy era's sessions,
`server.py` the port. It may import everything below the adapters, `asyncio`, `anyio`, `httptools`, and no other adapter.
"""
