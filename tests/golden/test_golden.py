"""Golden decision records: the whole of what is written about a call, read as a diff whenever it changes.

Each folder beside this file is one case:

    arrival.json        what came: transport, endpoint, headers, body
    identity.json       who it was found to be (claims, never a token)
    circumstances.json  what was true of the task
    ids.json            what was drawn, and the time
    trust/              tools.json (published, signed and pinned here, with the test people's keys), policies.cedar
    record.json         the decision's entry and its values, as they must come out

`RENEW_GOLDEN=1` writes `record.json` anew; nothing else ever does. Read the diff before you commit it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from mediator.adapters.minter_jwt import jwk_set
from mediator.canonical import Json, JsonObject, parse_object
from mediator.identity.identify import recall_identity
from mediator.identity.keys import key_set
from mediator.mediation.circumstances import parse_circumstances
from mediator.mediation.deliberate import Ids, deliberate
from mediator.mediation.record import decision_entry, decision_values
from mediator.mediation.replay import replay
from mediator.mediation.trust import CallLimits, TrustSnapshot
from mediator.wire.arrival import Arrival, Transport
from mediator.wire.call import Call
from mediator.wire.reading import read
from tests.promises import promise
from tests.simulated.people import key_of
from tests.simulated.pins import approved, entries, loaded, manifest_of, signed
from tests.simulated.policies import engine_of

HERE: Final = Path(__file__).parent
CASES: Final = sorted(folder.name for folder in HERE.iterdir() if (folder / "arrival.json").is_file())
RENEW: Final = os.environ.get("RENEW_GOLDEN") == "1"
BASE_URL: Final = "https://mediator.example"


def form(case: str, name: str) -> Any:
    return parse_object((HERE / case / name).read_bytes())


def trust_of(case: str) -> TrustSnapshot:
    """Return the trust of a case: its tools signed and pinned, its policies prepared."""
    pins_lock: bytes | None = None
    envelopes: dict[str, bytes] = {}
    for server, tools in form(case, "trust/tools.json").items():
        manifest = manifest_of(*(tool["definition"] for tool in tools), server=server)
        declared: list[Json] = [
            {**entry, **tool["declared"]} for entry, tool in zip(entries(manifest), tools, strict=True)
        ]
        envelopes[server] = signed({**manifest, "tools": declared})
        pins_lock = approved(envelopes[server], server, pins_lock)
    pins, problems = loaded(pins_lock, envelopes)
    assert problems == ()
    policies = {"policies.cedar": (HERE / case / "trust/policies.cedar").read_text(encoding="utf-8")}
    return TrustSnapshot(
        keys=key_set({BASE_URL: (jwk_set(key_of("issuer").public), ("EdDSA",))}),
        pins=pins,
        policies=engine_of(policies, pins),
        limits=CallLimits(deadline_seconds=60, result_bytes_max=1 << 24, clock_skew_seconds=30),
        audience=BASE_URL,
        tenant="default",
    )


def call_of(case: str) -> Call:
    arrived = form(case, "arrival.json")
    reading = read(
        Arrival(
            body=json.dumps(arrived["body"]).encode(),
            transport=Transport(arrived["transport"]),
            server=arrived["server"],
            credential=None,
            headers=tuple((name, value) for name, value in arrived["headers"]),
            session=None,
            source=arrived["source"],
        )
    )
    assert isinstance(reading, Call)
    return reading


def record_of(case: str) -> JsonObject:
    ids = form(case, "ids.json")
    now_ms = ids.pop("now_ms")
    deliberation = deliberate(
        call=call_of(case),
        identity=recall_identity(form(case, "identity.json")),
        snapshot=trust_of(case),
        circumstances=parse_circumstances(form(case, "circumstances.json")),
        now_ms=now_ms,
        ids=Ids(**ids),
    )
    return {"entry": decision_entry(deliberation), "values": decision_values(deliberation)}


@promise("P8", "P9", "P10")
@pytest.mark.parametrize("case", CASES)
def test_a_decision_is_written_as_it_always_was(case: str) -> None:
    """Ours: whoever reads ledgers relies on the whole of it."""
    record = record_of(case)
    file = HERE / case / "record.json"
    if RENEW:
        file.write_text(json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    assert record == form(case, "record.json")


@promise("P8")
@pytest.mark.parametrize("case", CASES)
def test_a_record_of_old_is_judged_the_same_today(case: str) -> None:
    """P8: any recorded decision whose values are kept can be replayed and comes out the same."""
    kept = form(case, "record.json")
    assert replay(kept["entry"], kept["values"], trust_of(case)) == kept["entry"]


def test_there_is_an_allow_a_denial_of_policy_and_an_unknown_tool() -> None:
    """Ours: the three that readers ask for first."""
    told = {
        case: (form(case, "record.json")["entry"]["verdict"], form(case, "record.json")["entry"]["reason"])
        for case in CASES
    }
    assert told == {
        "allow": ("allow", None),
        "denied_by_policy": ("deny", "DENIED_BY_POLICY"),
        "unknown_tool": ("deny", "UNKNOWN_TOOL"),
    }
