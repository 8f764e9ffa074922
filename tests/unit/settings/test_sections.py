"""The sections: their defaults, and what may not stand together.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from mediator.identity.keys import ALGORITHMS
from mediator.refusal import Refused
from mediator.settings.issuers import IssuerSettings
from mediator.settings.parse import parse_settings
from mediator.settings.sections import AgentSettings, LimitSettings, Settings
from tests.promises import promise


def refused(tables: dict[str, object]) -> str:
    with pytest.raises(Refused) as caught:
        parse_settings(tables)
    return caught.value.detail


def test_the_limits_are_those_of_the_design() -> None:
    """Design 5.2, the defaults in one place."""
    limits = LimitSettings()

    assert (limits.body_bytes_max, limits.json_depth_max, limits.result_bytes_max) == (4 << 20, 64, 16 << 20)
    assert limits.json_values_max == 100_000
    assert (limits.list_pages_max, limits.list_items_max, limits.header_bytes_max) == (100, 10_000, 32_768)
    assert (limits.first_body_byte_seconds, limits.body_seconds, limits.deadline_seconds) == (10, 30, 60)
    assert (limits.connections_per_address_max, limits.connections_max, limits.close_seconds) == (64, 1024, 5)


def test_settings_cannot_be_changed_once_made() -> None:
    """House style 11: read once, at start, into one frozen value."""
    settings = parse_settings({"tool_server": [{"name": "a", "command": ["x"]}]})

    with pytest.raises(ValidationError):
        settings.tenant = "default"
    with pytest.raises(ValidationError):
        settings.server.port = 1
    with pytest.raises(TypeError):
        settings.tool_servers[0].environment["A"] = "b"  # type: ignore[index]  # what mypy forbids is what is tried


def test_a_server_that_others_reach_must_say_under_which_address() -> None:
    """RFC 8707: a token is made for one address, and `0.0.0.0` is nobody's."""
    assert refused({"server": {"host": "0.0.0.0"}}) == (
        "mediator.toml: `server`: expected `public_url` beside a `host` that is not this machine: "
        "tokens are made for that address"
    )

    server = parse_settings({"server": {"host": "0.0.0.0", "public_url": "https://m.example.com"}}).server
    assert server.base_url() == "https://m.example.com"
    assert server.hosts() == {"m.example.com"}
    assert server.origins() == {"https://m.example.com"}


def test_on_this_machine_every_name_of_it_is_answered_at_the_port_where_it_listens() -> None:
    """Ours, against DNS rebinding: our own names, what was allowed beside them, and no other."""
    server = parse_settings(
        {"server": {"allowed_hosts": ["box:1"], "allowed_origins": ["https://ui.example.com"]}}
    ).server

    assert server.base_url() == "http://127.0.0.1:8080"
    assert server.base_url(99) == "http://127.0.0.1:99"
    assert server.hosts(99) == {"127.0.0.1:99", "localhost:99", "[::1]:99", "box:1"}
    assert server.origins(99) == {
        "http://127.0.0.1:99",
        "http://localhost:99",
        "http://[::1]:99",
        "https://ui.example.com",
    }


def test_over_tls_its_own_addresses_are_https() -> None:
    """Ours: the address that tokens are made for, and the origins of this machine, say what is spoken there."""
    tls = {"certificate": "chain.pem", "key": "key.pem"}
    server = parse_settings({"server": {"tls": tls}}).server

    assert server.base_url(99) == "https://127.0.0.1:99"
    assert server.hosts(99) == {"127.0.0.1:99", "localhost:99", "[::1]:99"}
    assert server.origins(99) == {"https://127.0.0.1:99", "https://localhost:99", "https://[::1]:99"}
    public = parse_settings({"server": {"host": "::", "public_url": "https://m.example.com", "tls": tls}}).server
    assert (server.own_host, public.own_host) == ("127.0.0.1", "m.example.com")
    assert public.base_url(99) == "https://m.example.com"
    assert public.origins(99) == {"https://m.example.com"}


def test_a_plain_address_beside_tls_is_refused() -> None:
    """Ours: whoever asks there speaks to nobody."""
    tls = {"certificate": "chain.pem", "key": "key.pem"}

    assert refused({"server": {"public_url": "http://127.0.0.1:8080", "tls": tls}}) == (
        "mediator.toml: `server`: expected a `public_url` that begins with `https://` beside `[server.tls]`"
    )


