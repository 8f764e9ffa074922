"""The sections of `mediator.toml`, with every default; and the one `Settings` that they make.

Pure and frozen. Every default is the safe one. A limit has its unit in its name, and a line on where its number
comes from; what is bounded above is bounded so that a slip of the finger does not switch a protection off.
Paths are text, relative to the folder of `mediator.toml`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from mediator.effect import Effect
from mediator.settings.credentials import CredentialValue
from mediator.settings.decision_points import DecisionPointSettings
from mediator.settings.issuers import IssuerSettings
from mediator.settings.quotas import DEFAULT_RATE, BreakerSettings, BudgetSettings, LoopSettings, Quotas, RateSettings
from mediator.settings.section import Section
from mediator.settings.tls import TlsSettings
from mediator.settings.values import (
    LOOPBACK_NAMES,
    AgentName,
    Count,
    Environment,
    EnvironmentValue,
    FileDigest,
    Host,
    Origin,
    Origins,
    PublicKeyText,
    Seconds,
    SecretReference,
    Text,
    TextOrEmpty,
    Texts,
    ToolPattern,
    ToolServerName,
    Url,
    Words,
    ZoneName,
    bracketed,
    expected,
    host_of_url,
    is_loopback,
)
from mediator.settings.workloads import WorkloadIssuerSettings, WorkloadSettings

SETTINGS_FILE: Final = "mediator.toml"
SERVERS_FOLDER: Final = "tool_servers.d"
STATE_FOLDER: Final = ".mediator"

TOKEN_MINUTES_MAX: Final = 15  # design 5.6; may be shortened, never stretched: a retired key is kept for so long
CLOCK_SKEW_SECONDS_MAX: Final = 120

_MIB: Final = 1024 * 1024


def _nothing() -> Mapping[str, EnvironmentValue]:
    return MappingProxyType({})


class ServerSettings(Section):
    """`[server]`: where agents come in over HTTP."""

    host: Host = "127.0.0.1"  # this machine alone, until somebody says otherwise
    port: Annotated[int, Field(ge=0, le=65535)] = 8080  # 0: whichever is free
    public_url: Origin | None = None  # what tokens are made for (their audience)
    tls: TlsSettings | None = None  # none: plain HTTP, for this machine or for a proxy that speaks TLS
    allowed_hosts: Texts = ()  # beside our own: `Host` headers that are answered (against DNS rebinding)
    allowed_origins: Origins = ()
    extensions: Annotated[tuple[Literal["io.modelcontextprotocol/tasks"], ...], Field(strict=False)] = (
        "io.modelcontextprotocol/tasks",  # of MCP; on, since whatever is asked of an mcp task is a decision of its own
    )
    sse_after_seconds: Seconds = 1  # design 5.7: a reply that takes longer becomes a stream
    sse_keep_alive_seconds: Seconds = 15  # half of the shortest idle time-out of common proxies (30 s)
    connection_idle_seconds: Seconds = 30  # as the longest wait that we allow for a body

    @model_validator(mode="after")
    def _is_addressable(self) -> Self:
        if self.public_url is None and not is_loopback(self.host):
            raise expected("`public_url` beside a `host` that is not this machine: tokens are made for that address")
        if self.tls is not None and (self.public_url or "").startswith("http://"):
            raise expected("a `public_url` that begins with `https://` beside `[server.tls]`")
        return self

    @property
    def _scheme(self) -> str:
        return "http" if self.tls is None else "https"

    @property
    def asks_for_certificates(self) -> bool:
        """Whether agents may connect with client certificates, to which their tokens are then bound (RFC 8705 §3)."""
        return self.tls is not None and self.tls.client_ca is not None

    def base_url(self, port: int | None = None) -> str:
        """The mediator's own address, and the audience of its tokens; `port` is where it really listens."""
        return self.public_url or f"{self._scheme}://{bracketed(self.host)}:{port or self.port}"

    @property
    def own_host(self) -> str:
        """The name or address under which agents look for the mediator."""
        return self.host if self.public_url is None else host_of_url(self.public_url)

    def hosts(self, port: int | None = None) -> frozenset[str]:
        """Every `Host` header that is answered."""
        own = {self.base_url(port).split("://", 1)[1], *self.allowed_hosts}
        if is_loopback(self.host):
            own |= {f"{name}:{port or self.port}" for name in LOOPBACK_NAMES}
        return frozenset(own)

    def origins(self, port: int | None = None) -> frozenset[str]:
        """Every `Origin` header that is answered; a request without one comes from no browser."""
        own = {self.base_url(port), *self.allowed_origins}
        if is_loopback(self.host):
            own |= {f"{self._scheme}://{name}:{port or self.port}" for name in LOOPBACK_NAMES}
        return frozenset(own)


