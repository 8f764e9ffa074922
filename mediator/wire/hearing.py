"""How we hear tool servers: what they say is read strictly and bounded, and nonsense is refused.

Pure, sans-io: bytes in, values out. Not one word of it is believed: whether a result may leave is judged in
`inspection/`, whether an offer is what was pinned in `manifest/drift.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mediator.canonical import Json, JsonLimits, JsonObject
from mediator.refusal import Reason, Refused
from mediator.wire.jsonrpc import Notification, Request, RequestId, Response, parse_message
from mediator.wire.methods import LEGACY_VERSIONS, LIST_CHANGES, MODERN_VERSIONS
from mediator.wire.speech import ENVELOPE, Tongue, legacy, modern

UNSUPPORTED_VERSION: Final = -32022  # MCP 2026-07-28, basic: UnsupportedProtocolVersionError


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingLimits:
    """How much a tool server may say. The numbers are the design's, part 5.2, where no other source is named."""

    result_bytes_max: int = 16 * 1024 * 1024
    json_depth_max: int = 64
    json_values_max: int = 100_000
    pages_max: int = 100  # the MCP SDK's own walk of a list ends there too
    items_max: int = 10_000  # of one list
    offer_bytes_max: int = 16 * 1024 * 1024  # all pages of one list together: as one result
    noise_max: int = 10_000  # notifications and requests beside one answer
    noise_bytes_max: int = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one request of ours: `result` or `error`, and the size of the message that brought it."""

    result: JsonObject | None
    error: JsonObject | None
    size_bytes: int

    @property
    def error_code(self) -> int | None:
        """The JSON-RPC code of an error, if it has a usable one."""
        code = None if self.error is None else self.error.get("code")
        return code if isinstance(code, int) and not isinstance(code, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a server says of itself, and all that it offers. Not believed: for review and for drift.

    `capabilities` are the lists that it says it has (`tools`, `prompts`, `resources`); `ttl_ms` is the shortest time
    that anything it said gives itself.
    """

    tongue: Tongue
    instructions: str | None
    server_info: JsonObject | None
    capabilities: frozenset[str] = frozenset()
    tools: tuple[JsonObject, ...] = ()
    prompts: tuple[JsonObject, ...] = ()
    resources: tuple[JsonObject, ...] = ()
    resource_templates: tuple[JsonObject, ...] = ()
    ttl_ms: int | None = None


def read_message(raw: bytes, limits: HearingLimits) -> Request | Notification | Response:
    """Read one message of a server, strictly; raises `Refused(TOOL_SERVER_INVALID)` for anything else."""
    try:
        return parse_message(raw, _json_limits(limits.json_depth_max, limits.json_values_max))
    except Refused as stop:
        raise nonsense(f"no message of JSON-RPC: {stop.detail}") from stop


def _nobody_listens() -> None:
    """Stand in where a change is of no interest."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """Waits for the one answer to one request, in a stream of messages that is this request's alone.

    What else comes is dropped and counted in `noise`; `asked` are the ids of the server's own requests, and `changed`
    is called for each word that its lists have changed.
    """

    request_id: int
    result_bytes_max: int
    limits: HearingLimits
    changed: Callable[[], None] = _nobody_listens
    noise: int = 0
    noise_bytes: int = 0
    asked: list[RequestId] = field(default_factory=list)

    def take(self, raw: bytes) -> Answer | None:
        """Read the next message; return the answer if that is what it was.

        Raises `Refused`: `RESULT_TOO_LARGE`, and `TOOL_SERVER_INVALID` for nonsense, for an answer to what we did
        not ask here, and for too much noise.
        """
        if len(raw) > self.result_bytes_max:
            raise Refused(Reason.RESULT_TOO_LARGE, f"{len(raw)} bytes where {self.result_bytes_max} are allowed")
        message = read_message(raw, self.limits)
        if isinstance(message, Response):
            # JSON-RPC 2.0 §5: an error may stand under null where the id could not be read.
            if message.id != self.request_id and not (message.id is None and message.error is not None):
                raise nonsense("it answered a request that was not asked here")
            return Answer(result=message.result, error=message.error, size_bytes=len(raw))
        if isinstance(message, Request):
            self.asked.append(message.id)
        elif message.method in LIST_CHANGES:
            self.changed()
        self.drop(len(raw))
        return None

    def drop(self, size_bytes: int) -> None:
        """Count something that is nobody's; raises `Refused(TOOL_SERVER_INVALID)` when there was too much of it."""
        self.noise += 1
        self.noise_bytes += size_bytes
        if self.noise > self.limits.noise_max or self.noise_bytes > self.limits.noise_bytes_max:
            raise nonsense("it says too much beside its answer")


