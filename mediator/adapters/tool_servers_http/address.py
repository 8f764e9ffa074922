"""Where a tool server is: its URL, read once and strictly.

Plain HTTP goes to this machine only; there are no credentials in a URL; nothing here resolves a name.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mediator.refusal import Reason, Refused

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*\.?|[0-9a-f:.]+:[0-9a-f:.]*")
"""RFC 1035 §2.3.4 bounds labels and names: the resolver raises what is no `OSError` for longer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host, a port, and what stands in the request line and the `Host` header."""

    host: str
    port: int
    is_tls: bool
    authority: str
    target: str

    def allows(self, ip: str) -> bool:
        """Tell whether we may connect there: without TLS, to this machine only, whatever the name resolves to."""
        return self.is_tls or ipaddress.ip_address(ip).is_loopback


def parse_address(url: str) -> Address:
    """Read a tool server's URL; raises `Refused(MALFORMED)` with what is wrong."""
    if not _VISIBLE.fullmatch(url):
        raise _malformed("a URL is visible ASCII without blanks")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise _malformed(f"no URL: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise _malformed("the URL of a tool server begins with `https://`, or `http://` on this machine")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise _malformed("a URL holds no credential; name it by reference in the settings")
    if parts.fragment or "#" in url:
        raise _malformed("the URL of a tool server has no fragment")
    if not _HOST.fullmatch(host):
        raise _malformed("the URL names no host that we can read")
    is_tls = parts.scheme == "https"
    if not is_tls and not _is_this_machine(host):
        raise _malformed("plain http is for this machine only; use `https://`")
    name = f"[{host}]" if ":" in host else host
    return Address(
        host=host,
        port=port if port is not None else (443 if is_tls else 80),
        is_tls=is_tls,
        authority=name if port is None else f"{name}:{port}",
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _malformed(detail: str) -> Refused:
    return Refused(Reason.MALFORMED, detail, sentence=detail)
