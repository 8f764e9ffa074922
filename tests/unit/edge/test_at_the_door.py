"""Unit tests of mediator/edge/at_the_door.py; what HTTP turns away is tested with the application.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import pytest

from mediator.edge.asgi import Head
from mediator.edge.at_the_door import (
    AtTheDoor,
    bare_arrival,
    bearer_of,
    find_session,
    holder_of,
    listener_of,
    not_allowed,
    overloaded,
    turned_away,
)
from mediator.edge.sessions import Sessions
from mediator.identity.proof import Shown
from mediator.refusal import Reason
from mediator.wire.arrival import Transport
from tests.promises import promise
from tests.simulated.arrivals import over_http
from tests.simulated.corridor import SimulatedCorridor
from tests.simulated.replies import refusal


def test_an_arrival_is_made_of_its_head() -> None:
    """Ours: where from, at which endpoint, and whose credential."""
    head = Head(method="POST", path="/mcp", headers=(("authorization", "Bearer abc"),), source="192.0.2.7")

    arrival = bare_arrival(head, "clock", "http://127.0.0.1:8080")

    assert (arrival.body, arrival.transport, arrival.server, arrival.source) == (
        b"",
        Transport.HTTP,
        "clock",
        head.source,
    )
    assert arrival.credential is not None
    assert arrival.credential.reveal() == "abc"


@pytest.mark.parametrize(
    ("values", "bearer", "shown"),
    [
        (["Bearer abc"], "abc", False),
        (["bEARER  abc"], "abc", False),
        (["DPoP abc"], None, True),
        (["dpOP abc"], None, True),
        (["Bearer abc", "DPoP abc"], None, None),
        (["DPoP abc", "DPoP abc"], None, None),
        (["Bearer abc, DPoP abc"], None, None),
        (["Bearer DPoP abc"], None, None),
        (["DPoP\tabc"], None, None),
        (["Basic abc"], None, None),
        ([], None, None),
    ],
    ids=str,
)
@promise("P5", "P7")
def test_a_credential_comes_under_one_of_two_schemes_and_once(
    values: list[str], bearer: str | None, shown: bool | None
) -> None:
    """RFC 9110 §11.1, RFC 9449 §7.1: a scheme has any case; what is shown under the other is no bearer's."""
    head = Head(
        method="POST",
        path="/mcp",
        headers=(
            *(("authorization", value) for value in values),
            ("dpop", "a"),
            ("dpop", "b"),
            ("host", "evil.example"),
        ),
        source="192.0.2.7",
    )
    found, arrival = bearer_of(head), bare_arrival(head, None, "https://mediator.example")
    assert (None if found is None else found.reveal()) == bearer
    assert (arrival.credential is None) is (shown is None)
    assert (arrival.shown is not None) is bool(shown)
    if isinstance(arrival.shown, Shown):
        assert [one.reveal() for one in arrival.shown.proofs] == ["a", "b"]
        assert (arrival.shown.method, arrival.shown.url) == ("POST", "https://mediator.example/mcp")


def test_whoever_is_turned_away_is_counted_save_for_a_method_that_clients_try() -> None:
    """Design 5.8: a stop before identification is counted; what a well-behaved client tries is none."""
    corridor = SimulatedCorridor()
    arrival = over_http(b"")

    busy = turned_away(corridor.door(), arrival, overloaded("too many"))
    other = turned_away(corridor.door(), arrival, not_allowed("POST"))

    assert (busy.status, other.status) == (503, 405)
    assert busy == refusal(Reason.OVERLOADED)
    assert corridor.counted == [(arrival.source, Reason.OVERLOADED)]


def test_who_shows_no_credential_is_nobody() -> None:
    """Design 5.7: 401, by the reason and not by the transport."""
    with pytest.raises(AtTheDoor) as at:
        holder_of(SimulatedCorridor().door(), over_http(b"", credential=None))

    assert (at.value.status, at.value.stop.reason) == (None, Reason.NO_CREDENTIAL)


@pytest.mark.parametrize("learnt", [True, False])
async def test_whose_key_is_learnt_meanwhile_is_asked_again(learnt: bool) -> None:
    """Design 4: once; who is still nobody is turned away as before."""
    corridor = SimulatedCorridor()
    arrival = over_http(b"", credential="late", headers=(("mcp-session-id", "x"),))
    for at_door in ("session", "listener"):
        corridor.expired, corridor.learnt = {"late"}, {"late"} if learnt else set()
        door = corridor.door()
        if at_door == "listener" and learnt:
            assert await listener_of(door, arrival) == "late"
            continue
        with pytest.raises(AtTheDoor) as at:
            await (
                listener_of(door, arrival)
                if at_door == "listener"
                else find_session(door, Sessions(lambda: 0.0, new_outbox=door.new_outbox), arrival)
            )
        assert at.value.status == (404 if learnt else None)
