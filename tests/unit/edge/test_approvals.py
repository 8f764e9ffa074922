"""The page of a request for an approval, and what is posted there.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from mediator.assembly.approval_facts import approval_facts
from mediator.canonical import JsonObject, parse_object
from mediator.edge.approvals import BODY_BYTES_MAX, ApprovalPages
from mediator.edge.http_facts import http_facts
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.refusal import Reason, Refused
from mediator.settings.sections import LimitSettings, ServerSettings
from tests.promises import promise
from tests.simulated.asgi_client import Response, request
from tests.simulated.corridor import SimulatedCorridor
from tests.unit.mediation.test_approval_acts import REQUEST

ID = "approval-" + "a" * 32
PATH = f"/approve/{ID}"
HOSTILE = replace(
    REQUEST,
    approval=replace(REQUEST.approval, id=ID),
    arguments={"to": "<script>alert(1)</script>\u202e\x1b[2J", "</pre><h1>approved</h1>": '"&'},
    answers={"input": {"action": "accept"}},
    purpose="<img src=x onerror=alert(1)>",
    sentence="a <b>person</b> looks",
)


@dataclass(slots=True)
class SimulatedDesk:
    """Knows one request; remembers what was posted."""

    facts: JsonObject = field(default_factory=lambda: approval_facts(HOSTILE, "open", "https://m.example.com/x"))
    stop: Refused | None = None
    posts: list[bytes] = field(default_factory=list)

    def page(self, approval_id: str) -> JsonObject:
        assert approval_id == ID
        if self.stop is not None:
            raise self.stop
        return self.facts

    def posted(self, approval_id: str, statement: bytes) -> JsonObject:
        self.posts.append(statement)
        return self.page(approval_id) | {"state": "approved"}


async def served(
    desk: SimulatedDesk,
    method: str = "GET",
    path: str = PATH,
    body: bytes = b"",
    counted: list[Reason] | None = None,
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),),
) -> Response:
    corridor = SimulatedCorridor()
    facts = http_facts(ServerSettings(public_url="https://m.example.com"), LimitSettings(), 8080, [])
    heard = [] if counted is None else counted
    pages = ApprovalPages(desk, lambda _source, reason: heard.append(reason))
    sessions = Sessions(lambda: 0.0, new_outbox=corridor.door().new_outbox)
    app = StreamableHttp(corridor.door(), sessions, facts, lambda: True, approvals=pages)
    sent = (*headers, ("content-length", str(len(body))))
    return await request(app, body, sent, method=method, path=path, token=None, plain=True, host="m.example.com").run()


@promise("P6")
async def test_the_page_shows_all_of_it_and_who_wrote_what() -> None:
    """Issue 7: the same facts as the command; nothing in them becomes part of the page."""
    answer = await served(SimulatedDesk())
    text = answer.body.decode()
    assert (answer.status, text.count("<h1>"), text.count("</pre>")) == (200, 1, 4)
    for tag in ("<script", "<img", "<b>", "<form", "<a ", "style", "\u202e", "\x1b"):
        assert tag not in text
    for shown in (
        "&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}\\u001b[2J",
        "&lt;img src=x",
        "arguments (in words of the agent)",
        "answers (in words of the agent)",
        "purpose (in words of whoever opened the task)",
        "sentence (in words of an operator, in a policy)",
        f"mediator approvals approve {ID} --who YOU",
        f"mediator approvals deny {ID} --who YOU",
        HOSTILE.approval.request_hash,
        "2027-01-15T07:59:59+00:00",
    ):
        assert shown in text, shown


@promise("P6")
async def test_the_page_can_do_nothing_and_is_kept_nowhere() -> None:
    """OWASP: strict CSP, no frame, no cache, no referrer; whatever is answered."""
    for answer in (await served(SimulatedDesk()), await served(SimulatedDesk(), path="/approve/nope")):
        headers = dict(answer.headers)
        policy = headers["content-security-policy"].split("; ")
        assert policy == ["default-src 'none'", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'"]
        assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


async def test_a_statement_that_is_posted_is_put_to_the_desk() -> None:
    """Ours: and the state is told, no more."""
    desk = SimulatedDesk()
    answer = await served(desk, "POST", body=b'{"payload": "x"}')
    assert (answer.status, parse_object(answer.body)) == (200, {"approval": ID, "state": "approved"})
    assert desk.posts == [b'{"payload": "x"}']


@promise("P7")
@pytest.mark.parametrize(
    ("path", "stop", "status"),
    [
        ("/approve/nope", None, 404),
        ("/approve/", None, 404),
        (PATH + "/more", None, 404),
        (PATH.upper().replace("/APPROVE", "/approve"), None, 404),
        (PATH, Refused(Reason.GRANT_UNKNOWN, "gone"), 404),
        (PATH, Refused(Reason.NOT_COVERED, "may not"), 403),
        (PATH, Refused(Reason.STORE_UNAVAILABLE, "busy"), 503),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_refused_is_told_and_counted(method: str, path: str, stop: Refused | None, status: int) -> None:
    """Ours: as JSON, under the reason's own word."""
    counted: list[Reason] = []
    answer = await served(SimulatedDesk(stop=stop), method, path, b"{}", counted)
    assert (answer.status, [parse_object(answer.body)["reason"]]) == (status, [one.value for one in counted])


async def test_another_method_is_refused() -> None:
    """RFC 9110 §15.5.6."""
    answer = await served(SimulatedDesk(), "DELETE")
    assert (answer.status, dict(answer.headers)["allow"]) == (405, "GET, POST")


@promise("P7")
async def test_no_other_site_has_anything_posted() -> None:
    """CSRF: a foreign origin is turned away; a form has another type; what is packed or too large is not read."""
    desk = SimulatedDesk()
    plain = ("content-type", "application/json")
    for headers, status in (
        ((plain, ("origin", "https://evil.example")), 403),
        ((("content-type", "application/x-www-form-urlencoded"),), 400),
        ((("content-type", "text/plain"),), 400),
        ((), 400),
        ((plain, ("content-encoding", "gzip")), 400),
    ):
        assert (await served(desk, "POST", body=b"{}", headers=headers)).status == status
    assert (await served(desk, "POST", body=b" " * (BODY_BYTES_MAX + 1))).status == 413
    assert desk.posts == []
