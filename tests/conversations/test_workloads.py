"""Agents without a key of their own, over a running mediator: their platform vouches, a task opens, a tool is called.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx2
import pytest

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.delegation.token_request import ACCESS_TOKEN, TOKEN_EXCHANGE
from mediator.edge.oauth import ASSERTION_TYPE, SPIFFE_ASSERTION_TYPE
from tests.promises import promise
from tests.simulated.fleet import Fleet, details, good, refused
from tests.simulated.replies import tools_call
from tests.simulated.running import OWNER, Running, reason_in, running, started
from tests.simulated.tool_server import SimulatedToolServer, tool
from tests.simulated.workloads import CI, CLUSTER, OidcPlatform, RsaKey, SpiffeAuthority, pipeline, service_account

SETTINGS: Final = f"""
[[workload_issuer]]
name = "spire"
trust_domain = "prod.example"
keys_file = "keys/spire.json"

[[workload_issuer]]
name = "cluster"
issuer = "{CLUSTER}"
keys_file = "keys/cluster.json"
algorithms = ["RS256"]
reusable = true

[[workload_issuer]]
name = "ci"
issuer = "{CI}"
keys_file = "keys/ci.json"
life_seconds_max = 900

[[agent]]
name = "planner"
owner = "{OWNER}"
tools = ["tools/*"]
purpose = "a test"
workload = {{ issuer = "spire", subject = "spiffe://prod.example/ns/agents/sa/planner" }}

[[agent]]
name = "pod"
owner = "{OWNER}"
tools = ["tools/*"]
purpose = "a test"
workload = {{ issuer = "cluster", subject = "system:serviceaccount:agents:pod", claims = {{ "/kubernetes.io/namespace" = "agents", "/kubernetes.io/serviceaccount/name" = ["pod", "pods"] }} }}

