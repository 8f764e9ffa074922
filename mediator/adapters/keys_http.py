"""One address where an issuer publishes its keys (RFC 7517 §5): fetched whole, bounded, believed in nothing but its form.

The address is the settings' own; none ever comes from a token. Rules:

- The name is looked up once, and what it comes to is judged by `ipaddress`: an address that is not of the public network is
  refused, also beside one that is. The connection goes to an address that was judged: nobody looks the name up again.
  Where the settings name this machine itself (`localhost`, `127.0.0.1`, `[::1]`), this machine alone is reached.
- No redirect is followed, no proxy of the environment is asked, no cookie is kept; each fetch has a connection of its own.
- 200, JSON by its type, not encoded, at most 256 KiB, within its time; a certificate that this machine knows.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ipaddress
import socket
import ssl as tls
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import anyio
import httpcore2

from mediator.canonical import JsonLimits, JsonObject, parse_object
from mediator.refusal import Reason, Refused

BYTES_MAX: Final = 256 * 1024  # a hundred keys with their certificates
SECONDS_MAX: Final = 10.0  # as of a token endpoint
_LIMITS: Final = JsonLimits(bytes_max=BYTES_MAX, depth_max=16, values_max=10_000)
_TYPES: Final = frozenset({"application/json", "application/jwk-set+json"})  # RFC 7517 §8.5.1
_OK: Final = 200
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052 §2.1: an IPv4 address is in its last 32 bits

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Iterable[str]]]
"""The addresses, as text, that a host name comes to."""


class _Unreachable(Exception):  # noqa: N818 - it says why, and is told by a `Refused`
    """Nothing is connected to, for this reason."""


async def resolve(host: str, port: int) -> list[str]:
    """Return what the system's resolver says of this name."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


class KeysEndpoint:
    """Fetches from one address; `ssl` is for those whose certificates this machine does not know."""

    def __init__(self, url: str, *, ssl: tls.SSLContext | None = None, resolve: Resolve = resolve) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None  # the settings took it
        self.url: Final = url
        self._host: Final = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        query = f"?{parts.query}" if parts.query else ""  # by which some publish for each tenant or application
        target = (parts.path or "/") + query
        self._address: Final = httpcore2.URL(scheme=parts.scheme, host=parts.hostname, port=parts.port, target=target)
        self._host_header: Final = self._host if parts.port is None else f"{self._host}:{parts.port}"
        self._ssl: Final = ssl or tls.create_default_context()
        self._network: Final = _JudgedNetwork(parts.hostname, resolve)

    async def fetch(self, seconds: float = SECONDS_MAX) -> JsonObject:
        """Return the set that is published there now; its keys are not looked at.

        Raises `Refused(SNAPSHOT_TOO_OLD)` saying why there is none, and nothing of what came.
        """
        # Raised outside of `except`: what a library says of bytes that it could not read quotes them.
        answer = await self._get_within(seconds)
        if isinstance(answer, str):
            raise self._refused(answer)
        try:
            return parse_object(answer, _LIMITS)
        except Refused:
            pass
        raise self._refused("sent JSON that is none")

    async def _get_within(self, seconds: float) -> bytes | str:
        try:
            with anyio.fail_after(seconds):
                return await self._get()
        except TimeoutError:
            return f"gave no keys within {seconds:g} s"
        except _Unreachable as why:
            return str(why)
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            tls.SSLError,
            OSError,
            UnicodeError,  # a name that no resolver takes
        ):
            return "cannot be reached, shows no certificate that is known here, or speaks no HTTP"

    async def _get(self) -> bytes | str:
        request = httpcore2.Request(
            "GET",
            self._address,
            headers={
                "host": self._host_header,
                "accept": ", ".join(sorted(_TYPES)),
                "accept-encoding": "identity",
                "user-agent": "mcp-mediator",
            },
        )
        async with httpcore2.AsyncConnectionPool(
            ssl_context=self._ssl, network_backend=self._network, max_connections=1
        ) as pool:
            response = await pool.handle_async_request(request)
            try:
                return await _read(response)
            finally:
                await response.aclose()

    def _refused(self, what: str) -> Refused:
        return Refused(Reason.SNAPSHOT_TOO_OLD, f"no keys: `{self.url}` {what}")


class _JudgedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to what a name comes to, if all of that may be connected to; and to nothing else."""

    def __init__(self, host: str, resolve: Resolve) -> None:
        self._is_this_machine: Final = _is_this_machine(host)
        self._resolve: Final = resolve
        self._below: Final = httpcore2.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *given: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
        """Look the name up, judge what it comes to, and connect to the first that answers."""
        addresses = [ipaddress.ip_address(text) for text in await self._resolve(host, port)]
        if not addresses:
            raise _Unreachable("comes to no address")
        for address in addresses:
            if not (_real(address).is_loopback if self._is_this_machine else _is_public(address)):
                raise _Unreachable(f"comes to `{address}`, which is no address of the public network")
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._below.connect_tcp(str(address), port, *given, **named)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                failure = error
        assert failure is not None
        raise failure


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_public(address: Address) -> bool:
    """Tell whether it is of the public network; what carries another address within it is judged by that one."""
    real = _real(address)
    if isinstance(real, ipaddress.IPv6Address) and real.is_site_local:  # RFC 3879: to `ipaddress` it is global
        return False
    return real.is_global and not (real.is_multicast or real.is_reserved or real.is_unspecified)


def _real(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    within = address.ipv4_mapped or address.sixtofour or (None if address.teredo is None else address.teredo[1])
    if within is None and address in _NAT64:
        within = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return within or address


async def _read(response: httpcore2.Response) -> bytes | str:
    headers = {name.lower(): value for name, value in response.headers}
    if response.status != _OK:
        return f"answered with HTTP status {response.status}"
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        return "sent an encoded answer that was not asked for"
    if headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower().decode("latin-1") not in _TYPES:
        return "did not answer in JSON"
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > BYTES_MAX:
            return f"sent more than {BYTES_MAX} bytes"
    return bytes(body)
