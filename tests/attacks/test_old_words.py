"""Words that were taken back, put back: whole older files, each of them really signed (A7, P7).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mediator.assembly.folder import read_key
from mediator.manifest.trust import parse_trust, sign_trust
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.tool_server_stdio import SimulatedStdioServer, tool


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a set-up as the first hour leaves it; commands are typed in it."""
    clock = SimulatedStdioServer(tmp_path, name="clock", tools=[tool("now"), tool("set_alarm")])
    mediator = Commands(capsys)
    mediator.well("init", str(tmp_path / "work"), "--operator", OPERATOR)
    monkeypatch.chdir(tmp_path / "work")
    mediator.well("manifest", "import", "clock", "--command", " ".join(clock.command), "--yes")
    mediator.well("manifest", "sign", "clock", "--accept-proposed")
    mediator.well("pin", "approve", "clock", "--reviewer", OPERATOR)
    return tmp_path / "work"


def raise_trust(mediator: Commands) -> None:
    mediator.well("trust", "renew")


def take_a_pin_back(mediator: Commands) -> None:
    mediator.well("pin", "revoke", "clock", "--reviewer", OPERATOR, "--note", "It leaks.")


def add_a_policy(mediator: Commands) -> None:
    mediator.well("policy", "activate", "--operator", OPERATOR)


def add_a_person(mediator: Commands) -> None:
    mediator.well("operator", "add", "bob@example.com")


OLD: dict[str, tuple[Callable[[Commands], None], tuple[str, ...], str]] = {
    "a trust file": (raise_trust, ("tool_manifests/trust.json",), "an old trust file came back"),
    "pins": (take_a_pin_back, ("tool_manifests/pins.lock",), "pins.lock`: 2 is below 3"),
    "an activation": (add_a_policy, ("policies/active.dsse.json",), "active.dsse.json`: 1 is below 2"),
    "operators": (
        add_a_person,
        (".mediator/operators.json", "tool_manifests/trust.dsse.json"),
        "trust.dsse.json`: 1 is below 2",
    ),
}


@promise("P2", "P7")
@pytest.mark.parametrize(("change", "files", "told"), OLD.values(), ids=OLD)
def test_what_was_signed_before_is_not_obeyed_after(
    change: Callable[[Commands], None],
    files: tuple[str, ...],
    told: str,
    pinned: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Issue 3: rollback refused, of whatever rises; the same for every command and for the start."""
    mediator = Commands(capsys)
    before = {name: (pinned / name).read_bytes() for name in files}
    change(mediator)
    mediator.well("policy", "check")
    for name, content in before.items():
        (pinned / name).write_bytes(content)

    refused = [line for line in mediator("doctor").out.splitlines() if line.startswith("error: ")]
    assert any(told in line for line in refused), refused


@promise("P2", "P7")
def test_a_trust_file_of_the_same_version_says_nothing_else(pinned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours: both are really signed by the root; which of them counts is nobody's to choose by a copy (A7)."""
    mediator, file = Commands(capsys), pinned / "tool_manifests" / "trust.json"
    root = read_key(pinned / ".mediator" / "keys" / "root.pem")
    mediator.well("trust", "revoke-key", "local-signer", "--why", "it was stolen")
    said = parse_trust(file.read_bytes())
    signers = {keyid: replace(signer, revoked=None) for keyid, signer in said.signers.items()}
    file.write_bytes(sign_trust(replace(said, signers=signers), [root]))

    assert "same version, other content" in mediator.refused("policy", "check")
    assert "same version, other content" in mediator.refused("pin", "list")
    assert mediator("doctor").code == 1
