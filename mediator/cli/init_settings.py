"""The `mediator.toml` that `init` writes: what is set, and beside it, commented out, everything that could be.

What is commented out is the default: a test takes the comments away and compares.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from typing import Final

from mediator.identity.dsse import PublicKey

PROFILE: Final = "assistant"


def settings_text(operator: str, profile_key: PublicKey) -> str:
    """Return the settings of a new set-up: one local issuer, one profile that reads."""
    return _TEMPLATE.format(operator=_quoted(operator), profile=_quoted(PROFILE), key=_quoted(profile_key.text))


def _quoted(text: str) -> str:
    """The text as a TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_TEMPLATE: Final = """\
# MCP Mediator, settings. What is commented out is the default. An unknown key is an error, so a slip does not pass.
# Secrets never stand here: name where they are, "env:NAME" or "file:/path". Paths are relative to this file.
# Read at the start of a mediator; `mediator doctor` says what is wrong with it.

[server]                               # where agents come in over HTTP
# host = "127.0.0.1"                   # this machine alone; another address needs `public_url`
# port = 8080
# public_url = "https://mediator.example.com"  # where others reach it, itself or a proxy: what tokens are made for
# tls = {{ certificate = "tls/chain.pem", key = "tls/key.pem" }}  # TLS without a proxy; `client_ca` looks at clients'
# allowed_hosts = []                   # `Host` headers beside our own
# allowed_origins = []                 # `Origin` headers beside our own, for browsers
# extensions = ["io.modelcontextprotocol/tasks"]  # of MCP: no other is served; [] refuses mcp tasks, too
# sse_after_seconds = 1                # a reply that takes longer becomes a stream
# sse_keep_alive_seconds = 15
# connection_idle_seconds = 30

[[issuer]]                             # whose tokens are looked at; the local one signs with .mediator/keys/issuer.pem
name = "local"
local = true

# [[issuer]]                           # and others, by a file of their public keys, or by the address where they stand
# name = "company"
# issuer = "https://idp.example.com"   # their `iss`
# keys_file = "keys/company.jwks.json" # a JSON Web Key Set; or keys_url = "https://idp.example.com/jwks"
# algorithms = ["EdDSA"]               # of EdDSA, ES256, ES384, PS256, RS256

# [[workload_issuer]]                  # who vouches for agents that have no key of their own: their platform
# name = "cluster"
# issuer = "https://kubernetes.default.svc.cluster.local"  # the `iss` of its tokens
# trust_domain = "prod.example.com"    # instead of `issuer`: of SPIFFE JWT-SVIDs
# keys_file = "keys/cluster.jwks.json" # its JSON Web Key Set; of a trust domain, its bundle; read at each token
# algorithms = ["ES256", "RS256"]      # of EdDSA, ES256, ES384, PS256, RS256
# life_seconds_max = 3600              # a token that is to live longer is refused
# reusable = false                     # true: until it expires a token proves whoever holds it; else it is used once

[delegation]                           # how long authority lives
# token_minutes_max = 15
# session_minutes = 480                # a session over stdio: a working day
# session_idle_minutes = 30
# depth_max = 8                        # how many times a task is handed on at most, whatever its owner says
# open_tasks_per_agent_max = 256       # live grants that one agent holds
# fan_out_max = 64                     # live grants that are handed on from one
# clock_skew_seconds = 30

[manifests]                            # manifests, envelopes, trust.json, pins.lock
# folder = "tool_manifests"
# reviewers = 1                        # different persons who must approve the same thing
# persons_differ = false               # true: whoever signed, by name, reviews nothing of it with any key
# pending_per_publisher_max = 20       # published manifests that nobody has decided about yet
# pending_bytes_per_publisher_max = 8388608
# publications_per_key_per_hour_max = 30  # a published manifest is an entry of the ledger for ever
# freshness_seconds = 60               # then all that a tool server offers is compared again, before its next call

[approvals]                            # what a person must approve
# minutes = 15                         # from the first call on, in which it is approved and made

[policy]                               # Cedar policies, their cases, and the statement that puts them in force
# folder = "policies"
# timezone = "UTC"                     # of what policies read as `context.calendar.local`, such as "Europe/Oslo"
# novelty_days = 30                    # what an agent was not allowed for so long is new to it: `context.task.novel`

# Tool servers stand in tool_servers.d/, one file each: `mediator manifest import` writes them. By hand it is:
# [[tool_server]]
# name = "clock"                       # 1 to 20 of a-z, 0-9, -
# command = ["/path/to/mcp-server-time"]  # no shell reads it; or: url = "https://tools.example.com/mcp"
# environment = {{ TZ = "literal:UTC", API_KEY = "env:CLOCK_KEY" }}  # all that it sees
# credential = "env:CLOCK_TOKEN"       # beside a `url`: a bearer token; or a table, made for each task (docs/operators.md)
# era = "auto"                         # or "modern", "legacy"
# instance = "task"                    # a process for each task; or "agent"; or "shared", where its manifest allows it

# [[budget]]                           # so much and no more: exact, over every process and restart
# name = "mails"                       # told to the agent that has used it up
# per = "agent"                        # counted for each "task", "agent" (of a chain: for all), "owner" or "tool" apart
# of = "calls"                         # or "bytes" (arguments and answers), or "spend"
# max = 200
# window_seconds = 86400               # none: for good
# effects = ["send"]                   # none: every effect
# tools = ["mail/*"]                   # none: everything
# amount = "/cents"                    # beside of = "spend": which argument it is, a whole number

# [[rate]]                             # so many at once, then so many in so long; without any, this one:
# name = "task"
# per = "task"
# calls = 6000
# seconds = 60
# burst = 2000

[loop]                                 # exactly the same request, again and again in one task
# calls_max = 200                      # at once; 0: never a loop
# window_seconds = 600                 # in which they come back, one by one

[breaker]                              # a tool server that fails again and again is left alone for a while
# failures = 10                        # in a row; 0: never
# after_seconds = 10                   # from the first of them
# open_seconds = 15                    # then one call tries

[telemetry]                            # spans; where they go is said by the standard OTEL_* variables
# enabled = true
# service_name = "mcp-mediator"

[ledger]
# segment_bytes_max = 67108864

[store]
# store_grace_seconds = 0              # how long reads go on without sight of revocations
# busy_timeout_ms = 50

[limits]
# body_bytes_max = 4194304
# json_depth_max = 64
# json_values_max = 100000
# result_bytes_max = 16777216
# inspection_workers = 1               # processes for answers over 128 kB; 0: everybody waits while one is read
# list_pages_max = 100
# list_items_max = 10000
# header_bytes_max = 32768
# first_body_byte_seconds = 10
# body_seconds = 30
# connections_per_address_max = 64
# connections_max = 1024
# deadline_seconds = 60
# input_seconds = 300
# close_seconds = 5
# start_seconds = 30

[[agent]]                              # a profile: a session over stdio opens its own task within it, to read
name = {profile}
class = "assistant"
owner = {operator}
key = {key}
tools = ["*"]                          # `server/tool`, `*` for any run of characters; here: whatever is pinned
effects = ["read"]                     # a profile opens reads; for more: `mediator task open`
purpose = "assist its owner"
minutes = 480
# workload = {{ issuer = "cluster", subject = "system:serviceaccount:agents:assistant", claims = {{ "/kubernetes.io/namespace" = "agents" }} }}
#                                      # beside the key, or instead: a platform's token proves it; exactly this subject, and each claim
# connector = true                     # it stands between an agent and us, and acts for others: policies can tell
# max_depth = 1                        # how often what it opens by itself may be handed on; else never
# may_act = ["gateway"]                # who alone may receive it then, and may ask for it themselves
"""
