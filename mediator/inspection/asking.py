"""What a tool server asks of the client, looked at before an agent may see it; and the agent's answer, before it goes on.

Pure. A legacy server asks in a request of its own, a modern one in the result of the call (`input_required`, MCP
2026-07-28, `basic/patterns/mrtr`). What may be asked at all is policy's to say; here it is form and size.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from types import MappingProxyType
from typing import Final, assert_never, final

from mediator.canonical import Digest, Json, JsonObject, canonical_bytes, digest_of
from mediator.evidence import Seal
from mediator.inspection.form import invalid
from mediator.inspection.meta import without_our_meta
from mediator.inspection.result import Ask, ToolResult
from mediator.wire.call_params import STATE
from mediator.wire.jsonrpc import Response
from mediator.wire.methods import AskMethod

_SEAL: Final = Seal("mediator.inspection.asking")

ALONE: Final = "input"
"""The key of a legacy server's one question."""

ASKS: Final = "inputRequests"
_ASKS_MAX: Final = 16  # of one result; ours
_KEY_LENGTH_MAX: Final = 256  # of one question's key; ours: it is kept, and comes back in a request
_STATE_BYTES_MAX: Final = 32_768  # of its JSON; ours: it is sealed and comes back in a request
_URL: Final = re.compile(  # MCP, security practices: `https`, or this machine; RFC 3986: one reading of where it leads
    r"(https://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)|http://(localhost|127\.0\.0\.1|\[::1\]))"
    r"(:[0-9]{1,5})?([/?#][!-\[\]-~]*)?"
)
_URL_LENGTH_MAX: Final = 8192  # ours: what web servers take
_ACTIONS: Final = ("accept", "decline", "cancel")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedAsk:
    """One question that was looked at and may be put to an agent; `params` as they may leave."""

    method: AskMethod
    params: JsonObject
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    @property
    def mode(self) -> str:
        """How an elicitation is to be made: `form`, or `url`; empty for any other question."""
        return str(self.params.get("mode", "form")) if self.method is AskMethod.ELICIT else ""

    @property
    def url(self) -> str | None:
        """Where an elicitation by URL sends a person."""
        url = self.params.get("url")
        return url if self.mode == "url" and isinstance(url, str) else None

    def to_legacy(self, elicitation_id: str) -> ReleasedAsk:
        """Return it as a legacy agent may be asked: MCP 2025-11-25 wants an id of an elicitation by URL, its successor has none."""
        if self.url is None or "elicitationId" in self.params:
            return self
        return ReleasedAsk(method=self.method, params={**self.params, "elicitationId": elicitation_id}, seal=_SEAL)

    def form(self) -> JsonObject:
        """Return it as an entry of `inputRequests`."""
        return {"method": str(self.method), "params": self.params}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A call that goes on once the agent has answered: what is asked, by key; and the modern server's own state."""

    asks: Mapping[str, ReleasedAsk]
    state: str | None
    digest: Digest
    size_bytes: int
    noise: int
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        _SEAL.must_be(seal)

    def facts(self) -> JsonObject:
        """Return what an outcome record says of it: what was asked, and no text."""
        return {
            "digest": self.digest,
            "bytes": self.size_bytes,
            "asked": [*sorted({str(ask.method) for ask in self.asks.values()})],
            "noise": self.noise,
        }


def asks_back(result: ToolResult) -> bool:
    """Tell whether a result is none yet: the server wants something of the client first."""
    return result.result is not None and result.result.get("resultType") == "input_required"


def release_ask(ask: Ask) -> ReleasedAsk:
    """Return the question as it may leave; raises `Refused(TOOL_SERVER_INVALID)`."""
    params, _ = without_our_meta(ask.params)
    match ask.method:
        case AskMethod.ELICIT:
            _check_elicitation(params)
        case AskMethod.SAMPLE:
            _check_sampling(params)
        case AskMethod.ROOTS:
            pass
        case _:
            assert_never(ask.method)
    return ReleasedAsk(method=ask.method, params=params, seal=_SEAL)


def answer_action(answer: Json) -> str | None:
    """Return what a person did with an elicitation, as an answer says it; None for what says none of it."""
    action = answer.get("action") if isinstance(answer, dict) else None
    return action if isinstance(action, str) and action in _ACTIONS else None


