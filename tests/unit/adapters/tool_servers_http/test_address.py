"""Where a tool server is.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.adapters.tool_servers_http.address import Address, parse_address
from mediator.refusal import Reason, Refused
from tests.promises import promise


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:3901/mcp", ("127.0.0.1", 3901, False, "127.0.0.1:3901", "/mcp")),
        ("http://localhost/mcp?x=1", ("localhost", 80, False, "localhost", "/mcp?x=1")),
        ("http://[::1]:8080", ("::1", 8080, False, "[::1]:8080", "/")),
        ("https://Tools.Example.com/a/b", ("tools.example.com", 443, True, "tools.example.com", "/a/b")),
        ("https://tools.example.com:8443/", ("tools.example.com", 8443, True, "tools.example.com:8443", "/")),
    ],
)
def test_an_address_is_read_from_its_url(url: str, address: tuple[str, int, bool, str, str]) -> None:
    """RFC 9110 §7.2: the authority is what stands in `Host`."""
    host, port, is_tls, authority, target = address
    assert parse_address(url) == Address(host=host, port=port, is_tls=is_tls, authority=authority, target=target)


@promise("P7")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "mcp",
        "ftp://127.0.0.1/",
        "http://",
        "http:///mcp",
        "http://tools.example.com/mcp",
        "http://10.0.0.1/mcp",
        "http://localhost.evil.example/mcp",
        "http://127.0.0.1.evil.example/mcp",
        f"https://{'a' * 64}.example.com/mcp",
        "https://" + "a." * 127 + "com/mcp",
        "https://user@tools.example.com/",
        "https://user:secret@tools.example.com/",
        "https://@tools.example.com/",
        "https://tools.example.com/#part",
        "https://tools.example.com/#",
        "https://tools.example.com:99999/",
        "https://tools.example.com:x/",
        "https://tools..example.com/",
        "https://t\xf6ols.example.com/",
        "https://tools.example.com/a b",
        "https://tools.example.com/\r\nX: y",
        "https://[::1/",
        "https://a_b.example.com/",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    """Design 5.2: plain HTTP to loopback only; no credential, no fragment, nothing that could end a line."""
    with pytest.raises(Refused) as caught:
        parse_address(url)
    assert caught.value.reason is Reason.MALFORMED
    assert caught.value.sentence


def test_without_tls_only_this_machine_is_connected_to_whatever_a_name_resolves_to() -> None:
    """Ours: `localhost` may be made to mean anything."""
    plain, secure = parse_address("http://localhost/"), parse_address("https://tools.example.com/")
    assert plain.allows("127.0.0.1")
    assert plain.allows("::1")
    assert not plain.allows("10.0.0.1")
    assert secure.allows("10.0.0.1")