class DelegationSettings(Section):
    """`[delegation]`: how long authority lives."""

    token_minutes_max: Annotated[int, Field(ge=1, le=TOKEN_MINUTES_MAX)] = TOKEN_MINUTES_MAX
    session_minutes: Annotated[int, Field(ge=1, le=480)] = 480  # a working day; renewal past it is a later matter
    session_idle_minutes: Annotated[int, Field(ge=1, le=480)] = 30  # as a screen lock
    depth_max: Annotated[int, Field(ge=0, le=8)] = (
        8  # links below a task: what agents' chains need, and are tested with
    )
    open_tasks_per_agent_max: Count = 256  # live grants that one agent may hold by asking for them itself
    fan_out_max: Count = 64  # live grants that are handed on from one, by asking for them
    clock_skew_seconds: Annotated[int, Field(ge=0, le=CLOCK_SKEW_SECONDS_MAX)] = (
        30  # RFC 7519 §4.1.4: "usually no more than a few minutes"
    )


class ProofSettings(Section):
    """`[proof]`: what is demanded of proofs of possession (RFC 9449). Whether one is needed at all is policy's to say."""

    nonce_required: bool = False  # each with a nonce of ours, which costs a client a round trip every five minutes


class ManifestSettings(Section):
    """`[manifests]`: the folder of manifests, their envelopes, `trust.json` and `pins.lock`."""

    folder: Text = "tool_manifests"
    reviewers: Annotated[int, Field(ge=1, le=10)] = 1  # different persons, each with a key of their own
    persons_differ: bool = False  # a signer, by name, may not review either, with whatever key
    pending_per_publisher_max: Count = 20  # what a reviewer reads in a week; each waits until somebody has decided
    pending_bytes_per_publisher_max: Annotated[int, Field(ge=_MIB, le=1024 * _MIB)] = (
        8 * _MIB
    )  # 100 servers' real tools
    publications_per_key_per_hour_max: Count = 30  # ours: a build that runs every two minutes; each is a ledger entry
    freshness_seconds: Annotated[int, Field(ge=1, le=3600)] = 60  # the number: so long may drift go unheard of


class ApprovalSettings(Section):
    """`[approvals]`: how long a request waits for a person, and what they said is good."""

    minutes: Annotated[int, Field(ge=1, le=60)] = 15  # as a token lives: longer than a coffee, shorter than a meeting


class PolicySettings(Section):
    """`[policy]`: the folder of Cedar policies, their cases and the statement that puts them in force; what they read."""

    folder: Text = "policies"
    timezone: ZoneName = "UTC"  # of `context.calendar.local`
    novelty_days: Annotated[int, Field(ge=1, le=366)] = 30  # a monthly errand is not new each time


