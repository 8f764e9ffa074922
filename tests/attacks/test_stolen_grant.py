"""Authority that is not one's own: another agent's grant, another issuer's, one that is over, one that is nowhere (A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from mediator.adapters.minter_jwt import jwk_set
from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.forged_tokens import KEY, forge
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL = tools_call("a__echo", text="x")
OTHER_ISSUER = "https://idp.example"


def servers() -> dict[str, SimulatedToolServer]:
    return {"a": SimulatedToolServer(tools=[tool("echo")])}


def claims_of(mediator: Running, **changed: Json) -> JsonObject:
    now = int(time.time())
    claims: JsonObject = {
        "iss": mediator.url,
        "aud": mediator.url,
        "sub": "assistant",
        "iat": now,
        "exp": now + 60,
        "jti": "0" * 32,
        "grant": mediator.task,
    }
    return claims | changed


def issued(mediator: Running, *, key: SigningKey | None = None, **changed: Json) -> str:
    """Return a token that really holds: of the local issuer, or of the issuer with this key."""
    signer = key or read_key(open_folder(mediator.folder).key_file("issuer"))
    header: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": signer.public.keyid}
    return forge(header, claims_of(mediator, **changed), signer.sign).reveal()


def trust_another_issuer(folder: Path) -> None:
    (folder / "idp.json").write_bytes(canonical_bytes(jwk_set(KEY.public)))
    with (folder / "mediator.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\n[[issuer]]\nname = "idp"\nissuer = "{OTHER_ISSUER}"\nkeys_file = "idp.json"\n')


@promise("P4", "P7", "P9")
async def test_a_token_that_names_anothers_grant_holds_nothing(tmp_path: Path) -> None:
    """Ours (A4): a grant is held by the agent and the issuer that it was given to. Each attempt names who tried."""
    async with running(tmp_path, servers(), before_start=trust_another_issuer) as mediator:
        stolen = {
            "another agent": issued(mediator, sub="painter"),
            "another agent, by case": issued(mediator, sub="Assistant"),
            "another agent, acting for the right one": issued(mediator, sub="painter", act={"sub": "assistant"}),
            "another issuer that is trusted": issued(mediator, key=KEY, iss=OTHER_ISSUER),
            "another agent of another issuer": issued(mediator, key=KEY, iss=OTHER_ISSUER, sub="painter"),
        }
        for name, token in stolen.items():
            answer = await mediator.post(CALL, token=token)
            assert (name, reason_in(answer)) == (name, "CHAIN_INVALID")
            listed = await mediator.post(tools_list(), token=token)
            assert (name, reason_in(listed)) == (name, "CHAIN_INVALID")
            assert "echo" not in listed.text
        unknown = await mediator.post(CALL, token=issued(mediator, grant="task-" + "f" * 32))
        assert reason_in(unknown) == "GRANT_UNKNOWN"
        mixed = await mediator.post(CALL, token=issued(mediator, key=KEY))  # names our issuer, has the other's key
        assert (mixed.status_code, reason_in(mixed)) == (401, "UNKNOWN_KEY")

        assert mediator.servers["a"].calls == []
        assert mediator.verdicts == [("deny", "CHAIN_INVALID")] * len(stolen) + [("deny", "GRANT_UNKNOWN")]
        assert all("grant" in json.dumps(decision) for decision in mediator.decisions)
        assert reason_in(await mediator.post(CALL)) is None
    assert set(mediator.stops) == {"CHAIN_INVALID", "UNKNOWN_KEY"}


@promise("P5", "P7")
async def test_a_token_of_a_task_that_is_over_holds_nothing(tmp_path: Path) -> None:
    """P5: dead at the next call, however long the token would live; and a session that was open is no way in."""
    async with running(tmp_path, servers()) as mediator:
        assert reason_in(await mediator.post(CALL)) is None
        async with mediator.client("legacy") as session:
            await session.list_tools()
            await mediator.complete_task()
            result = await session.call_tool("a__echo", {"text": "x"})
            assert result.is_error
            assert reason_in(await mediator.post(CALL)) == "TASK_COMPLETED"
            assert reason_in(await mediator.post(CALL, token=issued(mediator))) == "TASK_COMPLETED"

        store = mediator.mediator.store
        over = store.find_grant(mediator.task)
        await mediator.open_task()
        opened = store.find_grant(mediator.task)
        assert over is not None
        assert opened is not None
        was = int(time.time() * 1000) - 3_600_000
        name = "task-" + "e" * 32
        expired = replace(
            opened, id=name, root=name, opened_ms=was, expires_ms=was + 60_000, statement_digest="sha256:" + "e" * 64
        )
        store.open_grant(expired, b"{}")
        assert reason_in(await mediator.post(CALL, token=issued(mediator, grant=name))) == "GRANT_EXPIRED"

        assert len(mediator.servers["a"].calls) == 1
        assert mediator.verdicts[1:] == [("deny", "TASK_COMPLETED")] * 3 + [("deny", "GRANT_EXPIRED")]


@promise("P7")
async def test_a_token_anywhere_but_in_the_one_header_is_none(tmp_path: Path) -> None:
    """RFC 6750 §2: of its three ways one is served; OAuth 2.1 forbids the query. Two headers have two readings."""
    async with running(tmp_path, servers()) as mediator:
        url, token, body = mediator.url + "/mcp", mediator.token, canonical_bytes(CALL)
        said = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "a__echo"),
        ]
        good = ("authorization", f"Bearer {token}")
        attempts = {
            "none": (url, []),
            "in the query": (f"{url}?access_token={token}", []),
            "two": (url, [good, good]),
            "two, one empty": (url, [good, ("authorization", "")]),
            "two, the first another's": (url, [("authorization", "Bearer x"), good]),
            "in a cookie": (url, [("cookie", f"access_token={token}")]),
            "in another header": (url, [("proxy-authorization", f"Bearer {token}")]),
            "in one that proxies write": (url, [("x-forwarded-authorization", f"Bearer {token}")]),
            "another scheme": (url, [("authorization", f"Basic {token}")]),
            "no scheme": (url, [("authorization", token)]),
            "two in one": (url, [("authorization", f"Bearer {token}, Bearer {token}")]),
        }
        for name, (address, credential) in attempts.items():
            answer = await mediator.http.post(address, content=body, headers=[*said, *credential])
            assert (name, answer.status_code, reason_in(answer)) == (name, 401, "NO_CREDENTIAL")
            assert token not in answer.text + str(answer.headers)
        in_the_body = await mediator.post({**CALL, "access_token": token}, authorization="Basic eDp5")
        assert in_the_body.status_code in {400, 401}

        assert mediator.servers["a"].calls == []
        assert mediator.decisions == []
        answer = await mediator.http.post(url, content=body, headers=[*said, good])
        assert reason_in(answer) is None
    assert "NO_CREDENTIAL" in mediator.stops
    ledger = b"".join(file.read_bytes() for file in (mediator.folder / ".mediator" / "ledger").rglob("*.jsonl"))
    assert ledger
    assert token.encode() not in ledger
