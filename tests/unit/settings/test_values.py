"""Single values: references to secrets, addresses, names.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mediator.settings.values import (
    AgentName,
    EnvironmentValue,
    Host,
    Literally,
    Origin,
    PublicKeyText,
    Reference,
    SecretReference,
    Text,
    TextOrEmpty,
    ToolPattern,
    ToolServerName,
    Url,
    bracketed,
    host_of_url,
    is_loopback,
    parse_environment_value,
)


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def test_a_reference_says_where_a_secret_is() -> None:
    """House style 11."""
    adapter: TypeAdapter[SecretReference] = TypeAdapter(Reference)

    assert adapter.validate_python("env:TOKEN") == SecretReference(kind="env", place="TOKEN")
    assert adapter.validate_python("file:/run/secret") == SecretReference(kind="file", place="/run/secret")
    assert str(adapter.validate_python("file:/run/secret")) == "file:/run/secret"


@pytest.mark.parametrize(
    "value", ["", "TOKEN", "env:", "env:1A", "env:A B", "env:A\n", "file:", "file:x", "file:/", "file:/a\nb", 3, None]
)
def test_what_is_no_reference_is_refused(value: object) -> None:
    """Ours: a secret in the settings is a mistake, whatever it looks like."""
    assert not accepts(Reference, value)


def test_a_variable_of_a_tool_server_is_a_reference_or_says_that_it_is_no_secret() -> None:
    """Ours."""
    values: list[EnvironmentValue] = [parse_environment_value(text) for text in ("literal:a=b\nc", "literal:", "env:A")]

    assert values == [Literally(text="a=b\nc"), Literally(text=""), SecretReference(kind="env", place="A")]


VALUES: dict[str, tuple[Any, list[str], list[object]]] = {
    "a URL": (
        Url,
        ["https://a.example", "https://a.example:8443/mcp?x=1", "http://127.0.0.1:3901/mcp", "http://[::1]:1/"],
        [
            "http://a.example/",
            "http://10.0.0.1/",
            "http://127.0.0.1.example.com/",
            "https://user@a.example/",
            "https://A.example/",
            "https://a.example/#x",
            "https://a.example/ x",
            "https://a.example:99999/",
            "https://a.example\n",
            "ftp://a.example/",
            "a.example",
            3,
        ],
    ),
    "an origin": (
        Origin,
        ["https://a.example", "http://localhost:8080"],
        ["https://a.example/", "https://a.example/x"],
    ),
    "a host": (Host, ["127.0.0.1", "::1", "box-1.example.com"], ["", "A", "a b", "-a", "https://a", "a\n"]),
    "a tool server's name": (
        ToolServerName,
        ["a", "files-2", 20 * "a"],
        ["", "A", "-a", "a_b", 21 * "a", "a\n", "../a"],
    ),
    "an agent's name": (AgentName, ["assistant", "A.b_c-1"], ["", ".a", "a b", "a/b", 65 * "a", "a\n"]),
    "a public key": (PublicKeyText, ["ed25519:" + 43 * "A"], ["ed25519:" + 42 * "A", 43 * "A", "ed25519:" + 43 * "/"]),
    "a tool pattern": (
        ToolPattern,
        ["*", "*/*", "clock/*", "clock/get_*", "git/git.log", "clock/prompt:*", "files/resource:file:///{+path}?a=b#c"],
        [
            "",
            "clock",
            "clock/",
            "/x",
            "Clock/x",
            "clock/x y",
            "clock/x\n",
            "clock/x:y",
            "clock/prompt:",
            "a/resource:b c",
        ],
    ),
    "a text": (Text, ["a b", "é"], ["", "a\nb", "\x1b[31m", "\x7f"]),
    "a text that may be empty": (TextOrEmpty, ["", "a"], ["a\n", 1001 * "a"]),
}


@pytest.mark.parametrize(("kind", "good", "bad"), VALUES.values(), ids=VALUES)
def test_a_value_has_its_form_and_no_other(kind: Any, good: list[str], bad: list[object]) -> None:
    """Ours: the whole text, so that no line break slips in at its end."""
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []


def test_loopback_is_this_machine_and_nothing_that_sounds_like_it() -> None:
    """RFC 6761 §6.3, RFC 4291 §2.5.3."""
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost")] == [True] * 5
    assert [is_loopback(host) for host in ("0.0.0.0", "localhost.example.com", "10.0.0.1", "::", "")] == [False] * 5


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://m.example.com", "m.example.com"),
        ("https://m.example.com:8443", "m.example.com"),
        ("https://[2001:db8::1]:8443", "2001:db8::1"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
    ],
)
def test_a_url_names_its_host(url: str, host: str) -> None:
    """RFC 3986 §3.2.2: brackets are the URL's, not the address's."""
    assert host_of_url(url) == host


def test_only_an_ipv6_address_is_bracketed() -> None:
    """RFC 3986 §3.2.2."""
    assert [bracketed("::1"), bracketed("127.0.0.1"), bracketed("a.example")] == ["[::1]", "127.0.0.1", "a.example"]