class ToolServerSettings(Section):
    """`[[tool_server]]`: how one tool server is reached."""

    name: ToolServerName
    command: Words | None = None  # an argument vector; no shell reads it
    url: Url | None = None
    environment: Environment = Field(default_factory=_nothing)  # all that a command sees
    cwd: Text | None = None
    credential: CredentialValue | None = None  # of a `url`: a reference to a bearer token, or a table with its `kind`
    era: Literal["auto", "modern", "legacy"] = "auto"  # auto: asks, then falls back
    instance: Literal["task", "agent", "shared"] = "task"  # design 5.3: nothing ties a server's request to a call
    executable_digest: FileDigest | None = None  # of the file that `command` begins with: checked before each start
    lock_file: Text | None = None  # what the rest of it is locked by; one that ends in `.sha256` lists its files
    lock_digest: FileDigest | None = None  # of the lock file
    installed: Text | None = None  # a folder that holds what the list lists, and nothing else

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise expected("either `command` or `url`")
        if self.command is not None and not any(self.command[:1]):
            raise expected("a `command` that begins with a program")
        if self.url is not None and (self.environment or self.cwd is not None):
            raise expected("`environment` and `cwd` only beside a `command`")
        if self.command is not None and self.credential is not None:
            raise expected("`credential` only beside a `url`: give a command its secrets in `environment`")
        if self.instance != "task" and any(isinstance(value, SecretReference) for value in self.environment.values()):
            raise expected(
                '`instance = "task"` beside a secret in `environment`: what a process was given ends with it alone'
            )
        if self.url is not None and (self.executable_digest, self.lock_file) != (None, None):
            raise expected("`executable_digest` and `lock_file` only beside a `command`")
        if (self.lock_file is None) != (self.lock_digest is None):
            raise expected("`lock_file` and `lock_digest` together")
        if self.installed is not None and not (self.lock_file or "").endswith(".sha256"):
            raise expected("`installed` only beside a `lock_file` that ends in `.sha256`")
        return self


class TelemetrySettings(Section):
    """`[telemetry]`: spans. Where they go is said by the standard `OTEL_*` variables."""

    enabled: bool = True
    service_name: Text = "mcp-mediator"


class LedgerSettings(Section):
    """`[ledger]`: the record of decisions."""

    segment_bytes_max: Annotated[int, Field(ge=4096, le=1024 * _MIB)] = 64 * _MIB  # opens in an editor, hashes in 0.1 s


class StoreSettings(Section):
    """`[store]`: grants, claims and the epoch."""

    store_grace_seconds: Annotated[int, Field(ge=0, le=3600)] = 0  # reads without sight of revocations: none
    busy_timeout_ms: Annotated[int, Field(ge=1, le=5000)] = 50  # design 8: ten times the worst commit of two writers


class LimitSettings(Section):
    """`[limits]`: how much, how deep, how long."""

    body_bytes_max: Annotated[int, Field(ge=1024, le=64 * _MIB)] = 4 * _MIB  # the MCP SDK's own
    # Four times what real tool schemas need; beyond 90 a line of the ledger that holds it could not be read back.
    json_depth_max: Annotated[int, Field(ge=8, le=90)] = 64
    json_values_max: Annotated[int, Field(ge=1000)] = 100_000  # each takes up to 15 us, and nobody is served meanwhile
    result_bytes_max: Annotated[int, Field(ge=1024, le=256 * _MIB)] = 16 * _MIB  # a page of images, base64
    inspection_workers: Annotated[int, Field(ge=0, le=8)] = 1  # processes for answers over 128 kB; 0: all wait for each
    list_pages_max: Count = 100  # a server that pages for ever ends here
    list_items_max: Count = 10_000  # up to here our cost is measured to stay flat
    header_bytes_max: Annotated[int, Field(ge=4096, le=_MIB)] = 32_768  # twice h11's 16 KiB
    first_body_byte_seconds: Seconds = 10
    body_seconds: Seconds = 30  # 4 MiB at 1.2 Mbit/s
    connections_per_address_max: Count = 64
    connections_max: Count = 1024  # a common limit of open files
    deadline_seconds: Seconds = 60  # the MCP SDK's client gives up then
    input_seconds: Seconds = 300  # for a person to answer what a tool server asks in the course of a call
    close_seconds: Seconds = 5  # to write an outcome, after everybody has gone
    start_seconds: Seconds = 30  # a tool server's start, handshake and lists


