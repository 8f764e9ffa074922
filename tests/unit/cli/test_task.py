"""`mediator task`: with a mediator that runs and without one, by the owner and by nobody else.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import anyio.to_thread
import pytest

from mediator.canonical import DEFAULT_LIMITS, JsonObject, canonical_bytes
from mediator.cli.main import run
from mediator.evidence import Secret
from mediator.identity.compact import parse_compact
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.commands import OPERATOR, Commands
from tests.simulated.forged_tokens import base64url, jwk_of
from tests.simulated.proofs import ProvingKey
from tests.simulated.replies import tools_call
from tests.simulated.running import command, message_in, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

COMPANY = "https://idp.example.com"
OPEN = ("task", "open", "--agent", "assistant", "--owner", OPERATOR, "--tools", "clock/*", "--purpose", "a test")
EVE = "eve@example.com"
JKT = ProvingKey().thumbprint


def test_a_task_is_opened_shown_and_completed_where_nobody_serves(work: Path, mediator: Commands) -> None:
    """Design 5.1: the command is the owner of the folder for as long as it takes."""
    opened = mediator.well(*OPEN, "--minutes", "5", "--max-calls", "3", "--json").printed
    assert opened["token_type"] == "Bearer"
    task = opened["task"]
    shown = mediator.well("task", "show", task, "--json").printed
    assert (shown["owner"], shown["max_calls"], shown["state"]) == (OPERATOR, 3, "open")
    assert opened["access_token"] not in mediator.well("task", "show", task).out
    assert task in mediator.well("task", "complete", task, "--owner", OPERATOR).out
    assert mediator.well("task", "show", task, "--json").printed["state"] == "completed"
    assert not (work / ".mediator" / "control.sock").exists()


@pytest.mark.usefixtures("work")
def test_for_a_person_the_token_stands_alone_on_a_line(mediator: Commands) -> None:
    """Ours: it can be copied; and for another issuer's task there is none."""
    lines = mediator.well(*OPEN).out.splitlines()
    assert lines[-1].count(".") == 2
    ran = mediator.well(*OPEN, "--issuer", COMPANY)
    assert "claim `grant`" in ran.err
    assert len(ran.out.splitlines()) == 1


@promise("P6")
@pytest.mark.usefixtures("work")
def test_an_owner_says_why_and_is_told_where_nobody_did(mediator: Commands) -> None:
    """Issue 7: `--because`, kept with each line and told with who wrote it; asked for what is not easily undone alone."""
    sends = (*OPEN, "--tools", "mail/send", "--effects", "send")
    opened = mediator.well(*sends, "--because", "they wait for it", "--json").printed
    shown = mediator.well("grant", "show", opened["task"], "--json").printed
    assert {str(entry["because"]) for entry in shown["entries"]} == {"{'by': 'owner', 'text': 'they wait for it'}"}
    assert "--because" in mediator.well(*sends).err
    for words in ((*sends, "--because", "they wait for it"), (*OPEN, "--effects", "write"), OPEN):
        assert "--because" not in mediator.well(*words).err
    assert "because" in mediator.refused(*sends, "--because", "two\nlines")


@pytest.mark.usefixtures("work")
@promise("P5")
def test_a_token_is_bound_to_the_key_that_is_named(mediator: Commands) -> None:
    """RFC 9449 §6.1; for a person, that it is; of a bearer that could not write, what would."""
    bound = mediator.well(*OPEN, "--dpop-jkt", JKT, "--json").printed
    claims = parse_compact(Secret(bound["access_token"]), DEFAULT_LIMITS)[1]
    assert (bound["token_type"], claims["cnf"]) == ("DPoP", {"jkt": JKT})
    assert "with a proof of that key" in mediator.well(*OPEN, "--dpop-jkt", JKT, "--effects", "write").err
    assert "stdio --task" in mediator.well(*OPEN, "--effects", "read,write").err
    assert "stdio --task" not in mediator.well(*OPEN).err
    for wrong in ("", "x", JKT[:-1], f"{JKT}="):
        assert "thumbprint" in mediator.refused(*OPEN, "--dpop-jkt", wrong)


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--agent", "nobody"), ("`nobody`", "`assistant`")),
        (("--effects", "read,obliterate"), ("`obliterate`", "read, write, delete, send, exec")),
        (("--effects", ","), ("effects",)),
        (("--owner", EVE), (EVE, OPERATOR, "operator add")),
        (("--tools", "no pattern"), ("no pattern",)),
        (("--purpose", " "), ("purpose",)),
        (("--minutes", "100000"), ("480",)),
    ],
)
@promise("P7")
def test_what_cannot_be_opened_is_told(mediator: Commands, words: tuple[str, str], told: tuple[str, ...]) -> None:
    """Bad input: what is wrong, and what would do."""
    error = mediator.refused(*OPEN, *words)
    for word in told:
        assert word in error


