"""The set-up that a command works on.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mediator.assembly.folder import read_operators
from mediator.cli.folder import about, next_serial, now_ms, open_set_up, replace_together
from mediator.identity.statement import Act
from mediator.refusal import Reason, Refused
from tests.promises import promise
from tests.simulated.commands import Commands, content_of


def test_a_path_is_shown_as_an_operator_calls_it(work: Path) -> None:
    """Ours: relative to the set-up where it stands in it."""
    set_up = open_set_up(work)

    assert set_up.shown(set_up.manifests / "trust.json") == "tool_manifests/trust.json"
    assert set_up.shown(Path("/etc/passwd")) == "/etc/passwd"


def test_a_refusal_is_given_its_place_and_keeps_its_own_next_step() -> None:
    """The issue: what, where, and the next step."""
    with pytest.raises(Refused) as refused, about("a.json", "sign it"):
        raise Refused(Reason.MALFORMED, "not JSON")
    assert (refused.value.reason, refused.value.detail) == (Reason.MALFORMED, "a.json: not JSON")
    assert refused.value.remedy == "sign it"

    with pytest.raises(Refused) as refused, about("a.json", "sign it"):
        raise Refused(Reason.MALFORMED, remedy="look")
    assert (refused.value.detail, refused.value.remedy) == ("a.json: MALFORMED", "look")


def test_serials_rise_and_begin_again_where_nothing_holds(work: Path, mediator: Commands) -> None:
    """Design 2a: a statement has a serial."""
    path = work / "policies" / "active.dsse.json"
    operators = read_operators(open_set_up(work).folder)

    assert next_serial(path, operators, Act.POLICY_ACTIVATE) == 2
    assert next_serial(path.with_name("none"), operators, Act.POLICY_ACTIVATE) == 1
    path.write_bytes(b"{}")
    assert next_serial(path, operators, Act.POLICY_ACTIVATE) == 1
    assert mediator is not None


@promise("P7")
def test_files_are_replaced_together_or_not_at_all(tmp_path: Path) -> None:
    """The issue: nothing half-written."""
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "in-the-way").write_bytes(b"")
    before = content_of(tmp_path)

    with pytest.raises(Refused) as refused:
        replace_together({
            tmp_path / "a": b"new",
            tmp_path / "b": b"new",
            tmp_path / "folder" / "c": b"new",
            tmp_path / "in-the-way" / "d": b"new",
        })  # fmt: skip

    assert "in-the-way` cannot be made" in refused.value.detail
    assert content_of(tmp_path) == before
    assert not (tmp_path / "folder").exists()


def test_files_that_can_be_written_are(tmp_path: Path) -> None:
    """Ours: with the folder that one of them needs; and what is the mediator's own is for its user alone."""
    replace_together({tmp_path / "folder" / "a": b"1", tmp_path / ".mediator" / "b": b"2"})

    assert content_of(tmp_path) == {"folder/a": b"1", ".mediator/b": b"2"}
    assert (tmp_path / ".mediator" / "b").stat().st_mode & 0o077 == 0


def test_now_is_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours."""
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_456_789)

    assert now_ms() == 1_700_000_000_123


BROKEN = {
    "no TOML": ("x = ", "mediator.toml: not TOML"),
    "an unknown key": ("[server]\nprot = 1", "mediator.toml: unknown key `server.prot`"),
    "a wrong type": ("[server]\nport = 'x'", "mediator.toml: `server.port`: expected a valid integer"),
}


@promise("P11")
@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_settings_stop_every_command_and_change_nothing(
    text: str, told: str, work: Path, mediator: Commands
) -> None:
    """The issue: a broken `mediator.toml` has a test."""
    (work / "mediator.toml").write_text(text)
    before = content_of(work)

    for words in (("pin", "list"), ("policy", "activate", "--operator", "x"), ("connect", "generic", "--agent", "x")):
        error = mediator.refused(*words)
        assert told in error
        assert " next: " in error
    assert content_of(work) == before


def test_a_broken_file_of_the_servers_folder_is_named(work: Path, mediator: Commands) -> None:
    """The issue: what, where, and the next step."""
    (work / "tool_servers.d" / "x.toml").write_text("[[tool_server]]\nname = 'x'\ncomand = ['y']")

    error = mediator.refused("pin", "list")

    assert error == (
        "error: tool_servers.d/x.toml: unknown key `tool_server[1].comand` (and 1 more)\n"
        " next: did you mean `command`? (in tool_servers.d/x.toml)\n"
    )


@promise("P7")
def test_a_state_folder_that_others_may_enter_stops_every_command(work: Path, mediator: Commands) -> None:
    """Design 2a: a looser mode, a symlink or a foreign owner stops the start."""
    (work / ".mediator").chmod(0o755)
    assert "is open to others (mode 0755): run `chmod 700" in mediator.refused("pin", "list")

    (work / ".mediator").chmod(0o700)
    (work / ".mediator").rename(work / "elsewhere")
    (work / ".mediator").symlink_to(work / "elsewhere")
    assert "no symbolic link" in mediator.refused("pin", "list")
