"""Tool servers over Streamable HTTP, in either protocol era: one `HttpToolServer` (`server.py`) for each.

From the bytes upwards: `response.py` and `events.py` read without I/O, `connection.py` is one connection, `pool.py` those
of one server, `channel.py` one request and its answer (`exchange.py`: as it comes). `eras.py` introduces a server,
`visit.py` and `visits.py` keep sessions and tasks, `calling.py` (over `call_stream.py`) is one call, `standing.py` and
`listening.py` are the streams beside calls, `background.py` what outlives one. `server.py` is the port.
It may import everything below the adapters, `asyncio`, `anyio`, `httptools`, and no other adapter.
"""