@promise("P4", "P7")
def test_an_owner_without_a_key_opens_nothing_and_another_completes_nothing(work: Path, mediator: Commands) -> None:
    """A4: people sign for themselves."""
    task = mediator.well(*OPEN, "--json").printed["task"]
    mediator.well("operator", "add", EVE)
    error = mediator.refused("task", "complete", task, "--owner", EVE)
    assert "neither the owner nor the agent" in error
    assert mediator.well("task", "show", task, "--json").printed["state"] == "open"
    (work / ".mediator" / "keys" / f"operator-{EVE}.pem").unlink()
    error = mediator.refused(*OPEN, "--owner", EVE)
    assert f"operator-{EVE}.pem" in error
    assert "next:" in error


@pytest.mark.usefixtures("work")
def test_a_task_that_is_not_there_is_told(mediator: Commands) -> None:
    """Bad input."""
    for words in (("show", "task-0"), ("complete", "task-0", "--owner", OPERATOR)):
        assert "no task `task-0`" in mediator.refused("task", *words)


def minted(key: SigningKey, **claims: object) -> str:
    """A token as the company's issuer makes it."""
    now = int(time.time())
    header: JsonObject = {"alg": "EdDSA", "kid": key.public.keyid, "typ": "at+jwt"}
    body = {"iss": COMPANY, "sub": "assistant", "iat": now, "exp": now + 300, "jti": "j-1", **claims}
    signed = ".".join((base64url(canonical_bytes(header)), base64url(json.dumps(body).encode())))
    return f"{signed}.{base64url(key.sign(signed.encode()))}"


@promise("P4", "P5")
async def test_another_issuer_s_tokens_hold_the_tasks_that_name_it_and_no_others(tmp_path: Path) -> None:
    """Issue 2: `[[issuer]]` with `keys_file`; a token names the task by the claim `grant`."""
    key = SigningKey.generate()

    def trust_company(folder: Path) -> None:
        (folder / "company.json").write_text(json.dumps({"keys": [jwk_of(key)]}))
        with (folder / "mediator.toml").open("a") as file:
            file.write(f'\n[[issuer]]\nname = "company"\nissuer = "{COMPANY}"\nkeys_file = "company.json"\n')

    server = SimulatedToolServer(tools=[tool("echo")])
    async with running(tmp_path, {"clock": server}, before_start=trust_company) as mediator:
        here = ("--json", "--folder", str(mediator.folder))
        opened = json.loads(await command(*OPEN, "--issuer", COMPANY, *here))
        assert set(opened) == {"task", "grant"}
        call = tools_call("clock__echo", text="x")

        theirs = minted(key, aud=mediator.url, grant=opened["task"])
        answer = message_in(await mediator.post(call, token=theirs))
        assert not answer["result"].get("isError", False)
        assert [entry["verdict"] for entry in mediator.decisions] == ["allow"]

        for wrong in (
            minted(key, aud=mediator.url, grant=mediator.task),  # a task of the local issuer
            minted(key, aud=mediator.url, grant=opened["task"], sub="planner"),
            minted(key, aud="https://elsewhere.example", grant=opened["task"]),
            minted(key, aud=mediator.url, grant=opened["task"], exp=1),
            minted(SigningKey.generate(), aud=mediator.url, grant=opened["task"]),
        ):
            assert reason_in(await mediator.post(call, token=wrong)) is not None
        assert len(server.calls) == 1

        await command("task", "complete", opened["task"], "--owner", OPERATOR, *here)
        assert reason_in(await mediator.post(call, token=theirs)) == "TASK_COMPLETED"

        shown = json.loads(await command("task", "show", opened["task"], *here))
        assert (shown["state"], shown["calls"]) == ("completed", 1)
        foreign = ["task", "complete", mediator.task, "--owner", EVE, *here]
        assert await anyio.to_thread.run_sync(run, foreign) == 1


