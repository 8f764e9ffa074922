"""Normal forms: a value under a constraint has one spelling, or it is none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.delegation.normal_form import (
    domain_of_address,
    host_of,
    is_host,
    is_normal_path,
    is_plain,
    looks_like_url,
    why_no_url,
)
from tests.promises import promise


@pytest.mark.parametrize(
    "text",
    ["/", "/a", "/a/b.txt", "/a b/ü", "/...", "/a/..b", "/.hidden", "/a%20b", "/a%2Ab", "/a%255F", "/" + "a" * 4095],
)
def test_an_absolute_path_that_climbs_nowhere_is_one(text: str) -> None:
    """Design 4: absolute, without `.`, `..`, `//` or encoded separators."""
    assert is_normal_path(text)


@promise("P4")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "./a",
        "//",
        "//a",
        "/a/",
        "/a//b",
        "/.",
        "/..",
        "/a/./b",
        "/a/../b",
        "/a/..",
        "/a\\b",
        "/a/..\\b",
        "/a\x00",
        "/a\n",
        "/a\x7f",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%5Cb",
        "/a%00",
        "/a/%252e%252e/b",
        "/a%25252Fb",
        "file:///a",
        "/" + "a" * 4096,
    ],
)
def test_a_path_that_could_lead_elsewhere_is_none(text: str) -> None:
    """Design 4; encoded twice too: who decodes twice reads another path."""
    assert not is_normal_path(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://h/", "h"),
        ("http://h/a?b=c", "h"),
        ("https://h:8443/", "h:8443"),
        ("http://h:443/", "h:443"),
        ("https://[::1]/", "[::1]"),
        ("https://h/" + "a" * 8182, "h"),
    ],
)
def test_a_url_in_its_normal_form_has_a_host(text: str, host: str) -> None:
    """RFC 3986 §3.2: with its port, where that is not the scheme's own."""
    assert host_of(text) == host


@promise("P4")
@pytest.mark.parametrize(
    "text",
    [
        "h",
        "//h/",
        "https://h",
        "https:h/",
        "https:///h/",
        "https:/h/",
        "HTTPS://h/",
        "https://H/",
        "https://h.evil.example@h/",
        "https://h@evil.example/",
        "https://h:443/",
        "http://h:80/",
        "https://h/a/../b",
        "https://h\\@evil.example/",
        "https://h/%2e%2e/a",
        " https://h/",
        "https://h/\n",
        "https://h/#f",
        "https://h.",
        "https://0x7f000001/",
        "https://h/" + "a" * 8183,
        "file:///h/",
        "urn:h",
    ],
)
def test_a_url_that_two_parsers_could_read_otherwise_has_none(text: str) -> None:
    """Design 4: a URL that our parser writes back byte for byte, without userinfo, with a canonical host."""
    assert host_of(text) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("h", True),
        ("a.b-c.example", True),
        ("h:8443", True),
        ("h:80", True),
        ("h:443", True),
        ("[::1]:80", True),
        ("10.0.0.1", True),
        ("", False),
        ("H", False),
        ("h/", False),
        ("h/a", False),
        ("h?a", False),
        ("h#a", False),
        ("u@h", False),
        ("h:", False),
        ("h:080", False),
        ("*.example", False),
        ("h.", False),
        ("0x7f", False),
        ("127.1", False),
    ],
)
def test_a_host_is_written_as_a_url_has_it(text: str, is_one: bool) -> None:
    """Ours: one that no URL in its normal form can have would hold of nothing."""
    assert is_host(text) is is_one


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("https://h/", True),
        ("HTTPS:x", True),
        ("a+b-c.1:", True),
        ("c:\\a", True),
        ("//h", True),
        ("/h", False),
        ("1a:", False),
        ("a b:", False),
        (":", False),
        ("", False),
    ],
)
def test_what_begins_with_a_scheme_may_be_taken_for_a_url(text: str, looks: bool) -> None:
    """RFC 3986 §3.1 and §4.2."""
    assert looks_like_url(text) is looks


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", True),
        ("any text, with. dots", True),
        ("a..b", True),
        ("a/b/", True),
        ("a//b", True),
        ("/", True),
        ("/a/", True),
        ("/a", True),
        ("https://h/a", True),
        ("a" * 8192, True),
        ("a" * 8193, False),
        ("..", False),
        ("a/..", False),
        ("a/./b", False),
        ("a\\..\\b", False),
        ("./a", False),
        ("a/%2e%2e/b", False),
        ("a%2fb", False),
        ("a%252fb", False),
        ("a\x00", False),
        ("/a//", False),
        ("//", False),
        ("/a/../b", False),
        ("https://h/../a", False),
        ("c:\\a", False),
        ("note: buy milk", False),
    ],
)
def test_a_text_has_one_reading_or_is_not_plain(text: str, plain: bool) -> None:
    """Ours: whoever takes it for a URL, for a path or for neither comes to the same."""
    assert is_plain(text) is plain


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("ada@a.example", "a.example"),
        ("a.b+c'd@x", "x"),
        ("ada@A.example", None),
        ("ada@a.example.", None),
        ("ada@a.example:25", None),
        ("ada@[::1]", None),
        ("ada@" + "a" * 256, None),
        ("a" * 65 + "@a.example", None),
        ("@a.example", None),
        ("ada", None),
        (".ada@a.example", None),
        ("a..b@a.example", None),
        ('"a b"@a.example', None),
        ("Ada <ada@a.example>", None),
        ("a@b@a.example", None),
    ],
)
def test_an_address_is_a_local_part_and_a_domain_and_nothing_else(text: str, domain: str | None) -> None:
    """RFC 5322 §3.2.3, a dot-atom: no display name, no list, no quotes."""
    assert domain_of_address(text) == domain


def test_what_is_wrong_with_a_url_is_said() -> None:
    """Ours."""
    assert why_no_url("https://a.example/") is None
    assert "path" in (why_no_url("https://a.example") or "")
