"""A token that was made for somebody else, or for another door of ours, opens nothing (A4, RFC 8707, RFC 9068 §4).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

from mediator.adapters.minter_jwt import mint
from mediator.assembly.folder import open_folder, read_key
from mediator.canonical import Json, JsonObject
from tests.promises import promise
from tests.simulated.forged_tokens import forge, without
from tests.simulated.replies import tools_call, tools_list
from tests.simulated.running import Running, reason_in, running
from tests.simulated.tool_server import SimulatedToolServer, tool

CALL = tools_call("a__echo", text="x")
OWN_CALL = tools_call("echo", text="x")


def servers() -> dict[str, SimulatedToolServer]:
    return {name: SimulatedToolServer(tools=[tool("echo")]) for name in ("a", "b")}


def token_for(mediator: Running, audience: Json) -> str:
    """Return a token of the mediator's own issuer, for the open task, with this `aud`."""
    key = read_key(open_folder(mediator.folder).key_file("issuer"))
    now = int(time.time())
    claims: JsonObject = {
        "iss": mediator.url,
        "aud": audience,
        "sub": "assistant",
        "iat": now,
        "exp": now + 60,
        "jti": "0" * 32,
        "grant": mediator.task,
    }
    header: JsonObject = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.public.keyid}
    return forge(header, claims if audience is not None else without(claims, "aud"), key.sign).reveal()


@promise("P5", "P7")
async def test_a_token_is_good_where_it_was_made_for_and_nowhere_else(tmp_path: Path) -> None:
    """Design 5.6: one for `/servers/x/mcp` is good there only; a foreign one, or a trick with the list, nowhere."""
    async with running(tmp_path, servers()) as mediator:
        own = token_for(mediator, f"{mediator.url}/servers/a/mcp")
        elsewhere = [
            await mediator.post(CALL, token=own),
            await mediator.post(OWN_CALL, token=own, endpoint="/servers/b/mcp"),
            await mediator.post(tools_list(), token=own),
        ]
        foreign: list[Json] = [
            "https://elsewhere.example",
            mediator.url + ".elsewhere.example",
            mediator.url + "/",
            mediator.url.upper(),
            mediator.url.replace("http:", "https:"),
            mediator.url + "/mcp/",
            mediator.url + "/servers",
            mediator.url + "/servers/b/mcp",
            f"{mediator.url} https://elsewhere.example",
            "*",
            "/mcp",
            [mediator.url + "/servers/b/mcp", "https://elsewhere.example"],
        ]
        elsewhere += [await mediator.post(CALL, token=token_for(mediator, audience)) for audience in foreign]
        for answer in elsewhere:
            assert (answer.status_code, reason_in(answer)) == (401, "WRONG_AUDIENCE")
        misshapen: list[Json] = [
            None,
            "",
            [],
            [[mediator.url]],
            [mediator.url, 1],
            [mediator.url, None],
            {"aud": mediator.url},
            True,
        ]
        for audience in misshapen:
            answer = await mediator.post(CALL, token=token_for(mediator, audience))
            assert (audience, answer.status_code) == (audience, 401)
            assert reason_in(answer) in {"BAD_CREDENTIAL", "WRONG_AUDIENCE"}
        assert [server.calls for server in mediator.servers.values()] == [[], []]
        assert mediator.decisions == []

        there = await mediator.post(OWN_CALL, token=own, endpoint="/servers/a/mcp")
        both = await mediator.post(CALL, token=token_for(mediator, ["https://elsewhere.example", mediator.url]))
        assert [reason_in(answer) for answer in (there, both)] == [None, None]
        assert [len(server.calls) for server in mediator.servers.values()] == [2, 0]
    assert set(mediator.stops) == {"WRONG_AUDIENCE", "BAD_CREDENTIAL"}


@promise("P5", "P7", "P9")
async def test_a_grant_for_one_server_is_not_widened_by_a_token_that_says_more(tmp_path: Path) -> None:
    """P9, ours: authority is read from the stored grant, whatever a token says; who is identified leaves a record."""
    async with running(tmp_path, servers()) as mediator:
        opened = mediator.mediator.store.find_grant(mediator.task)
        assert opened is not None
        narrow = replace(opened, id="task-" + "a" * 32, root="task-" + "a" * 32)
        narrow = replace(narrow, audience=f"{mediator.url}/servers/a/mcp", statement_digest="sha256:" + "a" * 64)
        mediator.mediator.store.open_grant(narrow, b"{}")
        mediator.task = narrow.id
        wide = token_for(mediator, mediator.url)
        for answer in [
            await mediator.post(CALL, token=wide),
            await mediator.post(OWN_CALL, token=wide, endpoint="/servers/b/mcp"),
        ]:
            assert (answer.status_code, reason_in(answer)) == (401, "WRONG_AUDIENCE")
        assert [server.calls for server in mediator.servers.values()] == [[], []]
        assert mediator.verdicts == [("deny", "WRONG_AUDIENCE")] * 2
        key = read_key(open_folder(mediator.folder).key_file("issuer"))
        good = mint(narrow, key, now_ms=int(time.time() * 1000), seconds=60).reveal()
        assert reason_in(await mediator.post(OWN_CALL, token=good, endpoint="/servers/a/mcp")) is None


@promise("P7", "P11")
async def test_who_is_turned_away_is_told_where_tokens_come_from_and_not_which_servers_there_are(
    tmp_path: Path,
) -> None:
    """RFC 9728 §5.1, RFC 6750 §3: the challenge resolves. Design 5.6: 401 comes before 404."""
    async with running(tmp_path, servers()) as mediator:
        told = []
        for endpoint in ("/mcp", "/servers/a/mcp", "/servers/nobody/mcp"):
            for token in (token_for(mediator, "https://elsewhere.example"), None):
                credential = "Basic eDp5" if token is None else f"Bearer {token}"
                answer = await mediator.post(OWN_CALL, endpoint=endpoint, authorization=credential)
                challenge = answer.headers["www-authenticate"]
                assert answer.status_code == 401
                assert challenge.startswith("Bearer ")
                found = re.search(r'resource_metadata="([^"]+)"', challenge)
                assert found is not None
                document = await mediator.http.get(found[1])
                assert document.status_code == 200
                assert document.json()["authorization_servers"] == [mediator.url]
                assert mediator.url == document.json()["resource"]
                assert ('error="invalid_token"' in challenge) is (token is not None)
                told.append((token is not None, challenge, answer.json()["error"]))
        for sent_one in (True, False):
            same = [(challenge, error) for was_sent, challenge, error in told if was_sent is sent_one]
            assert same == [same[0]] * 3

        known = await mediator.http.get(f"{mediator.url}/.well-known/oauth-protected-resource/servers/a/mcp")
        unknown = await mediator.http.get(f"{mediator.url}/.well-known/oauth-protected-resource/servers/nobody/mcp")
        assert known.text.replace("/a/", "/nobody/") == unknown.text
        authorised = await mediator.post(OWN_CALL, endpoint="/servers/nobody/mcp")
        assert reason_in(authorised) == "UNKNOWN_TOOL"
        assert [server.calls for server in mediator.servers.values()] == [[], []]
        assert mediator.verdicts == [("deny", "UNKNOWN_TOOL")]
    assert set(mediator.stops) == {"WRONG_AUDIENCE", "NO_CREDENTIAL"}