@pytest.mark.usefixtures("work")
def test_a_task_is_opened_to_be_handed_on_within_constraints(mediator: Commands) -> None:
    """Issue 5: how far, by whom, and with which arguments."""
    below = '{"/path": {"path_below": "/reports"}}'
    words = ("--max-depth", "2", "--may-act", "worker", "--may-act", "plugin", "--arguments", below)
    task = mediator.well(*OPEN, *words, "--json").printed["task"]
    shown = mediator.well("task", "show", task, "--json").printed
    assert (shown["max_depth"], shown["may_act"], shown["depth"]) == (2, ["plugin", "worker"], 0)
    assert [entry["arguments"] for entry in shown["entries"]] == [{"/path": {"path_below": "/reports"}}]
    plain = mediator.well(*OPEN, "--json").printed["task"]
    shown = mediator.well("task", "show", plain, "--json").printed
    assert (shown["max_depth"], shown["may_act"]) == (0, None)


@promise("P4", "P7")
@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--max-depth", "9"), "max_depth"),
        (("--may-act", ""), "may_act"),
        (("--may-act", "worker", "--may-act", "worker"), "may_act"),
        (("--arguments", "[]"), "/arguments"),
        (("--arguments", "{"), "`--arguments`"),
        (("--arguments", "\udcff"), "`--arguments`"),
        (("--arguments", '{"path": {"path_below": "/a"}}'), "path"),
        (("--arguments", '{"/path": {"looks_like": "/a"}}'), "`--arguments`"),
        (
            ("--arguments", '{"/path": {"path_below": "/a"}, "/path": {"path_below": "/"}}'),
            "`--arguments`: the same key twice",
        ),
    ],
)
def test_what_cannot_be_handed_on_so_is_told_before_anybody_signs(
    mediator: Commands, words: tuple[str, ...], told: str
) -> None:
    """Bad input: what does not fit, and where."""
    assert told in mediator.refused(*OPEN, *words)
    assert mediator.well("grant", "list", "--json").printed["grants"] == []


@promise("P5", "P9")
@pytest.mark.usefixtures("work")
def test_a_task_is_renewed_by_its_owner_for_longer_and_by_nobody_else(mediator: Commands) -> None:
    """Design 5.6: a decision on record; and until when is said."""
    task = mediator.well(*OPEN, "--minutes", "5", "--json").printed["task"]
    before = mediator.well("task", "show", task, "--json").printed["expires_ms"]
    told = mediator.well("task", "renew", task, "--owner", OPERATOR, "--minutes", "60").out
    assert task in told
    assert "until 20" in " ".join(told.split())
    after = mediator.well("task", "show", task, "--json").printed["expires_ms"]
    assert after - before >= 54 * 60_000
    assert "longer" in mediator.refused("task", "renew", task, "--owner", OPERATOR, "--minutes", "5")
    assert "480" in mediator.refused("task", "renew", task, "--owner", OPERATOR, "--minutes", "481")
    mediator.well("operator", "add", EVE)
    mediator.refused("task", "renew", task, "--owner", EVE, "--minutes", "90")
    renewed = mediator.well("task", "renew", task, "--owner", OPERATOR, "--minutes", "90", "--json").printed
    assert (renewed["task"], renewed["state"]) == (task, "open")
    mediator.well("task", "complete", task, "--owner", OPERATOR)
    assert "over" in mediator.refused("task", "renew", task, "--owner", OPERATOR, "--minutes", "100")
