"""Whoever can write files as our user, or reach our socket, is not the operator: only signed statements count (A7, A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from mediator.assembly.folder import Folder, open_folder, read_key, read_settings
from mediator.assembly.serving import serve
from mediator.canonical import Json, JsonObject, canonical_bytes, parse_object
from mediator.cli.main import run
from mediator.edge.control import ask_control
from mediator.identity.dsse import SigningKey
from mediator.identity.statement import Act, sign_statement
from mediator.manifest.lock import parse_lock, write_lock
from mediator.refusal import Refused
from tests.promises import promise
from tests.simulated.opened import task_subject
from tests.simulated.people import key_of
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import OWNER, Running, reason_in, running, set_up
from tests.simulated.tampering import with_payload
from tests.simulated.tool_server import SimulatedToolServer, tool

MALLORY = key_of("mallory")
SIGNER = "signer@example.com"
NAMES = ("zz_kept", "removed", "forged", "stranger", "selfmade", "widened", "borrowed")


def payload_of(statement: bytes) -> JsonObject:
    envelope = parse_object(statement)
    return parse_object(base64.b64decode(str(envelope["payload"])))


def tampered(statement: bytes, **subject: Json) -> bytes:
    """Return the envelope with members of its subject changed, and its signature left as it was."""
    payload = payload_of(statement)
    old = payload["subject"]
    assert isinstance(old, dict)
    changed = canonical_bytes({**payload, "subject": old | subject})
    return canonical_bytes({**parse_object(statement), "payload": base64.b64encode(changed).decode()})


def signed_again(statement: bytes, key: SigningKey, who: str, later: int = 0, **subject: Json) -> bytes:
    """Return the same act in somebody else's words, really signed with their key; `later` by so many serials."""
    payload = payload_of(statement)
    old, at, serial = payload["subject"], payload["at"], payload["serial"]
    assert isinstance(old, dict)
    assert isinstance(at, int)
    assert isinstance(serial, int)
    act = Act(str(payload["act"]))
    return sign_statement(key, act=act, subject=old | subject, who=who, at=at, serial=serial + later)


def tool_of(statement: bytes) -> str:
    subject = payload_of(statement)["subject"]
    assert isinstance(subject, dict)
    return str(subject["tool"])


def rewrite_lock(folder: Path) -> None:
    """Leave one approval as it was, and do to each other one what its tool is named after."""
    home = open_folder(folder)
    signer, profile = read_key(home.key_file("signer")), read_key(home.key_file("agent", "assistant"))
    assert run(["operator", "add", SIGNER, "--key", signer.public.text, "--by", OWNER, "--folder", str(folder)]) == 0
    lock = folder / "tool_manifests" / "pins.lock"
    approvals = {tool_of(statement): statement for statement in parse_lock(lock.read_bytes())}
    assert set(approvals) == set(NAMES)
    del approvals["removed"]
    approvals["forged"] = signed_again(approvals["forged"], MALLORY, OWNER)
    envelope = parse_object(approvals["forged"])
    genuine = parse_object(approvals["zz_kept"])["signatures"]
    approvals["forged"] = canonical_bytes({**envelope, "signatures": genuine})
    approvals["stranger"] = signed_again(approvals["stranger"], MALLORY, "mallory")
    approvals["selfmade"] = signed_again(approvals["selfmade"], signer, SIGNER, later=len(NAMES))
    approvals["widened"] = tampered(approvals["widened"], assigned="other", effect="read", sensitivity=0)
    approvals["borrowed"] = signed_again(approvals["borrowed"], profile, "assistant")
    lock.write_bytes(write_lock(list(approvals.values())))


