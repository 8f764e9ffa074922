"""The settings that `init` writes.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re

from mediator.cli.init_settings import settings_text
from mediator.identity.dsse import SigningKey
from mediator.settings.parse import parse_settings, parse_toml
from mediator.settings.sections import (
    DelegationSettings,
    LedgerSettings,
    LimitSettings,
    ManifestSettings,
    PolicySettings,
    ServerSettings,
    StoreSettings,
    TelemetrySettings,
)

KEY = SigningKey.generate().public
SECTIONS = {
    "server": ServerSettings(),
    "delegation": DelegationSettings(),
    "manifests": ManifestSettings(),
    "policy": PolicySettings(),
    "telemetry": TelemetrySettings(),
    "ledger": LedgerSettings(),
    "store": StoreSettings(),
    "limits": LimitSettings(),
}


def test_they_are_settings() -> None:
    """Design 5.3: `init` writes them commented."""
    settings = parse_settings(parse_toml("mediator.toml", settings_text("alice@example.com", KEY).encode()))

    assert settings.agents[0].owner == "alice@example.com"
    assert settings.agents[0].key == KEY.text


def test_a_name_cannot_write_settings_of_its_own() -> None:
    """Ours: a quote in a name stays in the name."""
    name = 'a" \nport = 1 # \\'

    text = settings_text(name.replace("\n", " "), KEY)

    settings = parse_settings(parse_toml("mediator.toml", text.encode()))
    assert settings.agents[0].owner == name.replace("\n", " ")
    assert settings.server.port == 8080


def test_everything_that_could_be_set_stands_there_with_its_default() -> None:
    """Ours: what is commented out is the default, and nothing is forgotten."""
    uncommented = re.sub(r"(?m)^# ([a-z_]+ = )", r"\1", settings_text("alice@example.com", KEY))
    told = parse_toml("mediator.toml", re.sub(r"(?ms)^# \[\[.*?\n\n", "", uncommented).encode())

    for name, section in SECTIONS.items():
        written = told[name]
        assert isinstance(written, dict)
        if name == "server":
            for example in ("public_url", "tls"):  # they have no default: an example stands there
                del written[example]
            assert set(written) | {"public_url", "tls"} == set(type(section).model_fields)
        else:
            assert set(written) == set(type(section).model_fields)
        assert type(section).model_validate(written) == section


def test_the_tool_server_that_it_shows_could_stand_there() -> None:
    """Ours: an example that is not understood teaches nothing."""
    text = settings_text("alice@example.com", KEY)
    example = re.search(r"(?ms)^# (\[\[tool_server\]\]\n.*?)\n\n", text)
    assert example is not None
    lines = [line.removeprefix("# ") for line in example[1].splitlines()]
    plain = "\n".join(line for line in lines if not line.startswith("credential"))

    settings = parse_settings(parse_toml("mediator.toml", plain.encode()))

    assert settings.tool_servers[0].name == "clock"


def test_the_workload_that_it_shows_could_stand_there() -> None:
    """Ours: as above; of an issuer of either kind, with each default as it is."""
    text = settings_text("alice@example.com", KEY)
    example = re.search(r"(?ms)^# (\[\[workload_issuer\]\].*?)\n\n", text)
    workload = re.search(r"(?m)^# (workload = .*)$", text)
    assert example is not None
    assert workload is not None
    lines = [line.removeprefix("# ") for line in example[1].splitlines()]
    for other in ("issuer", "trust_domain"):
        plain = "\n".join(line for line in lines if not line.startswith(f"{other} "))
        (found,) = parse_settings(parse_toml("mediator.toml", plain.encode())).workload_issuers
        assert (found.life_seconds_max, found.reusable, found.algorithms) == (3600, False, ("ES256", "RS256"))
    issuer = "\n".join(line for line in lines if not line.startswith("trust_domain "))
    agent = f'[[agent]]\nname = "a"\nowner = "alice@example.com"\n{workload[1]}'
    settings = parse_settings(parse_toml("mediator.toml", f"{issuer}\n{agent}".encode()))
    assert settings.agents[0].workload is not None
    assert settings.agents[0].workload.claims == {"/kubernetes.io/namespace": ("agents",)}
