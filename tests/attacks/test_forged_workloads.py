"""A forged, borrowed or stretched workload token opens nothing at the token desk (SPIFFE JWT-SVID, RFC 7523, RFC 8725).

Each is good but for one thing, and is put to a real desk, over key files that stand where the settings say.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mediator.assembly.folder import Folder, open_folder
from mediator.assembly.token_desk import TokenDesk
from mediator.assembly.token_proofs import join_task
from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.cli.main import run
from mediator.delegation.token_request import ClientCredentials, Exchange
from mediator.evidence import Secret
from mediator.identity.client_assertion import SESSION
from mediator.identity.oauth_error import OAuthError, TokenRefused
from mediator.refusal import Reason, Refused
from mediator.settings.sections import AgentSettings
from mediator.settings.workloads import WorkloadIssuerSettings, WorkloadSettings
from tests.promises import promise
from tests.simulated.agents_at_desk import AgentsAtDesk, desk_of
from tests.simulated.fleet import details
from tests.simulated.forged_tokens import base64url, forge
from tests.simulated.opened import BASE_URL, opened
from tests.simulated.running import OWNER
from tests.simulated.workloads import (
    CI,
    CLUSTER,
    EcKey,
    OidcPlatform,
    RsaKey,
    SpiffeAuthority,
    other_signature,
    pipeline,
    service_account,
)

ASKED = ClientCredentials(authorization_details=None, scope=None, targets=())


@dataclass(slots=True, kw_only=True)
class Platforms:
    """The desk, and the platforms whose keys it has: `spire` for planner-w, `cluster` for pod, `ci` for builder."""

    agents: AgentsAtDesk
    spire: SpiffeAuthority = field(default_factory=lambda: SpiffeAuthority("prod.example"))
    elsewhere: SpiffeAuthority = field(default_factory=lambda: SpiffeAuthority("test.example", EcKey("ec-2")))
    cluster: OidcPlatform = field(default_factory=lambda: OidcPlatform(CLUSTER))
    ci: OidcPlatform = field(default_factory=lambda: OidcPlatform(CI, RsaKey("rsa-2")))

    @property
    def tokens(self) -> TokenDesk:
        return self.agents.tokens

    @property
    def now(self) -> int:
        return self.agents.clock.now_ms() // 1000

    def svid(self, path: str = "/planner", header: JsonObject | None = None, **claims: Json) -> Secret:
        return self.spire.svid(path, BASE_URL, self.now, header, None, **claims)

    def pod(self, *, header: JsonObject | None = None, **claims: Json) -> Secret:
        return self.cluster.issue(service_account("agents", "planner") | claims, BASE_URL, self.now, header)

    def job(self, **claims: Json) -> Secret:
        return self.ci.issue(pipeline("acme/app") | claims, BASE_URL, self.now)

    async def opens(self, token: Secret) -> str:
        """Open a task with this token; return whose it is."""
        client = self.tokens.authenticate(token, None)
        told = await self.tokens.issue(client, ASKED)
        grant = self.tokens.desk.store.find_grant(str(told["grant"]))
        assert grant is not None
        assert grant.keyid == client.keyid
        return grant.agent


@pytest.fixture
def home(tmp_path: Path) -> Folder:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert run(["init", str(tmp_path / "work"), "--operator", OWNER]) == 0
    return open_folder(tmp_path / "work")


@pytest.fixture
async def platforms(home: Folder) -> AsyncIterator[Platforms]:
    async with opened(home) as mediator:
        made = Platforms(agents=desk_of(mediator))
        for name, form in (
            ("spire", made.spire.bundle()),
            ("elsewhere", made.elsewhere.bundle(EcKey("enc").jwk(use="enc"))),
            ("cluster", made.cluster.jwks()),
            ("ci", made.ci.jwks()),
        ):
            (home.root / f"{name}.json").write_bytes(canonical_bytes(form))
        desk = made.tokens.desk
        settings = desk.settings.model_copy(
            update={
                "workload_issuers": (
                    WorkloadIssuerSettings(name="spire", trust_domain="prod.example", keys_file="spire.json"),
                    WorkloadIssuerSettings(name="elsewhere", trust_domain="test.example", keys_file="elsewhere.json"),
                    WorkloadIssuerSettings(name="cluster", issuer=CLUSTER, keys_file="cluster.json", reusable=True),
                    WorkloadIssuerSettings(name="ci", issuer=CI, keys_file="ci.json"),
                ),
                "agents": (
                    *desk.settings.agents,
                    agent("planner-w", "spire", "spiffe://prod.example/planner"),
                    agent(
                        "pod",
                        "cluster",
                        "system:serviceaccount:agents:planner",
                        **{"/kubernetes.io/namespace": ("agents",)},
                    ),
                    agent(
                        "builder",
                        "ci",
                        "repo:acme/app:ref:refs/heads/main",
                        repository=("acme/app",),
                        environment=("prod",),
                    ),
                ),
            }
        )
        made.agents.tokens = TokenDesk(desk=replace(desk, settings=settings))
        yield made


def agent(name: str, issuer: str, subject: str, **claims: tuple[str, ...]) -> AgentSettings:
    return AgentSettings(
        name=name,
        owner=OWNER,
        tools=("notes/*",),
        purpose="a test",
        workload=WorkloadSettings(issuer=issuer, subject=subject, claims=claims),
    )


def refusal_of(platforms: Platforms, token: Secret) -> TokenRefused:
    with pytest.raises(TokenRefused) as stop:
        platforms.tokens.authenticate(token, None)
    assert stop.value.error is OAuthError.INVALID_CLIENT
    assert token.reveal() not in f"{stop.value.detail} {stop.value.description}"
    return stop.value


@promise("P9")
async def test_each_platform_lets_in_its_own_agent(platforms: Platforms) -> None:
    """Ours: what the forgeries below are measured by."""
    assert await platforms.opens(platforms.svid()) == "planner-w"
    assert await platforms.opens(platforms.pod()) == "pod"
    assert await platforms.opens(platforms.job()) == "builder"


def claims_of(form: Any) -> dict[str, Any]:
    """Return claims by names that are no words of Python."""
    return dict(form)


def forged(platforms: Platforms) -> Iterator[tuple[str, Secret]]:
    spire, ci, now = platforms.spire, platforms.ci, platforms.now
    # Whose: another trust domain, an own authority in a known name, a known authority in another's name.
    yield "another trust domain's workload", platforms.elsewhere.svid("/planner", BASE_URL, now)
    yield "an unknown trust domain", SpiffeAuthority("evil.example").svid("/planner", BASE_URL, now)
    yield "an authority of one's own", SpiffeAuthority("prod.example").svid("/planner", BASE_URL, now)
    yield (
        "another domain's key",
        SpiffeAuthority("prod.example", platforms.elsewhere.key).svid("/planner", BASE_URL, now),
    )
    yield "a domain's key for another", spire.svid("/planner", BASE_URL, now, sub="spiffe://test.example/planner")
    yield "a SPIFFE id by an OIDC issuer", ci.issue({"sub": "spiffe://prod.example/planner"}, BASE_URL, now)
    yield "a job by the cluster", platforms.cluster.issue(pipeline("acme/app"), BASE_URL, now)
    yield (
        "the cluster's name by the ci",
        ci.issue(service_account("agents", "planner") | {"iss": CLUSTER}, BASE_URL, now),
    )
    yield "an unknown issuer", OidcPlatform("https://evil.example").issue(pipeline("acme/app"), BASE_URL, now)
    yield "an issuer with a slash more", ci.issue(pipeline("acme/app", iss=CI + "/"), BASE_URL, now)
    # Which: path tricks, another workload, each wrong condition.
    for path in (
        "",
        "/",
        "/planner/",
        "//planner",
        "/./planner",
        "/x/../planner",
        "/%70lanner",
        "/planner?x",
        "/planner#x",
    ):
        yield f"the path {path!r}", platforms.svid(path)
    for path in ("/Planner", "/planner2", "/plan", "/planner/x", "/planner\n"):
        yield f"the workload {path!r}", platforms.svid(path)
    yield "another repository", ci.issue(pipeline("evil/app"), BASE_URL, now)
    yield "another repository, by the same subject", platforms.job(repository="evil/app")
    yield "another branch", ci.issue(pipeline("acme/app", "refs/heads/evil"), BASE_URL, now)
    yield "another environment", platforms.job(environment="dev")
    yield "several environments", platforms.job(environment=["prod", "dev"])
    yield "no environment", platforms.job(environment=None)
    yield (
        "another namespace, by the same subject",
        platforms.pod(**claims_of({"kubernetes.io": {"namespace": "default"}})),
    )
    yield "a namespace one level too high", platforms.pod(**claims_of({"kubernetes.io": {}, "namespace": "agents"}))
    yield (
        "a pointer as a claim",
        platforms.pod(**claims_of({"kubernetes.io": {}, "/kubernetes.io/namespace": "agents"})),
    )
    yield "another service account", platforms.pod(sub="system:serviceaccount:agents:writer")
    # When: expired, endless, of the future.
    for name, claims in (
        ("expired", {"iat": now - 400, "exp": now - 31}),
        ("not yet", {"nbf": now + 60}),
        ("of the future", {"iat": now + 60}),
        ("of a year", {"exp": now + 31_536_000}),
        ("as text", {"exp": str(now + 60)}),
        ("endless", {"exp": None}),
    ):
        times = claims_of(claims)
        yield f"a JWT-SVID {name}", platforms.svid(**times)
        yield f"a pod's token {name}", platforms.pod(**times)
    # For whom.
    others: list[Json] = [
        "https://other.example",
        [BASE_URL, "https://other.example"],
        BASE_URL + "/",
        BASE_URL + "/mcp",
        [],
        None,
    ]
    for audience in others:
        yield f"for {audience!r}", spire.svid("/planner", audience, now)
        yield f"a pod's for {audience!r}", platforms.cluster.issue(service_account("agents", "planner"), audience, now)
    # How: algorithm and key.
    public = canonical_bytes(spire.key.jwk())
    yield "alg none", platforms.svid(header={"alg": "none"})
    yield "no signature", spire.svid("/planner", BASE_URL, now, {"alg": "none"}, lambda _: b"")
    yield (
        "the public key as a MAC key",
        spire.svid(
            "/planner",
            BASE_URL,
            now,
            {"alg": "HS256"},
            lambda message: hmac.new(public, message, hashlib.sha256).digest(),
        ),
    )
    for alg in ("ES384", "RS256", "PS256", "EdDSA", "es256"):
        yield f"alg {alg}", platforms.svid(header={"alg": alg})
    yield "an RSA signature under the EC key's id", spire.svid("/planner", BASE_URL, now, {"alg": "RS256"}, ci.key.sign)
    yield "the certificate authority's key", platforms.svid(header={"kid": "x509"})
    yield "a key for encryption", platforms.elsewhere.svid("/planner", BASE_URL, now, {"kid": "enc"})
    stranger = EcKey()
    brought: dict[str, Json] = {
        "jwk": stranger.jwk(),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/c",
        "x5c": ["MIIB"],
        "crit": ["exp"],
    }
    for name, value in brought.items():
        yield f"a key by `{name}`", spire.svid("/planner", BASE_URL, now, {name: value}, stranger.sign)
        yield f"a good signature beside `{name}`", platforms.svid(header={name: value})
        yield f"a pod's beside `{name}`", platforms.pod(header={name: value})
    kids: list[Json] = ["", "../ec-1", None, 1, ["ec-1"]]
    for kid in kids:
        yield f"kid {kid!r}", platforms.svid(header={"kid": kid})
    for typ in ("at+jwt", "client-authentication+jwt", "dpop+jwt", "", None):
        yield f"typ {typ!r}", platforms.svid(header={"typ": typ})
    head, body, signature = platforms.svid().reveal().split(".")
    for name, text in (
        ("padded", f"{head}.{body}.{signature}="),
        ("four parts", f"{head}.{body}.{signature}.x"),
        ("another body", f"{head}.{base64url(b'{}')}.{signature}"),
        ("DER for a signature", f"{head}.{body}.{base64url(b'0' * 70)}"),
    ):
        yield name, Secret(text)
    twice = b'{"aud":"%b","exp":%d,"sub":"spiffe://prod.example/writer","sub":"spiffe://prod.example/planner"}'
    yield "a claim twice", forge({"alg": "ES256", "kid": "ec-1"}, twice % (BASE_URL.encode(), now + 60), spire.key.sign)


@promise("P4", "P7", "P9")
async def test_a_workload_token_that_is_not_wholly_right_opens_nothing(platforms: Platforms) -> None:
    """SPIFFE JWT-SVID §3, SPIFFE-ID §2, RFC 7519 §4.1, RFC 8725 §3.1, §3.10; conditions are ours."""
    names = []
    for name, token in forged(platforms):
        assert refusal_of(platforms, token).reason is not Reason.INTERNAL, name
        names.append(name)
    assert len(names) == len({*names}) > 80
    # Nothing of it used anything up, and what is right is still let in.
    assert await platforms.opens(platforms.svid()) == "planner-w"


@promise("P5", "P7")
async def test_a_token_is_used_once_in_whichever_spelling(platforms: Platforms) -> None:
    """Ours: a JWT-SVID has no `jti`; ECDSA signatures have two spellings, and whoever saw one can make the other."""
    token = platforms.svid()
    assert await platforms.opens(token) == "planner-w"
    for again in (token, other_signature(token)):
        assert refusal_of(platforms, again).reason is Reason.PROOF_REPLAYED
    job = platforms.job()
    platforms.tokens.authenticate(job, None)
    assert refusal_of(platforms, job).reason is Reason.PROOF_REPLAYED


async def test_a_token_of_a_reusable_issuer_opens_a_task_each_time(platforms: Platforms) -> None:
    """Ours: a cluster gives a pod one token for an hour; each task is one of its own, on record."""
    token = platforms.pod()
    for _ in range(3):
        assert await platforms.opens(token) == "pod"
    assert platforms.tokens.desk.store.count_open("pod", platforms.agents.clock.now_ms()) == 3


@promise("P5", "P7")
async def test_a_key_that_its_platform_took_back_vouches_for_nobody(platforms: Platforms, home: Folder) -> None:
    """SPIFFE Trust Domain and Bundle §5: what stands in the file now; and a file that is broken holds nobody."""
    platforms.tokens.authenticate(platforms.svid(), None)
    file = home.root / "spire.json"
    old, new = platforms.spire.key, EcKey("ec-9")
    platforms.spire.key = new
    file.write_bytes(canonical_bytes(platforms.spire.bundle()))
    assert platforms.tokens.authenticate(platforms.svid(nonce="a"), None).agent == "planner-w"
    platforms.spire.key = old
    assert refusal_of(platforms, platforms.svid(nonce="b")).reason is Reason.UNKNOWN_KEY
    for broken in (b"", b"{", b'{"keys":[]}'):
        file.write_bytes(broken)
        refused = refusal_of(platforms, platforms.svid(nonce="c"))
        assert str(file) in refused.detail
        assert str(file) not in refused.description


@promise("P4", "P7")
async def test_a_workload_token_is_no_actor_token_unless_it_says_for_which_grant(platforms: Platforms) -> None:
    """Splice: who holds it could hand it to any chain. One that names the grant is good for that one; asking oneself is."""
    desk, agents = platforms.tokens, platforms.agents
    told = await agents.token("planner")
    other = await agents.token("planner")

    async def hand_on(actor: Secret) -> str:
        request = Exchange(
            subject_token=Secret(told["access_token"]),
            actor_token=actor,
            authorization_details=details(["notes/a"]),
            scope=None,
            targets=(),
        )
        given = await desk.issue(agents.client("planner"), request)
        grant = desk.desk.store.find_grant(str(given["grant"]))
        assert grant is not None
        return grant.agent

    for token in (platforms.svid(), platforms.pod(), platforms.job()):
        with pytest.raises(TokenRefused) as stop:
            await hand_on(token)
        assert stop.value.error is OAuthError.INVALID_REQUEST
        assert stop.value.remedy is not None
        assert "may_act" in stop.value.remedy
    with pytest.raises(TokenRefused) as stop:
        await hand_on(platforms.svid(grant=other["grant"]))
    assert stop.value.error is OAuthError.ACTOR_UNAUTHORIZED
    assert await hand_on(platforms.svid(grant=told["grant"])) == "planner-w"


@promise("P4", "P9")
async def test_a_workload_that_the_grant_names_asks_for_it_itself(platforms: Platforms) -> None:
    """RFC 8693 §4.4: pull mode; and a fresh token of what it holds, by a fresh token of its platform."""
    told = await platforms.agents.token("planner", details(["notes/*"], may_act=["pod"]))
    request = Exchange(
        subject_token=Secret(told["access_token"]),
        actor_token=None,
        authorization_details=details(["notes/a"]),
        scope=None,
        targets=(),
    )
    given = await platforms.tokens.issue(platforms.tokens.authenticate(platforms.pod(), "pod"), request)
    held = canonical_bytes([{"type": "mcp_tool_grant", "grant": str(given["grant"])}]).decode()
    again = replace(ASKED, authorization_details=held)
    fresh = await platforms.tokens.issue(platforms.tokens.authenticate(platforms.pod(), None), again)
    assert fresh["grant"] == given["grant"]
    with pytest.raises(TokenRefused):
        await platforms.tokens.issue(platforms.tokens.authenticate(platforms.svid(), None), again)


@promise("P4")
async def test_a_workload_that_is_stopped_gets_nothing(platforms: Platforms) -> None:
    """Ours: it is frozen by the name that stands where a key's id does."""
    platforms.tokens.desk.store.freeze("key:workload:cluster:system:serviceaccount:agents:planner", "sha256:1")
    with pytest.raises(TokenRefused) as stop:
        await platforms.opens(platforms.pod())
    assert stop.value.reason is Reason.FROZEN
    assert await platforms.opens(platforms.job()) == "builder"


@promise("P5")
async def test_a_workload_token_is_no_access_token(platforms: Platforms) -> None:
    """RFC 8725 §3.11, §3.12: it opens no call, and an access token of ours proves no workload."""
    for token in (platforms.svid(), platforms.pod(), platforms.job()):
        assert platforms.tokens.introspect(platforms.agents.client("planner"), token) == {"active": False}
    told = await platforms.agents.token("planner")
    with pytest.raises(Refused):
        platforms.tokens.authenticate(Secret(told["access_token"]), None)


@promise("P5", "P9")
async def test_a_workloads_token_opens_no_session(platforms: Platforms) -> None:
    """Ours: a session is proven by the agent's own key, and whoever holds what a platform issued has none."""
    told = await platforms.tokens.issue(platforms.tokens.authenticate(platforms.svid(), None), ASKED)
    held = platforms.spire.svid("/planner", BASE_URL + SESSION, platforms.now, None, None, grant=told["grant"])
    with pytest.raises(TokenRefused) as stop:
        join_task(platforms.tokens.desk, held)
    assert (stop.value.error, stop.value.reason) == (OAuthError.INVALID_CLIENT, Reason.PROOF_INVALID)
