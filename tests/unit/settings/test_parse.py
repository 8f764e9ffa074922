"""What an operator may write in `mediator.toml`, and what they are told when it is something else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediator.refusal import Reason, Refused
from mediator.settings.parse import parse_settings, parse_toml
from mediator.settings.sections import Settings
from mediator.settings.values import Literally, SecretReference

KEY = "ed25519:" + 43 * "A"

FULL = f"""
tenant = "default"
[server]
host = "127.0.0.1"
port = 9000
[[issuer]]
name = "local"
local = true
[[issuer]]
name = "idp"
issuer = "https://idp.example.com"
keys_file = "keys/idp.json"
algorithms = ["RS256"]
[delegation]
token_minutes_max = 5
[limits]
deadline_seconds = 5
[[tool_server]]
name = "clock"
command = ["mcp-server-time", "--local-timezone=UTC"]
environment = {{ TZ = "literal:UTC", API_KEY = "env:CLOCK_KEY", CERT = "file:/etc/clock.pem" }}
[[agent]]
name = "assistant"
class = "ide"
owner = "alice@example.com"
key = "{KEY}"
tools = ["clock/*"]
effects = ["read"]
purpose = "tell the time"
minutes = 60
"""


def settings_of(text: str, *parts: tuple[str, str]) -> Settings:
    main = parse_toml("mediator.toml", text.encode())
    return parse_settings(main, [(file, parse_toml(file, part.encode())) for file, part in parts])


def refusal_of(text: str, *parts: tuple[str, str]) -> Refused:
    with pytest.raises(Refused) as refused:
        settings_of(text, *parts)
    assert refused.value.reason is Reason.MALFORMED
    return refused.value


def test_an_empty_file_is_every_default() -> None:
    """Ours: every default is the safe one, and none has to be written."""
    settings = settings_of("")

    assert (settings.server.host, settings.tenant, settings.store.store_grace_seconds) == ("127.0.0.1", "default", 0)
    assert (settings.issuers, settings.tool_servers, settings.agents) == ((), (), ())


def test_what_is_written_is_what_is_set() -> None:
    """Design 5.3."""
    settings = settings_of(FULL)

    clock, assistant = settings.tool_servers[0], settings.agents[0]
    assert settings.server.port == 9000
    assert [issuer.name for issuer in settings.issuers] == ["local", "idp"]
    assert settings.delegation.token_minutes_max == 5
    assert clock.command == ("mcp-server-time", "--local-timezone=UTC")
    assert dict(clock.environment) == {
        "TZ": Literally(text="UTC"),
        "API_KEY": SecretReference(kind="env", place="CLOCK_KEY"),
        "CERT": SecretReference(kind="file", place="/etc/clock.pem"),
    }
    assert (assistant.agent_class, assistant.key, assistant.minutes) == ("ide", KEY, 60)


def test_files_of_the_servers_folder_add_tool_servers_after_the_main_file() -> None:
    """Design 5.1: what a person wrote is never rewritten, so what `import` finds stands in a file of its own."""
    part = ("tool_servers.d/files.toml", '[[tool_server]]\nname = "files"\nurl = "https://files.example.com/mcp"')

    settings = settings_of(FULL, part)

    assert [server.name for server in settings.tool_servers] == ["clock", "files"]


@dataclass(frozen=True)
class Bad:
    text: str
    detail: str
    remedy: str


BAD = {
    "an unknown key, with the nearest": Bad(
        "[server]\nprot = 1", "mediator.toml: unknown key `server.prot`", "did you mean `port`? (in mediator.toml)"
    ),
    "an unknown section, with the nearest": Bad(
        "[sever]\nport = 1", "mediator.toml: unknown key `sever`", "did you mean `server`? (in mediator.toml)"
    ),
    "an unknown key of proofs": Bad(
        "[proof]\nnonce = true",
        "mediator.toml: unknown key `proof.nonce`",
        "did you mean `nonce_required`? (in mediator.toml)",
    ),
    "an unknown key far from any": Bad(
        "[policy]\nzzzzzzzz = 1",
        "mediator.toml: unknown key `policy.zzzzzzzz`",
        "known are `folder`, `timezone`, `novelty_days` (in mediator.toml)",
    ),
    "an unknown key in a list of tables": Bad(
        '[[tool_server]]\nname = "a"\ncomand = ["x"]',
        "mediator.toml: unknown key `tool_server[1].comand`",
        "did you mean `command`? (in mediator.toml)",
    ),
    "a key that hides an escape": Bad(
        '[policy]\n"f\\u001b[31m" = 1',
        "mediator.toml: unknown key `policy.f\N{REPLACEMENT CHARACTER}[31m`",
        "known are `folder`, `timezone`, `novelty_days` (in mediator.toml)",
    ),
    "several errors": Bad(
        "[policy]\nfolder = 1\nfoldr = 2",
        "mediator.toml: unknown key `policy.foldr` (and 1 more)",
        "did you mean `folder`? (in mediator.toml)",
    ),
    "a missing key": Bad(
        "[[agent]]\nname = 'a'", "mediator.toml: `agent[1].owner` is missing", "add it (in mediator.toml)"
    ),
    "a value where a table belongs": Bad(
        "server = 3", "mediator.toml: `server`: expected a table", "correct it (in mediator.toml)"
    ),
    "one table where several may be": Bad(
        "[tool_server]\nname = 'a'",
        "mediator.toml: `tool_server`: expected tables",
        "begin each with `[[tool_server]]` (in mediator.toml)",
    ),
    "a text where a list belongs": Bad(
        "[[tool_server]]\nname = 'a'\ncommand = 'x'",
        "mediator.toml: `tool_server[1].command`: expected a list",
        "write it in `[` and `]`, each text in quotes (in mediator.toml)",
    ),
    "a table where none belongs": Bad(
        "[[tool_server]]\nname = 'a'\ncommand = ['x']\nenvironment = 1",
        "mediator.toml: `tool_server[1].environment`: expected a table",
        "correct it (in mediator.toml)",
    ),
    "a secret where its reference belongs": Bad(
        "[[tool_server]]\nname = 'a'\nurl = 'https://a.example/'\ncredential = 'sk-12345'",
        "mediator.toml: `tool_server[1].credential`: expected a reference, `env:NAME` or `file:/path`: "
        "a secret never stands in the settings",
        "correct it (in mediator.toml)",
    ),
    "a variable that is no reference": Bad(
        "[[tool_server]]\nname = 'a'\ncommand = ['x']\nenvironment = { A = 'hunter2' }",
        "mediator.toml: `tool_server[1].environment.A`: expected `env:NAME`, `file:/path` or, for what is no secret, "
        "`literal:...`",
        "correct it (in mediator.toml)",
    ),
    "an environment name that is none": Bad(
        "[[tool_server]]\nname = 'a'\ncommand = ['x']\nenvironment = { 'A B' = 'literal:1' }",
        "mediator.toml: `tool_server[1].environment.A B`: expected a name of letters, digits and `_`",
        "correct it (in mediator.toml)",
    ),
    "the same agent twice": Bad(
        "[[agent]]\nname = 'a'\nowner = 'o'\n[[agent]]\nname = 'a'\nowner = 'o'",
        "mediator.toml: `agent`: `name` is `a` twice",
        "give each its own, or remove one (in mediator.toml)",
    ),
    "the local issuer twice": Bad(
        "[[issuer]]\nname = 'a'\nlocal = true\n[[issuer]]\nname = 'b'\nlocal = true",
        "mediator.toml: `issuer`: `issuer` is `the local one` twice",
        "give each its own, or remove one (in mediator.toml)",
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_wrong_is_named_with_file_key_and_next_step(bad: Bad) -> None:
    """The issue: a clear error that names what, where, and the next step."""
    refused = refusal_of(bad.text)

    assert (refused.detail, refused.remedy) == (bad.detail, bad.remedy)


def test_a_wrong_type_is_named_and_never_converted() -> None:
    """Ours: `"8080"` and `true` are no ports."""
    for value in ('"8080"', "true", "8080.0", "[8080]"):
        assert "mediator.toml: `server.port`: expected" in refusal_of(f"[server]\nport = {value}").detail


def test_the_same_tool_server_in_two_files_is_refused_and_both_are_named() -> None:
    """Ours: which of the two commands runs must not hang on the order of files."""
    part = ("tool_servers.d/clock.toml", '[[tool_server]]\nname = "clock"\ncommand = ["other"]')

    refused = refusal_of(FULL, part)

    assert refused.detail == "mediator.toml and tool_servers.d/clock.toml: `tool_server`: `name` is `clock` twice"


def test_a_file_of_the_servers_folder_holds_tool_servers_and_nothing_else() -> None:
    """Ours: what a program wrote beside the settings changes no limit and no issuer."""
    assert refusal_of("", ("tool_servers.d/x.toml", "[limits]\njson_depth_max = 200")).detail == (
        "tool_servers.d/x.toml: unknown key `limits` (and 1 more)"
    )
    assert refusal_of("", ("tool_servers.d/x.toml", "")).detail == "tool_servers.d/x.toml: `tool_server` is missing"


BROKEN = {
    "no value": b"x = ",
    "the same key twice": b"x = 1\nx = 2",
    "not UTF-8": b"x = '\xff'",
    "nested without end": b"x = " + 100_000 * b"[",
    "a number without end": b"x = " + 5_000 * b"9",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_toml_is_refused_by_name(raw: bytes) -> None:
    """The issue: a broken `mediator.toml` has a test."""
    with pytest.raises(Refused) as refused:
        parse_toml("mediator.toml", raw)

    assert refused.value.reason is Reason.MALFORMED
    assert refused.value.detail.startswith("mediator.toml: ")
    assert "\n" not in refused.value.detail
    assert refused.value.remedy is not None


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_refused(raw: bytes) -> None:
    """House style 4: nothing but `Refused`, whatever the bytes."""
    try:
        parse_settings(parse_toml("mediator.toml", raw))
    except Refused as refused:
        assert refused.reason is Reason.MALFORMED


_toml_values = st.recursive(
    st.one_of(st.text(max_size=10), st.integers(), st.booleans(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
_keys = st.sampled_from([*(field.alias or name for name, field in Settings.model_fields.items()), "other"])


@given(st.dictionaries(_keys, _toml_values, max_size=3))
def test_any_tables_are_settings_or_refused_on_one_line(tables: dict[str, object]) -> None:
    """House style 4: whatever an operator writes under whatever section."""
    try:
        parse_settings(tables)
    except Refused as refused:
        assert refused.reason is Reason.MALFORMED
        assert refused.detail.isprintable()
        assert refused.remedy is not None


def test_the_error_never_repeats_a_value() -> None:
    """Ours: a secret pasted into the wrong place does not travel on into a log."""
    for line in ("port = 'hunter2'", "host = 'hunter2!'", "public_url = 'hunter2'", "allowed_origins = ['hunter2']"):
        refused = refusal_of(f"[server]\n{line}")
        assert "hunter2" not in f"{refused} {refused.remedy}"


def test_the_tables_of_a_file_are_what_tomllib_reads() -> None:
    """TOML 1.0, read by the standard library."""
    assert parse_toml("mediator.toml", FULL.encode()) == tomllib.loads(FULL)


WORKLOADS = """
[[workload_issuer]]
name = "spire"
trust_domain = "prod.example"
keys_file = "spire.json"
[[workload_issuer]]
name = "ci"
issuer = "https://ci.example.com"
keys_file = "ci.json"
[[agent]]
name = "planner"
owner = "alice@example.com"
workload = { issuer = "spire", subject = "spiffe://prod.example/planner" }
"""


def agent_of(text: str) -> str:
    return f'[[agent]]\nname = "other"\nowner = "alice@example.com"\n{text}\n'


def test_an_agent_may_be_a_workload_under_conditions() -> None:
    """Ours: beside a key, or instead of one."""
    claims = '{ repository = "acme/app", "/kubernetes.io/namespace" = ["prod", "test"] }'
    workload = f'workload = {{ issuer = "ci", subject = "repo:acme/app", claims = {claims} }}'
    settings = settings_of(WORKLOADS + agent_of(workload))
    found = settings.agents[1].workload
    assert found is not None
    assert found.claims == {"repository": ("acme/app",), "/kubernetes.io/namespace": ("prod", "test")}


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        (
            f'[[agent]]\nname = "a"\nowner = "x"\nkey = "{KEY}"\n' + agent_of(f'key = "{KEY}"'),
            "`a` and `other` have one key",
        ),
        (
            agent_of('workload = { issuer = "spire", subject = "spiffe://prod.example/planner" }'),
            "`planner` and `other` have one workload",
        ),
        (agent_of('workload = { issuer = "nobody", subject = "x" }'), "`workload` of `other`: there is no"),
        ('[[workload_issuer]]\nname = "ci"\ntrust_domain = "x"\nkeys_file = "x"\n', "`name` is `ci` twice"),
        (
            '[[workload_issuer]]\nname = "ci2"\nissuer = "https://ci.example.com"\nkeys_file = "x"\n',
            "`issuer` is `https://ci.example.com` twice",
        ),
        (
            '[[workload_issuer]]\nname = "x"\ntrust_domain = "prod.example"\nkeys_file = "x"\n',
            "`trust_domain` is `prod.example` twice",
        ),
        (agent_of('workload = { issuer = "ci", subjct = "x" }'), "unknown key `agent[2].workload.subjct`"),
        (agent_of('workload = { issuer = "ci", subject = "x", claims = { a = [] } }'), "`agent[2].workload.claims`"),
    ],
)
def test_who_could_be_two_agents_or_nobody_is_refused_at_the_start(more: str, detail: str) -> None:
    """NHI9, NHI4: one key, and one workload, is one agent's; a condition that nobody can meet is a mistake."""
    refused = refusal_of(WORKLOADS + more)
    assert detail in refused.detail


def test_a_misspelt_member_of_a_workload_is_told_from_its_own() -> None:
    """Ours."""
    refused = refusal_of(WORKLOADS + agent_of('workload = { issuer = "ci", subjct = "x" }'))
    assert refused.remedy is not None
    assert "did you mean `subject`?" in refused.remedy


def test_every_section_knows_its_keys() -> None:
    """House style 4: whoever misspells one is told the nearest, in whichever section."""
    sections = {field.alias or name for name, field in Settings.model_fields.items()} - {"tenant"}
    for name in sections:
        for content in (f"[{name}]", f"[[{name}]]"):
            assert refusal_of(f"{content}\nzzzzzzzz = 1").reason is Reason.MALFORMED
