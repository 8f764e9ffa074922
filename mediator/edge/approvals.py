"""`GET /approve/{id}`: what a person is asked to approve, on a plain page. `POST` there: their signed statement about it.

The page holds no key and asks for none: it shows what there is to see, and how it is approved. Whoever has the id may
look, and ids are drawn: they stand in no trace. Rules of the page:

- No script, no style, no picture, no form, no link: nothing of it can be made to do anything.
- Every text goes through `visible` and then through `html.escape`, whoever wrote it, and it says who did.
- Nothing is kept on the way, and it is shown in no frame.

What is posted counts by its signature alone, whatever browser sent it; it is no form, so that no other site can have one
sent (a foreign `Origin` was turned away before).

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, Protocol

from mediator.canonical import Json, JsonObject, canonical_bytes
from mediator.edge.asgi import Exchange, Headers
from mediator.manifest.lint.visible import visible
from mediator.mediation.approval_shown import shown_lines
from mediator.refusal import Reason, Refused

PATH: Final = "/approve/"
BODY_BYTES_MAX: Final = 16 * 1024  # a statement is below one
_ID: Final = re.compile(r"/approve/(?P<id>approval-[0-9a-f]{32})")
_JSON: Final = "application/json"
_SAFE: Final = (
    ("content-security-policy", "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)
_PAGE: Final = (("content-type", "text/html; charset=utf-8"), *_SAFE)
_ANSWER: Final = (("content-type", _JSON), *_SAFE)
_STATUS: Final[Mapping[Reason, int]] = MappingProxyType(
    {
        Reason.MALFORMED: 400,
        Reason.GRANT_UNKNOWN: 404,
        Reason.BODY_TOO_LARGE: 413,
        Reason.STORE_UNAVAILABLE: 503,
        Reason.LEDGER_UNAVAILABLE: 503,
    }
)
_FACTS: Final = (
    "state", "effect", "server", "name", "agent", "owner", "chain", "purpose", "because", "task", "requested_ms", "expires_ms",
    "policies", "sentence", "decision", "digest", "request_hash",
)  # fmt: skip


class Approvals(Protocol):
    """Who knows of requests, and obeys statements about them."""

    def page(self, approval_id: str) -> JsonObject:
        """Return everything that a person has to see; raises `Refused(GRANT_UNKNOWN)`."""
        ...

    def posted(self, approval_id: str, statement: bytes) -> JsonObject:
        """Obey a statement about this request, and return how it stands; raises `Refused`."""
        ...


class ApprovalPages:
    """The pages. `count` is told the source and the reason of what is refused, and never raises."""

    def __init__(self, approvals: Approvals, count: Callable[[str, Reason], None]) -> None:
        self._approvals = approvals
        self._count = count

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request for a path of ours."""
        head = exchange.head
        try:
            approval_id = _id_in(head.path)
            match head.method:
                case "GET" | "HEAD":
                    await exchange.answer(200, _PAGE, _page(self._approvals.page(approval_id)))
                case "POST":
                    statement = await self._statement(exchange)
                    facts = self._approvals.posted(approval_id, statement)
                    told: JsonObject = {"approval": facts["approval"], "state": facts["state"]}
                    await exchange.answer(200, _ANSWER, canonical_bytes(told))
                case _:
                    await self._refuse(exchange, 405, Reason.METHOD_NOT_ALLOWED, "use GET or POST", _ALLOWED)
        except Refused as stop:
            status = _STATUS.get(stop.reason, HTTPStatus.FORBIDDEN)
            await self._refuse(exchange, status, stop.reason, stop.detail)

    @staticmethod
    async def _statement(exchange: Exchange) -> bytes:
        head = exchange.head
        if head.header("content-encoding") or [one.strip().lower() for one in head.header("content-type")] != [_JSON]:
            raise Refused(Reason.MALFORMED, f"a signed statement is posted as {_JSON}, as it is")
        return await exchange.read_body(BODY_BYTES_MAX)

    async def _refuse(
        self, exchange: Exchange, status: int, reason: Reason, detail: str, headers: Headers = ()
    ) -> None:
        self._count(exchange.head.source, reason)
        told: JsonObject = {"reason": reason.value, "detail": detail}
        await exchange.answer(status, (*_ANSWER, *headers), canonical_bytes(told))


_ALLOWED: Final = (("allow", "GET, POST"),)


def _id_in(path: str) -> str:
    found = _ID.fullmatch(path)
    if found is None:
        raise Refused(Reason.GRANT_UNKNOWN, "there is no such request")
    return found["id"]


def _page(facts: JsonObject) -> bytes:
    approval_id, written = str(facts["approval"]), facts["written_by"]
    assert isinstance(written, dict)
    commands = [f"mediator approvals {act} {approval_id} --who YOU" for act in ("approve", "deny")]
    parts = [
        '<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8">',
        f"<title>{_text(approval_id)}</title></head><body>",
        f"<h1>{_text(approval_id)}: {_text(str(facts['state']))}</h1>",
        "<p>An agent wants to make this call. Read all of it.</p>",
        "<table>",
        *(_row(name, facts[name], written.get(name)) for name in _FACTS if facts[name] is not None),
        "</table>",
        *(_words(name, facts[name], written.get(name)) for name in ("arguments", "answers") if facts[name] is not None),
        "<h2>To approve it, or to deny it</h2>",
        "<p>Where your key is:</p>",
        *(f"<pre>{_text(command)}</pre>" for command in commands),
        "<p>This page holds no key. A statement that was signed elsewhere is taken here by POST, as JSON.</p>",
        "</body></html>\n",
    ]
    return "\n".join(parts).encode()


def _row(name: str, value: Json, by: Json) -> str:
    told = " -> ".join(map(str, value)) if isinstance(value, list) else str(value)
    if name.endswith("_ms") and isinstance(value, int):
        told = datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="seconds")
    return f"<tr><th>{_text(name)}{_by(by)}</th><td>{_text(told)}</td></tr>"


def _words(name: str, value: Json, by: Json) -> str:
    return f"<h2>{_text(name)}{_by(by)}</h2><pre>{_lines(shown_lines(value))}</pre>"


def _by(by: Json) -> str:
    return f" (in words of {_text(by)})" if isinstance(by, str) else ""


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(map(escape, lines))


def _text(text: str) -> str:
    return escape(visible(text))