[[agent]]
name = "builder"
owner = "{OWNER}"
tools = ["tools/*"]
purpose = "a test"
workload = {{ issuer = "ci", subject = "repo:acme/app:ref:refs/heads/main", claims = {{ repository = "acme/app", environment = "prod" }} }}
"""


class Platforms:
    """The three of them, and the settings and key files that tell a mediator of them."""

    def __init__(self) -> None:
        self.spire = SpiffeAuthority("prod.example")
        self.cluster = OidcPlatform(CLUSTER)
        self.ci = OidcPlatform(CI, RsaKey("ci-1"))

    def write(self, folder: Path) -> None:
        keys = folder / "keys"
        keys.mkdir()
        for name, form in (
            ("spire", self.spire.bundle()),
            ("cluster", self.cluster.jwks()),
            ("ci", self.ci.jwks()),
        ):
            (keys / f"{name}.json").write_bytes(canonical_bytes(form))
        with (folder / "mediator.toml").open("a", encoding="utf-8") as file:
            file.write(SETTINGS)

    def svid(self, mediator: Running, **claims: Json) -> str:
        return self.spire.svid("/ns/agents/sa/planner", mediator.url, now(), None, None, **claims).reveal()

    def pod(self, mediator: Running, **claims: Json) -> str:
        return self.cluster.issue(service_account("agents", "pod") | claims, mediator.url, now()).reveal()

    def job(self, mediator: Running, **claims: Json) -> str:
        return self.ci.issue(pipeline("acme/app") | claims, [mediator.url], now(), {"x5t": "eA"}).reveal()


def now() -> int:
    return time.time_ns() // 1_000_000_000


async def ask(
    mediator: Running, token: str, kind: str = ASSERTION_TYPE, path: str = "token", **form: str
) -> httpx2.Response:
    proof = {"client_assertion_type": kind, "client_assertion": token}
    whole = {"grant_type": "client_credentials", **proof, **form}
    return await mediator.http.post(f"{mediator.url}/oauth2/{path}", data=whole)


WAYS: Final[dict[str, tuple[Callable[..., str], str, str]]] = {
    "planner": (Platforms.svid, SPIFFE_ASSERTION_TYPE, "workload:spire:spiffe://prod.example/ns/agents/sa/planner"),
    "pod": (Platforms.pod, ASSERTION_TYPE, "workload:cluster:system:serviceaccount:agents:pod"),
    "builder": (Platforms.job, ASSERTION_TYPE, "workload:ci:repo:acme/app:ref:refs/heads/main"),
}
WRONG: Final[dict[str, list[JsonObject]]] = {
    "planner": [{"sub": "spiffe://prod.example/ns/agents/sa/writer"}, {"aud": "https://other.example"}, {"exp": 1}],
    "pod": [
        {"kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "pod"}}},
        {"kubernetes.io": {"namespace": "agents", "serviceaccount": {"name": "admin"}}},
        {"kubernetes.io": {"namespace": "agents"}},
        {"sub": "system:serviceaccount:agents:admin"},
    ],
    "builder": [{"repository": "evil/app"}, {"environment": "dev"}, {"environment": None}, {"sub": "repo:evil/app"}],
}


@promise("P5", "P7", "P9")
async def test_a_platforms_token_opens_a_task_under_its_conditions_and_calls_a_tool(tmp_path: Path) -> None:
    """Issue 6: a JWT-SVID, a Kubernetes-shaped and a CI-shaped token; each wrong claim refuses it."""
    platforms, server = Platforms(), SimulatedToolServer(tools=[tool("echo")])
    async with running(tmp_path, {"tools": server}, before_start=platforms.write) as mediator:
        for agent, (make, kind, keyid) in WAYS.items():
            told = good(await ask(mediator, make(platforms, mediator), kind))
            answer = await mediator.post(tools_call("tools__echo", text="x"), token=told["access_token"])
            assert reason_in(answer) is None, agent
            assert mediator.decisions[-1]["agent"] == agent
            assert mediator.decisions[-1]["owner"] == OWNER
            grant = mediator.mediator.store.find_grant(told["grant"])
            assert grant is not None
            assert grant.keyid == keyid
            # A fresh token of the same grant, by another token of the platform.
            held = canonical_bytes([{"type": "mcp_tool_grant", "grant": told["grant"]}]).decode()
            fresh = good(await ask(mediator, make(platforms, mediator, nonce=1), kind, authorization_details=held))
            assert fresh["grant"] == told["grant"]
            for claims in WRONG[agent]:
                wrong = await ask(mediator, make(platforms, mediator, **claims), kind)
                assert refused(wrong) == (401, "invalid_client"), claims
        assert len(server.calls) == len(WAYS)


@promise("P5", "P7")
async def test_a_platforms_token_is_used_once_unless_its_tokens_are_reusable(tmp_path: Path) -> None:
    """Ours: also over a restart, for what was used stands in the store."""
    platforms = Platforms()
    async with running(tmp_path, {}, before_start=platforms.write) as mediator:
        svid, pod = platforms.svid(mediator), platforms.pod(mediator)
        opened = [good(await ask(mediator, pod)) for _ in range(2)]
        assert opened[0]["task"] != opened[1]["task"]
        good(await ask(mediator, svid))
        again = await ask(mediator, svid)
        assert refused(again) == (401, "invalid_client")
        assert "used before" in again.json()["error_description"]
        port = int(mediator.url.rsplit(":", 1)[1])
    async with started(mediator.folder, {}, port) as mediator:
        assert refused(await ask(mediator, svid)) == (401, "invalid_client")
        good(await ask(mediator, pod))


@promise("P4", "P9")
async def test_work_is_handed_to_a_workload_by_naming_it(tmp_path: Path) -> None:
    """RFC 8693 §4.4: the holder names it in `may_act`, and it asks itself; its token is no actor token."""
    platforms, fleet = Platforms(), Fleet("orchestrator")

    def write(folder: Path) -> None:
        platforms.write(folder)
        fleet.write(folder)

    server = SimulatedToolServer(tools=[tool("echo")])
    async with running(tmp_path, {"tools": server}, before_start=write) as mediator:
        asked = details(["tools/echo"], may_act=["pod"])
        task = await fleet.token(mediator, "orchestrator", asked)
        told = await fleet.exchange(
            mediator, task["access_token"], "orchestrator", details(["tools/echo"]), platforms.pod(mediator)
        )
        assert refused(told) == (400, "invalid_request")
        assert "may_act" in told.json()["error_description"]
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": str(task["access_token"]),
            "subject_token_type": ACCESS_TOKEN,
            "authorization_details": details(["tools/echo"]),
        }
        given = good(await ask(mediator, platforms.pod(mediator), **form))
        answer = await mediator.post(tools_call("tools__echo", text="x"), token=given["access_token"])
        assert reason_in(answer) is None
        assert mediator.decisions[-1]["chain"] == ["orchestrator", "pod"]
        denied = await ask(mediator, platforms.svid(mediator), **form)
        assert refused(denied) == (400, "actor_unauthorized")


@pytest.mark.parametrize("content", [None, b"{", b'{"keys": []}'])
async def test_a_mediator_does_not_start_without_the_keys_of_whom_it_is_to_believe(
    tmp_path: Path, content: bytes | None
) -> None:
    """P7: the file is named."""
    platforms = Platforms()

    def write(folder: Path) -> None:
        platforms.write(folder)
        file = folder / "keys" / "ci.json"
        file.unlink() if content is None else file.write_bytes(content)

    with pytest.raises(ExceptionGroup) as stop:
        async with running(tmp_path, {}, before_start=write):
            pass
    assert "ci.json" in repr(stop.value.exceptions)