def test_an_ipv6_address_is_bracketed_in_the_base_url() -> None:
    """RFC 3986 §3.2.2."""
    assert parse_settings({"server": {"host": "::1"}}).server.base_url() == "http://[::1]:8080"


@pytest.mark.parametrize(
    "issuer",
    [
        {"name": "a"},
        {"name": "a", "issuer": "https://a"},
        {"name": "a", "keys_file": "a.json"},
        {"name": "a", "local": True, "keys_file": "a.json"},
        {"name": "a", "local": True, "issuer": "https://a"},
        {"name": "a", "local": True, "algorithms": []},
        {"name": "a", "local": True, "algorithms": ["none"]},
        {"name": "a", "local": True, "algorithms": ["HS256"]},
    ],
)
@promise("P7")
def test_an_issuer_is_local_or_has_keys_of_its_own_and_signs(issuer: dict[str, object]) -> None:
    """RFC 8725 §3.1: no `none`, and no key that we would share with an issuer."""
    assert refused({"issuer": [issuer]}).startswith("mediator.toml: `issuer[1]")


def test_the_algorithms_are_those_that_the_key_set_knows() -> None:
    """Ours: settings and identity do not know each other, and agree."""
    annotation = IssuerSettings.model_fields["algorithms"].annotation

    assert set(get_args(get_args(annotation)[0])) == set(ALGORITHMS)


def test_issuers_agents_and_tool_servers_are_found_by_name() -> None:
    """Ours."""
    settings = parse_settings(
        {
            "issuer": [{"name": "idp", "issuer": "https://idp", "keys_file": "k.json"}, {"name": "us", "local": True}],
            "agent": [{"name": "planner", "owner": "alice@example.com"}],
            "tool_server": [{"name": "clock", "command": ["x"]}],
        }
    )

    idp, us = settings.issuers
    assert settings.local_issuer() is us
    assert (settings.issuer_url(idp), settings.issuer_url(us, 99)) == ("https://idp", "http://127.0.0.1:99")
    assert (settings.find_issuer("https://idp"), settings.find_issuer("x")) == (idp, None)
    assert settings.find_agent("planner") is settings.agents[0]
    assert settings.find_tool_server("clock") is settings.tool_servers[0]
    assert (settings.find_agent("x"), settings.find_tool_server("x"), Settings().local_issuer()) == (None, None, None)


SERVERS = {
    "neither": {},
    "both": {"command": ["x"], "url": "https://a.example/"},
    "an empty command": {"command": []},
    "an empty program": {"command": ["", "x"]},
    "a word that no program can be given": {"command": ["x", "a\0b"]},
    "an environment for a url": {"url": "https://a.example/", "environment": {"A": "literal:b"}},
    "a folder for a url": {"url": "https://a.example/", "cwd": "/tmp"},
    "a credential for a command": {"command": ["x"], "credential": "env:A"},
    "plain HTTP to elsewhere": {"url": "http://a.example/"},
    "an unknown instance": {"command": ["x"], "instance": "call"},
    "a secret for a process that outlives its task": {
        "command": ["x"],
        "environment": {"A": "env:A"},
        "instance": "shared",
    },
    "a secret for an agent's process": {"command": ["x"], "environment": {"A": "file:/a"}, "instance": "agent"},
    "an unknown era": {"command": ["x"], "era": "old"},
    "a digest that is none": {"command": ["x"], "executable_digest": "sha256:x"},
    "a digest for a url": {"url": "https://a.example/", "executable_digest": "sha256:" + 64 * "0"},
    "a lock file without its digest": {"command": ["x"], "lock_file": "uv.lock"},
    "a folder without its list": {"command": ["x"], "installed": "package"},
}


@pytest.mark.parametrize("tables", SERVERS.values(), ids=SERVERS)
def test_a_tool_server_is_reached_in_one_way(tables: dict[str, object]) -> None:
    """Design 5.3: `command` or `url`."""
    assert refused({"tool_server": [{"name": "a", **tables}]}).startswith("mediator.toml: `tool_server[1]")


