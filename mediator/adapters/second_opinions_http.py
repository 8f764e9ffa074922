"""Second opinions over HTTP: OPA's data API, and AuthZEN 1.0 (Authorization API, the Access Evaluation endpoint).

Fills `SecondOpinions`. Each question has a connection of its own: no cookie and no answer is kept, and what was allowed once
is asked again. What comes back is bounded and not believed but for the one word that counts; no redirect is followed and no
proxy of the environment is asked. Whatever is not plainly an allow or a deny is *unavailable*, and denies.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import logging
import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import anyio
import httpx2

from mediator.canonical import Json, JsonLimits, JsonObject, canonical_bytes, parse_object
from mediator.evidence import Secret
from mediator.mediation.opinion import Answer, Opinion, OpinionRequest
from mediator.refusal import Refused

_BYTES_MAX: Final = 64 * 1024
_LIMITS: Final = JsonLimits(bytes_max=_BYTES_MAX, depth_max=16, values_max=2000)
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a decision point is asked, and how; `tells_arguments` where it may see them."""

    kind: str
    url: str
    seconds: float
    tells_arguments: bool
    bearer: Secret | None = None
    ssl: tls.SSLContext | None = None


@final
class HttpOpinions:
    """Asks the decision points of these names; `alarm` is told, in one line, why one could not be asked."""

    def __init__(self, addresses: Mapping[str, Address], alarm: Callable[[str], None]) -> None:
        for library in ("httpx2", "httpcore2"):  # in their debugging logs stand the headers of whatever is answered
            logging.getLogger(library).setLevel(logging.WARNING)
        self._addresses: Final = dict(addresses)
        self._alarm: Final = alarm
        self._away = set[str]()  # who is known to be: said once, until they answer again

    async def ask(self, names: Sequence[str], request: OpinionRequest) -> tuple[Opinion, ...]:
        """Return one opinion of each; all are asked at once."""
        answers = dict[str, Answer]()

        async def ask_one(name: str) -> None:
            answers[name] = await self._answer_of(name, request)

        async with anyio.create_task_group() as asking:
            for name in names:
                asking.start_soon(ask_one, name)
        return tuple(Opinion(of=name, request_hash=request.request_hash, answer=answers[name]) for name in names)

    async def _answer_of(self, name: str, request: OpinionRequest) -> Answer:
        address = self._addresses.get(name)
        if address is None:
            return self._unavailable(name, "is not configured")
        why = f"gave no answer within {address.seconds} s"
        with anyio.move_on_after(address.seconds):
            try:
                status, body = await _post(address, FORMS[address.kind](request, address.tells_arguments))
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
                return self._unavailable(name, "cannot be reached, or speaks no HTTP")
            except ValueError as error:
                return self._unavailable(name, str(error))
            if status != _OK:
                return self._unavailable(name, f"answered with HTTP status {status}")
            answer = _read(address.kind, body)
            if answer is not Answer.UNAVAILABLE:
                self._away.discard(name)
                return answer
            why = "answered with something that is no decision"
        return self._unavailable(name, why)

    def _unavailable(self, name: str, why: str) -> Answer:
        if name not in self._away:
            self._away.add(name)
            self._alarm(f"the decision point `{name}` {why}: calls that it is asked about are denied")
        return Answer.UNAVAILABLE


async def _post(address: Address, form: JsonObject) -> tuple[int, bytes]:
    """Return status and body; raises `ValueError` for an answer that is too long or encoded."""
    headers = {"accept": "application/json", "accept-encoding": "identity", "content-type": "application/json"}
    if address.bearer is not None:
        headers["authorization"] = f"Bearer {address.bearer.reveal()}"
    body = bytearray()
    async with (
        httpx2.AsyncClient(
            verify=address.ssl or tls.create_default_context(), trust_env=False, follow_redirects=False, timeout=None
        ) as client,
        client.stream("POST", address.url, content=canonical_bytes(form), headers=headers) as response,
    ):
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            message = "sent an encoded answer that was not asked for"
            raise ValueError(message)
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > _BYTES_MAX:
                message = f"sent more than {_BYTES_MAX} bytes"
                raise ValueError(message)
        return response.status_code, bytes(body)


def opa_form(request: OpinionRequest, tells_arguments: bool) -> JsonObject:  # noqa: FBT001 - as in a table
    """Return the question to OPA: everything is below `input` (OPA, Data API, "Get a Document (with Input)")."""
    return {"input": authzen_form(request, tells_arguments)}


def authzen_form(request: OpinionRequest, tells_arguments: bool) -> JsonObject:  # noqa: FBT001 - as in a table
    """Return the question as AuthZEN 1.0 has it, part 6.1: subject, action, resource, context."""
    arguments: Json = request.arguments if tells_arguments else list[Json](sorted(request.arguments))
    return {
        "subject": {
            "type": "agent",
            "id": request.agent,
            "properties": {"class": request.agent_class, "team": request.team, "owner": request.owner},
        },
        "action": {"name": request.effect, "properties": {"method": request.method}},
        "resource": {
            "type": request.kind,
            "id": f"{request.server}/{request.name}",
            "properties": {"server": request.server, "name": request.name},
        },
        "context": {
            "task": request.task,
            "purpose": request.purpose,
            "chain": list[Json](request.chain),
            "proof": request.proof,
            "request_hash": request.request_hash,
            "arguments" if tells_arguments else "argument_names": arguments,
        },
    }


FORMS: Final[Mapping[str, Callable[[OpinionRequest, bool], JsonObject]]] = MappingProxyType(
    {"opa": opa_form, "authzen": authzen_form}
)


def _read(kind: str, body: bytes) -> Answer:
    """Return the decision: `true` or `false` and nothing else. An undefined document of OPA has no `result`: it denies."""
    try:
        form = parse_object(body, _LIMITS)
    except Refused:
        return Answer.UNAVAILABLE
    if kind == "opa":
        found = form.get("result", False)
        said = found.get("allow") if isinstance(found, dict) else found
    else:
        said = form.get("decision")
    if not isinstance(said, bool):
        return Answer.UNAVAILABLE
    return Answer.ALLOW if said else Answer.DENY
