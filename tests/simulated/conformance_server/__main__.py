"""Serve the fixtures until told to end: `python -m tests.simulated.conformance_server --port N`, or with `--stdio`.

Over HTTP it is on loopback, and says where, on standard output, as soon as it can be reached.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import socket

import anyio
import uvicorn
from mcp.server.stdio import stdio_server

from tests.simulated.conformance_server.beyond import beyond_the_suite
from tests.simulated.conformance_server.server import conformance_app, conformance_server


def _serve_http(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listening:
        config = uvicorn.Config(
            conformance_app(beyond),
            http="h11",  # takes the white space off both ends of a header's value, as RFC 9110 §5.5 asks; httptools off one
            log_level="warning",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        print(f"serving http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
        uvicorn.Server(config).run(sockets=[listening])


async def _serve_stdio() -> None:
    server = conformance_server(beyond)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


parser = argparse.ArgumentParser(prog="conformance_server", description="Serve the suite's fixtures on loopback.")
parser.add_argument("--port", type=int, default=0, help="where to listen; 0 takes a free port")
parser.add_argument("--stdio", action="store_true", help="over standard input and output instead")
parser.add_argument("--beyond", action="store_true", help="with the tools that the suite does not know")
given = parser.parse_args()
beyond = beyond_the_suite() if given.beyond else ()
if given.stdio:
    anyio.run(_serve_stdio)
else:
    _serve_http(given.port)