@promise("P2", "P3", "P7", "P9")
async def test_a_pin_without_a_reviewers_own_statement_does_not_exist_and_is_reported(tmp_path: Path) -> None:
    """Design 2a: removed, forged, by a stranger, by the manifest's own signer, by an agent's key, changed afterwards."""
    server = SimulatedToolServer(tools=[tool(name) for name in NAMES])
    async with running(tmp_path, {"a": server}, before_start=rewrite_lock) as mediator:
        listed = (await mediator.post(tools_list())).json()["result"]["tools"]
        assert [one["name"] for one in listed] == ["a__zz_kept"]
        for name in NAMES[1:]:
            answer = await mediator.post(tools_call(f"a__{name}"))
            assert (name, reason_in(answer)) == (name, "UNKNOWN_TOOL")
        assert server.calls == []
        assert mediator.verdicts == [("deny", "UNKNOWN_TOOL")] * (len(NAMES) - 1)

        said = [problem.detail for problem in mediator.mediator.problems]
        assert len(said) == 5  # whatever is written down and does not hold; what is not written down, is not
        assert sum("signed the manifest: another key must review it" in detail for detail in said) == 1
        asking: JsonObject = {"op": "status"}
        status = await anyio.to_thread.run_sync(ask_control, mediator.mediator.folder.control_socket, asking)
        assert status is not None
        assert status["pins"] == 1
        assert isinstance(status["problems"], list)
        assert len(status["problems"]) == 5
        assert "removed" in str(mediator.entries("drift"))  # but offered, which nobody reviewed
        assert reason_in(await mediator.post(tools_call("a__zz_kept"))) is None


def edit_policy(home: Folder) -> None:
    (home.root / "policies" / "listing.cedar").write_text(
        '@id("all")\n@reason("all")\npermit (principal, action, resource);\n', encoding="utf-8"
    )


def remove_a_forbid(home: Folder) -> None:
    files = sorted((home.root / "policies").glob("*.cedar"))
    next(file for file in files if "forbid" in file.read_text(encoding="utf-8")).unlink()


def activate_as(key: SigningKey, who: str, home: Folder) -> None:
    edit_policy(home)
    file = home.root / "policies" / "active.dsse.json"
    file.write_bytes(signed_again(file.read_bytes(), key, who, digest="sha256:" + "0" * 64))


def activate_by_an_agent(home: Folder) -> None:
    activate_as(read_key(home.key_file("agent", "assistant")), "assistant", home)


def change_the_activation(home: Folder) -> None:
    file = home.root / "policies" / "active.dsse.json"
    file.write_bytes(tampered(file.read_bytes(), digest="sha256:" + "0" * 64))


def another_statement_as_the_activation(home: Folder) -> None:
    trust = home.root / "tool_manifests" / "trust.dsse.json"
    (home.root / "policies" / "active.dsse.json").write_bytes(trust.read_bytes())


def edit_trust(home: Folder) -> None:
    file = home.root / "tool_manifests" / "trust.json"
    file.write_bytes(with_payload(file.read_bytes(), b"local/", b"other/"))


def accept_trust_as_a_stranger(home: Folder) -> None:
    file = home.root / "tool_manifests" / "trust.dsse.json"
    file.write_bytes(signed_again(file.read_bytes(), MALLORY, OWNER))


def add_an_operator(home: Folder) -> None:
    file = home.operators_file
    people = parse_object(file.read_bytes())
    assert isinstance(people["operators"], list)
    people["operators"].append({"name": "mallory", "key": MALLORY.public.text, "roles": ["operator"]})
    file.write_bytes(canonical_bytes(people))


def become_the_operator(home: Folder) -> None:
    """Take the operator's name, and sign the policies with it: the trust file does not accept who says so."""
    people: JsonObject = {
        "version": 1,
        "operators": [{"name": OWNER, "key": MALLORY.public.text, "roles": ["operator"]}],
    }
    home.operators_file.write_bytes(canonical_bytes(people))
    activate_as(MALLORY, OWNER, home)


EDITS: list[tuple[Callable[[Folder], None], str]] = [
    (edit_policy, "policies"),
    (remove_a_forbid, "policies"),
    (partial(activate_as, MALLORY, "mallory"), "active.dsse.json"),
    (partial(activate_as, MALLORY, OWNER), "active.dsse.json"),
    (activate_by_an_agent, "active.dsse.json"),
    (change_the_activation, "active.dsse.json"),
    (another_statement_as_the_activation, "active.dsse.json"),
    (edit_trust, "trust.json"),
    (accept_trust_as_a_stranger, "trust.dsse.json"),
    (add_an_operator, "trust.dsse.json"),
    (become_the_operator, "trust.dsse.json"),
]


async def refusal_of_start(folder: Path) -> Refused:
    """Return what a start is refused with; it lets nobody in meanwhile."""
    home = open_folder(folder)

    def ready(*_: object) -> None:
        pytest.fail("agents were let in")

    with anyio.fail_after(10), pytest.raises(Refused) as refused:
        await serve(home, read_settings(home), 0, ready, lambda _: None)
    return refused.value


