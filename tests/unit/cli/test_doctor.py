"""`mediator doctor`: what is wrong, and how to mend it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediator.cli import doctor
from tests.promises import promise
from tests.simulated.certificates import FAR, Authority
from tests.simulated.commands import OPERATOR, AtATerminal, Commands, content_of
from tests.simulated.tampering import with_payload


def found(mediator: Commands, code: int) -> list[dict[str, Any]]:
    ran = mediator("doctor", "--json")
    assert ran.code == code
    return [one for one in ran.printed if "is unlocked" not in one["what"] and "root.pem" not in one["what"]]


def test_unlocked_keys_are_a_warning(work: Path, mediator: Commands) -> None:
    """Design 2a: `init` without a terminal makes an unlocked key, and `doctor` says so."""
    ran = mediator.well("doctor")

    assert f"warning: `.mediator/keys/operator-{OPERATOR}.pem` is unlocked" in ran.out
    assert " next: `mediator operator lock signer`\n" in ran.out
    assert "`.mediator/keys/root.pem` says who may sign anything here" in ran.out
    assert "0 errors, 3 warnings\n" in ran.out
    assert work.is_dir()


def test_nothing_is_wrong_with_a_set_up_whose_keys_are_locked(
    pinned: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    AtATerminal(monkeypatch, ["correct horse"] * 4)
    mediator.well("operator", "lock", OPERATOR)
    mediator.well("operator", "lock", "signer")
    (pinned / ".mediator" / "keys" / "root.pem").unlink()  # brought offline

    assert mediator.well("doctor").out == "nothing is wrong\n"
    assert pinned.is_dir()


def edit_settings(text: str) -> Callable[[Path], None]:
    def edit(work: Path) -> None:
        with (work / "mediator.toml").open("a") as file:
            file.write(text)

    return edit


def edit_policy(work: Path) -> None:
    with (work / "policies" / "calls.cedar").open("a") as file:
        file.write("// nothing\n")


def loosen_a_key(work: Path) -> None:
    (work / ".mediator" / "keys" / "issuer.pem").chmod(0o644)


def edit_trust(work: Path) -> None:
    path = work / "tool_manifests" / "trust.json"
    path.write_bytes(with_payload(path.read_bytes(), b"local/", b"other/"))


def edit_pins(work: Path) -> None:
    (work / "tool_manifests" / "pins.lock").write_text("{")


def break_a_policy(work: Path) -> None:
    (work / "policies" / "mine.cedar").write_text("nonsense;")


ERRORS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "settings": (edit_settings("nonsense = 1"), "unknown key", "known are"),
    "a loose key": (loosen_a_key, "must be a file of yours that nobody else can read", "chmod 600"),
    "trust": (edit_trust, "does not hold", "undo the edit"),
    "pins": (edit_pins, "not JSON", "only `mediator pin approve` writes it"),
    "an edited policy": (edit_policy, "the policies in `policies` are not in force", "`mediator policy check`"),
    "a broken policy": (break_a_policy, "mine.cedar:1: this is no policy", "docs.cedarpolicy.com"),
    "a missing key file": (
        edit_settings('[[issuer]]\nname = "a"\nissuer = "https://a"\nkeys_file = "a.json"\n'),
        "a.json` cannot be read",
        "correct the `[[issuer]]`",
    ),
    "a missing command": (
        edit_settings('[[tool_server]]\nname = "a"\ncommand = ["/nowhere/a"]\n'),
        "`a`: there is no command `/nowhere/a`",
        "install it",
    ),
    "a missing variable": (
        edit_settings('[[tool_server]]\nname = "a"\nurl = "https://a.example/"\ncredential = "env:NOT_SET_AT_ALL"\n'),
        "`a`: `env:NOT_SET_AT_ALL` is not there",
        "set it where the mediator is started",
    ),
    "a missing secret file": (
        edit_settings('[[tool_server]]\nname = "a"\ncommand = ["/bin/sh"]\nenvironment = { A = "file:/nowhere/a" }\n'),
        "`a`: `file:/nowhere/a` is not there",
        "set it where the mediator is started",
    ),
}


@promise("P7")
@pytest.mark.parametrize(("spoil", "what", "next_step"), ERRORS.values(), ids=ERRORS)
def test_what_stops_the_set_up_is_an_error(
    spoil: Callable[[Path], None], what: str, next_step: str, work: Path, mediator: Commands
) -> None:
    """The issue: what, where, and the next step. `doctor` changes nothing."""
    spoil(work)
    before = content_of(work)

    errors = [one for one in found(mediator, 1) if one["level"] == "error"]

    assert any(what in one["what"] and next_step in one["next"] for one in errors), errors
    assert content_of(work) == before


WARNINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a secret in the settings": (
        edit_settings('[[tool_server]]\nname = "a"\ncommand = ["/bin/sh"]\nenvironment = { MY_TOKEN = "literal:x" }\n'),
        "`a`: `MY_TOKEN` looks like a secret",
    ),
    "a server that works on our folder": (
        edit_settings('[[tool_server]]\nname = "a"\ncommand = ["/bin/sh", "policies"]\n'),
        "`a` is told to work on `policies`, which reaches `policies`",
    ),
    "a pin that does not hold": (
        lambda work: (work / "tool_manifests" / "clock" / "manifest.dsse.json").unlink(),
        "`clock",
    ),
    "a pinned server without an address": (
        lambda work: (work / "tool_servers.d" / "clock.toml").unlink(),
        "`clock` is pinned, but no `[[tool_server]]`",
    ),
    "no local issuer": (
        lambda work: (work / "mediator.toml").write_text(
            (work / "mediator.toml")
            .read_text()
            .replace("[[issuer]]", "[telemetry]\n#", 1)
            .replace("local = true", "#")
            .replace('\nname = "local"', "")
            .replace("\n[telemetry] ", "\n# ")
        ),
        "no `[[issuer]]` is local",
    ),
}


@pytest.mark.parametrize(("spoil", "what"), WARNINGS.values(), ids=WARNINGS)
def test_what_is_weak_is_a_warning(
    spoil: Callable[[Path], object], what: str, pinned: Path, mediator: Commands
) -> None:
    """Design 2a: what a start complains of, and does not stop at."""
    spoil(pinned)

    warnings = [one for one in found(mediator, 0) if one["level"] == "warning"]

    assert any(what in one["what"] for one in warnings), warnings
    assert all(one["next"] for one in warnings)


def put_tls(work: Path, ends: dt.datetime = FAR, *, lines: str = "") -> None:
    (work / "tls").mkdir()
    Authority(work / "tls").issue("server", "127.0.0.1", ends=ends)
    edit_settings(f'[server.tls]\ncertificate = "tls/server.pem"\nkey = "tls/server.key.pem"\n{lines}')(work)


def of_tls(mediator: Commands, code: int) -> list[tuple[str, str, str]]:
    return [(one["level"], one["what"], one["next"]) for one in found(mediator, code) if "tls" in one["what"]]


def test_a_certificate_that_holds_is_nothing_to_tell(work: Path, mediator: Commands) -> None:
    """Ours."""
    put_tls(work)

    assert of_tls(mediator, 0) == []


def test_a_certificate_that_ends_soon_is_a_warning(work: Path, mediator: Commands) -> None:
    """Ours: a month is what it takes to have another, and nobody connects without."""
    put_tls(work, dt.datetime.now(dt.UTC) + dt.timedelta(days=29))

    ((level, what, next_step),) = of_tls(mediator, 0)

    assert (level, what[:24]) == ("warning", "`tls/server.pem` ends at")
    assert "start the mediator again" in next_step


def test_a_certificate_for_another_name_is_a_warning(work: Path, mediator: Commands) -> None:
    """RFC 9525 §6: agents look for the name in `public_url`, and refuse a server of another."""
    put_tls(work)
    settings = work / "mediator.toml"
    settings.write_text(settings.read_text().replace("[server] ", 'server.public_url = "https://m.example.com"\n#', 1))

    assert of_tls(mediator, 0) == [
        (
            "warning",
            "`tls/server.pem` is not for `m.example.com`, where agents look for the mediator",
            "have it issued for that name, or correct `public_url` under `[server]`",
        )
    ]


@promise("P7")
def test_a_certificate_that_stops_the_start_is_an_error(work: Path, mediator: Commands) -> None:
    """Ours: as the start would say it."""
    put_tls(work, dt.datetime(2021, 1, 1, tzinfo=dt.UTC))

    ((level, what, next_step),) = of_tls(mediator, 1)

    assert level == "error"
    assert "tls/server.pem` has expired at 2021-01-01T00:00:00Z" in what
    assert next_step == "have it issued anew"


def test_a_profile_s_key_under_a_passphrase_opens_no_session(
    work: Path, mediator: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours: nobody is there to type it."""
    AtATerminal(monkeypatch, ["correct horse"] * 2)
    mediator.well("operator", "lock", OPERATOR)
    keys = work / ".mediator" / "keys"
    (keys / f"operator-{OPERATOR}.pem").rename(keys / "agent-assistant.pem")

    assert any("agent-assistant.pem` is locked" in one["what"] for one in found(mediator, 0))


