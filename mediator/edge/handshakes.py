"""Letting connections in over TLS: each has its place at the gate before a word of the handshake is read.

An event loop's own server tells nobody of a connection until its handshake is over, so that half a handshake would be
counted nowhere. Here it is accepted, counted, and given the time of a head to shake hands. Rules:

- One too many is closed at once: to tell it why would take a handshake.
- A handshake that fails is counted like any other stop, and whoever hangs up or says nothing is not.
- A place is given back by the protocol once it has the connection, and here until then.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias

import anyio
import anyio.lowlevel

from mediator.edge.gate import Gate
from mediator.edge.http_protocol import BoundedProtocol, TooManyConnections
from mediator.refusal import Reason, Refused

NewProtocol: TypeAlias = Callable[[str], BoundedProtocol]
"""Makes the protocol of a connection from this address, for which a place was taken."""

_RETRY_SECONDS: Final = 1.0  # as asyncio's own server: what ran out (files, memory) is not there a moment later

_NotTls: Final = Refused(Reason.MALFORMED, "no TLS, or none that is spoken here")
_NoCertificate: Final = Refused(Reason.PROOF_REQUIRED, "no client certificate, where one is required")
_BadCertificate: Final = Refused(Reason.PROOF_INVALID, "a client certificate that does not hold")


async def let_in(listener: socket.socket, context: ssl.SSLContext, gate: Gate, new_protocol: NewProtocol) -> None:
    """Let in whoever shakes hands, until cancelled; handshakes that are under way end with it."""
    loop = asyncio.get_running_loop()
    listener.settimeout(0)
    async with anyio.create_task_group() as handshakes:
        while True:
            await anyio.lowlevel.checkpoint()  # connections that wait in a row must not keep everybody else waiting
            try:
                connection, address = await loop.sock_accept(listener)
            except ConnectionAbortedError:
                continue
            except OSError:
                await anyio.sleep(_RETRY_SECONDS)
                continue
            source = str(address[0])
            if gate.admit(source):
                handshakes.start_soon(_shake_hands, connection, context, gate, source, new_protocol(source))
            else:
                gate.turn_away(source, TooManyConnections, HTTPStatus.SERVICE_UNAVAILABLE)
                connection.close()


async def _shake_hands(
    connection: socket.socket, context: ssl.SSLContext, gate: Gate, source: str, protocol: BoundedProtocol
) -> None:
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_accepted_socket(
            lambda: protocol, connection, ssl=context, ssl_handshake_timeout=gate.head_seconds
        )
    except ssl.SSLCertVerificationError:
        gate.turn_away(source, _BadCertificate, HTTPStatus.UNAUTHORIZED)
    except ssl.SSLError as error:
        is_missing = error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
        gate.turn_away(source, _NoCertificate if is_missing else _NotTls, HTTPStatus.BAD_REQUEST)
    except (OSError, RuntimeError, ValueError):  # it hung up, or its time was over; no connection ends the others
        return
    finally:
        if not protocol.is_connected:
            gate.release(source)