@promise("P5")
def test_a_secret_of_a_process_forces_an_instance_for_each_task() -> None:
    """The issue: a credential in the environment dies with the task, so the process does; and it is said."""
    shared = {"name": "a", "command": ["x"], "instance": "shared"}
    assert refused({"tool_server": [shared | {"environment": {"A": "env:A"}}]}) == (
        'mediator.toml: `tool_server[1]`: expected `instance = "task"` beside a secret in `environment`: '
        "what a process was given ends with it alone"
    )
    settings = parse_settings({"tool_server": [shared | {"environment": {"A": "literal:b"}}]})
    assert settings.tool_servers[0].instance == "shared"
    task = {"name": "a", "command": ["x"], "environment": {"A": "env:A"}}
    assert parse_settings({"tool_server": [task]}).tool_servers[0].instance == "task"


@pytest.mark.parametrize("effect", ["write", "delete", "send", "exec"])
@promise("P6")
def test_a_profile_opens_reads_and_no_more(effect: str) -> None:
    """Design 5.6: what does more is opened by the owner, task by task."""
    detail = refused({"agent": [{"name": "a", "owner": "o", "effects": ["read", effect]}]})

    assert detail == (
        "mediator.toml: `agent[1]`: expected `effects` of `read` alone: a profile opens reads, "
        "`mediator task open` opens more"
    )


def test_an_argument_may_be_any_text() -> None:
    """Ours: what a program understands is its own affair, so `-c` may be followed by a program of several lines."""
    words = ("python", "-c", "import a\nimport b\n", "", "x" * 5000)

    assert parse_settings({"tool_server": [{"name": "a", "command": [*words]}]}).tool_servers[0].command == words


def test_a_profile_without_more_words_reads_nothing_until_tools_are_named() -> None:
    """Ours: empty is never permission."""
    agent = AgentSettings(name="a", owner="o")

    assert (agent.tools, agent.key) == ((), None)


@promise("P4")
def test_what_a_profile_opens_is_not_handed_on_until_it_says_so() -> None:
    """Ours: the safe default; whom it may be handed on to is then left to the holder, or said."""
    silent = AgentSettings(name="a", owner="o")
    assert (silent.max_depth, silent.may_act, silent.connector) == (0, None, False)

    more = {"max_depth": 8, "may_act": ["worker", "gateway"], "connector": True}
    said = parse_settings({"agent": [{"name": "a", "owner": "o", **more}]}).agents[0]
    assert (said.max_depth, said.may_act, said.connector) == (8, ("worker", "gateway"), True)
    assert parse_settings({"agent": [{"name": "a", "owner": "o", "may_act": []}]}).agents[0].may_act == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [("max_depth", 9), ("max_depth", -1), ("max_depth", True), ("may_act", "worker"), ("may_act", [""]),
     ("may_act", [1]), ("connector", "yes"), ("connector", 1)],
)  # fmt: skip
def test_what_a_profile_says_of_handing_on_is_read_strictly(key: str, value: object) -> None:
    """Ours: no chain is deeper than eight links, and a truth is no number."""
    detail = refused({"agent": [{"name": "a", "owner": "o", key: value}]})
    assert detail.startswith(f"mediator.toml: `agent[1].{key}")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("delegation", "token_minutes_max", 16),
        ("delegation", "session_minutes", 481),
        ("delegation", "depth_max", 9),
        ("delegation", "depth_max", -1),
        ("delegation", "open_tasks_per_agent_max", -1),
        ("delegation", "clock_skew_seconds", 121),
        ("limits", "json_depth_max", 91),
        ("limits", "deadline_seconds", 0),
        ("limits", "deadline_seconds", float("inf")),
        ("limits", "body_seconds", float("nan")),
        ("limits", "connections_max", -1),
        ("server", "port", 65536),
    ],
)
def test_no_limit_can_be_stretched_until_it_is_none(section: str, key: str, value: float) -> None:
    """Ours: a slip of the finger switches no protection off."""
    assert refused({section: {key: value}}).startswith(f"mediator.toml: `{section}.{key}`: expected ")


def test_of_the_extensions_of_mcp_only_those_that_are_served_can_be_named() -> None:
    """Issue 4: UI and others are refused; whatever is asked of an mcp task is decided, and so they are on."""
    assert parse_settings({}).server.extensions == ("io.modelcontextprotocol/tasks",)
    assert parse_settings({"server": {"extensions": []}}).server.extensions == ()
    with pytest.raises(Refused):
        parse_settings({"server": {"extensions": ["io.modelcontextprotocol/ui"]}})
