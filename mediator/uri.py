r"""URIs: in the one form in which two readers cannot differ about them, or refused.

Pure, and nothing is normalised: a URI that is not in normal form is refused with what is wrong, never rewritten, since
what is decided about must be what is forwarded. Rules (RFC 3986 §3 for the parts, §6.2.2 for the form):

1. At most 500 characters (or as many as the caller says), all of those that a URI may have; no fragment, which names a part and is never sent.
2. A scheme in lower case. No user or password; the host in lower case, a name or an address in its shortest form; a
   port without leading noughts. `http` and `https` have a host, a path, and no port that they have anyway; a file is
   `file:///path`.
3. A path without empty, `.` and `..` segments.
4. Percent-encoding only where it is needed, in upper case, of UTF-8 text; never of `/`, `\`, a control character, or of
   what would be a percent-encoding once it is undone: a server that decodes too late, or twice, reads another path.

The split is the specification's own (RFC 3986, appendix B): `urllib.parse.urlsplit` puts `x:///a` together again
otherwise from one version of Python to the next.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LENGTH_MAX: Final = 500  # of a resource's, which is a name that people read
UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 §2.3
RESERVED: Final = frozenset(":/?#[]@!$&'()*+,;=")  # RFC 3986 §2.2

_PARTS: Final = re.compile(r"(([^:/?#]+):)(//([^/?#]*))?([^?#]*)(\?([^#]*))?")  # RFC 3986, appendix B; §3: a scheme
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:([1-9][0-9]{0,4}))?")
_NUMBER_LAST: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")  # WHATWG URL, hosts: read as an IPv4 address
_OF_THE_SCHEME: Final[Mapping[str, str]] = MappingProxyType({"http": "80", "https": "443"})
_PATH_SAFE: Final = UNRESERVED | set("/:@!$&'()*+,;=")  # RFC 3986 §3.3, pchar: what a path may hold as it is
_QUERY_SAFE: Final = UNRESERVED | set("/?:@!$'()*,;")  # RFC 3986 §3.4, less what separates a form's fields
_FIELDS: Final = re.compile("[&=+]")
_CONTROL_MAX: Final = 0x1F
_DELETE: Final = 0x7F
_BACKSLASH: Final = 0x5C
_ENCODED: Final = re.compile("%([0-9A-F]{2})")
_ENCODED_LOOSELY: Final = re.compile("%[0-9A-Fa-f]{2}")


def is_normal(uri: str, length_max: int = LENGTH_MAX) -> bool:
    """Tell whether a URI is in normal form."""
    return why_not_normal(uri, length_max) is None


def authority_of(uri: str) -> str | None:
    """Return host and port of a URI in normal form, as it writes them; None where it has none."""
    parts = _PARTS.fullmatch(uri)
    return (parts[4] or None) if parts is not None else None


def host_and_path(uri: str) -> tuple[str, str]:
    """Return host (with its port, as it is written) and path of a URI in normal form, what is percent-encoded decoded.

    Each is empty where there is none. In normal form nothing is encoded that would end a segment.
    """
    parts = _PARTS.fullmatch(uri)
    if parts is None:
        return "", ""
    octets = _ENCODED.sub(lambda found: chr(int(found[1], 16)), parts[5]).encode("latin-1")
    return parts[4] or "", octets.decode()


def why_not_normal(uri: str, length_max: int = LENGTH_MAX) -> str | None:
    """Say what is wrong with a URI, or None where it is in normal form."""
    # 1. Its characters.
    if len(uri) > length_max:
        return f"longer than {length_max} characters"
    if strange := [one for one in uri if one not in UNRESERVED and one not in RESERVED and one != "%"]:
        return f"the character {strange[0]!a} stands in no URI: percent-encode it (RFC 3986)"
    if "#" in uri:
        return "a fragment: it names a part, and is never sent"
    parts = _PARTS.fullmatch(uri)
    if parts is None:
        return "no URI: expected a scheme first, as in `file:///a`"
    scheme, authority, path, query = parts[2], parts[4], parts[5], parts[7]
    if not _SCHEME.fullmatch(scheme):
        return "the scheme is not in lower case, or none"
    if not authority and not path:
        return "it names nothing after its scheme"
    if query == "":
        return "a `?` with nothing after it: leave it out"
    return (
        _why_not_authority(scheme, authority, path)  # 2.
        or _why_not_path(path)  # 3.
        or _why_not_encoding(path, query)  # 4.
    )


def _why_not_authority(scheme: str, authority: str | None, path: str) -> str | None:
    if scheme == "file":
        return None if authority == "" else "a file is named as `file:///path`"  # RFC 8089: one of its spellings
    if scheme in _OF_THE_SCHEME and not (authority and path):
        return f"`{scheme}` asks for a host, and for a path of at least `/`"
    if not authority:
        return None
    if "@" in authority:
        return "a user or password before the host: credentials are never part of a name"
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or parts[4] == _OF_THE_SCHEME.get(scheme, ""):
        return "the host is not in lower case, or the port says nothing"
    if not _is_shortest(parts[1], can_be_ipv4=scheme in _OF_THE_SCHEME):
        return "an address that is not in its shortest form"
    return None


def _is_shortest(host: str, *, can_be_ipv4: bool) -> bool:
    is_ipv6 = host.startswith("[")
    if not is_ipv6 and not (can_be_ipv4 and _NUMBER_LAST.fullmatch(host)):
        return True
    address = host.strip("[]")
    try:
        read = ipaddress.IPv6Address(address) if is_ipv6 else ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return str(read) == address  # RFC 5952


def _why_not_path(path: str) -> str | None:
    segments = path.split("/")
    if "." in segments or ".." in segments:
        return "a `.` or `..` segment: write the path that it leads to"
    if "" in segments[1:-1]:
        return "an empty segment, `//`, in the path: write one `/`"
    return None


def _why_not_encoding(path: str, query: str | None) -> str | None:
    pieces = [(path, _PATH_SAFE), *((piece, _QUERY_SAFE) for piece in _FIELDS.split(query or ""))]
    for piece, safe in pieces:
        octets = [int(found, 16) for found in _ENCODED.findall(piece)]
        if not safe.issuperset(_ENCODED.sub("", piece)) or any(chr(octet) in safe for octet in octets):
            return "percent-encoded otherwise than in the one form: upper case, only where needed, never `/`"
        try:
            text = _ENCODED.sub(lambda found: chr(int(found[1], 16)), piece).encode("latin-1").decode()
        except UnicodeDecodeError:
            return "percent-encoded bytes that are no UTF-8"
        if any(octet <= _CONTROL_MAX or octet in {_DELETE, _BACKSLASH} for octet in octets):
            return "an encoded control character or backslash"
        if _ENCODED_LOOSELY.search(text):
            return "percent-encoded twice"
    return None
