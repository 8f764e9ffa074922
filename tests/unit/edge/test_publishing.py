"""Publishing over HTTP: each answer of the desk, as its owner reads it. The rest is in `attacks/test_publishing.py`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mediator.canonical import JsonObject, parse_object
from mediator.edge.http_facts import http_facts
from mediator.edge.publishing import Publishing
from mediator.edge.sessions import Sessions
from mediator.edge.streamable_http import StreamableHttp
from mediator.evidence import Secret
from mediator.manifest.publication import Receipt
from mediator.refusal import Reason, Refused
from mediator.settings.sections import LimitSettings, ServerSettings
from tests.simulated.asgi_client import HOST, Response, request
from tests.simulated.corridor import SimulatedCorridor

NAME = "io.example/files"


@dataclass(slots=True)
class SimulatedDesk:
    """Answers as it is told to, and remembers what it was asked."""

    receipt: Receipt = Receipt.NEW
    stop: Refused | None = None
    told: JsonObject | None = None
    asked: list[object] = field(default_factory=list)

    async def publish(self, envelope: bytes, source: str) -> tuple[Receipt, JsonObject]:
        self.asked.append((envelope, source))
        if self.stop is not None:
            raise self.stop
        return self.receipt, {"server": NAME, "serial": 1}

    async def tell(self, name: str, request: Secret, audiences: frozenset[str]) -> JsonObject | None:
        self.asked.append((name, request.reveal(), audiences))
        if self.stop is not None:
            raise self.stop
        return self.told


async def served(desk: SimulatedDesk, counted: list[Reason], method: str, path: str, token: str | None) -> Response:
    corridor = SimulatedCorridor()
    facts = http_facts(ServerSettings(public_url="https://m.example.com"), LimitSettings(), 8080, [])
    publishing = Publishing(desk, facts.base_url, lambda _source, reason: counted.append(reason))
    app = StreamableHttp(
        corridor.door(), Sessions(lambda: 0.0, new_outbox=corridor.door().new_outbox), facts, lambda: True, publishing
    )
    return await request(app, b"{}", method=method, path=path, token=token).run()


@pytest.mark.parametrize(
    ("receipt", "status", "reason"),
    [
        (Receipt.NEW, 201, None),
        (Receipt.KNOWN, 200, None),
        (Receipt.OTHER_CONTENT, 409, "NOT_COVERED"),
        (Receipt.OLDER, 409, "NOT_COVERED"),
        (Receipt.FULL, 429, "RATE_LIMITED"),
    ],
)
async def test_each_receipt_has_its_status_and_its_next_step(receipt: Receipt, status: int, reason: str | None) -> None:
    """Issue 3; RFC 9457."""
    counted: list[Reason] = []
    desk = SimulatedDesk(receipt=receipt)
    answer = await served(desk, counted, "POST", "/manifests", None)
    told = parse_object(answer.body)
    assert (answer.status, told.get("reason"), [one.value for one in counted]) == (
        status,
        reason,
        [reason] if reason else [],
    )
    assert told["next"]
    assert desk.asked == [(b"{}", "192.0.2.7")]
    if reason is None:
        assert (told["state"], told["ask"]) == ("pending", f"https://m.example.com/manifests/{NAME}")


async def test_our_own_fault_tells_nothing_of_us() -> None:
    """House style 4."""
    desk = SimulatedDesk(stop=Refused(Reason.STORE_UNAVAILABLE, "/secret/place"))
    for method, path in (("POST", "/manifests"), ("GET", f"/manifests/{NAME}")):
        answer = await served(desk, [], method, path, "t")
        assert answer.status == 503
        assert b"secret" not in answer.body


async def test_what_became_of_it_is_told_for_the_address_that_was_asked() -> None:
    """RFC 7519 §4.1.3: under our public name, and under the one that it was reached by."""
    desk = SimulatedDesk(told={"state": "pinned"})
    answer = await served(desk, [], "GET", f"/manifests/{NAME}", "t")
    assert (answer.status, answer.message) == (200, {"state": "pinned"})
    path = f"/manifests/{NAME}"
    assert desk.asked == [(NAME, "t", frozenset({f"https://m.example.com{path}", f"https://{HOST}{path}"}))]


@pytest.mark.parametrize(
    "path",
    ["/manifests/", "/manifests/files", "/manifests/a/b/c", "/manifests/a/b%00", "/manifests/../..", "/manifests/a/.."],
)
async def test_other_paths_are_none(path: str) -> None:
    """Ours: one form, the registry-style name as it stands."""
    answer = await served(SimulatedDesk(), [], "GET", path, "t")
    assert answer.status == 404


async def test_a_mediator_without_a_desk_has_no_such_path() -> None:
    """A host's own mediator, over stdio, takes nothing in."""
    corridor = SimulatedCorridor()
    facts = http_facts(ServerSettings(), LimitSettings(), 8080, [])
    app = StreamableHttp(
        corridor.door(), Sessions(lambda: 0.0, new_outbox=corridor.door().new_outbox), facts, lambda: True
    )
    assert (await request(app, b"{}", path="/manifests").run()).status == 404
