"""Credentials as they are configured: resolved at the start, each server's its own, and dropped with what they were for.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mediator.adapters.credentials_brokered.sources import Signer
from mediator.assembly.credentials import Credentials, Resolved, resolve_credentials, signer_of
from mediator.assembly.folder import Folder, read_key
from mediator.identity.dsse import SigningKey
from mediator.refusal import Reason, Refused
from mediator.settings.parse import parse_settings
from tests.promises import promise
from tests.simulated.authorization_server import AuthorizationServer, verified
from tests.simulated.clock import FixedClock
from tests.simulated.forged_tokens import NOW_MS
from tests.simulated.permits import a_permit, pass_fence

US = "https://mediator.example"
WEB = "https://web.example/mcp"
KEY = SigningKey.generate()
SIGNER = Signer(issuer=US, key=lambda: KEY)


def resolved(**credentials: Any) -> Resolved:
    servers = [
        {"name": name, "url": WEB, "credential": credential} if credential is not None else {"name": name, "url": WEB}
        for name, credential in credentials.items()
    ]
    return resolve_credentials(parse_settings({"tool_server": servers}).tool_servers, lambda: SIGNER)


def in_use(**credentials: Any) -> Credentials:
    made = Credentials(FixedClock(), pass_fence)
    made.put(resolved(**credentials), only=credentials.keys(), anew=())
    return made


async def shown(credentials: Credentials, server: str, task: str = "task-1") -> str | None:
    bearer = (await credentials.obtain(a_permit(server=server, task=task))).bearer
    return None if bearer is None else bearer.reveal()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AuthorizationServer]:
    monkeypatch.setenv("CLIENT_SECRET", "client-s3cret")
    monkeypatch.setenv("STATIC", "static-s3cret")
    async with AuthorizationServer(now_ms=FixedClock().now_ms) as server:
        server.allow("mediator", secret="client-s3cret")
        server.trust(US, SIGNER.key().public)
        yield server


def table(server: AuthorizationServer, kind: str, **more: str) -> dict[str, str]:
    known = {"kind": kind, "token_url": server.token_url, "client_id": "mediator", "client_secret": "env:CLIENT_SECRET"}
    return known | more


@promise("P5")
async def test_each_server_is_come_to_with_its_own(server: AuthorizationServer) -> None:
    """The issue: per server, by reference."""
    credentials = in_use(
        none=None,
        static="env:STATIC",
        client=table(server, "client_credentials"),
        exchanged=table(server, "exchange", audience="web"),
        signed={"kind": "assertion", "audience": WEB},
    )
    assert await shown(credentials, "none") is None
    assert await shown(credentials, "static") == "static-s3cret"
    assert server.accepts(await shown(credentials, "client"), WEB)
    assert server.accepts(await shown(credentials, "exchanged"), "web")
    claims = verified(await shown(credentials, "signed"), SIGNER.key().public, WEB, NOW_MS)
    assert claims is not None
    assert claims["sub"] == "alice@example.com"
    assert credentials.holders_of_static_secrets() == ("static",)


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ({}, {"resource": WEB}),
        ({"scope": "a b"}, {"resource": WEB, "scope": "a b"}),
        ({"audience": "web"}, {"audience": "web"}),
        ({"resource": "https://other.example/"}, {"resource": "https://other.example/"}),
        (
            {"resource": "https://other.example/", "audience": "web"},
            {"resource": "https://other.example/", "audience": "web"},
        ),
    ],
)
async def test_a_token_is_bound_to_its_server_where_nothing_else_is_said(
    server: AuthorizationServer, said: dict[str, str], target: dict[str, str]
) -> None:
    """MCP authorization, RFC 8707: `resource` is the address of the server."""
    await shown(in_use(web=table(server, "client_credentials", **said)), "web")
    form = server.requests[0][1]
    assert {name: form[name] for name in ("resource", "audience", "scope") if name in form} == target


async def test_a_client_proves_itself_by_a_key_in_a_file_of_ours(server: AuthorizationServer, tmp_path: Path) -> None:
    """RFC 7523 §2.2; `authorization_server` is what its proof is for."""
    key, path = SigningKey.generate(), tmp_path / "client.pem"
    path.write_text(key.to_pem(None).reveal())
    path.chmod(0o600)
    server.allow("by-key", key=key.public)
    named = {"kind": "client_credentials", "token_url": server.token_url, "client_id": "by-key", "key": f"file:{path}"}
    assert server.accepts(await shown(in_use(web=named), "web"), WEB)
    with pytest.raises(Refused, match="`invalid_client`"):
        await shown(in_use(web=named | {"authorization_server": server.base}), "web")
    path.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        resolved(web=named)


@promise("P7")
@pytest.mark.parametrize("kind", ["static", "client_credentials", "exchange"])
def test_a_secret_that_is_not_there_stops_the_start_and_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """P7: a server is not asked without what it should be asked with."""
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    known = {"kind": kind, "token_url": US, "client_id": "mediator", "client_secret": "env:NO_SUCH_SECRET"}
    with pytest.raises(Refused, match="NO_SUCH_SECRET") as refused:
        resolved(web="env:NO_SUCH_SECRET" if kind == "static" else known)
    assert refused.value.reason is Reason.NO_CREDENTIAL


def test_what_is_resolved_shows_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """P5: from the environment, or from a file that only its owner reads; a `Secret` prints nothing."""
    (tmp_path / "token").write_text("from-a-file\n")
    (tmp_path / "token").chmod(0o600)
    monkeypatch.setenv("WEB_TOKEN", "from-the-environment")
    found = resolved(
        web="env:WEB_TOKEN",
        filed=f"file:{tmp_path / 'token'}",
        open=None,
        client={"kind": "exchange", "token_url": US, "client_id": "a", "client_secret": "env:WEB_TOKEN"},
    )
    assert {name: secret.reveal() for name, secret in found.bearers.items()} == {
        "web": "from-the-environment",
        "filed": "from-a-file",
    }
    assert "from-" not in repr(found)


@promise("P5")
async def test_the_mediator_comes_in_its_own_name_with_no_tasks_credential(server: AuthorizationServer) -> None:
    """Ours: to compare what is offered."""
    credentials = in_use(none=None, static="env:STATIC", exchanged=table(server, "exchange"))
    own = {name: await credentials.obtain_own(name) for name in ("none", "static", "exchanged")}
    assert own["none"] is None
    assert own["static"] is not None
    assert own["static"].reveal() == "static-s3cret"
    assert own["exchanged"] is not None
    assert own["exchanged"].reveal() != await shown(credentials, "exchanged")
    assert [issued.claims["sub"] for issued in server.issued] == [US, "alice@example.com"]
    assert credentials.tasks == {"task-1"}


@promise("P5")
async def test_what_was_made_dies_with_the_task_and_with_its_grant(server: AuthorizationServer) -> None:
    """P5."""
    credentials = in_use(client=table(server, "client_credentials"))
    first = await shown(credentials, "client")
    assert await shown(credentials, "client") == first
    credentials.end_task("task-1")
    second = await shown(credentials, "client")
    credentials.drop({"task-1"})
    third = await shown(credentials, "client")
    assert len({first, second, third}) == 3


@promise("P5")
async def test_a_server_that_is_reached_otherwise_is_not_shown_what_the_one_before_was(
    server: AuthorizationServer,
) -> None:
    """A2: an operator points a name elsewhere, and takes the credential away; what stays keeps what it has."""
    known = {"static": "env:STATIC", "client": table(server, "client_credentials"), "gone": "env:STATIC"}
    credentials = in_use(**known, stays=table(server, "client_credentials"))
    before = [await shown(credentials, name) for name in ("static", "client", "gone", "stays")]
    assert None not in before
    credentials.put(resolved(static=None, client=None), only={"static", "client", "stays"}, anew={"static", "client"})
    after = [await shown(credentials, name) for name in ("static", "client", "gone", "stays")]
    assert after == [None, None, None, before[3]]
    assert await credentials.obtain_own("static") is None
    assert credentials.holders_of_static_secrets() == ()


def test_the_mediator_signs_with_its_issuers_key(home: Folder) -> None:
    """Ours."""
    signer = signer_of(home, US)
    assert (signer.issuer, signer.key().public) == (US, read_key(home.key_file("issuer")).public)
    home.key_file("issuer").unlink()
    with pytest.raises(Refused, match=r"issuer\.pem"):
        signer_of(home, US)