def read_initialize(answer: Answer, client_version: str) -> Introduction:
    """Read the answer to `initialize`: the version that the server names must be one of ours."""
    result = result_of(answer, "initialize")
    version = result.get("protocolVersion")
    if not isinstance(version, str) or version not in LEGACY_VERSIONS:
        raise nonsense("it names a protocol version that we do not speak")
    return _introduction(result, legacy(client_version, version), result.get("serverInfo"))


def read_discover(answer: Answer, client_version: str) -> Introduction | None:
    """Read the answer to `server/discover`: nothing, if it is no sign of the modern era (ask `initialize` then).

    Raises `Refused(TOOL_SERVER_INVALID)` where the server is modern but shares no version with us.
    """
    if answer.result is None:
        if answer.error_code == UNSUPPORTED_VERSION and _knows_no_version_of_ours(answer.error):
            raise nonsense("it speaks no protocol version that we speak")
        return None
    supported = answer.result.get("supportedVersions")
    if not isinstance(supported, list) or MODERN_VERSIONS[-1] not in supported:
        return None
    meta = answer.result.get("_meta")
    info = meta.get(ENVELOPE + "serverInfo") if isinstance(meta, dict) else None
    return _introduction(answer.result, modern(client_version), info)


@lru_cache(maxsize=16)
def _json_limits(depth_max: int, values_max: int) -> JsonLimits:
    """Return limits without bytes: whoever reads here has bounded those, each call by its own measure."""
    return JsonLimits(bytes_max=sys.maxsize, depth_max=depth_max, values_max=values_max)


def nonsense(detail: str) -> Refused:
    """Return the refusal of what a tool server said."""
    return Refused(Reason.TOOL_SERVER_INVALID, detail)


def unavailable(detail: str) -> Refused:
    """Return the refusal for a tool server that cannot be spoken to now."""
    return Refused(Reason.TOOL_SERVER_UNAVAILABLE, detail)


def _knows_no_version_of_ours(error: JsonObject | None) -> bool:
    data = None if error is None else error.get("data")
    supported = data.get("supported") if isinstance(data, dict) else None
    return isinstance(supported, list) and not any(version in supported for version in LEGACY_VERSIONS)


def _introduction(result: JsonObject, tongue: Tongue, info: Json) -> Introduction:
    instructions = result.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise nonsense("instructions that are no text")
    capabilities = result.get("capabilities")
    return Introduction(
        tongue=tongue,
        instructions=instructions,
        server_info=info if isinstance(info, dict) else None,
        capabilities=frozenset(capabilities) if isinstance(capabilities, dict) else frozenset(),
        ttl_ms=lifetime_of(result),
    )


def lifetime_of(result: JsonObject) -> int | None:
    """Return for how many milliseconds a result says that it holds; nothing where it says nothing usable.

    MCP 2026-07-28 has 0 for "stale at once", and its SDK puts 0 where an author said nothing: it counts as nothing said.
    """
    ttl_ms = result.get("ttlMs")
    return ttl_ms if isinstance(ttl_ms, int) and not isinstance(ttl_ms, bool) and ttl_ms > 0 else None


def result_of(answer: Answer, method: str) -> JsonObject:
    """Return the result of an answer; raises `Refused(TOOL_SERVER_INVALID)` where an error stands in its place."""
    if answer.result is None:
        raise nonsense(f"it answered `{method}` with the error {answer.error_code}")
    return answer.result
