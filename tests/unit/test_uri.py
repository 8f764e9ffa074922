"""URIs: one reading, or none.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.uri import LENGTH_MAX, authority_of, host_and_path, is_normal, why_not_normal


@pytest.mark.parametrize(
    "uri",
    [
        "file:///a/b.txt",
        "file:///",
        "memo://insights",
        "memo:///x",
        "urn:isbn:0451450523",
        "test://static/resource/1",
        "issue://42/comments",
        "http://example.com/",
        "https://example.com:8443/a?q=a%26b&c=d+e",
        "http://[::1]:8080/a",
        "http://10.0.0.1/",
        "x://a/caf%C3%A9%20au%20lait",
        "x:a:b@c",
    ],
)
def test_a_uri_in_normal_form_is_one(uri: str) -> None:
    """RFC 3986 §6.2.2, and what public servers offer."""
    assert why_not_normal(uri) is None


WRONG = {
    "nothing": "",
    "no scheme": "/a/b",
    "a scheme in capitals": "FILE:///a",
    "a scheme that is none": "1x://a/",
    "nothing after the scheme": "x://",
    "too long": "x://a/" + "b" * 500,
    "a blank": "file:///a b",
    "a backslash": "file:///a\\b",
    "another script": "file:///caf\u00e9",
    "a fragment": "x://a/#f",
    "an empty query": "x://a/?",
    "a dot segment": "file:///a/../b",
    "a single dot": "file:///a/./b",
    "an empty segment": "x://a//b",
    "an encoded slash": "file:///a%2Fb",
    "an encoded backslash": "file:///a%5Cb",
    "an encoded NUL": "file:///a%00",
    "an encoded delete": "file:///a%7F",
    "an encoded dot": "file:///a/%2E%2E/b",
    "lower case": "file:///a%c3%a9",
    "needlessly encoded": "file:///a%3Ab",
    "encoded twice": "file:///a%252Fb",
    "half an encoding": "file:///a%2",
    "no UTF-8": "file:///a%FF",
    "a slash in a query": "x://a/?q=%2Fb",
    "a user": "http://u@h/",
    "a host in capitals": "http://H/",
    "a host that is none": "x://-/a",
    "no host": "http:///a",
    "no path": "http://h",
    "the scheme's own port": "http://h:80/",
    "a port of nothing": "http://h:/",
    "a port with noughts": "http://h:080/",
    "a long address": "http://[0::1]/",
    "an address that is none": "x://[1::2::3]/a",
    "an address in octal": "http://010.0.0.1/",
    "an address in hexadecimal": "http://0x7f/",
    "a bracket in the path": "x://a/[b]",
    "a file's other spellings": "file:/a",
    "a file of this host": "file://localhost/a",
}


@pytest.mark.parametrize("uri", WRONG.values(), ids=WRONG.keys())
def test_what_could_be_read_otherwise_is_refused_and_never_rewritten(uri: str) -> None:
    """Issue 3: normal form, no dot segments, no encoded slash, or refused."""
    assert why_not_normal(uri)


def test_whoever_asks_says_how_long_a_uri_may_be() -> None:
    """Ours: a resource's is a name that people read; an argument's is as long as web servers take."""
    uri = "x://a/" + "b" * (LENGTH_MAX - 6)
    assert is_normal(uri)
    assert not is_normal(f"{uri}b")
    assert is_normal(f"{uri}b", LENGTH_MAX + 1)
    assert why_not_normal(f"{uri}b", LENGTH_MAX) == "longer than 500 characters"
    assert why_not_normal("x://a/bc", 7) == "longer than 7 characters"


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        ("https://h/a", "h"),
        ("https://h:8443/", "h:8443"),
        ("http://[::1]:8080/a?b", "[::1]:8080"),
        ("issue://42/comments", "42"),
        ("file:///a", None),
        ("urn:isbn:0451450523", None),
        ("memo:///x", None),
        ("", None),
        ("/a", None),
    ],
)
def test_a_uri_has_an_authority_or_none(uri: str, authority: str | None) -> None:
    """RFC 3986 §3.2."""
    assert authority_of(uri) == authority


@given(st.from_regex(r"[a-z]{1,3}://[a-zA-Z0-9@:.%\[\]-]{0,6}/[a-zA-Z0-9./%?#\\-]{0,12}", fullmatch=True))
def test_what_is_normal_reads_the_same_to_another_parser(uri: str) -> None:
    """Ours: where the standard library can put it together again, it does so byte for byte."""
    if is_normal(uri):
        parts = urlsplit(uri)
        assert parts.username is None
        assert (parts.netloc, parts.fragment) == (parts.netloc.lower(), "")
        assert ".." not in parts.path.split("/")


def test_a_uri_is_as_long_as_the_caller_says() -> None:
    """Ours: a name that people read is shorter than a value that a program sends."""
    uri = "x:" + "a" * (LENGTH_MAX - 2)
    assert is_normal(uri)
    assert not is_normal(uri + "a")
    assert is_normal(uri + "a", LENGTH_MAX + 1)
    assert str(LENGTH_MAX + 1) in str(why_not_normal(uri + "aa", LENGTH_MAX + 1))


@pytest.mark.parametrize(
    ("uri", "authority"),
    [
        ("https://example.com:8443/a", "example.com:8443"),
        ("http://[::1]:8080/a?b=//c", "[::1]:8080"),
        ("memo://insights", "insights"),
        ("memo:///x", None),
        ("file:///a/b", None),
        ("urn:isbn:0451450523", None),
        ("x:a//b", None),
        ("no uri", None),
        ("", None),
    ],
)
def test_host_and_port_are_told_as_they_are_written(uri: str, authority: str | None) -> None:
    """RFC 3986 §3.2: what is no host is none."""
    assert authority_of(uri) == authority


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("https://a.example:8443/b%20c/%C3%BC?q=1", ("a.example:8443", "/b c/\u00fc")),
        ("file:///etc/a", ("", "/etc/a")),
        ("mailto:a@a.example", ("", "a@a.example")),
        ("no uri", ("", "")),
    ],
)
def test_a_uri_has_a_host_and_a_path(uri: str, found: tuple[str, str]) -> None:
    """RFC 3986 §3: decoded, as whoever serves it reads the path; a query is no part of it."""
    assert host_and_path(uri) == found
