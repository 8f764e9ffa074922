"""How we hear tool servers: what they say is read strictly and bounded, and nonsense is refused.

Pure, sans-io: bytes in, values out. Not one word of it is believed: whether a result may leave is judged in
`inspection/`, whether an offer is what was pinned in `manifest/drift.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mediator.canonical import Json, JsonLimits, JsonObject
from mediator.refusal import Reason, Refused
from mediator.wire.glance import Glance, Sight
from mediator.wire.jsonrpc import Message, Notification, Request, RequestId, Response, parse_message
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
    noise_max: int = 10_000  # notifications and requests beside one answer that are dropped
    noise_bytes_max: int = 1024 * 1024
    told_max: int = (
        100_000  # beside one answer, that are told on: no faster than they are taken, so it bounds work alone
    )
    told_bytes_max: int = 64 * 1024 * 1024
    large_bytes: int = (
        128 * 1024
    )  # design, part 7: an answer over this is read and inspected apart, if anybody does that
    # What is over `large_bytes` and no result is read here all the same, up to as much as an agent may send: design 5.2.
    other_bytes_max: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one request of ours: `result` or `error`, and the size of the message that brought it.

    Of a large one there is neither: `raw` is the whole message, and `glance` is what it is known to be.
    """

    result: JsonObject | None
    error: JsonObject | None
    size_bytes: int
    raw: bytes | None = None
    glance: Glance | None = None

    @property
    def is_error(self) -> bool:
        """Whether it is an error."""
        return self.error is not None or (self.glance is not None and self.glance.sight is Sight.ERROR)

    @property
    def error_code(self) -> int | None:
        """The JSON-RPC code of an error, if it has a usable one."""
        if self.glance is not None:
            return self.glance.code
        code = None if self.error is None else self.error.get("code")
        return code if isinstance(code, int) and not isinstance(code, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a server says of itself, and all that it offers. Not believed: for review and for drift.

    `capabilities` are the lists that it says it has (`tools`, `prompts`, `resources`); `says_changes` is whether it says
    when any of them changes; `ttl_ms` is the shortest time that anything it said gives itself.
    """

    tongue: Tongue
    instructions: str | None
    server_info: JsonObject | None
    capabilities: frozenset[str] = frozenset()
    says_changes: bool = False
    tools: tuple[JsonObject, ...] = ()
    prompts: tuple[JsonObject, ...] = ()
    resources: tuple[JsonObject, ...] = ()
    resource_templates: tuple[JsonObject, ...] = ()
    ttl_ms: int | None = None


def large_answer(raw: bytes, glance: Glance) -> Answer:
    """Return an answer that is not read here, as it came."""
    return Answer(result=None, error=None, size_bytes=len(raw), raw=raw, glance=glance)


def read_message(raw: bytes, limits: HearingLimits) -> Message:
    """Read one message of a server, strictly; raises `Refused(TOOL_SERVER_INVALID)` for anything else."""
    try:
        return parse_message(raw, _json_limits(limits.json_depth_max, limits.json_values_max))
    except Refused as stop:
        raise nonsense(f"no message of JSON-RPC: {stop.detail}") from stop


def read_other(raw: bytes, limits: HearingLimits) -> Message:
    """Read a large message that was found to be no result; raises as `read_message`, and for one that is larger yet."""
    if len(raw) > limits.other_bytes_max:
        raise nonsense(f"{len(raw)} bytes that are no result, where {limits.other_bytes_max} are allowed")
    return read_message(raw, limits)


def _nobody_listens() -> None:
    """Stand in where a change is of no interest."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """Waits for the one answer to one request, in a stream of messages that is this request's alone.

    `take` is for a request of the mediator's own: what else comes is dropped and counted in `noise`, and `changed` is
    called for each word that its lists have changed. `hear` leaves it to whoever asked what becomes of a message.
    """

    request_id: int
    result_bytes_max: int
    limits: HearingLimits
    changed: Callable[[], None] = _nobody_listens
    noise: int = 0
    noise_bytes: int = 0
    told: int = 0

    def is_large(self, raw: bytes) -> bool:
        """Tell whether it is better looked at apart first; one that is too large is not looked at."""
        return self.limits.large_bytes < len(raw) <= self.result_bytes_max

    def hear(self, raw: bytes, seen: Glance | Refused | None = None) -> Answer | Request | Notification:
        """Read the next message; a large one that was `seen` to be the answer is left unread.

        Raises `Refused`: `RESULT_TOO_LARGE`, and `TOOL_SERVER_INVALID` for nonsense and for an answer to what we did
        not ask here.
        """
        if len(raw) > self.result_bytes_max:
            raise Refused(Reason.RESULT_TOO_LARGE, f"{len(raw)} bytes where {self.result_bytes_max} are allowed")
        if isinstance(seen, Refused):
            raise seen
        if seen is not None and seen.sight is not Sight.OTHER:
            self._check_id(seen.id, is_error=seen.sight is Sight.ERROR)
            return large_answer(raw, seen)
        message = read_message(raw, self.limits) if seen is None else read_other(raw, self.limits)
        if isinstance(message, Response):
            self._check_id(message.id, is_error=message.error is not None)
            return Answer(result=message.result, error=message.error, size_bytes=len(raw))
        return message

    def take(self, raw: bytes, seen: Glance | Refused | None = None) -> Answer | None:
        """Read the next message; return the answer if that is what it was. Raises as `hear`, and for too much noise."""
        message = self.hear(raw, seen)
        if isinstance(message, Answer):
            return message
        if message.method in LIST_CHANGES:
            self.changed()
        self.drop(len(raw))
        return None

    def drop(self, size_bytes: int) -> None:
        """Count something that is nobody's; raises `Refused(TOOL_SERVER_INVALID)` when there was too much of it."""
        self.noise += 1
        self.noise_bytes += size_bytes
        if self.noise > self.limits.noise_max or self.noise_bytes > self.limits.noise_bytes_max:
            raise nonsense("it says too much beside its answer")

    def _check_id(self, request_id: RequestId | None, *, is_error: bool) -> None:
        # JSON-RPC 2.0 §5: an error may stand under null where the id could not be read.
        if request_id != self.request_id and not (request_id is None and is_error):
            raise nonsense("it answered a request that was not asked here")

    def tell(self) -> None:
        """Count something that is told on; raises `Refused(TOOL_SERVER_INVALID)` when there was too much of it."""
        self.told += 1
        if self.told > self.limits.told_max:
            raise nonsense("it says too much beside its answer")


def read_initialize(answer: Answer, client_version: str) -> Introduction:
    """Read the answer to `initialize`: the version that the server names must be one of ours."""
    result = result_of(answer, "initialize")
    version = result.get("protocolVersion")
    if not isinstance(version, str) or version not in LEGACY_VERSIONS:
        raise nonsense("it names a protocol version that we do not speak")
    return _introduction(result, legacy(client_version, version), result.get("serverInfo"))


def is_worth_another_discover(answer: Answer) -> bool:
    """Tell whether a server refused our version and names it among its own: it may be asked with it once more.

    MCP 2026-07-28, versioning: a client that is refused so selects one of the versions that are named and tries again.
    """
    return MODERN_VERSIONS[-1] in (_versions_instead(answer) or ())


def read_discover(answer: Answer, client_version: str) -> Introduction | None:
    """Read the answer to `server/discover`: nothing, if it is no sign of the modern era (ask `initialize` then).

    Raises `Refused(TOOL_SERVER_INVALID)` where the server is modern but shares no version with us, or refuses the one
    that it says it speaks.
    """
    if answer.result is None:
        if is_worth_another_discover(answer):
            raise nonsense("it refuses a protocol version that it says it speaks")
        if (versions := _versions_instead(answer)) is not None and not versions & {*LEGACY_VERSIONS}:
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


def _versions_instead(answer: Answer) -> frozenset[str] | None:
    """Return the versions that a server names where it refuses ours; nothing where it does not do so."""
    data = None if answer.error is None or answer.error_code != UNSUPPORTED_VERSION else answer.error.get("data")
    supported = data.get("supported") if isinstance(data, dict) else None
    return frozenset(one for one in supported if isinstance(one, str)) if isinstance(supported, list) else None


def _introduction(result: JsonObject, tongue: Tongue, info: Json) -> Introduction:
    instructions = result.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise nonsense("instructions that are no text")
    said = result.get("capabilities")
    capabilities = said if isinstance(said, dict) else {}
    return Introduction(
        tongue=tongue,
        instructions=instructions,
        server_info=info if isinstance(info, dict) else None,
        capabilities=frozenset(capabilities),
        says_changes=any(isinstance(one, dict) and one.get("listChanged") is True for one in capabilities.values()),
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