def test_without_a_set_up_it_says_how_to_make_one(
    mediator: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours."""
    monkeypatch.chdir(tmp_path)

    ran = mediator("doctor")

    assert ran.code == 1
    assert "mediator init" in ran.out


@promise("P3")
def test_a_program_that_is_not_what_was_reviewed_is_an_error(pinned: Path, mediator: Commands) -> None:
    """The issue: it is not started, and `doctor` says why."""
    file = pinned / "tool_servers.d" / "clock.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("executable_digest")]
    file.write_text("\n".join([*lines, f'executable_digest = "sha256:{64 * "0"}"', ""]))

    (finding,) = (one for one in found(mediator, 1) if one["level"] == "error")

    assert "`clock` is not started: `" in finding["what"]
    assert "`mediator manifest import clock --again`" in finding["next"]


def test_a_floating_version_is_a_warning(work: Path, mediator: Commands) -> None:
    """The issue: a floating version is a finding. What speaks HTTP has no version that we know of."""
    (work / "tool_servers.d").mkdir(exist_ok=True)
    (work / "tool_servers.d" / "all.toml").write_text(
        '[[tool_server]]\nname = "files"\ncommand = ["npx", "-y", "files-server"]\n'
        '[[tool_server]]\nname = "web"\nurl = "http://127.0.0.1:9/mcp"\n'
    )

    findings = mediator("doctor", "--json").printed

    assert [one["what"] for one in findings if "exact version" in one["what"]] == [
        "`files`: `files-server` has no exact version: another may run than was reviewed"
    ]


def test_agents_that_could_be_taken_for_each_other_are_an_error(work: Path, mediator: Commands) -> None:
    """NHI9: two profiles with one key; the start refuses them too."""
    text = (work / "mediator.toml").read_text()
    key = next(line for line in text.splitlines() if line.startswith("key = "))
    (work / "mediator.toml").write_text(f'{text}\n[[agent]]\nname = "twin"\nowner = "{OPERATOR}"\n{key}\n')
    (finding,) = found(mediator, 1)
    assert (finding["level"], "`assistant` and `twin` have one key" in finding["what"]) == ("error", True)
    assert "give each its own" in finding["next"]
    assert "have one key" in mediator.refused("serve")


def test_a_workloads_issuer_without_its_keys_is_an_error(work: Path, mediator: Commands) -> None:
    """Ours: the file is named before anybody comes with a token."""
    more = '[[workload_issuer]]\nname = "spire"\ntrust_domain = "prod.example"\nkeys_file = "spire.json"\n'
    (work / "mediator.toml").write_text((work / "mediator.toml").read_text() + more)
    assert any("spire.json" in one["what"] and one["level"] == "error" for one in found(mediator, 1))


@pytest.mark.usefixtures("pinned")
def test_a_tool_server_that_is_left_alone_is_a_warning(mediator: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 7: as the mediator that runs tells; where none does, there is nothing to tell."""
    assert not [one for one in found(mediator, 0) if "left alone" in one["what"]]
    monkeypatch.setattr(doctor, "ask_control", lambda *_: {"resting": {"clock": 900}})
    told = [one["what"] for one in found(mediator, 0) if "left alone" in one["what"]]
    assert told == ["`clock` failed again and again, and is left alone for 900 ms more"]
