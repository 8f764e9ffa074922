"""What was good once at the token endpoint: proofs used again, keys replaced, subjects that are over, frozen agents (A1, A4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from mediator.canonical import canonical_bytes
from mediator.delegation.token_request import ACCESS_TOKEN, CLIENT_CREDENTIALS, JWT, TOKEN_EXCHANGE
from mediator.edge.oauth import ASSERTION_TYPE
from mediator.identity.dsse import SigningKey
from tests.promises import promise
from tests.simulated.fleet import Fleet, Told, details, good, refused
from tests.simulated.fleet_at_work import at_work, call_with, count_grants, opened, within
from tests.simulated.running import OWNER, Running, command, started


@pytest.fixture
def fleet() -> Fleet:
    return Fleet("orchestrator", "worker", "specialist", "mallory")


async def post(mediator: Running, assertion: str, **parameters: str) -> httpx2.Response:
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **parameters}
    return await mediator.http.post(f"{mediator.url}/oauth2/token", data=form)


@promise("P4", "P7")
async def test_what_proves_an_agent_is_used_once_also_after_a_restart(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 7523 §3: `jti`; as a client or as an actor, in whichever order, and whatever became of its first use."""
    async with at_work(tmp_path, fleet) as mediator:
        task, asked = await opened(mediator), within()
        once = fleet.assertion(mediator, "worker")
        good(await post(mediator, once, grant_type=CLIENT_CREDENTIALS))
        wasted = fleet.assertion(mediator, "worker")
        assert refused(await post(mediator, wasted, grant_type=CLIENT_CREDENTIALS, scope="all"))[0] == 400
        actor = fleet.assertion(mediator, "worker", grant=task["grant"])
        good(await fleet.exchange(mediator, task["access_token"], "orchestrator", asked, actor))
        told = await fleet.exchange(mediator, task["access_token"], "orchestrator", asked, actor)
        assert refused(told) == (400, "invalid_request")
        assert "used before" in told.json()["error_description"]
        # Who hands on holds the receiver's actor token, and does not become the receiver by it.
        fresh = fleet.assertion(mediator, "worker", grant=task["grant"])
        assert refused(await post(mediator, fresh, grant_type=CLIENT_CREDENTIALS)) == (401, "invalid_client")
        before, port, folder = count_grants(mediator), urlsplit(mediator.url).port or 0, mediator.folder
        for used in (once, wasted, actor, fresh):
            assert refused(await post(mediator, used, grant_type=CLIENT_CREDENTIALS)) == (401, "invalid_client")
        assert count_grants(mediator) == before
    async with started(folder, mediator.servers, port) as again:
        assert again.url == mediator.url
        for used in (once, wasted, actor, fresh):
            answer = await post(again, used, grant_type=CLIENT_CREDENTIALS)
            assert refused(answer) == (401, "invalid_client")
            assert "used before" in answer.json()["error_description"]
        assert count_grants(again) == before
        good(await post(again, fleet.assertion(again, "worker"), grant_type=CLIENT_CREDENTIALS))


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


MALFORMED: Mapping[str, str] = {
    "a member twice": '[{"type":"mcp_tool_grant","tools":["notes/echo"],"tools":["*/*"],"effects":["read"]}]',
    "a member twice, within a constraint": '[{"type":"mcp_tool_grant","tools":["notes/load"],"effects":["read"],'
    '"arguments":{"/path":{"path_below":"/reports"},"/path":{"path_below":"/"}}}]',
    "deeply nested": nested(5_000),
    "nested in a constraint": '[{"type":"mcp_tool_grant","tools":["notes/load"],"effects":["read"],"arguments":{"/path":'
    + '{"all":[' * 40
    + "]}" * 40
    + "}}]",
    "too large": details(["notes/load"], purpose="x" * 20_000),
    "a thousand tools": details(["notes/load"] * 1_000),
    "not JSON": "mcp_tool_grant",
    "an empty list": "[]",
    "no tools": details([]),
    "no effects": details(["notes/load"], []),
    "another type": '[{"type":"payment","tools":["notes/load"],"effects":["read"]}]',
    "one of another type beside": details(["notes/load"])[:-1] + ',{"type":"payment"}]',
    "an unknown member": details(["notes/load"], admin=True),
    "an unknown constraint": details(["notes/load"], arguments={"/path": {"looks_like": "x"}}),
    "an endless number": '[{"type":"mcp_tool_grant","tools":["notes/load"],"effects":["read"],"max_calls":1e999}]',
    "a negative time": details(["notes/load"], expires_in=-1),
    "a lone surrogate": '[{"type":"mcp_tool_grant","tools":["notes/load"],"effects":["read"],"purpose":"\\ud800"}]',
}


