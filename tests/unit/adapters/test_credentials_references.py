"""Static secrets of tool servers: found by reference, kept from everybody else, shown to their own server alone.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediator.adapters.credentials_references import SECRET_BYTES_MAX, ReferencedCredentials, resolve_secret
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from mediator.settings.values import SecretReference
from tests.promises import promise
from tests.simulated.permits import a_permit

ENVIRONMENT = {"TOKEN": "s3cret-token", "LINE": "s3cret\n", "EMPTY": "", "DOS": "s3cret\r\n"}


def env(name: str) -> SecretReference:
    return SecretReference(kind="env", place=name)


def file(path: Path) -> SecretReference:
    return SecretReference(kind="file", place=str(path))


def detail_of(reference: SecretReference, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(Refused) as stop:
        resolve_secret(reference, environment or ENVIRONMENT)
    assert stop.value.reason is Reason.NO_CREDENTIAL
    assert str(reference) in stop.value.detail
    return stop.value.detail


@promise("P5")
async def test_each_tool_server_is_shown_its_own_secret_and_no_other() -> None:
    """MCP authorization: no token passthrough; a bearer is for one server."""
    broker = ReferencedCredentials({"clock": Secret("for-clock"), "files": Secret("for-files")})
    credential = await broker.obtain(a_permit(server="clock"))
    assert credential.server == "clock"
    assert credential.bearer is not None
    assert credential.bearer.reveal() == "for-clock"


@promise("P5")
async def test_what_is_put_in_place_of_the_others_is_shown_from_now_on_and_nothing_else() -> None:
    """Ours: a server that is reached otherwise, and wants none, is not shown what the one before was."""
    broker = ReferencedCredentials({"clock": Secret("old"), "files": Secret("for-files")})
    broker.put({"clock": Secret("new")})
    shown = [(await broker.obtain(a_permit(server=server))).bearer for server in ("clock", "files")]
    assert [one and one.reveal() for one in shown] == ["new", None]


async def test_a_tool_server_that_wants_none_is_shown_nothing() -> None:
    """Ours: never the agent's token in place of one."""
    credential = await ReferencedCredentials({"files": Secret("for-files")}).obtain(a_permit(server="clock"))
    assert (credential.server, credential.bearer) == ("clock", None)


def test_the_report_names_those_whose_secret_outlives_the_task() -> None:
    """P5: of a static secret its use ends with the task; the report lists such secrets."""
    broker = ReferencedCredentials({"files": Secret("b"), "clock": Secret("a")})
    assert broker.holders_of_static_secrets() == ("clock", "files")


@pytest.mark.parametrize(("name", "secret"), [("TOKEN", "s3cret-token"), ("LINE", "s3cret"), ("DOS", "s3cret")])
def test_a_secret_is_found_in_the_environment(name: str, secret: str) -> None:
    """Ours: the end of its line is not part of it."""
    assert resolve_secret(env(name), ENVIRONMENT).reveal() == secret


def test_a_secret_is_found_in_a_file_of_ours(tmp_path: Path) -> None:
    """Ours."""
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    assert resolve_secret(file(path), {}).reveal() == "s3cret"
    path.chmod(0o400)
    assert resolve_secret(file(path), {}).reveal() == "s3cret"


@pytest.mark.parametrize("name", ["MISSING", "EMPTY"])
def test_nothing_is_no_secret(name: str) -> None:
    """Empty is never permission."""
    detail_of(env(name))


@pytest.mark.parametrize(
    "text",
    [
        "s3cret with words",
        "a\tb",
        "a\nb",
        "a\r\nX-Injected: 1",
        "\n\n",
        "é",
        "\x00",
        " s3cret",
        "a" * (SECRET_BYTES_MAX + 1),
    ],
)
def test_what_could_not_stand_in_a_header_is_no_secret(text: str) -> None:
    """RFC 6750 §2.1: and what was found is never repeated."""
    assert text not in detail_of(env("TEXT"), {"TEXT": text})


@promise("P7")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    """Ours: A6, another user of the machine."""
    path = tmp_path / "secret"
    path.write_text("s3cret")
    path.chmod(mode)
    assert "others" in detail_of(file(path))


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """Ours: also a pipe that nobody will ever write into."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    detail_of(file(tmp_path / "pipe"))
    detail_of(file(tmp_path / "missing"))
    detail_of(file(tmp_path))
    detail_of(SecretReference(kind="file", place="/dev/null"))


def test_a_file_too_long_for_a_secret_is_not_read_to_its_end(tmp_path: Path) -> None:
    """Ours."""
    path = tmp_path / "secret"
    path.write_text("a" * 10_000_000)
    path.chmod(0o600)
    detail_of(file(path))