def contents(root: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in root.rglob("*") if file.is_file() and "ledger" not in file.parts}


@promise("P2", "P7")
async def test_a_file_that_was_edited_without_a_statement_stops_the_start(tmp_path: Path) -> None:
    """Design 2a: the mediator obeys statements, not rows and not file times. A clear word says which file."""
    folder = tmp_path / "work"
    async with SimulatedToolServer(tools=[tool("echo")]) as server:
        await set_up(folder, {"a": ("--url", server.url)}, {}, None, None)
        home, before = open_folder(folder), contents(folder)
        for edit, named in EDITS:
            edit(home)
            refused = await refusal_of_start(folder)
            assert refused.detail, edit
            assert named in refused.detail, edit
            for added in set(contents(folder)) - set(before):
                added.unlink()
            for file, content in before.items():
                if not file.exists() or file.read_bytes() != content:
                    file.write_bytes(content)

        edit_policy(home)
        words = [sys.executable, "-m", "mediator", "serve", "--port", "0", "--folder", str(folder)]
        with anyio.fail_after(20):
            process = await anyio.run_process(
                words, check=False, cwd=Path(__file__).parents[2], env={**os.environ, "NO_COLOR": "1"}
            )
        said = b" ".join((process.stdout + process.stderr).split()).decode()
        assert process.returncode == 1
        assert "mediator policy activate" in said
        assert "Traceback" not in said
        assert server.calls == []


def painter(folder: Path) -> None:
    """Another agent's profile, with a key of its own."""
    with (folder / "mediator.toml").open("a", encoding="utf-8") as settings:
        key = key_of("painter").public.text
        settings.write(
            f'\n[[agent]]\nname = "painter"\nowner = "{OWNER}"\nkey = "{key}"\ntools = ["a/*"]\n'
            'effects = ["read"]\nminutes = 30\n'
        )


async def ask(mediator: Running, op: str, statement: bytes) -> str:
    """Ask over the control socket, and return the reason of its refusal."""
    request: JsonObject = {"op": op, "statement": statement.decode()}
    try:
        await anyio.to_thread.run_sync(ask_control, mediator.mediator.folder.control_socket, request)
    except Refused as refused:
        return str(refused.reason)
    return "obeyed"