@promise("P7")
async def test_details_that_have_two_readings_or_none_are_refused(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 9396 §5: and it says where; for a task of one's own and for an exchange alike."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        before = count_grants(mediator)
        for name, asked in MALFORMED.items():
            own = await fleet.ask(
                mediator, "worker", "token", grant_type=CLIENT_CREDENTIALS, authorization_details=asked
            )
            actor = fleet.assertion(mediator, "worker", grant=task["grant"])
            exchanged = await fleet.exchange(mediator, task["access_token"], "orchestrator", asked, actor)
            for told in (own, exchanged):
                assert (name, told.status_code) == (name, 413 if name == "too large" else 400)
                assert told.json()["error"] in {"invalid_authorization_details", "invalid_request"}
                assert "error_description" in told.json()
        assert count_grants(mediator) == before
        assert await call_with(mediator, task["access_token"]) is None


@promise("P5", "P7")
async def test_a_token_in_the_query_is_none_and_is_written_nowhere(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 6750 §2.3, RFC 6749 §2.3.1: a URL is logged by whoever passes it on."""
    async with at_work(tmp_path, fleet) as mediator:
        task = await opened(mediator)
        proof = fleet.assertion(mediator, "orchestrator")
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}
        exchange = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": task["access_token"],
            "subject_token_type": ACCESS_TOKEN,
            "actor_token": fleet.assertion(mediator, "worker", grant=task["grant"]),
            "actor_token_type": JWT,
            "authorization_details": within(),
        }
        for path in ("token", "revoke", "introspect"):
            answer = await mediator.http.post(
                f"{mediator.url}/oauth2/{path}", params={"token": task["access_token"]}, data=form | exchange
            )
            assert (path, *refused(answer)) == (path, 400, "invalid_request")
        whole = await mediator.http.post(f"{mediator.url}/oauth2/token", params=form | exchange)
        assert refused(whole) == (400, "invalid_request")
        got = await mediator.http.get(f"{mediator.url}/oauth2/token", params=form | exchange)
        assert got.status_code in {400, 405}
        bearer = await mediator.http.post(
            f"{mediator.url}/oauth2/token",
            data=form | exchange,
            headers={"authorization": f"Bearer {task['access_token']}"},
        )
        assert refused(bearer) == (401, "invalid_client")
        good(await mediator.http.post(f"{mediator.url}/oauth2/token", data=form | exchange))
    written = b"".join(file.read_bytes() for file in (mediator.folder / ".mediator").rglob("*") if file.is_file())
    assert task["access_token"].encode() not in written
    assert proof.encode() not in written


@promise("P4", "P5")
async def test_who_has_another_key_than_a_grant_was_given_to_gets_no_token_of_it(tmp_path: Path, fleet: Fleet) -> None:
    """Ours: the key is replaced in the settings; the old one is nobody's, and the new one is not the old one's heir."""
    async with at_work(tmp_path, fleet) as mediator:
        task, asked = await opened(mediator), within()
        port, servers_of, folder = urlsplit(mediator.url).port or 0, mediator.servers, mediator.folder
        held = canonical_bytes([{"type": "mcp_tool_grant", "grant": task["grant"]}]).decode()
        good(
            await fleet.ask(
                mediator, "orchestrator", "token", grant_type=CLIENT_CREDENTIALS, authorization_details=held
            )
        )
    old = fleet.keys["orchestrator"]
    fleet.keys["orchestrator"] = new = SigningKey.generate()
    file = folder / "mediator.toml"
    file.write_text(file.read_text().replace(old.public.text, new.public.text))
    async with started(folder, servers_of, port) as again:
        fresh = await fleet.ask(
            again, "orchestrator", "token", grant_type=CLIENT_CREDENTIALS, authorization_details=held
        )
        assert refused(fresh) == (400, "invalid_grant")
        actor = fleet.assertion(again, "worker", grant=task["grant"])
        handed = await fleet.exchange(again, task["access_token"], "orchestrator", asked, actor)
        assert refused(handed) == (400, "invalid_grant")
        assert await call_with(again, task["access_token"]) == "GRANT_REVOKED"
        await fleet.token(again, "orchestrator")
        fleet.keys["orchestrator"] = old
        gone = await fleet.ask(again, "orchestrator", "token", grant_type=CLIENT_CREDENTIALS)
        assert refused(gone) == (401, "invalid_client")


@promise("P5", "P7")
async def test_who_is_frozen_is_given_no_token_of_any_kind(tmp_path: Path, fleet: Fleet) -> None:
    """Issue 5: a task of its own, a fresh token of one it holds, a part of another's; above, below, and beside."""
    async with at_work(tmp_path, fleet) as mediator:
        task, asked, here = await opened(mediator), within(), ("--folder", str(mediator.folder))
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within(expires_in=200))

        def fresh(told: Told) -> str:
            return canonical_bytes([{"type": "mcp_tool_grant", "grant": told["grant"]}]).decode()

        async def attempts() -> dict[str, httpx2.Response]:
            own = {"grant_type": CLIENT_CREDENTIALS}
            actor = fleet.assertion(mediator, "specialist", grant=worker["grant"])
            return {
                "a task of its own": await fleet.ask(mediator, "orchestrator", "token", **own),
                "a fresh token": await fleet.ask(
                    mediator, "orchestrator", "token", **own, authorization_details=fresh(task)
                ),
                "a fresh token below": await fleet.ask(
                    mediator, "worker", "token", **own, authorization_details=fresh(worker)
                ),
                "handed on below": await fleet.exchange(mediator, worker["access_token"], "worker", asked, actor),
            }

        name = ("agent:orchestrator", "--who", OWNER, "--reason", "a test", *here)
        await command("freeze", *name)
        for what, told in (await attempts()).items():
            assert (what, told.status_code) == (what, 400)
            assert (what, told.json()["error"] in {"unauthorized_client", "invalid_grant"}) == (what, True)
        received = await fleet.exchange(
            mediator,
            (await opened(mediator, agent="specialist"))["access_token"],
            "specialist",
            asked,
            fleet.assertion(mediator, "orchestrator"),
        )
        assert received.status_code == 400
        await command("unfreeze", *name)
        for what, told in (await attempts()).items():
            assert (what, told.status_code) == (what, 200)


@promise("P5")
async def test_what_is_revoked_while_it_is_frozen_does_not_come_back_with_it(tmp_path: Path, fleet: Fleet) -> None:
    """RFC 7009 §2.2: whoever was answered 200 may believe it."""
    async with at_work(tmp_path, fleet) as mediator:
        task, here = await opened(mediator), ("--folder", str(mediator.folder))
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", within())
        name = ("agent:worker", "--who", OWNER, "--reason", "a test", *here)
        await command("freeze", *name)
        seen = await fleet.ask(mediator, "orchestrator", "introspect", token=worker["access_token"])
        assert seen.json() == {"active": False}
        answer = await fleet.ask(mediator, "orchestrator", "revoke", token=worker["access_token"])
        assert answer.status_code == 200
        await command("unfreeze", *name)
        assert await call_with(mediator, worker["access_token"]) == "GRANT_REVOKED"
        assert await call_with(mediator, task["access_token"]) is None


@promise("P5")
@pytest.mark.parametrize("ending", ["completed", "revoked", "expired"])
async def test_nothing_comes_of_a_subject_that_is_over(tmp_path: Path, fleet: Fleet, ending: str) -> None:
    """P5: of the task, at the next request, whatever the token's own time; and what was handed on is over with it."""
    async with at_work(tmp_path, fleet) as mediator:
        task, asked, here = await opened(mediator), within(), ("--folder", str(mediator.folder))
        worker = await fleet.hand_on(mediator, task, "orchestrator", "worker", asked)
        match ending:
            case "completed":
                await command("task", "complete", task["task"], "--owner", OWNER, *here)
            case "revoked":
                await command("grant", "revoke", task["grant"], "--who", OWNER, "--reason", "a test", *here)
            case _:
                mediator.mediator.store.extend_grant(task["grant"], int(time.time() * 1000) - 1)
        for told, asker, receiver in ((task, "orchestrator", "worker"), (worker, "worker", "specialist")):
            actor = fleet.assertion(mediator, receiver, grant=told["grant"])
            exchanged = await fleet.exchange(mediator, told["access_token"], asker, asked, actor)
            held = canonical_bytes([{"type": "mcp_tool_grant", "grant": told["grant"]}]).decode()
            fresh = await fleet.ask(mediator, asker, "token", grant_type=CLIENT_CREDENTIALS, authorization_details=held)
            seen = await fleet.ask(mediator, asker, "introspect", token=told["access_token"])
            assert (refused(exchanged), refused(fresh)) == ((400, "invalid_grant"), (400, "invalid_grant"))
            assert seen.json() == {"active": False}
            assert await call_with(mediator, told["access_token"]) is not None
        assert len(mediator.entries("grant.delegated")) == 1
