"""Publishing over HTTP: tool owners send signed manifests, and ask, signed, what became of them.

`POST /manifests` takes one envelope; `GET /manifests/{namespace}/{name}`, which is the server's registry-style name
as it stands, answers whoever may sign for it. It judges nothing: the desk verifies and keeps. Host, origin and
connections were seen to before (`streamable_http.py`); what is refused here is counted like any other stop, and told
as a problem (RFC 9457) with the reason and the next step. Nothing of our own state is in it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, Protocol

from mediator.canonical import JsonObject, canonical_bytes
from mediator.edge.asgi import Exchange, Headers
from mediator.evidence import Secret
from mediator.manifest.manifest import REGISTRY_NAME
from mediator.manifest.publication import Receipt
from mediator.refusal import Reason, Refused

PATH: Final = "/manifests"
BODY_BYTES_MAX: Final = 1024 * 1024
_ONE: Final = re.compile(f"{PATH}/(?P<name>{REGISTRY_NAME.pattern})", re.ASCII)
_JSON: Final = "application/json"
_ANSWER: Final = (("content-type", _JSON),)
_PROBLEM: Final = (("content-type", "application/problem+json"),)
_WHO: Final = (("www-authenticate", "Bearer"),)
_STATUS: Final[Mapping[Reason, int]] = MappingProxyType(
    {
        Reason.MALFORMED: 400,
        Reason.BODY_TOO_LARGE: 413,
        Reason.RATE_LIMITED: 429,
        Reason.STORE_UNAVAILABLE: 503,
        Reason.LEDGER_UNAVAILABLE: 503,
    }
)
_OURS: Final = frozenset({Reason.STORE_UNAVAILABLE, Reason.LEDGER_UNAVAILABLE})
_RECEIPTS: Final[Mapping[Receipt, tuple[int, Reason, str, str]]] = MappingProxyType(
    {
        Receipt.OTHER_CONTENT: (
            409,
            Reason.NOT_COVERED,
            "this serial was used before, with other content",
            "raise `serial`, sign anew and publish that",
        ),
        Receipt.OLDER: (
            409,
            Reason.NOT_COVERED,
            "a higher serial of this server was published or approved before",
            "raise `serial` above it, sign anew and publish that",
        ),
        Receipt.FULL: (
            429,
            Reason.RATE_LIMITED,
            "too much of this publisher's waits for a reviewer",
            "wait until some of it is decided, or ask the operator for more room",
        ),
    }
)


class ManifestDesk(Protocol):
    """Who takes manifests in, and tells of them."""

    async def publish(self, envelope: bytes, source: str) -> tuple[Receipt, JsonObject]:
        """Take in an envelope, if a known signer's signature holds; raises `Refused`."""
        ...

    async def tell(self, name: str, request: Secret, audiences: frozenset[str]) -> JsonObject | None:
        """Return what became of a server's manifest, nothing where the asker may not know; raises `Refused`."""
        ...


class Publishing:
    """The two paths. `count` is told the source and the reason of what is refused, and never raises."""

    def __init__(self, desk: ManifestDesk, base_url: str, count: Callable[[str, Reason], None]) -> None:
        self._desk = desk
        self._base_url = base_url
        self._count = count

    async def serve(self, exchange: Exchange, credential: Secret | None) -> None:
        """Answer one request for a path of ours."""
        head = exchange.head
        one = _ONE.fullmatch(head.path)
        if head.path == PATH:
            if head.method == "POST":
                await self._take(exchange)
            else:
                await self._refuse(exchange, 405, Reason.METHOD_NOT_ALLOWED, "use POST", "", (("allow", "POST"),))
        elif one is None:
            await self._refuse(exchange, 404, Reason.METHOD_NOT_ALLOWED, "nothing is served here", _FORM)
        elif head.method == "GET":
            await self._tell(exchange, one["name"], credential)
        else:
            await self._refuse(exchange, 405, Reason.METHOD_NOT_ALLOWED, "use GET", "", (("allow", "GET"),))

    async def _take(self, exchange: Exchange) -> None:
        head = exchange.head
        if head.header("content-encoding"):  # what unpacks to more than it weighs is never unpacked
            await self._refuse(exchange, 415, Reason.MALFORMED, "`Content-Encoding` is not served", "send it as it is")
            return
        if [value.strip().lower() for value in head.header("content-type")] != [_JSON]:
            await self._refuse(exchange, 415, Reason.MALFORMED, f"`Content-Type` must be {_JSON}", "")
            return
        try:
            envelope = await exchange.read_body(BODY_BYTES_MAX)
        except Refused as stop:
            status = 413 if stop.reason is Reason.BODY_TOO_LARGE else 408
            await self._refuse(exchange, status, stop.reason, stop.detail, f"at most {BODY_BYTES_MAX} bytes, at once")
            return
        try:
            receipt, told = await self._desk.publish(envelope, head.source)
        except Refused as stop:
            status = _STATUS.get(stop.reason, 403)
            await self._refuse(
                exchange, status, stop.reason, _detail(stop), _next(stop, "sign it by who may, publish that")
            )
            return
        if receipt in _RECEIPTS:
            status, reason, detail, what_next = _RECEIPTS[receipt]
            await self._refuse(exchange, status, reason, detail, what_next)
            return
        told |= {
            "state": "pending",
            "ask": f"{self._base_url}{PATH}/{told['server']}",
            "next": "a reviewer decides; ask with `mediator manifest status`",
        }
        await exchange.answer(201 if receipt is Receipt.NEW else 200, _ANSWER, canonical_bytes(told))

    async def _tell(self, exchange: Exchange, name: str, credential: Secret | None) -> None:
        if credential is None:
            stop = Refused(Reason.NO_CREDENTIAL, "asking needs a request that the signer's key signed")
            await self._refuse(exchange, 401, stop.reason, stop.detail, _ASK, _WHO)
            return
        path = f"{PATH}/{name}"
        own_name = exchange.head.header("host")[0].lower()  # one of ours, or nobody had come so far
        scheme = self._base_url.partition("://")[0]
        try:
            told = await self._desk.tell(
                name, credential, frozenset({self._base_url + path, f"{scheme}://{own_name}{path}"})
            )
        except Refused as stop:
            status = _STATUS.get(stop.reason, 401)
            await self._refuse(exchange, status, stop.reason, _detail(stop), _ASK, _WHO if status == 401 else ())  # noqa: PLR2004
            return
        if told is None:
            detail = "nothing was published here under that name by anybody who may sign for it"
            await self._refuse(exchange, 404, Reason.NOT_COVERED, detail, "publish it first, or ask with the right key")
            return
        await exchange.answer(200, _ANSWER, canonical_bytes(told))

    async def _refuse(
        self, exchange: Exchange, status: int, reason: Reason, detail: str, what_next: str, headers: Headers = ()
    ) -> None:
        self._count(exchange.head.source, reason)
        problem: JsonObject = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "reason": reason.value,
        }
        if what_next:
            problem["next"] = what_next
        await exchange.answer(status, (*_PROBLEM, *headers), canonical_bytes(problem))


_FORM: Final = f"POST {PATH}, or GET {PATH}/ and the server's name, such as `io.example/files`"
_ASK: Final = "`mediator manifest status` makes such a request"


def _detail(stop: Refused) -> str:
    return "this mediator cannot look that up now" if stop.reason in _OURS else stop.detail


def _next(stop: Refused, what: str) -> str:
    return "try again later" if stop.reason in _OURS else stop.remedy or what