@promise("P4", "P7", "P9")
async def test_no_task_is_opened_but_by_a_fresh_statement_of_somebody_who_may(tmp_path: Path) -> None:
    """A4 and A7 at the control socket, which is open to every process of the same user."""
    async with running(tmp_path, {"a": SimulatedToolServer(tools=[tool("echo")])}, before_start=painter) as mediator:
        home = mediator.mediator.folder
        owner, agent = read_key(home.key_file("operator", OWNER)), read_key(home.key_file("agent", "assistant"))
        signer = read_key(home.key_file("signer"))

        def made(key: SigningKey, who: str, *, act: Act = Act.TASK_OPEN, late_ms: int = 0, **subject: Json) -> bytes:
            at = int(time.time() * 1000) - late_ms
            return sign_statement(key, act=act, subject=task_subject(**subject), who=who, at=at, serial=at)

        def session(**subject: Json) -> bytes:
            at = int(time.time() * 1000)
            asked = task_subject(idle_minutes=30) | subject
            return sign_statement(agent, act=Act.TASK_OPEN, subject=asked, who="assistant", at=at, serial=at)

        good = made(owner, OWNER)
        assert await ask(mediator, "task.open", good) == "obeyed"
        again = sign_statement(owner, act=Act.TASK_OPEN, subject=task_subject(), who=OWNER, at=1, serial=1)
        first = payload_of(good)["subject"]
        assert isinstance(first, dict)
        before = len(mediator.mediator.store.list_grants())

        attempts: dict[str, tuple[bytes, set[str]]] = {
            "replayed": (good, {"NOT_COVERED", "PROOF_REPLAYED"}),
            "the id of another task": (made(owner, OWNER, id=first["id"]), {"NOT_COVERED", "PROOF_REPLAYED"}),
            "old": (again, {"EXPIRED_CREDENTIAL"}),
            "six minutes old": (made(owner, OWNER, late_ms=360_000), {"EXPIRED_CREDENTIAL"}),
            "of the future": (made(owner, OWNER, late_ms=-360_000), {"EXPIRED_CREDENTIAL"}),
            "a stranger's": (made(MALLORY, "mallory"), {"UNKNOWN_KEY"}),
            "a stranger's, in the owner's name": (made(MALLORY, OWNER), {"UNKNOWN_KEY"}),
            "the signer's, who is nobody here": (made(signer, OWNER), {"UNKNOWN_KEY"}),
            "in another person's name": (made(owner, "bob@example.com"), {"BAD_CREDENTIAL"}),
            "for another owner": (made(owner, OWNER, owner="bob@example.com"), {"NOT_COVERED"}),
            "for no agent": (made(owner, OWNER, agent="nobody"), {"NOT_COVERED"}),
            "another act": (made(owner, OWNER, act=Act.TASK_COMPLETE), {"MALFORMED"}),
            "longer than any session": (made(owner, OWNER, minutes=481), {"NOT_COVERED"}),
            "changed: longer": (tampered(made(owner, OWNER), minutes=480), {"BAD_CREDENTIAL"}),
            "changed: to write": (tampered(made(owner, OWNER), effects=["write"]), {"BAD_CREDENTIAL"}),
            "changed: replayed anew": (tampered(good, id=f"task-{secrets.token_hex(16)}"), {"BAD_CREDENTIAL"}),
            "changed: another agent's": (tampered(session(), agent="painter"), {"BAD_CREDENTIAL"}),
            "an agent in its owner's name": (made(agent, OWNER), {"BAD_CREDENTIAL"}),
            "an agent as another": (made(agent, "painter", agent="painter"), {"BAD_CREDENTIAL"}),
            "an agent for another": (session(agent="painter"), {"NOT_COVERED"}),
            "an agent to write": (session(effects=["read", "write"]), {"NOT_COVERED"}),
            "an agent for longer": (session(minutes=481), {"NOT_COVERED"}),
            "an agent that never idles": (session(idle_minutes=None), {"NOT_COVERED"}),
            "an agent that idles long": (session(idle_minutes=31), {"NOT_COVERED"}),
            "an agent for another owner": (session(owner="bob@example.com"), {"NOT_COVERED"}),
            "an agent for another issuer": (session(issuer="https://idp.example"), {"NOT_COVERED"}),
            "no time at all": (made(owner, OWNER, minutes=0), {"MALFORMED"}),
            "a member more": (made(owner, OWNER, everything=True), {"MALFORMED"}),
            "nothing": (b"{}", {"MALFORMED"}),
        }
        for name, (statement, reasons) in attempts.items():
            assert (name, await ask(mediator, "task.open", statement) in reasons) == (name, True)
        assert len(mediator.mediator.store.list_grants()) == before
        assert len(mediator.entries("task.opened")) == before

        def completing(key: SigningKey, who: str, task: str, late_ms: int = 0) -> bytes:
            at = int(time.time() * 1000) - late_ms
            return sign_statement(key, act=Act.TASK_COMPLETE, subject={"id": task}, who=who, at=at, serial=at)

        ending: dict[str, tuple[bytes, set[str]]] = {
            "another agent": (completing(key_of("painter"), "painter", mediator.task), {"NOT_COVERED"}),
            "a stranger": (completing(MALLORY, OWNER, mediator.task), {"UNKNOWN_KEY"}),
            "late": (completing(owner, OWNER, mediator.task, 360_000), {"EXPIRED_CREDENTIAL"}),
            "no such task": (completing(owner, OWNER, "task-" + "f" * 32), {"GRANT_UNKNOWN"}),
            "an opening": (good, {"MALFORMED"}),
        }
        for name, (statement, reasons) in ending.items():
            assert (name, await ask(mediator, "task.complete", statement) in reasons) == (name, True)
        assert mediator.entries("task.completed") == []
        assert reason_in(await mediator.post(tools_call("a__echo", text="x"))) is None

        assert await ask(mediator, "task.open", session()) == "obeyed"  # each attempt was one step from this
        await mediator.complete_task()
        assert reason_in(await mediator.post(tools_call("a__echo", text="x"))) == "TASK_COMPLETED"
        assert len(mediator.servers["a"].calls) == 1