def release_asking(result: ToolResult) -> Asking:
    """Return what a modern server asks in the place of a result; raises `Refused(TOOL_SERVER_INVALID)`."""
    body = result.result
    assert body is not None  # `asks_back`
    asks, state = release_asks(body.get(ASKS, {}), result.size_bytes), body.get(STATE)
    if state is not None and (not isinstance(state, str) or len(canonical_bytes(state)) > _STATE_BYTES_MAX):
        raise invalid(f"`{STATE}` is no string of at most {_STATE_BYTES_MAX} bytes")
    if not asks and state is None:
        raise invalid(f"it asks back, with neither `{ASKS}` nor `{STATE}`")
    return _asking(asks, state, result.size_bytes, result.noise)


def release_asks(requests: Json, size_bytes: int) -> dict[str, ReleasedAsk]:
    """Return what is asked, by key, as it may leave; raises `Refused(TOOL_SERVER_INVALID)`."""
    if not isinstance(requests, dict) or len(requests) > _ASKS_MAX:
        raise invalid(f"`{ASKS}` is no object of at most {_ASKS_MAX} requests")
    if any(len(key) > _KEY_LENGTH_MAX for key in requests):
        raise invalid(f"a key in `{ASKS}` is longer than {_KEY_LENGTH_MAX} characters")
    return {key: release_ask(_read_ask(request, size_bytes)) for key, request in requests.items()}


def ask_alone(ask: ReleasedAsk, key: str, size_bytes: int) -> Asking:
    """Return the one question of a legacy server, under a key that the mediator gives it."""
    return _asking({key: ask}, None, size_bytes, 0)


def read_answer(ask: ReleasedAsk, response: Response) -> JsonObject | None:
    """Return the agent's answer in the form that goes on; None where it cannot or will not answer."""
    answer = response.result
    if answer is None or not is_answer(ask.method, answer):
        return {"action": "cancel"} if ask.method is AskMethod.ELICIT else None
    return answer


def is_answer(method: AskMethod, answer: JsonObject) -> bool:
    """Tell whether this has the form of an answer to such a question."""
    match method:
        case AskMethod.ELICIT:
            return answer.get("action") in _ACTIONS and isinstance(answer.get("content", {}), dict | None)
        case AskMethod.SAMPLE:
            return isinstance(answer.get("content"), dict | list) and isinstance(answer.get("role"), str)
        case AskMethod.ROOTS:
            return isinstance(answer.get("roots"), list)
        case _:
            assert_never(method)


def asked_by(answer: Json) -> tuple[AskMethod, ...]:
    """Return what this may be the answer to, by its form: none, where MCP knows no such question."""
    return tuple(method for method in AskMethod if isinstance(answer, dict) and is_answer(method, answer))


def _asking(asks: Mapping[str, ReleasedAsk], state: str | None, size_bytes: int, noise: int) -> Asking:
    forms: dict[str, Json] = {key: ask.form() for key, ask in asks.items()}
    return Asking(
        asks=MappingProxyType(dict(asks)),
        state=state,
        digest=digest_of({ASKS: forms}),
        size_bytes=size_bytes,
        noise=noise,
        seal=_SEAL,
    )


def _read_ask(request: Json, size_bytes: int) -> Ask:
    if isinstance(request, dict):
        method, params = request.get("method"), request.get("params", {})
        if isinstance(method, str) and method in set(AskMethod) and isinstance(params, dict):
            return Ask(method=AskMethod(method), params=params, size_bytes=size_bytes)
    raise invalid(f"an entry of `{ASKS}` that asks for nothing that MCP knows")


def _check_sampling(params: JsonObject) -> None:
    if not isinstance(params.get("messages"), list):
        raise invalid("a request to sample without `messages`")


def _check_elicitation(params: JsonObject) -> None:
    mode = params.get("mode", "form")
    if not isinstance(params.get("message"), str):
        raise invalid("an elicitation without a `message`")
    if mode == "form":
        if not isinstance(params.get("requestedSchema"), dict):
            raise invalid("an elicitation by form without a `requestedSchema`")
    elif mode == "url":
        url = params.get("url")
        if not isinstance(url, str) or len(url) > _URL_LENGTH_MAX or _URL.fullmatch(url) is None:
            raise invalid("an elicitation by URL without an `https` address that has one reading")
    else:
        raise invalid("an elicitation in a mode that MCP does not know")