class AgentSettings(Section):
    """`[[agent]]`: a profile, within which a session may open its own task with the profile's key."""

    name: AgentName
    agent_class: Annotated[Text, Field(alias="class")] = "agent"
    owner: Text  # the human who answers for it
    team: TextOrEmpty = ""
    key: PublicKeyText | None = None  # public; none: no sessions
    workload: WorkloadSettings | None = None  # beside a key, or instead: a platform's tokens prove it
    tools: Annotated[tuple[ToolPattern, ...], Field(strict=False)] = ()
    effects: Annotated[tuple[Annotated[Effect, Field(strict=False)], ...], Field(strict=False)] = (Effect.READ,)
    purpose: TextOrEmpty = ""
    minutes: Annotated[int, Field(ge=1, le=480)] = 480
    connector: bool = False  # it stands between an agent and us, and acts for others: policies can tell
    max_depth: Annotated[int, Field(ge=0, le=8)] = 0  # how many times what a session opens may be handed on
    may_act: Annotated[tuple[AgentName, ...] | None, Field(strict=False)] = (
        None  # who alone may receive it, and may ask
    )

    @model_validator(mode="after")
    def _opens_reads(self) -> Self:
        if any(effect.is_privileged for effect in self.effects):
            raise expected("`effects` of `read` alone: a profile opens reads, `mediator task open` opens more")
        return self


class Settings(Section):
    """Everything that an operator configures."""

    tenant: Literal["default"] = "default"
    server: ServerSettings = ServerSettings()
    issuers: Annotated[tuple[IssuerSettings, ...], Field(alias="issuer", strict=False)] = ()
    workload_issuers: Annotated[tuple[WorkloadIssuerSettings, ...], Field(alias="workload_issuer", strict=False)] = ()
    delegation: DelegationSettings = DelegationSettings()
    proof: ProofSettings = ProofSettings()
    manifests: ManifestSettings = ManifestSettings()
    policy: PolicySettings = PolicySettings()
    approvals: ApprovalSettings = ApprovalSettings()
    decision_points: Annotated[
        tuple[DecisionPointSettings, ...], Field(alias="decision_point", strict=False, max_length=8)
    ] = ()
    tool_servers: Annotated[tuple[ToolServerSettings, ...], Field(alias="tool_server", strict=False)] = ()
    telemetry: TelemetrySettings = TelemetrySettings()
    ledger: LedgerSettings = LedgerSettings()
    store: StoreSettings = StoreSettings()
    limits: LimitSettings = LimitSettings()
    agents: Annotated[tuple[AgentSettings, ...], Field(alias="agent", strict=False)] = ()
    budgets: Annotated[tuple[BudgetSettings, ...], Field(alias="budget", strict=False)] = ()
    rates: Annotated[tuple[RateSettings, ...], Field(alias="rate", strict=False)] = (DEFAULT_RATE,)
    loop: LoopSettings = LoopSettings()
    breaker: BreakerSettings = BreakerSettings()

    @property
    def quotas(self) -> Quotas:
        """What calls are counted against."""
        loop = self.loop if self.loop.calls_max else None
        return Quotas(budgets=self.budgets, rates=self.rates, loop=loop)

    def find_agent(self, name: str) -> AgentSettings | None:
        """The profile of that name, if there is one."""
        return next((agent for agent in self.agents if agent.name == name), None)

    def find_tool_server(self, name: str) -> ToolServerSettings | None:
        """The tool server of that name, if there is one."""
        return next((server for server in self.tool_servers if server.name == name), None)

    def find_issuer(self, issuer: str) -> IssuerSettings | None:
        """The issuer of that `iss`, of those that are not ours, if there is one."""
        return next((one for one in self.issuers if one.issuer == issuer), None)

    def local_issuer(self) -> IssuerSettings | None:
        """The issuer whose key is ours, if there is one."""
        return next((issuer for issuer in self.issuers if issuer.local), None)

    def issuer_url(self, issuer: IssuerSettings, port: int | None = None) -> str:
        """The `iss` of that issuer's tokens."""
        return issuer.issuer or self.server.base_url(port)
