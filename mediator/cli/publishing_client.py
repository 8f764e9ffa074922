"""Asking a mediator elsewhere about manifests, over HTTP: one request, one answer, both bounded.

HTTPS, or plain HTTP to this machine alone: a request that is signed for one answer must not be read on the way. No
redirect is followed, no proxy is asked. What it answers is foreign text, and told as such.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import http.client
import re
from typing import Final

from mediator.canonical import JsonObject, parse_object
from mediator.evidence import Secret
from mediator.refusal import Reason, Refused
from mediator.settings.values import is_loopback

_ADDRESS: Final = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:(?P<port>\d{1,5}))?/?")
_ANSWER_BYTES_MAX: Final = 1024 * 1024
_SECONDS: Final = 30
_FINE: Final = frozenset({200, 201})


def origin_of(address: str) -> str:
    """Return the address of a mediator as requests are made for it; raises `Refused` for what is none."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise Refused(
            Reason.MALFORMED,
            f"`{address}` is no address of a mediator",
            remedy="give it as `https://mediator.example.com`, without a path",
        )
    if found["scheme"] == "http" and not is_loopback(found["host"].strip("[]")):
        raise Refused(
            Reason.MALFORMED, f"`{address}` would be asked in the clear", remedy="use https://; http:// is for loopback"
        )
    return address.rstrip("/")


def ask(
    origin: str, method: str, path: str, *, body: bytes | None = None, credential: Secret | None = None
) -> tuple[int, JsonObject]:
    """Return the status and the JSON of the answer; raises `Refused` where it refuses, or gives none."""
    found = _ADDRESS.fullmatch(origin)
    assert found is not None  # `origin_of` saw to it
    kind = http.client.HTTPSConnection if found["scheme"] == "https" else http.client.HTTPConnection
    connection = kind(found["host"].strip("[]"), int(found["port"]) if found["port"] else None, timeout=_SECONDS)
    headers = {"content-type": "application/json"} if body is not None else {}
    if credential is not None:
        headers["authorization"] = f"Bearer {credential.reveal()}"
    try:
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            raw = response.read(_ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(
            Reason.TOOL_SERVER_UNAVAILABLE,
            f"`{origin}` does not answer: {str(error) or type(error).__name__}",
            remedy="look whether the mediator runs there: `mediator serve`",
        ) from error
    finally:
        connection.close()
    return response.status, _read(origin, response.status, raw)


def _read(origin: str, status: int, raw: bytes) -> JsonObject:
    try:
        told = parse_object(raw)
    except Refused as error:
        detail = f"`{origin}` answers {status}, and no JSON: no mediator that takes manifests is there"
        raise Refused(Reason.TOOL_SERVER_INVALID, detail, remedy="look at the address") from error
    if status in _FINE:
        return told
    code, said, what_next = told.get("reason"), told.get("detail"), told.get("next")
    raise Refused(
        next((reason for reason in Reason if reason == code), Reason.TOOL_SERVER_INVALID),
        f"`{origin}` answers {status}: {said if isinstance(said, str) else 'and says no more'}",
        remedy=what_next if isinstance(what_next, str) else None,
    )
